/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file outbox_internal.h
 * @brief What the two halves of an outbox share: outbox.c on the chain's side, outbox_sender.c on the broker's.
 *
 * The link and the window of messages under way belong to one thread at a time: to the sender's, or, while the connection is up
 * and the sink is attached, to the chain's. `owner` says to which. Whoever owns them gives them away with a release, and the other
 * takes them with an acquire; nobody takes them by itself.
 */
#ifndef WEIR_MESSAGE_OUTBOX_INTERNAL_H
#define WEIR_MESSAGE_OUTBOX_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "spool/spool.h"
#include "weir/outbox.h"

#define WEIR_OUTBOX_PATH 512

enum weir_outbox_owner { WEIR_OUTBOX_SENDER, WEIR_OUTBOX_CHAIN };

/* A message that is under way. */
struct flight {
	uint64_t token, id;
	uint32_t n;
	bool is_settled, is_postponed;
};

/*
 * A peer that hangs up without an answer, after it was sent something, has perhaps got a message that it does not take (MQTT 3.1.1
 * has no other way to say so). Or it crashes at whatever it is sent, or was restarted: then no message may be given up. So what was
 * under way goes again one by one. When the peer has hung up twice at a message, another one goes before it, as a control. Only if
 * the peer takes the control, and then hangs up at the first message again, that one is set aside.
 *
 * A peer that says that it is the message (-EBADMSG) is believed as soon as that one was alone under way.
 *
 * The length is the reason where two messages were set aside that are longer than all that the peer has taken. Others of that
 * length are then set aside at once, for WEIR_OUTBOX_LEARNED_NS.
 */
#define WEIR_OUTBOX_STRIKES 3
#define WEIR_OUTBOX_LEARNED_NS INT64_C(600000000000)

struct weir_outbox_suspect {
	uint64_t until_id; /* one by one, up to this message */
	uint64_t id;       /* the one that was alone under way when the peer hung up; 0: none */
	uint32_t n;        /* its bytes */
	unsigned strikes;
	bool is_checked;             /* since the last strike the peer has answered for another message */
	bool goes_unchecked;         /* there is none that could go before it */
	uint64_t control_id;         /* the last control at which the peer hung up as well */
	uint32_t n_taken, n_refused; /* bytes: of the longest that was taken, of the shortest set aside; 0: none */
	bool is_learned;             /* a second one of that length was set aside */
	int64_t learned_ns;          /* when the last one was */
};

struct weir_outbox {
	struct weir_node *node;
	const struct weir_outbox_args *args; /* in its state */
	const struct weir_outbox_ops *ops;
	void *context;
	struct weir_payload_writer *writer;
	struct weir_link *link;
	struct weir_spool *spool;
	struct weir_spool_io memory;
	bool is_kept; /* on disk */
	char dir[WEIR_OUTBOX_PATH];
	char *message;
	pthread_t thread;
	bool is_running;
	int wake_fd, control_fd;
	_Atomic enum weir_outbox_owner owner;
	bool is_attached; /* the chain's thread sends while the connection is up */
	_Atomic bool is_ending;
	_Atomic int64_t deadline_ns; /* to be done; INT64_MAX: none */
	_Atomic int failed;
	_Atomic uint64_t rejected;
	uint64_t unsent; /* counted as lost so far; the agent's */
	/* The owner's. */
	struct flight flight[WEIR_OUTBOX_WINDOW];
	uint32_t first, n_flights;
	uint32_t n_open; /* of these, without any answer */
	uint32_t credit; /* n_open at most: the window, or less after a message was postponed */
	/* Messages that were answered for out of order before the last rewind, by id: they do not go again. */
	uint64_t answered[WEIR_OUTBOX_WINDOW];
	uint32_t next_answered, n_answered;
	bool is_held; /* a message was postponed: nothing goes until resume_ns */
	int64_t resume_ns, pause_ns;
	uint64_t n_answers, n_answers_seen; /* since the start; at answer_ns or before */
	int64_t answer_ns;
	bool is_stalled; /* and people were told */
	int64_t stalled_ns;
	uint32_t connection;
	bool has_warned;
	char reason[WEIR_LINK_WHY]; /* of refusals, as the peer says it; empty: it says none */
	struct weir_outbox_suspect suspect;
	bool is_halted; /* the sender thread's */
	bool has_pending;
	struct weir_spool_message pending; /* peeked, and not taken by send() yet */
	char how[2 * WEIR_LINK_WHY + 512];
};

static inline struct flight *weir_outbox_flight(struct weir_outbox *outbox, uint32_t i)
{
	return &outbox->flight[(outbox->first + i) % WEIR_OUTBOX_WINDOW];
}

/** @brief What messages to people call the peer. */
static inline const char *weir_outbox_noun(const struct weir_outbox *outbox)
{
	return outbox->ops->noun ? outbox->ops->noun : "broker";
}

/** @brief The sender's thread; `context` is the outbox. */
void *weir_outbox_run(void *context);
/** @brief As much as the window, the peer and the spool's rate let. On the owner's thread. @return when to look again. */
int64_t weir_outbox_send(struct weir_outbox *outbox);
/** @brief Answers are missing, and no message of the queue waits for one to another. On the owner's thread. */
bool weir_outbox_may_gather(struct weir_outbox *outbox);
/** @brief All that is under way goes again, but for what has been answered for. On the owner's thread. */
void weir_outbox_again(struct weir_outbox *outbox);
/** @brief Is this message among what has been answered for? Ids are asked for in their order. */
bool weir_outbox_was_answered(struct weir_outbox *outbox, uint64_t id);
/** @brief After a lost connection: which message may be the reason? Before weir_outbox_again(). */
void weir_outbox_suspect(struct weir_outbox *outbox);
/** @brief A message was answered for: it is no suspect, or others than the suspect are taken. */
void weir_outbox_clear(struct weir_outbox *outbox, const struct flight *flight, enum weir_outbox_fate fate);
/** @brief Is the pending message given up? */
bool weir_outbox_is_set_aside(struct weir_outbox *outbox);
/** @brief Does the pending message wait until a control behind it was taken? */
bool weir_outbox_is_passed_over(const struct weir_outbox *outbox);
/** @brief Nothing more goes before the one that is under way is answered for. */
bool weir_outbox_is_alone(struct weir_outbox *outbox);
/** @brief The pending message goes, alone if need be. @return false: not while others are under way. */
bool weir_outbox_isolate(struct weir_outbox *outbox);
/** @brief The suspect goes again, if its control was taken, or if there is none (`is_end`: of the queue). @return true: it does. */
bool weir_outbox_recall(struct weir_outbox *outbox, bool is_end);
/** @brief A message was postponed: nothing goes for a while. */
void weir_outbox_hold(struct weir_outbox *outbox);
/** @brief A message has arrived: more may be under way. */
void weir_outbox_flow(struct weir_outbox *outbox);
/** @brief May messages go? @param due_ns set to when to look again where not. */
bool weir_outbox_may_send(struct weir_outbox *outbox, int64_t now, int64_t *due_ns);
/** @brief The chain's thread gives link and window back, if it has them, and wakes the sender. */
void weir_outbox_hand_back(struct weir_outbox *outbox);
/** @brief Put off no longer than until this time of CLOCK_MONOTONIC. Any thread. */
void weir_outbox_lower_deadline(struct weir_outbox *outbox, int64_t deadline_ns);
/** @brief Messages that wait for the broker. */
uint64_t weir_outbox_waiting(const struct weir_spool_counts *counts);

#endif
