/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file amqp_client.h
 * @brief An AMQP client as a link: it connects, is served by whoever needs it, and hands what comes to an inbox or an outbox. All on the
 * thread of the link.
 */
#ifndef WEIR_DEVICES_AMQP_CLIENT_H
#define WEIR_DEVICES_AMQP_CLIENT_H

#include "weir/bridge.h"

#define WEIR_AMQP_PRIVATE 48 /**< bytes of a private queue's name, with its zero */

struct amqp_connection_state_t_; /* librabbitmq's */
struct weir_amqp_opening;

/** The driver sets the members before `opening` until the link is opened, and leaves the rest alone. */
struct weir_amqp {
	struct weir_bridge bridge;
	/* Arguments. */
	const char *vhost, *exchange, *queue; /**< exchange: "" where there is none; queue: NULL */
	bool declares, is_persistent;
	uint16_t prefetch;
	const char *key;                   /**< "" where there is none; of a source, its pattern */
	char own[WEIR_AMQP_PRIVATE];       /**< of a source: the name of a queue that nobody else knows */
	struct weir_amqp_opening *opening; /**< NULL: there is a connection, or none is wanted */
	struct amqp_connection_state_t_ *connection;
	bool is_shared;        /**< that queue outlives a connection */
	uint64_t published;    /**< a sink: the last tag of this connection */
	uint64_t answered;     /**< a sink: the last tag that was answered for with all before it */
	uint64_t base, last;   /**< a source: what its marks have more than tags; the last tag */
	uint64_t acknowledged; /**< a source: mark up to which the broker has been told */
	bool is_full;          /**< a sink: the socket takes no more */
	bool is_blocked;       /**< a sink: the broker has said that it reads nothing now */
	bool has_served;       /**< a sink: a message of this run has been taken */
};

/** The link's operations, for struct weir_link_ops; their context is a struct weir_amqp. */
int weir_amqp_link_open(void *context, char why[WEIR_LINK_WHY]);
int weir_amqp_link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY]);
void weir_amqp_link_shut(void *context);
void weir_amqp_link_wait(void *context, struct weir_wait *wait);

/** An outbox's operation, with the same context. */
int weir_amqp_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY]);

#endif
