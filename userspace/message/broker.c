/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/broker.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weir/link.h"

#define REACH_NS INT64_C(5000000000)
#define SECRET_MAX 1024

/* What weir_broker_open() hands out, and what it has to free. */
struct owned {
	struct weir_broker broker;
	char *text; /* the target, cut into pieces */
	char *secret;
};

/* --------------------------------------------------------------------- target */

static int wrong(struct weir_node *node, const char *example, const char *what)
{
	char hint[160];

	snprintf(hint, sizeof(hint), "as in %s", example);
	return weir_fail_arg(node, NULL, hint, "%s", what);
}

/* USER@ at the front; `*text` behind it. */
static int take_user(struct weir_broker *broker, char **text, const char *example)
{
	char *at = strchr(*text, '@');

	if (!at)
		return 0;
	*at = 0;
	if (strchr(*text, ':'))
		return wrong(broker->node, example,
			     "a password has no place in a program: use password_file= or password_env=");
	broker->user = *text;
	*text = at + 1;
	return 0;
}

/* HOST, or [ADDRESS]. `*text` behind it: at the colon or the end. NULL: there is none. */
static char *take_host(char **text)
{
	char *host = *text, *end;

	if (*host == '[') {
		end = strchr(++host, ']');
		if (!end)
			return NULL;
		*end++ = 0;
		*text = end;
		return host;
	}
	*text = host + strcspn(host, ":");
	return host;
}

static int take_port(struct weir_broker *broker, char *text, const char *example)
{
	char *end;
	long port;

	if (!*text)
		return 0;
	port = strtol(text + 1, &end, 10);
	if (*text != ':' || end == text + 1 || *end || port < 1 || port > 65535)
		return wrong(broker->node, example, "a port is a number from 1 to 65535");
	broker->port = (int)port;
	return 0;
}

static int read_target(struct weir_broker *broker, char *text, const char *example)
{
	char *slash, *host, *rest;
	int err;

	if (strncmp(text, "//", 2))
		return wrong(broker->node, example, "the target begins with // and a host");
	rest = text + 2;
	slash = strchr(rest, '/');
	broker->path = slash ? slash + 1 : "";
	if (slash)
		*slash = 0;
	err = take_user(broker, &rest, example);
	if (err < 0)
		return err;
	host = take_host(&rest);
	if (host)
		err = take_port(broker, rest, example);
	if (err < 0)
		return err;
	if (host)
		*rest = 0;
	if (!host || !*host || strlen(host) >= sizeof(broker->host))
		return wrong(broker->node, example, "the target begins with // and a host");
	strcpy(broker->host, host);
	return 0;
}

/* --------------------------------------------------------------- credentials */

static int read_file(struct owned *owned, const char *path)
{
	FILE *file = fopen(path, "re");
	bool is_read;

	if (!file)
		return weir_fail_arg(owned->broker.node, "password_file", NULL, "cannot read %s: %s", path,
				     strerror(errno));
	is_read = fgets(owned->secret, SECRET_MAX, file);
	fclose(file);
	if (!is_read)
		return weir_fail_arg(owned->broker.node, "password_file", NULL, "%s has no first line", path);
	owned->secret[strcspn(owned->secret, "\r\n")] = 0;
	return 0;
}

static int read_environment(struct owned *owned, const char *name)
{
	const char *value = getenv(name);

	if (!value)
		return weir_fail_arg(owned->broker.node, "password_env", NULL,
				     "there is no variable %s in the environment", name);
	snprintf(owned->secret, SECRET_MAX, "%s", value);
	return 0;
}

static int read_secret(struct owned *owned)
{
	struct weir_node *node = owned->broker.node;
	const char *file = weir_arg_text(node, "password_file"), *variable = weir_arg_text(node, "password_env");
	int err;

	if (!file && !variable)
		return 0;
	if (file && variable)
		return weir_fail_arg(node, "password_env", NULL, "there is a password_file= already");
	if (!owned->broker.user)
		return weir_fail_arg(node, file ? "password_file" : "password_env", "add user=NAME",
				     "a password is of no use without a user");
	owned->secret = malloc(SECRET_MAX);
	if (!owned->secret)
		return -ENOMEM;
	err = file ? read_file(owned, file) : read_environment(owned, variable);
	owned->broker.password = owned->secret;
	return err;
}

