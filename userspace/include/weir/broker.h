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

struct addrinfo;

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

/** Where the name of the driver says whether there is TLS, there is no tls=. */
enum weir_broker_tls { WEIR_BROKER_TLS_BY_ARGUMENT, WEIR_BROKER_TLS_NEVER, WEIR_BROKER_TLS_ALWAYS };

/** The arguments, a member of the driver's state. */
struct weir_broker_args {
	enum weir_broker_tls scheme; /**< set by the driver, before it opens the broker */
	const char *user, *password_file, *password_env;
	const char *ca, *cert, *key;
	bool tls, verify;
};

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_BROKER_PARAMS(type, member)                                                      \
	WEIR_BROKER_LOGIN_PARAMS(type, member), WEIR_BROKER_CERTIFICATE_PARAMS(type, member), \
		WEIR_P_BOOL("tls", type, member.tls, NULL,                                    \
			    "TLS with verification of the broker's certificate; implied by ca= and cert=")

/** Those of them for drivers without tls=. */
#define WEIR_BROKER_LOGIN_PARAMS(type, member)                                          \
	WEIR_P_TEXT("user", type, member.user, NULL, "user; or USER@ before the host"), \
		WEIR_P_TEXT("password_file", type, member.password_file, NULL,          \
			    "file with the password in its first line"),                \
		WEIR_P_TEXT("password_env", type, member.password_env, NULL, "environment variable with the password")
#define WEIR_BROKER_CERTIFICATE_PARAMS(type, member)                                              \
	WEIR_P_TEXT("ca", type, member.ca, NULL,                                                  \
		    "file with the certificates of trusted authorities; default: the system's"),  \
		WEIR_P_TEXT("cert", type, member.cert, NULL, "file with the client certificate"), \
		WEIR_P_TEXT("key", type, member.key, NULL, "file with the key of cert="),         \
		WEIR_P_BOOL("verify", type, member.verify, "yes", "no: accept any certificate, for tests")

/**
 * @brief Read target and arguments. Connects to nobody.
 * @param port, tls_port where the target names none.
 * @param example for messages: "mqtt://HOST/TOPIC".
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_broker_close(), which takes NULL.
 */
int weir_broker_open(struct weir_broker **out, struct weir_node *node, const struct weir_broker_args *args, int port,
		     int tls_port, const char *example) WEIR_MUST_CHECK;
void weir_broker_close(struct weir_broker *broker);

/**
 * @brief Read the first line of a file that holds a secret.
 * @param to where it goes, without the end of the line; one of `room` bytes or more is cut.
 * @return 0, -ENODATA where the file is empty, or the -errno of fopen(3). Any thread.
 */
int weir_broker_read_line(const char *path, char *to, size_t room) WEIR_MUST_CHECK;

/** @brief A copy without a node, for a thread that may outlive it. @return 0 or -ENOMEM; free it with weir_broker_close() in both
 *  cases. */
int weir_broker_copy(struct weir_broker **out, const struct weir_broker *broker) WEIR_MUST_CHECK;

/**
 * @brief Can it be reached? For libraries whose own attempt to connect could not be stopped: within 5 s it is known, and sooner
 * when the run of its node is to end.
 * @return 0, or -errno with `why`, of WEIR_LINK_WHY bytes, set.
 */
int weir_broker_reach(const struct weir_broker *broker, char *why) WEIR_MUST_CHECK;

/** A connection that is being made: each address of the host in turn, 5 s for each. */
struct weir_dial {
	struct addrinfo *list, *next;
	int fd; /**< of the attempt: can be written to when there is news; -1: none */
	int64_t since_ns;
};

/** @brief Begin to connect, without waiting for it; only a name may take its time to be looked up.
 *  @return 0, or -errno with `why`, of WEIR_LINK_WHY bytes, set. End with weir_dial_take() or weir_dial_close() in any case. */
int weir_dial_begin(struct weir_dial *dial, const struct weir_broker *broker, char *why) WEIR_MUST_CHECK;
/** @brief Go on. @return 1: connected; 0: not yet; -errno with `why` set: no address is left. */
int weir_dial_step(struct weir_dial *dial, char *why) WEIR_MUST_CHECK;
/** @brief The socket, which does not block, for the caller to close. */
int weir_dial_take(struct weir_dial *dial);
void weir_dial_close(struct weir_dial *dial);

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
