/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file inbox_internal.h
 * @brief What the two halves of an inbox share: inbox.c makes records of messages, inbox_answers.c says which are answered for.
 */
#ifndef WEIR_MESSAGE_INBOX_INTERNAL_H
#define WEIR_MESSAGE_INBOX_INTERNAL_H

#include "core/checkpoint.h"
#include "message/property.h"
#include "message/repeats.h"
#include "message/seen.h"
#include "weir/inbox.h"

#define WEIR_INBOX_PARTS 16
#define WEIR_INBOX_TOPIC 1024

/* What a message begins with in the buffer; topic, id, properties and payload follow, each with a zero behind it. */
struct head {
	uint32_t n_topic, n_id, n_properties, n;
	int64_t t;
	uint64_t mark;
	/* A message with nothing to read: malformed, too long, or a repeated one. */
	bool is_empty;
	bool is_held; /* its answer waits for records of an earlier message: before `position`, with has_position */
	bool has_position;
	uint64_t position;
};

/* A field that is a part of the topic. */
struct part {
	uint32_t field, index;
	bool is_rest;
};

/* Messages up to `mark` are settled when the rows before `position` are answered for. */
struct point {
	uint64_t position, mark;
	bool is_free;  /* no record of the message is under way: it may be answered before older ones */
	bool is_ahead; /* and has been */
};

struct weir_inbox {
	struct weir_node *node;
	const struct weir_inbox_args *args; /* in its state */
	struct weir_inbox_topics topics;
	struct weir_payload_reader *reader;
	struct weir_seen *seen;
	struct weir_block *block;
	char pattern[WEIR_INBOX_TOPIC];
	struct part part[WEIR_INBOX_PARTS];
	uint32_t n_parts;
	int topic_field, id_field; /* -1: none */
	struct weir_properties properties;
	char *buffer;
	size_t begin, used, capacity;
	const char *topic, *id, *values; /* of the message that is being read; NULL: none */
	uint64_t mark, last;    /* of that message; of the last that came, even if there is nothing of it to read */
	uint64_t done, settled; /* of the last that was read to its end; whose records have been answered for */
	struct weir_checkpoint *checkpoint; /* NULL until it is asked for records */
	struct point
		*point; /* max_points; not settled yet, n_points from first_point on; the checkpoint is at the first */
	uint32_t first_point, n_points, max_points;
	uint64_t noted;               /* position of the last point */
	uint64_t answerable;          /* settled, but for those that were answered ahead */
	uint64_t gone;                /* mark of the last message of earlier connections: they cannot be answered */
	uint32_t credit;              /* of the broker, where messages may be answered before older ones; else 0 */
	struct weir_repeats *repeats; /* NULL: what comes again is not recognised */
	int64_t repeats_until_ns;     /* of those that are settled; 0: none has come on this connection */
	uint32_t batch;               /* messages worth taking at one time */
	bool is_unanswered;           /* the broker wants no acknowledgements */
	bool is_slow;                 /* a stage works off records one by one */
	bool is_closing;              /* nothing more is taken */
	int64_t soon_ns, over_ns;
	int64_t look_ns; /* the network is not looked at before look_ns, so that messages gather */
	bool has_warned;
	int failed; /* of a malformed message; reported */
	uint64_t messages, duplicates, malformed;
	char how[2 * WEIR_LINK_WHY + 512];
};

/** @brief The checkpoint, once the plan is made. 0, or what weir_fail() returned. */
int weir_inbox_begin(struct weir_inbox *inbox) WEIR_MUST_CHECK;
/** @brief All messages up to `done` are read, and their rows were given. */
void weir_inbox_note(struct weir_inbox *inbox);
/** @brief The same for a message with nothing to read, which becomes the last that is done. */
void weir_inbox_note_empty(struct weir_inbox *inbox, const struct head *head);
/** @brief Memory for answers that are awaited. 0 or -ENOMEM. */
int weir_inbox_open_answers(struct weir_inbox *inbox, uint32_t n) WEIR_MUST_CHECK;

static inline bool weir_inbox_is_empty(const struct weir_inbox *inbox)
{
	return inbox->begin == inbox->used && !inbox->topic;
}

#endif
