/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file outbox.h
 * @brief For sinks that send records to a broker: records become messages, wait until the broker has them, and go again when a
 * connection is lost before it said so.
 *
 *     agent: weir_outbox_push  ->  queue in memory, or spool on disk  ->  sender thread: link, send, settle
 *
 * Messages go out in order, and are taken from the queue in order: the broker has each at least once. Each has an id for ever,
 * by which a weir that reads it recognises it when it comes again (weir/inbox.h).
 *
 * With the queue full, `when_full=block` waits, so that the stream's own policy decides; what is dropped is counted as unsent.
 */
#ifndef WEIR_OUTBOX_H
#define WEIR_OUTBOX_H

#include "weir/link.h"
#include "weir/payload.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_OUTBOX_WINDOW 1024 /**< messages that are under way at one time */
#define WEIR_OUTBOX_ID 40       /**< bytes of an id as text, with its zero */

extern const char *const weir_outbox_full_words[];

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_OUTBOX_PARAMS                                                                                      \
	WEIR_PAYLOAD_WRITER_PARAMS,                                                                             \
		{ .name = "spool",                                                                              \
		  .style = WEIR_KEY,                                                                            \
		  .value = WEIR_V_SIZE,                                                                         \
		  .min = 1 << 20,                                                                               \
		  .max = 1e15,                                                                                  \
		  .help = "keep messages on disk until the broker has them, up to this size: they outlive the " \
			  "process "                                                                            \
			  "and a power cut" },                                                                  \
		{ .name = "spool_dir",                                                                          \
		  .style = WEIR_KEY,                                                                            \
		  .value = WEIR_V_TEXT,                                                                         \
		  .help = "where; default: a directory of this target below the state directory" },             \
		{ .name = "spool_rate",                                                                         \
		  .style = WEIR_KEY,                                                                            \
		  .value = WEIR_V_RATE,                                                                         \
		  .help = "how fast messages go that had gathered; default: as fast as can be" },               \
		{ .name = "queue",                                                                              \
		  .style = WEIR_KEY,                                                                            \
		  .value = WEIR_V_SIZE,                                                                         \
		  .fallback = "16MiB",                                                                          \
		  .min = 1 << 20,                                                                               \
		  .max = 1 << 30,                                                                               \
		  .help = "memory for messages that the broker, or with spool= the disk, does not have yet" },  \
		{ .name = "when_full",                                                                          \
		  .style = WEIR_KEY,                                                                            \
		  .value = WEIR_V_WORD,                                                                         \
		  .fallback = "block",                                                                          \
		  .words = weir_outbox_full_words,                                                              \
		  .help = "when queue or spool are full: block (the stream's policy= decides), drop_oldest, "   \
			  "drop_newest" },                                                                      \
	{                                                                                                       \
		.name = "linger", .style = WEIR_KEY, .value = WEIR_V_DURATION, .fallback = "10s", .max = 3600,  \
		.help = "at the end, how long to wait for the broker to have everything"                        \
	}

struct weir_outbox;

struct weir_outbox_message {
	uint64_t sender, id;
	const void *bytes; /**< until send() returns */
	uint32_t n;
};

/** What a driver does; all on the sender's thread. */
struct weir_outbox_ops {
	struct weir_link_ops link; /**< serve() calls weir_outbox_settle() */
	/** @param token set to what weir_outbox_settle() will be told. @return 0; 1: it is delivered already; -EAGAIN: not now,
	 *  serve first; -EMSGSIZE: the broker will never take it; -errno: the connection is lost, and `why` is set. */
	int (*send)(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY]);
};

/**
 * @brief By the arguments of a node, for its weir_in().
 * @param peer what the user calls the broker, @param place where messages go: both name the spool's directory.
 * @return 0, -ENOMEM, or what a weir_fail function returned. Free with weir_outbox_close(), which takes NULL.
 */
int weir_outbox_open(struct weir_outbox **out, struct weir_node *node, const struct weir_outbox_ops *ops, void *context,
		     const char *peer, const char *place) WEIR_MUST_CHECK;
void weir_outbox_close(struct weir_outbox *outbox);

/* The agent's thread: start, push and end are those of a sink. */
int weir_outbox_start(struct weir_outbox *outbox) WEIR_MUST_CHECK;
int weir_outbox_push(struct weir_outbox *outbox, const struct weir_block *in) WEIR_MUST_CHECK;
/** @brief Wait until the broker has everything, for `linger` at most, or 0.8 s when the run was told to end. */
int weir_outbox_end(struct weir_outbox *outbox) WEIR_MUST_CHECK;

/** The fate of a message. */
enum weir_outbox_fate {
	WEIR_OUTBOX_DELIVERED, /**< the broker has it */
	WEIR_OUTBOX_REJECTED,  /**< it will never take it: counted as unsent */
};

/** @brief The broker has answered. On the sender's thread, from serve() or after send(). Unknown tokens are ignored. */
void weir_outbox_settle(struct weir_outbox *outbox, uint64_t token, enum weir_outbox_fate fate);

/** @brief An id as text, "SENDER-ID" in hexadecimal. @return bytes without the zero. */
int weir_outbox_id(const struct weir_outbox_message *message, char text[WEIR_OUTBOX_ID]);

/** @brief Connection and counters for people. Any thread; the text is the outbox's, and written anew by each call. */
const char *weir_outbox_how(struct weir_outbox *outbox);

#ifdef __cplusplus
}
#endif
#endif
