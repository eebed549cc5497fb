/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "display/http.h"

#define BACKLOG 256
#define TOKEN_MIN 16

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} of;
	socklen_t bytes;
	bool is_local;
};

static bool listen_parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*port = htons((uint16_t)value);
	return *text >= '0' && *text <= '9' && !*end && value <= 65535;
}

/* Names are not looked up: an answer may take long, and be another one tomorrow. */
static bool listen_parse(struct listen_address *address, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	uint16_t port;

	*address = (struct listen_address){ 0 };
	if (!colon || !listen_parse_port(colon + 1, &port) || colon - text >= (ptrdiff_t)sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (!strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &address->of.in.sin_addr) == 1) {
		address->of.in.sin_family = AF_INET;
		address->of.in.sin_port = port;
		address->bytes = sizeof(address->of.in);
		address->is_local = ntohl(address->of.in.sin_addr.s_addr) >> 24 == 127;
		return true;
	}
	if (*host != '[' || host[strlen(host) - 1] != ']')
		return false;
	host[strlen(host) - 1] = '\0';
	address->of.in6.sin6_family = AF_INET6;
	address->of.in6.sin6_port = port;
	address->bytes = sizeof(address->of.in6);
	if (inet_pton(AF_INET6, host + 1, &address->of.in6.sin6_addr) != 1)
		return false;
	address->is_local = IN6_IS_ADDR_LOOPBACK(&address->of.in6.sin6_addr);
	return true;
}

static int listen_refuse_token(const struct weir_display *display, const char *path, const char *why)
{
	fprintf(display->messages, "weir: --http-token: %s: %s\n", path, why);
	return 2;
}

static int listen_read_token(struct weir_display *display, const char *path)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char text[sizeof(display->token) + 1];
	struct stat status;
	ssize_t n;

	if (fd < 0)
		return listen_refuse_token(display, path, strerror(errno));
	n = fstat(fd, &status) ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return listen_refuse_token(display, path, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_mode & 0007)
		return listen_refuse_token(display, path, "it must be a file that others cannot read: chmod o= FILE");
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (strlen(text) < TOKEN_MIN || strlen(text) >= sizeof(display->token) || strspn(text, good) != strlen(text))
		return listen_refuse_token(display, path,
					   "the first line must have 16 to 128 letters, digits, '-', '.', '_' and "
					   "'~': head -c 24 /dev/urandom | base64 | tr +/ -_ > FILE");
	strcpy(display->token, text);
	return 0;
}

static int listen_bind(struct weir_display *display, const struct listen_address *address, const char *text)
{
	int fd = socket(address->of.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &address->of.any, address->bytes) < 0 || listen(fd, BACKLOG) < 0) {
		fprintf(display->messages, "weir: --http: cannot listen at %s: %s; choose another address or port\n",
			text, strerror(errno));
		if (fd >= 0)
			close(fd);
		return 1;
	}
	display->http_fd = fd;
	return 0;
}

/* With port 0 the system chooses one. */
static void listen_say(const struct weir_display *display, const char *text)
{
	struct listen_address address = { .bytes = sizeof(address.of) };
	const char *colon = strrchr(text, ':');

	if (getsockname(display->http_fd, &address.of.any, &address.bytes) < 0)
		return;
	fprintf(display->messages, "weir: http://%.*s:%u/\n", (int)(colon - text), text,
		(unsigned)ntohs(address.of.any.sa_family == AF_INET ? address.of.in.sin_port
								    : address.of.in6.sin6_port));
	fflush(display->messages);
}

int display_http_open(struct weir_display *display, const struct weir_display_options *options)
{
	struct listen_address address;
	int status = options->token_file ? listen_read_token(display, options->token_file) : 0;

	if (!status && !listen_parse(&address, options->http)) {
		fprintf(display->messages,
			"weir: --http: '%s' is not ADDRESS:PORT, as in 127.0.0.1:8080, localhost:8080 or [::1]:8080\n",
			options->http);
		status = 2;
	}
	if (!status && !address.is_local && !*display->token) {
		fprintf(display->messages,
			"weir: --http: other machines can reach %s; --http-token=FILE is needed for that\n",
			options->http);
		status = 2;
	}
	if (!status)
		status = listen_bind(display, &address, options->http);
	if (!status && !options->quiet)
		listen_say(display, options->http);
	return status;
}
