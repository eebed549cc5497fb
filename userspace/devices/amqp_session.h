/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file amqp_session.h
 * @brief A connection to an AMQP 0-9-1 broker with one channel in it, and what is said when something fails. One thread at a time.
 */
#ifndef WEIR_DEVICES_AMQP_SESSION_H
#define WEIR_DEVICES_AMQP_SESSION_H

/* librabbitmq 0.12 has moved them, and warns of the old place. */
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include "weir/broker.h"
#include "weir/link.h"

#define WEIR_AMQP_CHANNEL 1

/**
 * @brief Connect, with TLS where the broker is to be trusted by its certificate, log in, and open the channel; each step takes 5 s at
 * most.
 * @param vhost the broker's virtual host, "/" for most.
 * @param out set also on failure, NULL if nothing was opened: close it with weir_amqp_shut().
 * @return 0; -EACCES: refused, and will be again; -ENOMEM; -EIO or another -errno: not now. `why` is set.
 */
int weir_amqp_open(amqp_connection_state_t *out, const struct weir_broker *broker, const char *vhost,
		   char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;

/** @brief From now on no answer is waited for longer than that. (A libc with times of 32 bits may read less than a second as 0.) */
void weir_amqp_hurry(amqp_connection_state_t connection, int ms);

/** @brief Say good-bye, wait for the answer, and free it. NULL is fine. */
void weir_amqp_shut(amqp_connection_state_t connection);

/** @brief A loss for which librabbitmq or we have words. @return -EIO, `why` is set. */
int weir_amqp_lost(char why[WEIR_LINK_WHY], const char *text);
/** @brief The broker has closed the channel or the connection. @return -EACCES for good, or -EIO; `why` is what it said. */
int weir_amqp_closed(amqp_method_t method, char why[WEIR_LINK_WHY]);
/** @brief What came of a call. @return 0, or -EACCES or -EIO with `why` set. */
int weir_amqp_check(amqp_rpc_reply_t reply, char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;
/** @brief The same of the last call that returned something else. */
int weir_amqp_check_last(amqp_connection_state_t connection, char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;

#endif