static int check_file(struct weir_node *node, const char *name, const char *path)
{
	if (path && access(path, R_OK) < 0)
		return weir_fail_arg(node, name, NULL, "cannot read %s: %s", path, strerror(errno));
	return 0;
}

static int read_tls(struct weir_broker *broker)
{
	struct weir_node *node = broker->node;
	int err;

	broker->ca = weir_arg_text(node, "ca");
	broker->cert = weir_arg_text(node, "cert");
	broker->key = weir_arg_text(node, "key");
	broker->is_unchecked = !weir_arg_int(node, "verify");
	broker->has_tls = weir_arg_given(node, "tls") ? weir_arg_int(node, "tls") : broker->ca || broker->cert;
	if (!broker->cert != !broker->key)
		return weir_fail_arg(node, broker->cert ? "cert" : "key", NULL, "cert= and key= belong together");
	err = check_file(node, "ca", broker->ca);
	if (!err)
		err = check_file(node, "cert", broker->cert);
	return err ? err : check_file(node, "key", broker->key);
}

int weir_broker_open(struct weir_broker **out, struct weir_node *node, int port, int tls_port, const char *example)
{
	struct owned *owned = calloc(1, sizeof(*owned));
	struct weir_broker *broker;
	int err;

	*out = NULL;
	if (!owned)
		return -ENOMEM;
	*out = broker = &owned->broker;
	broker->node = node;
	broker->user = weir_arg_text(node, "user");
	owned->text = strdup(weir_target(node));
	if (!owned->text)
		return -ENOMEM;
	err = read_tls(broker);
	broker->port = broker->has_tls ? tls_port : port;
	if (!err)
		err = read_target(broker, owned->text, example);
	if (!err)
		err = read_secret(owned);
	snprintf(broker->peer, sizeof(broker->peer), strchr(broker->host, ':') ? "[%s]:%d" : "%s:%d", broker->host,
		 broker->port);
	return err;
}

void weir_broker_close(struct weir_broker *broker)
{
	struct owned *owned = (struct owned *)broker;

	if (!owned)
		return;
	if (owned->secret)
		explicit_bzero(owned->secret, SECRET_MAX);
	free(owned->secret);
	free(owned->text);
	free(owned);
}

/* ---------------------------------------------------------------------- reach */

static int await_connection(const struct weir_broker *broker, int fd, int64_t deadline)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = weir_halt_fd(broker->node), .events = POLLIN },
	};
	int64_t left = deadline - weir_now(WEIR_CLOCK_MONOTONIC);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	int error = 0;

	if (left <= 0 || ppoll(fds, 2, &timeout, NULL) <= 0)
		return -ETIMEDOUT;
	if (!fds[0].revents)
		return -ECANCELED;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
	return -error;
}

static int try_address(const struct weir_broker *broker, const struct addrinfo *info, int64_t deadline)
{
	int fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, info->ai_addr, info->ai_addrlen) < 0)
		err = errno == EINPROGRESS ? await_connection(broker, fd, deadline) : -errno;
	close(fd);
	return err;
}

int weir_broker_reach(const struct weir_broker *broker, char *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *info;
	int64_t deadline = weir_now(WEIR_CLOCK_MONOTONIC) + REACH_NS;
	char port[16];
	int err;

	snprintf(port, sizeof(port), "%d", broker->port);
	err = getaddrinfo(broker->host, port, &hints, &list);
	if (err) {
		snprintf(why, WEIR_LINK_WHY, "%s", gai_strerror(err));
		return -EHOSTUNREACH;
	}
	err = -EHOSTUNREACH;
	for (info = list; info && err && err != -ECANCELED; info = info->ai_next)
		err = try_address(broker, info, deadline);
	freeaddrinfo(list);
	if (err)
		snprintf(why, WEIR_LINK_WHY, "%s", strerror(-err));
	return err;
}

int weir_broker_doubt(const struct weir_broker *broker, const char *what, char *why)
{
	if (what)
		snprintf(why, WEIR_LINK_WHY, "TLS failed: the broker's certificate is not accepted: %s", what);
	else
		snprintf(why, WEIR_LINK_WHY,
			 "TLS failed: is the broker's certificate vouched for by ca=, in date, and for %.64s?",
			 broker->host);
	return -EACCES;
}
