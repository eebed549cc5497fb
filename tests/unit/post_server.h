/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file post_server.h
 * @brief A server of HTTP on loopback, on a thread of the test. It acts by a script, one act for each request, and keeps what it got.
 */
#ifndef WEIR_TESTS_POST_SERVER_H
#define WEIR_TESTS_POST_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/internal.h"

#define MS INT64_C(1000000)
#define REQUESTS 4000
#define REQUEST_BYTES (1200 << 10)
#define SCRIPT 40

enum act {
	TAKE,      /* 204 */
	TAKE_SLOW, /* after 50 ms */
	TAKE_MUTE, /* it takes the request and closes the connection without an answer */
	TAKE_HALF, /* likewise in the middle of an answer */
	CLOSE,     /* without having taken it */
	RESET,     /* likewise, by RST */
	HANG,      /* until the client leaves */
	GARBAGE,
	HUGE_HEAD, /* headers without an end */
	ENDLESS,   /* it takes it, and its answer has no end */
	BUSY,      /* 503 */
	BUSY_1S,   /* 503, Retry-After: 1 */
	TOO_MANY,  /* 429 */
	LATE,      /* 408 */
	BAD,       /* 400 with a reason */
	TOO_LARGE, /* 413 for more than two records */
	DENIED,    /* 401, with the request's headers in the answer */
	ABSENT,    /* 404 */
	MOVED,     /* 302 */
};

struct request {
	char head[1024], id[100], *body;
	size_t n;
	int64_t at_ns;
	bool is_taken;
};

static struct server {
	int listener, port;
	pthread_t thread;
	_Atomic bool is_over;
	enum act script[SCRIPT], then; /* for the first requests, and for all others */
	unsigned n_script;
	struct request request[REQUESTS];
	_Atomic unsigned n, connections;
	char *buffer;
} server;

/* --------------------------------------------------------------------- server */

static void say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static bool is_left(int fd, int ms)
{
	struct pollfd waiting = { .fd = fd, .events = POLLRDHUP };

	return poll(&waiting, 1, ms) > 0;
}

/* One request into the buffer. @return bytes of its head, 0 at the end of the connection. */
static size_t receive(int fd, size_t *n_body)
{
	size_t n = 0, head = 0, length = 0;

	while (!head || n < head + length) {
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		ssize_t got = 0;

		while (!server.is_over && poll(&waiting, 1, 10) <= 0)
			;
		if (!server.is_over)
			got = recv(fd, server.buffer + n, REQUEST_BYTES - 1 - n, 0);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		server.buffer[n] = 0;
		if (!head && strstr(server.buffer, "\r\n\r\n")) {
			head = (size_t)(strstr(server.buffer, "\r\n\r\n") + 4 - server.buffer);
			assert_non_null(strstr(server.buffer, "Content-Length: "));
			length = strtoul(strstr(server.buffer, "Content-Length: ") + 16, NULL, 10);
		}
	}
	*n_body = length;
	return head;
}

static struct request *note(size_t head, size_t n)
{
	struct request *request = &server.request[server.n];
	const char *id = strstr(server.buffer, "Idempotency-Key: ");

	assert_true(server.n < REQUESTS);
	request->at_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	request->n = n;
	request->body = malloc(n + 1);
	memcpy(request->body, server.buffer + head, n);
	request->body[n] = 0;
	snprintf(request->head, sizeof(request->head), "%.*s", (int)head, server.buffer);
	if (id)
		snprintf(request->id, sizeof(request->id), "%.*s", (int)strcspn(id + 17, "\r"), id + 17);
	return request;
}

static unsigned records_in(const struct request *request)
{
	unsigned n = 0;

	for (const char *at = request->body; (at = strstr(at, "\"n\":")); at++)
		n++;
	return n;
}

static void drown(int fd, const char *first, const char *more, size_t n)
{
	say(fd, first);
	while (n-- && !is_left(fd, 0))
		say(fd, more);
}

/* @return false: the connection is over. */
static bool answer(int fd, enum act act, struct request *request)
{
	static const char taken[] = "HTTP/1.1 204 No Content\r\n\r\n";
	static char kilobyte[1025];
	char text[1400];

	memset(kilobyte, 'x', 1024);
	request->is_taken = act == TAKE || act == TAKE_SLOW || act == TAKE_MUTE || act == TAKE_HALF || act == ENDLESS;
	if (act == TOO_LARGE && records_in(request) <= 2) {
		request->is_taken = true;
		act = TAKE;
	}
	switch (act) {
	case TAKE_SLOW:
		usleep(50000);
		/* fall through */
	case TAKE:
		say(fd, taken);
		return true;
	case TAKE_HALF:
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of");
		return false;
	case TAKE_MUTE:
	case CLOSE:
		return false;
	case RESET:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
		return false;
	case HANG:
		while (!server.is_over && !is_left(fd, 10))
			;
		return false;
	case GARBAGE:
		say(fd, "\x16\x03\x01 what is this\r\n\r\n\r\n");
		return false;
	case HUGE_HEAD:
		drown(fd, "HTTP/1.1 200 OK\r\nX: ", kilobyte, 20000);
		return false;
	case ENDLESS:
		drown(fd, "HTTP/1.1 200 OK\r\n\r\n", kilobyte, 20000);
		return false;
	case BUSY:
		say(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\nbusy\r\n");
		return true;
	case BUSY_1S:
		say(fd, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
		return true;
	case TOO_MANY:
		say(fd, "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
		return true;
	case LATE:
		say(fd, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
		return false;
	case BAD:
		say(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 15\r\n\r\nfield n\nis real");
		return true;
	case TOO_LARGE:
		say(fd, "HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
		return true;
	case DENIED:
		snprintf(text, sizeof(text), "HTTP/1.1 401 Unauthorized\r\nContent-Length: %zu\r\n\r\n%.1000s",
			 strlen(strstr(request->head, "Authorization") ?: "none"),
			 strstr(request->head, "Authorization") ?: "none");
		say(fd, text);
		return true;
	case ABSENT:
		say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
		return true;
	case MOVED:
		say(fd, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
		return true;
	}
	return false;
}

static void serve(int fd)
{
	size_t n, head;

	while ((head = receive(fd, &n))) {
		struct request *request = note(head, n);
		enum act act = server.n < server.n_script ? server.script[server.n] : server.then;
		bool goes_on = answer(fd, act, request);

		server.n++;
		if (!goes_on)
			return;
	}
}

static void *server_run(void *context)
{
	struct pollfd waiting = { .fd = server.listener, .events = POLLIN };

	while (!server.is_over) {
		int fd;

		if (poll(&waiting, 1, 10) <= 0)
			continue;
		fd = accept(server.listener, NULL, NULL);
		server.connections++;
		serve(fd);
		close(fd);
	}
	return context;
}

static void server_listen(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons((uint16_t)server.port) };
	socklen_t length = sizeof(address);

	server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(server.listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	assert_int_equal(bind(server.listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(server.listener, 16), 0);
	assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &length), 0);
	server.port = ntohs(address.sin_port);
}

static void server_begin(void)
{
	server.is_over = false;
	assert_int_equal(pthread_create(&server.thread, NULL, server_run, NULL), 0);
}

static void server_end(void)
{
	server.is_over = true;
	pthread_join(server.thread, NULL);
}

static int setup(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	server.buffer = malloc(REQUEST_BYTES);
	if (!server.buffer)
		return -1;
	server_listen();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < server.n; i++)
		free(server.request[i].body);
	free(server.buffer);
	return close(server.listener);
}

#endif
