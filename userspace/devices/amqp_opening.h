/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file amqp_opening.h
 * @brief A connection to an AMQP broker that is being made, on a thread of its own: librabbitmq's calls wait for answers, up to
 * 5 s each, and cannot be interrupted. Whoever does not want to wait any longer leaves the attempt alone; it then frees what it
 * has. Everything here is called on one thread, and none of it waits.
 */
#ifndef WEIR_DEVICES_AMQP_OPENING_H
#define WEIR_DEVICES_AMQP_OPENING_H

#include "devices/amqp_session.h"

#define WEIR_AMQP_KEEPS_MS 600000 /**< how long a private queue waits for a reader that is gone */

/** What a connection is for. Texts are copied; "" where there is none. */
struct weir_amqp_purpose {
	const char *vhost, *exchange, *key, *queue; /**< queue: of a source, or of a sink without an exchange */
	bool is_source, declares;                   /**< declares: makes a queue that is missing */
	bool is_private;   /**< a source's queue that nobody else reads; it goes WEIR_AMQP_KEEPS_MS after its reader */
	uint16_t prefetch; /**< a source: messages under way at one time */
};

struct weir_amqp_opening;

/**
 * @brief Begin to connect, to log in, and to make and bind queues; a source consumes at the end, a sink has confirms.
 * @return 0, -ENOMEM, or -errno where no thread can be had. End it with weir_amqp_opened() or weir_amqp_leave().
 */
int weir_amqp_begin(struct weir_amqp_opening **out, const struct weir_broker *broker,
		    const struct weir_amqp_purpose *purpose) WEIR_MUST_CHECK;

/** @brief A descriptor that is readable when there is a result, and stays so. The opening's. */
int weir_amqp_opening_fd(const struct weir_amqp_opening *opening);

/**
 * @brief What came of it?
 * @param opening set to NULL where it is over: it is freed then.
 * @param out the connection, for weir_amqp_shut(); NULL where there is none.
 * @param is_shared false: the broker lets us have a private queue only as one that goes with the connection (exclusive).
 * @return 0; -EAGAIN: not yet; as weir_amqp_open() otherwise, with `why` set.
 */
int weir_amqp_opened(struct weir_amqp_opening **opening, amqp_connection_state_t *out, bool *is_shared,
		     char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;

/** @brief Wait no longer. NULL is fine; set to NULL. */
void weir_amqp_leave(struct weir_amqp_opening **opening);

#endif
