/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file inbox.h
 * @brief For sources that get messages from a broker: messages become records, parts of their topics become fields, and those
 * that came before are left out. One thread.
 *
 * A broker delivers at least once. What another weir sent with an id (weir/outbox.h) is recognised when it comes again within a
 * run. What came is kept as ranges of ids, WEIR_INBOX_SEEN of them for each sender: more than enough unless several readers share
 * a queue, where each gap begins another; then the oldest are forgotten, and what comes again from there is taken for new.
 */
#ifndef WEIR_INBOX_H
#define WEIR_INBOX_H

#include "weir/link.h"
#include "weir/payload.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_INBOX_SEEN 4096u
#define WEIR_INBOX_MESSAGE_MAX (1u << 20) /**< bytes; longer messages are counted as cut and left out */

struct weir_inbox;

/** The arguments, a member of the driver's state. */
struct weir_inbox_args {
	struct weir_payload_reader_args payload;
	int64_t latency_ns;
	const char *topic_as, *id_as, *properties; /**< NULL: not given */
	bool awaits_windows;                       /**< ack=window */
};

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_INBOX_PARAMS(type, member)                                                                            \
	WEIR_PAYLOAD_READER_PARAMS(type, member.payload),                                                          \
		WEIR_P_DURATION("latency", type, member.latency_ns, "0",                                           \
				"longest time that a message waits for others, so that several are read at once; " \
				"0: none",                                                                         \
				.min = 0, .max = 1),                                                               \
		WEIR_P_TEXT("topic_as", type, member.topic_as, NULL,                                               \
			    "name of a text field for the topic or routing key that a message came with"),         \
		WEIR_P_TEXT(                                                                                       \
			"id_as", type, member.id_as, NULL,                                                         \
			"name of a text field for the id that a weir gave the message: the same when it comes again")

/** A row more, for a source with weir_inbox_answer(). */
#define WEIR_INBOX_ACK_PARAM(type, member)                                                                        \
	WEIR_P_WORD("ack", type, member.awaits_windows, "stage", weir_inbox_ack_words,                            \
		    "acknowledge a message when the window has its record (stage), or when the last window with " \
		    "that record has been answered for (window)")
extern const char *const weir_inbox_ack_words[];

/** A row more, for a protocol whose messages have properties. */
#define WEIR_INBOX_PROPERTY_PARAM(type, member)                                                                   \
	WEIR_P_TEXT("properties", type, member.properties, NULL,                                                  \
		    "properties of a message that become fields: \"content_type, user.room as room\"; an absent " \
		    "text is empty, an absent number NaN or 0")

/** A property of messages that can become a field. A name that ends in a dot, as in `user.`, stands for all that begin with it. */
struct weir_inbox_property {
	const char *name; /**< NULL ends a table */
	enum weir_kind kind;
	const char *unit; /**< "": none */
	int id;           /**< the driver's own */
};

/** How a protocol writes topics, and which properties its messages have. */
struct weir_inbox_topics {
	char separator;
	const char *one, *rest; /**< wildcards: for one part, for all that follow. NULL: there are none */
	const struct weir_inbox_property *properties; /**< NULL: none */
};

/** The value of a property: the member that its kind tells, `integer` also for a bool. */
struct weir_inbox_value {
	const char *text; /**< of n bytes; need not end in a zero */
	size_t n;
	double real;
	int64_t integer;
};

/**
 * @brief By the arguments of a node: schema, payload, topics.
 * @param pattern what the user wants; `{name}` stands for one part of it, `{name#}` for the rest: text fields of that name.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_inbox_close(), which takes NULL.
 */
int weir_inbox_open(struct weir_inbox **out, struct weir_node *node, const struct weir_inbox_args *args,
		    struct weir_schema *schema, const char *pattern,
		    const struct weir_inbox_topics *topics) WEIR_MUST_CHECK;
void weir_inbox_close(struct weir_inbox *inbox);

/** @brief The pattern, with the protocol's wildcards in place of fields. */
const char *weir_inbox_pattern(const struct weir_inbox *inbox);

/** A message that has come. */
struct weir_inbox_message {
	const char *topic;
	const void *bytes;
	size_t n;
	const char *id; /**< as weir_outbox_id() wrote it, or NULL; need not end in a zero */
	size_t n_id;
	uint64_t mark;   /**< the driver's, greater than that of the message before: see weir_inbox_settled() */
	bool may_repeat; /**< the broker has perhaps sent it before, on another connection */
	bool was_taken;  /**< it has been put before: it is not read again */
	uint64_t salt;   /**< beside the content: what tells it apart, and is the same when it comes again */
	/** The value of a property, within weir_inbox_put(). `name` is what stands behind the dot. Leaves `*value` as it is where the
	 *  message has no such property. NULL: it has none at all. */
	void (*get)(const void *context, const struct weir_inbox_property *property, const char *name,
		    struct weir_inbox_value *value);
	const void *context;
};

void weir_inbox_put(struct weir_inbox *inbox, const struct weir_inbox_message *message);
/**
 * @brief The mark of the last message whose records have been answered for by every sink that got anything of them, or were handed
 * to a stage with memory: up to here a broker may forget. Those of weir_inbox_next_ahead() are passed over. 0: none. From the
 * link's serve(); may lag behind, see weir_inbox_look_ns().
 */
uint64_t weir_inbox_settled(struct weir_inbox *inbox);
/**
 * @brief From open(): the broker wants answers. A message of a lost connection that had none, and comes again (`may_repeat`), is
 * recognised: its record goes down the chains once. With `ack=window` (WEIR_INBOX_ACK_PARAM) see weir_awaits_windows().
 * @param unfit what is missing for ack=window, after "ack=window needs"; NULL: nothing is.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned.
 */
int weir_inbox_answer(struct weir_inbox *inbox, const struct weir_credit *credit, const char *unfit) WEIR_MUST_CHECK;
/** @brief With ack=window and no credit left: the mark of a message that is to be answered before older ones, since no record of it is
 *  under way; 0: there is none. Each comes once. After weir_inbox_settled(), from the link's serve(). */
uint64_t weir_inbox_next_ahead(struct weir_inbox *inbox);
/** @brief From the link's shut(): messages so far can be answered no more, and may come again. */
void weir_inbox_lost(struct weir_inbox *inbox);
/** @brief From open(): the broker is to be told nothing of messages, so that nobody looks for what became of them. */
void weir_inbox_needs_no_answers(struct weir_inbox *inbox);
/** @brief How many messages to take now, of at most `most`; 0: none, since the run ends. */
uint32_t weir_inbox_wants(const struct weir_inbox *inbox, uint32_t most);
/** @brief In how many ns to ask again: `else_ns`, or sooner while there is something to be settled. */
int64_t weir_inbox_look_ns(struct weir_inbox *inbox, int64_t else_ns);

/**
 * @brief The `produce` of a pulled source whose link puts messages into the inbox.
 * @return as produce.
 */
int weir_inbox_produce(struct weir_inbox *inbox, struct weir_link *link, struct weir_rows *rows,
		       struct weir_wait *wait);

/** @brief The `conclude` of such a source: serve the link until what was taken is answered for, or cannot be any more; then shut it. */
int weir_inbox_conclude(struct weir_inbox *inbox, struct weir_link *link, struct weir_wait *wait);

/** @brief Connection and counters for people. After the run, or on its thread; the text is the inbox's, written anew by each call. */
const char *weir_inbox_how(struct weir_inbox *inbox, struct weir_link *link);

#ifdef __cplusplus
}
#endif
#endif
