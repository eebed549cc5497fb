/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bridge.h
 * @brief For drivers of message brokers: the operations that do not depend on the protocol.
 *
 * The state of such a driver begins with a struct weir_bridge. A source is an inbox with a link, a sink an outbox, which has its own
 * link. The driver has open(), which checks the arguments of the protocol, and the operations of its link and its outbox; their
 * `context` is the state.
 */
#ifndef WEIR_BRIDGE_H
#define WEIR_BRIDGE_H

#include "weir/broker.h"
#include "weir/inbox.h"
#include "weir/outbox.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The first member of the state. */
struct weir_bridge {
	struct weir_broker_args broker_args;
	struct weir_inbox_args inbox_args;
	struct weir_outbox_args outbox_args;
	struct weir_node *node;
	struct weir_broker *broker;
	struct weir_inbox *inbox; /**< a source's; NULL for a sink */
	struct weir_link *link;   /**< a source's */
	struct weir_outbox *outbox;
};

/** Rows of the parameter tables; `type` is the struct with the state, whose first member is `bridge`. */
#define WEIR_BRIDGE_SOURCE_PARAMS(type)                                                                 \
	WEIR_INBOX_PARAMS(type, bridge.inbox_args), WEIR_INBOX_PROPERTY_PARAM(type, bridge.inbox_args), \
		WEIR_INBOX_ACK_PARAM(type, bridge.inbox_args), WEIR_BROKER_PARAMS(type, bridge.broker_args)
#define WEIR_BRIDGE_SINK_PARAMS(type) \
	WEIR_OUTBOX_PARAMS(type, bridge.outbox_args), WEIR_BROKER_PARAMS(type, bridge.broker_args)

/** Where a broker is, for weir_bridge_open(). */
struct weir_bridge_peer {
	int port, tls_port;  /**< where the target names none */
	const char *example; /**< for messages: "mqtt://HOST/TOPIC" */
	const char *missing; /**< the message for a target without a path; NULL: it may be without */
};

/** @brief From open(), first: the target and the arguments of the broker. @return 0, -ENOMEM, or what weir_fail_arg() returned. */
int weir_bridge_open(struct weir_node *node, const struct weir_bridge_peer *peer) WEIR_MUST_CHECK;
/** @brief The inbox of a source; the path is the pattern. @return as weir_inbox_open(). */
int weir_bridge_open_inbox(struct weir_bridge *bridge, struct weir_schema *out,
			   const struct weir_inbox_topics *topics) WEIR_MUST_CHECK;
/** @brief The link of a source, last. @return as weir_link_open(). */
int weir_bridge_open_link(struct weir_bridge *bridge, const struct weir_link_ops *ops) WEIR_MUST_CHECK;
/** @brief The outbox of a sink. @param place where messages go: names the spool's directory. @return as weir_outbox_open(). */
int weir_bridge_open_outbox(struct weir_bridge *bridge, const struct weir_outbox_ops *ops,
			    const char *place) WEIR_MUST_CHECK;
/** @brief close() of both roles: shuts the link, frees all of the bridge. */
void weir_bridge_close(struct weir_node *node);

/* Operations of a source. */
int weir_bridge_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait);
int weir_bridge_conclude(struct weir_node *node, struct weir_wait *wait);
const char *weir_bridge_source_how(const struct weir_node *node);

/* Operations of a sink. */
int weir_bridge_start(struct weir_node *node);
int weir_bridge_push(struct weir_node *node, const struct weir_block *in);
int weir_bridge_serve(struct weir_node *node, struct weir_wait *wait);
int weir_bridge_end(struct weir_node *node);
struct weir_progress weir_bridge_progress(const struct weir_node *node);
const char *weir_bridge_sink_how(const struct weir_node *node);

/** The members of struct weir_source_ops and struct weir_sink_ops but `open` and `close`. */
#define WEIR_BRIDGE_SOURCE_OPS(type)                                                                   \
	.state_bytes = sizeof(type), .produce = weir_bridge_produce, .conclude = weir_bridge_conclude, \
	.how = weir_bridge_source_how
#define WEIR_BRIDGE_SINK_OPS(type)                                                                                     \
	.state_bytes = sizeof(type), .start = weir_bridge_start, .push = weir_bridge_push, .serve = weir_bridge_serve, \
	.end = weir_bridge_end, .how = weir_bridge_sink_how, .progress = weir_bridge_progress

#ifdef __cplusplus
}
#endif
#endif
