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

static int no_slashes(struct weir_node *node, const char *text, const char *example)
{
	int kind = (int)strcspn(example, ":");
	char hint[300];

	snprintf(hint, sizeof(hint), "did you mean %.*s://%s?", kind, example, text + strspn(text, "/"));
	return weir_fail_arg(node, NULL, strchr(text, '/') ? hint : NULL, "the target begins with // and a host");
}

static int read_target(struct weir_broker *broker, char *text, const char *example)
{
	char *slash, *host, *rest;
	int err;

	if (strncmp(text, "//", 2))
		return no_slashes(broker->node, text, example);
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

int weir_broker_read_line(const char *path, char *to, size_t room)
{
	FILE *file = fopen(path, "re");
	bool is_read;

	if (!file)
		return -errno;
	is_read = fgets(to, (int)room, file);
	fclose(file);
	if (!is_read)
		return -ENODATA;
	to[strcspn(to, "\r\n")] = 0;
	return 0;
}

static int read_file(struct owned *owned, const char *path)
{
	int err = weir_broker_read_line(path, owned->secret, SECRET_MAX);

	if (err == -ENODATA)
		return weir_fail_arg(owned->broker.node, "password_file", NULL, "%s has no first line", path);
	if (err < 0)
		return weir_fail_arg(owned->broker.node, "password_file", NULL, "cannot read %s: %s", path,
				     strerror(-err));
	return 0;
}

static int read_environment(struct owned *owned, const char *name)
{
	const char *value = getenv(name);

	if (!value)
		return weir_fail_arg(owned->broker.node, "password_env", NULL, "the environment has no variable %s",
				     name);
	snprintf(owned->secret, SECRET_MAX, "%s", value);
	return 0;
}

static int read_secret(struct owned *owned, const struct weir_broker_args *args)
{
	struct weir_node *node = owned->broker.node;
	const char *file = args->password_file, *variable = args->password_env;
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

static bool has_tls(const struct weir_broker *broker, const struct weir_broker_args *args)
{
	if (args->scheme != WEIR_BROKER_TLS_BY_ARGUMENT)
		return args->scheme == WEIR_BROKER_TLS_ALWAYS;
	return weir_given(broker->node, &args->tls) ? args->tls : broker->ca || broker->cert;
}

static int read_tls(struct weir_broker *broker, const struct weir_broker_args *args)
{
	struct weir_node *node = broker->node;
	int err;

	broker->ca = args->ca;
	broker->cert = args->cert;
	broker->key = args->key;
	broker->is_unchecked = !args->verify;
	broker->has_tls = has_tls(broker, args);
	if (!broker->cert != !broker->key)
		return weir_fail_arg(node, broker->cert ? "cert" : "key", NULL, "cert= and key= belong together");
	err = check_file(node, "ca", broker->ca);
	if (!err)
		err = check_file(node, "cert", broker->cert);
	return err ? err : check_file(node, "key", broker->key);
}

int weir_broker_open(struct weir_broker **out, struct weir_node *node, const struct weir_broker_args *args, int port,
		     int tls_port, const char *example)
{
	struct owned *owned = calloc(1, sizeof(*owned));
	struct weir_broker *broker;
	int err;

	*out = NULL;
	if (!owned)
		return -ENOMEM;
	*out = broker = &owned->broker;
	broker->node = node;
	broker->user = args->user;
	owned->text = strdup(weir_target(node));
	if (!owned->text)
		return -ENOMEM;
	err = read_tls(broker, args);
	broker->port = broker->has_tls ? tls_port : port;
	if (!err)
		err = read_target(broker, owned->text, example);
	if (!err)
		err = read_secret(owned, args);
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

/* A text of the copy, or NULL. @return behind it. */
static char *copy_text(char *at, const char **text)
{
	size_t n = *text ? strlen(*text) + 1 : 0;

	if (n)
		*text = memcpy(at, *text, n);
	return at + n;
}

int weir_broker_copy(struct weir_broker **out, const struct weir_broker *broker)
{
	struct owned *owned = calloc(1, sizeof(*owned));
	const char **text[] = { &owned->broker.path, &owned->broker.user, &owned->broker.ca, &owned->broker.cert,
				&owned->broker.key };
	size_t n = 1;
	char *at;

	*out = NULL;
	if (!owned)
		return -ENOMEM;
	*out = &owned->broker;
	owned->broker = *broker;
	owned->broker.node = NULL;
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		n += *text[i] ? strlen(*text[i]) + 1 : 0;
	owned->text = at = malloc(n);
	owned->secret = broker->password ? malloc(SECRET_MAX) : NULL;
	if (!owned->text || (broker->password && !owned->secret))
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++)
		at = copy_text(at, text[i]);
	if (broker->password)
		owned->broker.password = strcpy(owned->secret, broker->password);
	return 0;
}

/* ----------------------------------------------------------------------- dial */

/* The next address that can be tried. 0; -errno: there is none. */
static int dial_next(struct weir_dial *dial, int err)
{
	for (; dial->next; dial->next = dial->next->ai_next) {
		const struct addrinfo *info = dial->next;

		dial->fd = socket(info->ai_family, info->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info->ai_protocol);
		dial->since_ns = weir_now(WEIR_CLOCK_MONOTONIC);
		if (dial->fd >= 0 && (!connect(dial->fd, info->ai_addr, info->ai_addrlen) || errno == EINPROGRESS)) {
			dial->next = info->ai_next;
			return 0;
		}
		err = -errno;
		if (dial->fd >= 0)
			close(dial->fd);
		dial->fd = -1;
	}
	return err;
}

int weir_dial_begin(struct weir_dial *dial, const struct weir_broker *broker, char *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	char port[16];
	int err;

	*dial = (struct weir_dial){ .fd = -1 };
	snprintf(port, sizeof(port), "%d", broker->port);
	err = getaddrinfo(broker->host, port, &hints, &dial->list);
	if (err) {
		dial->list = NULL;
		snprintf(why, WEIR_LINK_WHY, "%s", gai_strerror(err));
		return -EHOSTUNREACH;
	}
	dial->next = dial->list;
	err = dial_next(dial, -EHOSTUNREACH);
	if (err < 0)
		snprintf(why, WEIR_LINK_WHY, "%s", strerror(-err));
	return err;
}

/* 0: not known yet. */
static int dial_result(const struct weir_dial *dial)
{
	struct pollfd fd = { .fd = dial->fd, .events = POLLOUT };
	int error = 0;

	if (poll(&fd, 1, 0) <= 0)
		return weir_now(WEIR_CLOCK_MONOTONIC) - dial->since_ns >= REACH_NS ? -ETIMEDOUT : 0;
	getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
	return error ? -error : 1;
}

int weir_dial_step(struct weir_dial *dial, char *why)
{
	int got = dial_result(dial);

	if (got < 0) {
		close(dial->fd);
		dial->fd = -1;
		got = dial_next(dial, got);
	}
	if (got < 0)
		snprintf(why, WEIR_LINK_WHY, "%s", strerror(-got));
	return got;
}

int weir_dial_take(struct weir_dial *dial)
{
	int fd = dial->fd;

	dial->fd = -1;
	weir_dial_close(dial);
	return fd;
}

void weir_dial_close(struct weir_dial *dial)
{
	if (dial->list)
		freeaddrinfo(dial->list);
	if (dial->fd >= 0)
		close(dial->fd);
	*dial = (struct weir_dial){ .fd = -1 };
}

int weir_broker_reach(const struct weir_broker *broker, char *why)
{
	struct weir_dial dial;
	int64_t deadline = weir_now(WEIR_CLOCK_MONOTONIC) + REACH_NS;
	int got = weir_dial_begin(&dial, broker, why);

	while (!got) {
		struct pollfd fds[2] = {
			{ .fd = dial.fd, .events = POLLOUT },
			{ .fd = broker->node ? weir_halt_fd(broker->node) : -1, .events = POLLIN },
		};
		int64_t left = weir_link_left(deadline, REACH_NS);

		if (left)
			poll(fds, 2, (int)(left / 1000000) + 1);
		got = !left ? -ETIMEDOUT : fds[1].revents && !fds[0].revents ? -ECANCELED : weir_dial_step(&dial, why);
		if (got == -ETIMEDOUT || got == -ECANCELED)
			snprintf(why, WEIR_LINK_WHY, "%s", strerror(-got));
	}
	weir_dial_close(&dial);
	return got < 0 ? got : 0;
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
