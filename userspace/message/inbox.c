/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages are copied one after the other into a buffer, and the network is looked at again when all of them have become records:
 * so the buffer is as large as what a library delivers at one time, and a full ring holds up the broker.
 */
#include "weir/inbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "message/seen.h"
#include "weir/outbox.h"
#include "weir/text.h"

#define PARTS_MAX 16
#define TOPIC_MAX 1024
#define SOON_NS INT64_C(100000)     /* to look whether records have gone down their chains, at first */
#define SELDOM_NS INT64_C(50000000) /* and when that takes long */

/* What a message begins with in the buffer; topic, id and payload follow, each with a zero behind it. */
struct head {
	uint32_t n_topic, n_id, n;
	int64_t t;
	uint64_t mark;
};

/* A field that is a part of the topic. */
struct part {
	uint32_t field, index;
	bool is_rest;
};

/* Messages up to `mark` are settled when the rows before `row` are. */
struct point {
	uint64_t row, mark;
};

struct weir_inbox {
	struct weir_node *node;
	struct weir_inbox_topics topics;
	struct weir_payload_reader *reader;
	struct weir_seen *seen;
	struct weir_block *block;
	char pattern[TOPIC_MAX];
	struct part part[PARTS_MAX];
	uint32_t n_parts;
	int topic_field, id_field; /* -1: none */
	char *buffer;
	size_t begin, used, capacity;
	const char *topic, *id; /* of the message that is being read; NULL: none */
	uint64_t mark, last;    /* of that message; of the last that came, even if there is nothing of it to read */
	uint64_t done, settled; /* of the last that was read to its end; whose records have gone down their chains */
	struct point point;     /* the next to be settled */
	int64_t soon_ns;
	bool has_warned;
	int failed; /* of a malformed message; reported */
	uint64_t messages, duplicates, malformed;
	char how[2 * WEIR_LINK_WHY + 512];
};

/* ----------------------------------------------------------------------- open */

static int add_text(struct weir_inbox *inbox, struct weir_schema *schema, const char *name, const char *argument,
		    uint32_t bytes)
{
	int field = weir_schema_add(schema, name, WEIR_TEXT, "", bytes);

	if (field == -EEXIST)
		return weir_fail_arg(inbox->node, argument, NULL, "'%s' is the name of another field, or of the time",
				     name);
	if (field < 0)
		return weir_fail_arg(inbox->node, argument, NULL, "a field '%s' does not fit in one record", name);
	return field;
}

static uint32_t width(const struct weir_inbox *inbox)
{
	return (uint32_t)weir_arg_int(inbox->node, "width");
}

/* -1: the program has no such field. */
static int add_named(struct weir_inbox *inbox, struct weir_schema *schema, const char *argument, uint32_t bytes,
		     int *field)
{
	const char *name = weir_arg_text(inbox->node, argument);

	*field = name ? add_text(inbox, schema, name, argument, bytes) : -1;
	return name && *field < 0 ? *field : 0;
}

