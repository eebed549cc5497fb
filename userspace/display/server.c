/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thread for all clients, asleep while none of them does anything. */
#include "display/http.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENT_NS INT64_C(200000000)
#define SEND_BUFFER 65536
#define STACK_BYTES (256 * 1024)
#define NICE 5 /* stages go first */

enum { POLL_WAKE, POLL_CONTROL, POLL_HTTP, POLL_CLIENTS };

/* --- connections ------------------------------------------------------------------- */

static void server_drop(struct weir_display *display, uint32_t i)
{
	struct display_client *client = display->client[i];

	close(client->fd);
	free(client->out);
	free(client);
	display->client[i] = display->client[--display->n_clients];
}

static uint32_t server_count(const struct weir_display *display, enum display_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < display->n_clients; i++)
		n += display->client[i]->kind == kind;
	return n;
}

/* The connection that has been idle for longest makes room; viewers of events are the last to go. */
static void server_make_room(struct weir_display *display, enum display_kind kind)
{
	uint32_t most = kind == DISPLAY_CONTROL ? DISPLAY_CONTROL_MAX : DISPLAY_CLIENTS_MAX - DISPLAY_CONTROL_MAX;
	uint32_t oldest = UINT32_MAX;

	if (server_count(display, kind) < most)
		return;
	for (uint32_t i = 0; i < display->n_clients; i++) {
		const struct display_client *client = display->client[i];
		const struct display_client *found = oldest == UINT32_MAX ? NULL : display->client[oldest];

		if (client->kind != kind)
			continue;
		if (!found || (client->gets_events != found->gets_events ? found->gets_events
									 : client->since_ns < found->since_ns))
			oldest = i;
	}
	server_drop(display, oldest);
}

static void server_accept(struct weir_display *display, int listener, enum display_kind kind, int64_t now)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct display_client *client = fd < 0 ? NULL : malloc(sizeof(*client));

	if (!client) {
		if (fd >= 0)
			close(fd);
		else if (errno == EMFILE || errno == ENFILE) /* it still knocks: do not listen all the time */
			poll(NULL, 0, 100);
		return;
	}
	/* What the kernel keeps for a viewer that reads nothing has a bound too. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER }, sizeof(int));
	server_make_room(display, kind);
	client->fd = fd;
	client->kind = kind;
	client->closes = client->gets_events = client->is_at_end = false;
	client->missed = 0;
	client->since_ns = now;
	client->n_in = client->n_out = client->sent = 0;
	client->out = NULL;
	display->client[display->n_clients++] = client;
}

/* --- in and out ---------------------------------------------------------------------- */

/* @return bytes that are used up. */
static size_t server_take_line(struct weir_display *display, struct display_client *client)
{
	char *end = memchr(client->in, '\n', client->n_in);

	if (!end)
		return 0;
	*end = '\0';
	display_answer_line(display, client, client->in);
	return (size_t)(end - client->in) + 1;
}

/* One request at a time: the next waits until this one's answer is sent. */
static void server_answer(struct weir_display *display, struct display_client *client)
{
	size_t used;

	if (client->n_out || client->closes || client->gets_events)
		return;
	client->in[client->n_in] = '\0';
	used = client->kind == DISPLAY_CONTROL ? server_take_line(display, client)
					       : display_answer_http(display, client);
	client->n_in -= used;
	memmove(client->in, client->in + used, client->n_in);
	if (!used && client->n_in == DISPLAY_REQUEST_MAX)
		client->closes = true;
}

static bool server_receive(struct weir_display *display, struct display_client *client, int64_t now)
{
	size_t room = DISPLAY_REQUEST_MAX - client->n_in;
	ssize_t n;

	/* After a request for events nothing that comes is of interest. */
	if (client->gets_events)
		client->n_in = 0, room = DISPLAY_REQUEST_MAX;
	if (!room)
		return true;
	n = recv(client->fd, client->in + client->n_in, room, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	/* The answer is still due to a client that closed its sending side. */
	if (!n) {
		client->is_at_end = client->closes = true;
		return client->n_out && !client->gets_events;
	}
	/* The clock of a request begins with its first byte, not again with each. */
	if (!client->n_in)
		client->since_ns = now;
	client->n_in += (size_t)n;
	server_answer(display, client);
	return true;
}

static bool server_send(struct weir_display *display, struct display_client *client, int64_t now)
{
	ssize_t n = client->n_out
			    ? send(client->fd, client->out + client->sent, client->n_out - client->sent, MSG_NOSIGNAL)
			    : 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n)
		client->since_ns = now;
	client->sent += (size_t)n;
	if (client->sent < client->n_out)
		return true;
	client->n_out = client->sent = 0;
	if (client->closes)
		return false;
	if (client->n_in)
		server_answer(display, client);
	return true;
}

/* Is it too late for what is due from this client? */
static bool server_is_late(const struct display_client *client, int64_t now)
{
	if (client->n_out)
		return now - client->since_ns > DISPLAY_SEND_NS;
	return !client->gets_events && now - client->since_ns > DISPLAY_REQUEST_NS;
}

