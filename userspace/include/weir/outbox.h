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

/** The arguments, a member of the driver's state. */
struct weir_outbox_args {
	struct weir_payload_writer_args payload;
	uint64_t spool_bytes;  /**< 0: not given, the queue is in memory */
	const char *spool_dir; /**< NULL: not given */
	double spool_rate_hz;  /**< 0: no limit */
	uint64_t queue_bytes;
	int when_full; /**< an enum weir_spool_policy */
	int64_t linger_ns;
};

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_OUTBOX_PARAMS(type, member)                                                                              \
	WEIR_PAYLOAD_WRITER_PARAMS(type, member.payload),                                                             \
		WEIR_P_SIZE("spool", type, member.spool_bytes, NULL,                                                  \
			    "size of a spool on disk, where messages survive the end of the process and a power cut", \
			    .min = 1 << 20, .max = 1e15),                                                             \
		WEIR_P_TEXT("spool_dir", type, member.spool_dir, NULL,                                                \
			    "directory of the spool; default: one for this target below the state directory"),        \
		WEIR_P_RATE("spool_rate", type, member.spool_rate_hz, NULL, "rate of a backlog; default: no limit",   \
			    .min = 1e-3, .max = 1e9),                                                                 \
		WEIR_P_SIZE("queue", type, member.queue_bytes, "16MiB",                                               \
			    "memory for messages that have not reached the broker, or with spool= the disk",          \
			    .min = 1 << 20, .max = 1 << 30),                                                          \
		WEIR_P_WORD("when_full", type, member.when_full, "block", weir_outbox_full_words,                     \
			    "when queue or spool are full: block (the stream's policy= decides), drop_oldest, "       \
			    "drop_newest"),                                                                           \
		WEIR_P_DURATION("linger", type, member.linger_ns, "10s",                                              \
				"time to wait at the end for the broker's confirmations", .max = 3600)

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
	/** After some of send(): nothing more comes for now. NULL: it makes no difference. May settle. */
	void (*flush)(void *context);
	const char *noun; /**< what messages to people call the peer; NULL: "broker" */
};

/**
 * @brief By the arguments of a node, for its weir_in().
 * @param peer what the user calls the broker, @param place where messages go: both name the spool's directory.
 * @return 0, -ENOMEM, or what a weir_fail function returned. Free with weir_outbox_close(), which takes NULL.
 */
int weir_outbox_open(struct weir_outbox **out, struct weir_node *node, const struct weir_outbox_args *args,
		     const struct weir_outbox_ops *ops, void *context, const char *peer,
		     const char *place) WEIR_MUST_CHECK;
void weir_outbox_close(struct weir_outbox *outbox);

/* The agent's thread: start, push and end are those of a sink. */
int weir_outbox_start(struct weir_outbox *outbox) WEIR_MUST_CHECK;
int weir_outbox_push(struct weir_outbox *outbox, const struct weir_block *in) WEIR_MUST_CHECK;
/** @brief The `serve` of such a sink: the chain's thread takes answers and sends, while it has the connection. */
int weir_outbox_serve(struct weir_outbox *outbox, struct weir_wait *wait) WEIR_MUST_CHECK;
/** @brief Wait until the broker has everything, for `linger` at most, or 0.8 s when the run was told to end. */
int weir_outbox_end(struct weir_outbox *outbox) WEIR_MUST_CHECK;

/** @brief The `progress` of such a sink: a message is answered for when the broker has it or it is safe on disk, and when it was lost
 *  and counted before the end of the run. */
struct weir_progress weir_outbox_progress(struct weir_outbox *outbox);

/** The fate of a message. */
enum weir_outbox_fate {
	WEIR_OUTBOX_DELIVERED, /**< the broker has it */
	WEIR_OUTBOX_REJECTED,  /**< it will never take it: counted as unsent */
	WEIR_OUTBOX_POSTPONED, /**< it does not take it now: it goes again, over the same connection, after a pause */
};

/** @brief The broker has answered. On the sender's thread, from serve() or after send(). Unknown tokens are ignored. */
void weir_outbox_settle(struct weir_outbox *outbox, uint64_t token, enum weir_outbox_fate fate);

/**
 * @brief The broker takes no messages for a while, and the connection is well. People are told, and told again only after 10 s
 * without such a word. On the sender's thread, from serve() or send().
 * @param why a clause, such as "its memory is full".
 */
void weir_outbox_stall(struct weir_outbox *outbox, const char *why);

/** @brief The reason of the refusals that follow, for people; copied. On the sender's thread, before weir_outbox_settle(). */
void weir_outbox_explain(struct weir_outbox *outbox, const char *why);

/** @brief Has the stream ended, or was the run told to end? Then no message need wait for others. On the sender's thread. */
bool weir_outbox_is_ending(const struct weir_outbox *outbox);

/** @brief An id as text, "SENDER-ID" in hexadecimal. @return bytes without the zero. */
int weir_outbox_id(const struct weir_outbox_message *message, char text[WEIR_OUTBOX_ID]);

/** @brief Connection and counters for people. Any thread; the text is the outbox's, and written anew by each call. */
const char *weir_outbox_how(struct weir_outbox *outbox);

#ifdef __cplusplus
}
#endif
#endif
