/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The back end for where io_uring is not to be had: poll() and read(). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "loop/loop_internal.h"

#define NSEC_PER_SEC 1000000000

struct poller {
	struct pollfd *fds;
	nfds_t n, room;
};

static int poll_open(struct weir_loop *loop, unsigned forbidden)
{
	(void)forbidden;
	loop->own = calloc(1, sizeof(struct poller));
	return loop->own ? 0 : -ENOMEM;
}

static void poll_close(struct weir_loop *loop)
{
	struct poller *poller = loop->own;

	free(poller->fds);
	free(poller);
}

static int poll_start(struct weir_loop *loop)
{
	(void)loop;
	return 0;
}

static int add(struct poller *poller, int fd)
{
	if (poller->n == poller->room) { /* only when something new was added to the loop */
		nfds_t room = poller->room ? 2 * poller->room : 16;
		struct pollfd *more = realloc(poller->fds, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		poller->fds = more;
		poller->room = room;
	}
	poller->fds[poller->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	return 0;
}

/* Everything is listed, what wants no data as -1, so that the answers can be dealt out in the same order. */
static int list(struct weir_loop *loop)
{
	struct poller *poller = loop->own;
	int error = 0;

	poller->n = 0;
	for (struct weir_loop_watch *watch = loop->watches; watch && !error; watch = watch->next)
		error = add(poller, watch->over ? -1 : watch->fd);
	for (struct weir_loop_intake *intake = loop->intakes; intake && !error; intake = intake->next)
		error = add(poller, weir_intake_wants_data(intake) ? intake->config.fd : -1);
	return error;
}

/* Before any callback, because that may add to the lists. */
static void deal_out(struct weir_loop *loop)
{
	const struct pollfd *answer = ((struct poller *)loop->own)->fds;

	for (struct weir_loop_watch *watch = loop->watches; watch; watch = watch->next)
		watch->events = answer++->revents;
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next)
		intake->events = answer++->revents;
}

static void serve(struct weir_loop *loop)
{
	for (struct weir_loop_watch *watch = loop->watches; watch; watch = watch->next)
		if (watch->events)
			weir_watch_serve(watch, (unsigned)watch->events);
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next) {
		if (!intake->events || intake->over)
			continue;
		if (weir_intake_is_readable(intake, (unsigned)intake->events) && weir_intake_claim(intake))
			weir_intake_read(intake);
	}
}

static int poll_turn(struct weir_loop *loop, int64_t deadline_ns)
{
	struct poller *poller = loop->own;
	int64_t left = deadline_ns - weir_now(WEIR_CLOCK_MONOTONIC);
	int error = list(loop);

	if (error)
		return error;
	left = left < 0 ? 0 : left;
	struct timespec timeout = { .tv_sec = (time_t)(left / NSEC_PER_SEC), .tv_nsec = left % NSEC_PER_SEC };

	if (ppoll(poller->fds, poller->n, deadline_ns == INT64_MAX ? NULL : &timeout, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	deal_out(loop);
	serve(loop);
	return 0;
}

static int poll_adopt(struct weir_loop_intake *intake)
{
	(void)intake;
	return 0;
}

static void poll_nothing(struct weir_loop_intake *intake)
{
	(void)intake;
}

static const char *poll_kind(const struct weir_loop_intake *intake)
{
	return intake->config.kind == WEIR_INTAKE_TIMED ? "timer + read" : "poll + read";
}

const struct weir_loop_backend weir_loop_poll = {
	.name = "poll",
	.open = poll_open,
	.close = poll_close,
	.start = poll_start,
	.turn = poll_turn,
	.adopt = poll_adopt,
	.forget = poll_nothing,
	.disarm = poll_nothing,
	.kind = poll_kind,
};
