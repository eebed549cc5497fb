/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file server.h @brief Real brokers, started by a test on loopback, each in a directory of its own and on a free port. */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct server {
	const struct server_kind *kind;
	char dir[64];
	int port;      /**< on 127.0.0.1; mosquitto's also on 127.0.0.2 */
	pid_t pid;     /**< our child; 0: none */
	pid_t program; /**< the server itself, which a script may have started */
	long read;     /**< bytes of its output that server_said() has looked at */
	unsigned said; /**< and the lines among them that it was asked for */
};

/** What there is; both end with the group of processes that the test is in. */
extern const struct server_kind server_mosquitto, server_rabbitmq;

/** @brief Is that server installed? */
bool server_is_there(const struct server_kind *kind);

/** @brief Make its directory. Fails the test where that cannot be done. */
void server_open(struct server *server, const struct server_kind *kind);
/** @brief Start it, with what it kept the last time, and wait until it takes connections. Fails the test if it does not. */
void server_start(struct server *server);
/** @brief How many lines of its output, in all its lives, hold this text: the same one in all calls. */
unsigned server_said(struct server *server, const char *text);
/** @brief Send a signal that ends it, and wait until it is gone. */
void server_end(struct server *server, int signal);
/**
 * @brief Kill it at this very instruction, but let what it has written to 127.0.0.1 be read: stop it, wait for that, kill it. Fails
 * the test if nobody reads. For one that is our child.
 */
void server_kill_once_read(struct server *server);
/** @brief Kill it and remove all of it. Nothing, if it was never opened. */
void server_close(struct server *server);

/** @brief For cmocka: the test begins with the kind as its state, and finds a started server of that kind there. */
int server_setup(void **state);
int server_teardown(void **state);

#endif