static bool is_name(const char *text, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	return n && n < WEIR_NAME_MAX && strchr(letters, *text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") >= n;
}

/* {name} or {name#}, of n bytes, as field number `index` of the topic. @return the wildcard, or NULL after a report. */
static const char *take_field(struct weir_inbox *inbox, struct weir_schema *schema, const char *text, size_t n,
			      uint32_t index)
{
	bool is_rest = n > 3 && text[n - 2] == '#';
	size_t length = n > 2 ? n - 2 - is_rest : 0;
	char name[WEIR_NAME_MAX] = "";
	int field;

	if (text[n - 1] != '}' || !is_name(text + 1, length) || inbox->n_parts == PARTS_MAX || !inbox->topics.one) {
		weir_fail_arg(inbox->node, NULL,
			      inbox->topics.one ? "a whole part is a field: site/{room}/temperature" : NULL,
			      "'%.*s' cannot stand for a part of the topic", (int)n, text);
		return NULL;
	}
	memcpy(name, text + 1, length);
	field = add_text(inbox, schema, name, NULL, width(inbox));
	if (field < 0)
		return NULL;
	inbox->part[inbox->n_parts++] = (struct part){ (uint32_t)field, index, is_rest };
	return is_rest ? inbox->topics.rest : inbox->topics.one;
}

static int read_pattern(struct weir_inbox *inbox, struct weir_schema *schema, const char *pattern)
{
	char separators[2] = { inbox->topics.separator };
	size_t n = 0;

	if (strlen(pattern) >= TOPIC_MAX)
		return weir_fail_arg(inbox->node, NULL, NULL, "the topic is too long");
	for (uint32_t index = 0;; index++) {
		size_t length = strcspn(pattern, separators);
		const char *part = pattern;
		int put;

		if (*pattern == '{')
			part = take_field(inbox, schema, pattern, length, index);
		if (!part)
			return -EINVAL;
		put = part == pattern ? (int)length : (int)strlen(part);
		n += (size_t)snprintf(inbox->pattern + n, TOPIC_MAX - n, "%.*s", put, part);
		pattern += length;
		if (!*pattern)
			return 0;
		inbox->pattern[n++] = *pattern++;
	}
}

int weir_inbox_open(struct weir_inbox **out, struct weir_node *node, struct weir_schema *schema, const char *pattern,
		    const struct weir_inbox_topics *topics)
{
	struct weir_inbox *inbox = calloc(1, sizeof(*inbox));
	int err;

	*out = inbox;
	if (!inbox)
		return -ENOMEM;
	inbox->node = node;
	inbox->topics = *topics;
	inbox->point.row = node->pipeline->first_row;
	inbox->soon_ns = SOON_NS;
	inbox->seen = weir_seen_new();
	err = inbox->seen ? weir_payload_reader_open(&inbox->reader, node, schema) : -ENOMEM;
	if (!err)
		err = read_pattern(inbox, schema, pattern);
	if (!err)
		err = add_named(inbox, schema, "topic_as", width(inbox), &inbox->topic_field);
	if (!err)
		err = add_named(inbox, schema, "id_as", WEIR_OUTBOX_ID, &inbox->id_field);
	return err < 0 ? err : weir_block_open(&inbox->block, weir_out(node));
}

void weir_inbox_close(struct weir_inbox *inbox)
{
	if (!inbox)
		return;
	weir_payload_reader_close(inbox->reader);
	weir_seen_free(inbox->seen);
	weir_block_close(inbox->block);
	free(inbox->buffer);
	free(inbox);
}

const char *weir_inbox_pattern(const struct weir_inbox *inbox)
{
	return inbox->pattern;
}

/* ------------------------------------------------------------------------ put */

static bool make_room(struct weir_inbox *inbox, size_t n)
{
	size_t capacity = 2 * (inbox->used + n);
	char *buffer;

	if (inbox->used + n <= inbox->capacity)
		return true;
	buffer = realloc(inbox->buffer, capacity);
	if (!buffer)
		return false;
	inbox->buffer = buffer;
	inbox->capacity = capacity;
	return true;
}

static void append(struct weir_inbox *inbox, const void *bytes, size_t n)
{
	if (n)
		memcpy(inbox->buffer + inbox->used, bytes, n);
	inbox->used += n;
}

static bool is_duplicate(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	uint64_t sender, number;

	if (!message->id || !weir_seen_parse(message->id, message->n_id, &sender, &number) ||
	    !weir_seen_before(inbox->seen, sender, number))
		return false;
	inbox->duplicates++;
	return true;
}

/* Of what is kept of the id. */
static size_t id_length(const struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	return message->id && inbox->id_field >= 0 ? message->n_id : 0;
}

static void keep(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	struct head head = { .n_topic = (uint32_t)strlen(message->topic),
			     .n_id = (uint32_t)id_length(inbox, message),
			     .n = (uint32_t)message->n,
			     .mark = message->mark };

	head.t = weir_now(WEIR_CLOCK_MONOTONIC);
	append(inbox, &head, sizeof(head));
	append(inbox, message->topic, (size_t)head.n_topic + 1);
	append(inbox, message->id, head.n_id);
	append(inbox, "", 1);
	append(inbox, message->bytes, message->n);
	append(inbox, "", 1);
}

static bool fits(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	bool is_short = message->n <= WEIR_INBOX_MESSAGE_MAX && id_length(inbox, message) <= WEIR_INBOX_MESSAGE_MAX;

	return is_short && make_room(inbox, sizeof(struct head) + strlen(message->topic) + id_length(inbox, message) +
						    message->n + 3);
}

void weir_inbox_put(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	bool is_first = weir_inbox_is_empty(inbox), is_kept = fits(inbox, message);

	inbox->messages++;
	inbox->last = message->mark;
	if (!is_kept)
		weir_lost(inbox->node, WEIR_LOST_CUT, 1);
	else if (!is_duplicate(inbox, message))
		return keep(inbox, message);
	if (is_first)
		inbox->done = inbox->last; /* there is nothing of it to wait for */
}

uint64_t weir_inbox_done(const struct weir_inbox *inbox)
{
	return inbox->done;
}

uint64_t weir_inbox_settled(struct weir_inbox *inbox)
{
	const struct weir_stream *stream = inbox->node->stream;

	while (inbox->settled != inbox->done && weir_stream_is_done(stream, inbox->point.row)) {
		inbox->settled = inbox->point.mark;
		inbox->point = (struct point){ weir_ring_head(stream->ring), inbox->done };
		inbox->soon_ns = SOON_NS;
	}
	return inbox->settled;
}

int64_t weir_inbox_look_ns(struct weir_inbox *inbox, int64_t else_ns)
{
	int64_t soon = inbox->soon_ns;

	if (inbox->settled == inbox->done)
		return else_ns;
	inbox->soon_ns = soon * 2 < SELDOM_NS ? soon * 2 : SELDOM_NS;
	return soon < else_ns ? soon : else_ns;
}

bool weir_inbox_is_empty(const struct weir_inbox *inbox)
{
	return inbox->begin == inbox->used && !inbox->topic;
}

/* ----------------------------------------------------------------------- take */

/* The next message becomes the one that is read. */
static bool begin_message(struct weir_inbox *inbox)
{
	struct head head;

	if (inbox->begin == inbox->used) {
		inbox->begin = inbox->used = 0;
		return false;
	}
	memcpy(&head, inbox->buffer + inbox->begin, sizeof(head));
	inbox->topic = inbox->buffer + inbox->begin + sizeof(head);
	inbox->id = inbox->topic + head.n_topic + 1;
	inbox->mark = head.mark;
	inbox->begin += sizeof(head) + head.n_topic + 1 + head.n_id + 1;
	weir_payload_begin(inbox->reader, inbox->buffer + inbox->begin, head.n, head.t);
	inbox->begin += head.n + 1;
	return true;
}

static void put_text(struct weir_inbox *inbox, uint32_t field, const char *text, size_t n)
{
	uint32_t bytes = inbox->block->schema->field[field].bytes;
	char *cell = inbox->block->column[field].text + (size_t)(inbox->block->n - 1) * bytes;

	if (weir_text_put(cell, bytes, text, n))
		weir_lost(inbox->node, WEIR_LOST_CUT, 1);
}

/* What topic and id say, into the record at the end of the block. */
static void put_topic(struct weir_inbox *inbox)
{
	const char *at = inbox->topic;
	char separators[2] = { inbox->topics.separator };
	uint32_t index = 0;

	if (inbox->topic_field >= 0)
		put_text(inbox, (uint32_t)inbox->topic_field, inbox->topic, strlen(inbox->topic));
	if (inbox->id_field >= 0)
		put_text(inbox, (uint32_t)inbox->id_field, inbox->id, strlen(inbox->id));
	for (uint32_t i = 0; i < inbox->n_parts; i++) {
		const struct part *part = &inbox->part[i];

		for (; index < part->index && *at; index++) {
			at += strcspn(at, separators);
			at += *at != 0;
		}
		put_text(inbox, part->field, at, part->is_rest ? strlen(at) : strcspn(at, separators));
	}
}

static int refuse(struct weir_inbox *inbox)
{
	const char *why = weir_payload_why(inbox->reader);

	if (weir_payload_stops(inbox->reader))
		return weir_fail(inbox->node, EINVAL, "a message of %s: %s", inbox->topic, why);
	if (!inbox->has_warned)
		weir_warn(inbox->node, "a message of %s: %s; it is left out, and so are others like it", inbox->topic,
			  why);
	inbox->has_warned = true;
	inbox->malformed++;
	weir_lost(inbox->node, WEIR_LOST_CUT, 1);
	return 0;
}

static void end_message(struct weir_inbox *inbox)
{
	inbox->topic = NULL;
	inbox->done = inbox->begin == inbox->used ? inbox->last : inbox->mark;
}

/* Records into the block. 0, or what weir_fail() returned. */
static int fill(struct weir_inbox *inbox, uint32_t max)
{
	inbox->block->n = 0;
	while (inbox->block->n < max && (inbox->topic || begin_message(inbox))) {
		int got = weir_payload_next(inbox->reader, inbox->block);
		int err = got < 0 ? refuse(inbox) : 0;

		if (got > 0)
			put_topic(inbox);
		if (got <= 0 || weir_payload_at_end(inbox->reader))
			end_message(inbox);
		if (err < 0)
			return err;
	}
	return 0;
}

int weir_inbox_produce(struct weir_inbox *inbox, struct weir_link *link, void *rows, uint32_t max,
		       struct weir_wait *wait)
{
	if (inbox->failed < 0)
		return inbox->failed;
	for (;;) {
		int up;

		inbox->failed = fill(inbox, max < WEIR_BLOCK_MAX ? max : WEIR_BLOCK_MAX);
		if (inbox->block->n) {
			weir_payload_rows(inbox->reader, inbox->block, rows);
			return (int)inbox->block->n;
		}
		if (inbox->failed < 0)
			return inbox->failed;
		up = weir_link_step(link, -1, 0);
		if (up < 0)
			return up;
		if (!weir_inbox_is_empty(inbox))
			continue;
		weir_link_wait(link, wait);
		return -EAGAIN;
	}
}

const char *weir_inbox_how(struct weir_inbox *inbox, struct weir_link *link)
{
	size_t room = sizeof(inbox->how), n = (size_t)weir_link_how(link, inbox->how, room);

	snprintf(inbox->how + n, room - n,
		 "; %" PRIu64 " messages, %" PRIu64 " duplicates left out, %" PRIu64 " malformed", inbox->messages,
		 inbox->duplicates, inbox->malformed);
	return inbox->how;
}