static void server_serve(struct weir_display *display, const struct pollfd *ready, int64_t now)
{
	/* From the last: what is dropped is replaced by the last, which has been served. */
	for (uint32_t i = display->n_clients; i-- > 0;) {
		struct display_client *client = display->client[i];
		short events = ready[POLL_CLIENTS + i].revents;
		bool stays = !(events & (POLLERR | POLLNVAL)) && !server_is_late(client, now);

		if (stays && events & (POLLIN | POLLHUP))
			stays = server_receive(display, client, now);
		if (stays && (client->n_out || client->closes))
			stays = server_send(display, client, now);
		if (!stays)
			server_drop(display, i);
	}
}

/* --- the thread ------------------------------------------------------------------------ */

static bool server_has_events(const struct weir_display *display)
{
	for (uint32_t i = 0; i < display->n_clients; i++)
		if (display->client[i]->gets_events)
			return true;
	return false;
}

static void server_set(struct weir_display *display, struct pollfd *ready)
{
	ready[POLL_WAKE] = (struct pollfd){ .fd = display->wake_fd, .events = POLLIN };
	ready[POLL_CONTROL] = (struct pollfd){ .fd = display->control_fd, .events = POLLIN };
	ready[POLL_HTTP] = (struct pollfd){ .fd = display->http_fd, .events = POLLIN };
	for (uint32_t i = 0; i < display->n_clients; i++) {
		const struct display_client *client = display->client[i];
		bool reads = !client->is_at_end && (client->gets_events || client->n_in < DISPLAY_REQUEST_MAX);

		ready[POLL_CLIENTS + i] = (struct pollfd){
			.fd = client->fd, .events = (short)((reads ? POLLIN : 0) | (client->n_out ? POLLOUT : 0))
		};
	}
}

static int server_timeout(const struct weir_display *display, int64_t now)
{
	if (!display->n_clients)
		return -1;
	if (!server_has_events(display))
		return 1000;
	return display->event_ns <= now ? 0 : (int)((display->event_ns - now) / 1000000) + 1;
}

static void server_turn(struct weir_display *display)
{
	struct pollfd ready[POLL_CLIENTS + DISPLAY_CLIENTS_MAX];
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	server_set(display, ready);
	if (poll(ready, POLL_CLIENTS + display->n_clients, server_timeout(display, now)) < 0)
		return;
	now = weir_now(WEIR_CLOCK_MONOTONIC);
	server_serve(display, ready, now);
	if (server_has_events(display) && now >= display->event_ns) {
		display_send_events(display);
		display->event_ns = now + EVENT_NS;
	}
	if (ready[POLL_CONTROL].revents)
		server_accept(display, display->control_fd, DISPLAY_CONTROL, now);
	if (ready[POLL_HTTP].revents)
		server_accept(display, display->http_fd, DISPLAY_HTTP, now);
}

static void *server_run(void *context)
{
	struct weir_display *display = context;

	setpriority(PRIO_PROCESS, 0, NICE);
	while (!atomic_load(&display->stops))
		server_turn(display);
	return NULL;
}

/* Signals are for the loop. */
static int server_start(struct weir_display *display)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&display->thread, &attributes, server_run, display);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -err;
}

void weir_display_begin(struct weir_display *display, struct weir_pipeline *pipeline)
{
	int err = 0;

	if (!display || (display->control_fd < 0 && display->http_fd < 0))
		return;
	err = display_state_open(&display->state, pipeline, display->name);
	atomic_store(&display->stops, false);
	if (!err)
		err = server_start(display);
	display->is_running = !err;
	if (err)
		fprintf(display->messages, "weir: cannot serve displays: %s\n", strerror(-err));
}

void weir_display_end(struct weir_display *display)
{
	uint64_t one = 1;

	if (!display)
		return;
	if (display->is_running) {
		atomic_store(&display->stops, true);
		if (write(display->wake_fd, &one, sizeof(one)) == sizeof(one))
			pthread_join(display->thread, NULL);
		(void)!read(display->wake_fd, &one, sizeof(one));
	}
	display->is_running = false;
	display_state_close(&display->state);
}

/* --- opening ---------------------------------------------------------------------------- */

void weir_display_close(struct weir_display *display)
{
	if (!display)
		return;
	while (display->n_clients)
		server_drop(display, display->n_clients - 1);
	if (*display->path)
		unlink(display->path);
	for (int i = 0; i < 3; i++) {
		int fd = (int[]){ display->control_fd, display->http_fd, display->wake_fd }[i];

		if (fd >= 0)
			close(fd);
	}
	free(display);
}

static int server_open_http(struct weir_display **out, const struct weir_display_options *options)
{
	int status = display_http_open(*out, options);

	if (!status)
		return 0;
	weir_display_close(*out);
	*out = NULL;
	return status;
}

int weir_display_open(struct weir_display **out, const struct weir_display_options *options)
{
	struct weir_display *display = calloc(1, sizeof(*display));

	*out = display;
	if (!display)
		return 1;
	display->messages = options->messages ? options->messages : stderr;
	snprintf(display->name, sizeof(display->name), "%s", options->name ? options->name : "program");
	display->http_fd = -1;
	display->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	display->control_fd = display->wake_fd < 0 ? -1 : display_listen(display->path);
	if (display->control_fd < 0)
		*display->path = '\0';
	return options->http ? server_open_http(out, options) : 0;
}
