/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shown.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void *shown_run(void *context)
{
	struct shown *shown = context;

	shown->status = weir_run(shown->pipeline);
	return NULL;
}

void shown_start(struct shown *shown, const char *program, const struct weir_display_options *options)
{
	shown_start_with(shown, program, options, NULL);
}

void shown_start_with(struct shown *shown, const char *program, const struct weir_display_options *display,
		      const struct weir_options *options)
{
	const struct weir_display_options plain = { .name = "test" };
	char guard[96];
	json_t *state = NULL;

	*shown = (struct shown){ .directory = "/tmp/weir-shown-XXXXXX" };
	assert_non_null(mkdtemp(shown->directory));
	snprintf(guard, sizeof(guard), "%s/guard.sock", shown->directory);
	setenv("WEIR_GUARD", guard, 1);
	snprintf(shown->path, sizeof(shown->path), "%s/weir-%d.ctl", shown->directory, (int)getpid());
	assert_int_equal(weir_open(&shown->pipeline, program, "test", options), 0);
	assert_int_equal(weir_display_open(&shown->display, display ? display : &plain), 0);
	weir_display_begin(shown->display, shown->pipeline);
	assert_int_equal(pthread_create(&shown->thread, NULL, shown_run, shown), 0);
	for (int i = 0; i < 200; i++) {
		json_decref(state);
		state = shown_ask(shown, "state\n");
		if (json_object_get(state, "nodes"))
			break;
		poll(NULL, 0, 20);
	}
	assert_non_null(json_object_get(state, "nodes"));
	json_decref(state);
}

void shown_stop(struct shown *shown)
{
	weir_stop(shown->pipeline);
	pthread_join(shown->thread, NULL);
	weir_display_end(shown->display);
	weir_display_close(shown->display);
	weir_close(shown->pipeline);
	assert_int_equal(shown->status, 0);
	assert_int_equal(rmdir(shown->directory), 0);
}

int shown_connect(const struct shown *shown)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, shown->path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

bool shown_say(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

json_t *shown_hear(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char *text = malloc(1 << 20);
	json_t *document;
	size_t n = 0;

	while (n < (1 << 20) - 1 && poll(&ready, 1, 5000) > 0 && recv(fd, text + n, 1, 0) == 1 && text[n++] != '\n')
		;
	text[n] = '\0';
	document = n && text[n - 1] == '\n' ? json_loads(text, 0, NULL) : NULL;
	free(text);
	return document;
}

bool shown_is_closed(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	while (poll(&ready, 1, ms) > 0)
		if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
			return true;
	return false;
}

json_t *shown_ask(const struct shown *shown, const char *request)
{
	int fd = shown_connect(shown);
	json_t *answer = shown_say(fd, request, strlen(request)) ? shown_hear(fd) : NULL;

	close(fd);
	return answer;
}
