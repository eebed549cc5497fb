/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file broker.h
 * @brief For drivers of message brokers: where one is, and as whom to go there.
 *
 * The target is `//[USER@]HOST[:PORT]/PATH`, as in `mqtt://broker.local/site/temperature`. An address of IPv6 stands in brackets,
 * and the target then in quotes. A password is in no program: it comes from a file or the environment, and is never shown.
 */
#ifndef WEIR_BROKER_H
#define WEIR_BROKER_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Texts live as long as the broker; those that were not given are NULL, but for path, which is empty. */
struct weir_broker {
	struct weir_node *node;
	char host[256];
	int port;
	char peer[300]; /**< HOST:PORT */
	const char *path;
	const char *user, *password;
	bool has_tls, is_unchecked;  /**< unchecked: whoever answers is believed */
	const char *ca, *cert, *key; /**< files */
};

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_BROKER_PARAMS                                                                                            \
	{ .name = "user", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "as whom; or USER@ before the host" },     \
		{ .name = "password_file",                                                                            \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_TEXT,                                                                               \
		  .help = "file whose first line is the password" },                                                  \
		{ .name = "password_env",                                                                             \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_TEXT,                                                                               \
		  .help = "variable of the environment that holds the password" },                                    \
		{ .name = "tls",                                                                                      \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_BOOL,                                                                               \
		  .help = "encrypt, and check who the broker is; implied by ca= and cert=" },                         \
		{ .name = "ca",                                                                                       \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_TEXT,                                                                               \
		  .help = "file with certificates of those who vouch for the broker; default: the system's" },        \
		{ .name = "cert", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "file with our own certificate" }, \
		{ .name = "key", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "file with the key to cert=" },     \
	{                                                                                                             \
		.name = "verify", .style = WEIR_KEY, .value = WEIR_V_BOOL, .fallback = "yes",                         \
		.help = "no: believe any certificate, for tests"                                                      \
	}

/**
 * @brief Read target and arguments. Connects to nobody.
 * @param port, tls_port where the target names none.
 * @param example for messages: "mqtt://HOST/TOPIC".
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_broker_close(), which takes NULL.
 */
int weir_broker_open(struct weir_broker **out, struct weir_node *node, int port, int tls_port,
		     const char *example) WEIR_MUST_CHECK;
void weir_broker_close(struct weir_broker *broker);

/**
 * @brief Can it be reached? For libraries whose own attempt to connect could not be stopped: within 5 s it is known, and sooner
 * when the run is to end.
 * @return 0, or -errno with `why`, of WEIR_LINK_WHY bytes, set.
 */
int weir_broker_reach(const struct weir_broker *broker, char *why) WEIR_MUST_CHECK;

/**
 * @brief The broker's certificate was not accepted: for `why`, of WEIR_LINK_WHY bytes.
 * @param what is known to be wrong with it; NULL: any of the usual things.
 * @return -EACCES: it will be no better the next time.
 */
int weir_broker_doubt(const struct weir_broker *broker, const char *what, char *why);

#ifdef __cplusplus
}
#endif
#endif
