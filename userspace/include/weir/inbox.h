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

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_INBOX_PARAMS                                                                                            \
	WEIR_PAYLOAD_READER_PARAMS,                                                                                  \
		{ .name = "topic_as",                                                                                \
		  .style = WEIR_KEY,                                                                                 \
		  .value = WEIR_V_TEXT,                                                                              \
		  .help = "name of a text field for the topic, routing key or key that a message came with" },       \
	{                                                                                                            \
		.name = "id_as", .style = WEIR_KEY, .value = WEIR_V_TEXT,                                            \
		.help = "name of a text field for the id that a weir gave the message: the same when it comes again" \
	}

/** How a protocol writes topics. */
struct weir_inbox_topics {
	char separator;
	const char *one, *rest; /**< wildcards: for one part, for all that follow. NULL: there are none */
};

/**
 * @brief By the arguments of a node: schema, payload, topics.
 * @param pattern what the user wants; `{name}` stands for one part of it, `{name#}` for the rest: text fields of that name.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_inbox_close(), which takes NULL.
 */
int weir_inbox_open(struct weir_inbox **out, struct weir_node *node, struct weir_schema *schema, const char *pattern,
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
	uint64_t mark; /**< the driver's, greater than that of the message before: see weir_inbox_done() */
};

void weir_inbox_put(struct weir_inbox *inbox, const struct weir_inbox_message *message);
/** @brief The mark of the last message all of whose records have been taken; 0: none was. */
uint64_t weir_inbox_done(const struct weir_inbox *inbox);
/**
 * @brief The mark of the last message whose records have gone down every chain that reads this source, as far as the next ring:
 * up to here a broker may forget. 0: none. From the link's serve(); may lag behind, see weir_inbox_look_ns().
 */
uint64_t weir_inbox_settled(struct weir_inbox *inbox);
/** @brief In how many ns to ask again: `else_ns`, or sooner while there is something to be settled. */
int64_t weir_inbox_look_ns(struct weir_inbox *inbox, int64_t else_ns);
/** @brief Is there nothing left to be taken? Then it is time to look for more messages. */
bool weir_inbox_is_empty(const struct weir_inbox *inbox);

/**
 * @brief The `produce` of a pulled source whose link puts messages into the inbox.
 * @return as produce.
 */
int weir_inbox_produce(struct weir_inbox *inbox, struct weir_link *link, void *rows, uint32_t max,
		       struct weir_wait *wait);

/** @brief Connection and counters for people. After the run, or on its thread; the text is the inbox's, written anew by each call. */
const char *weir_inbox_how(struct weir_inbox *inbox, struct weir_link *link);

#ifdef __cplusplus
}
#endif
#endif
