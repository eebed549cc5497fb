/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop itself: what is served and when, whichever back end does the waiting. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop_internal.h"

static void clear_stop_fd(void *context)
{
	struct weir_loop *loop = context;
	uint64_t count;

	if (read(loop->stop_fd, &count, sizeof(count)) < 0)
		return; /* cleared before; the flag is what counts */
}

static int open_backend(struct weir_loop *loop, enum weir_backend backend, unsigned forbidden)
{
	int error = -ENOSYS;

	if (backend != WEIR_BACKEND_POLL) {
		loop->backend = &weir_loop_uring;
		error = loop->backend->open(loop, forbidden);
	}
	if (error && backend != WEIR_BACKEND_URING) {
		loop->backend = &weir_loop_poll;
		error = loop->backend->open(loop, forbidden);
	}
	return error;
}

int weir_loop_open_without(struct weir_loop **out, enum weir_backend backend, unsigned forbidden)
{
	struct weir_loop *loop = calloc(1, sizeof(*loop));
	int error;

	if (!loop)
		return -ENOMEM;
	loop->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->stop_fd < 0) {
		error = -errno;
		goto free_loop;
	}
	error = open_backend(loop, backend, forbidden);
	if (error)
		goto close_stop_fd;
	error = weir_loop_add_watch(loop, loop->stop_fd, clear_stop_fd, loop);
	if (error < 0)
		goto close_backend;
	*out = loop;
	return 0;

close_backend:
	loop->backend->close(loop);
close_stop_fd:
	close(loop->stop_fd);
free_loop:
	free(loop);
	return error;
}

int weir_loop_open(struct weir_loop **out, enum weir_backend backend)
{
	return weir_loop_open_without(out, backend, 0);
}

static void free_timer(struct weir_loop_timer **at)
{
	struct weir_loop_timer *timer = *at;

	*at = timer->next;
	free(timer);
}

void weir_loop_close(struct weir_loop *loop)
{
	if (!loop)
		return;
	while (loop->intakes) {
		struct weir_loop_intake *intake = loop->intakes;

		loop->intakes = intake->next;
		weir_intake_free(intake);
	}
	loop->backend->close(loop);
	while (loop->watches) {
		struct weir_loop_watch *watch = loop->watches;

		loop->watches = watch->next;
		free(watch);
	}
	while (loop->timers)
		free_timer(&loop->timers);
	close(loop->stop_fd);
	free(loop);
}

const char *weir_loop_backend(const struct weir_loop *loop)
{
	return loop->backend->name;
}

static struct weir_loop_intake *find_intake(const struct weir_loop *loop, int number)
{
	struct weir_loop_intake *intake = loop->intakes;

	while (number--)
		intake = intake->next;
	return intake;
}

const char *weir_loop_intake_kind(const struct weir_loop *loop, int intake)
{
	return loop->backend->kind(find_intake(loop, intake));
}

int weir_loop_add_intake(struct weir_loop *loop, const struct weir_intake_config *config)
{
	struct weir_loop_intake **at = &loop->intakes;
	int number = 0;

	for (; *at; at = &(*at)->next)
		number++;
	int error = weir_intake_new(at, loop, config);

	return error ? error : number;
}

void weir_loop_drain_intake(struct weir_loop *loop, int intake)
{
	weir_intake_drain(find_intake(loop, intake));
}

int weir_loop_add_timer(struct weir_loop *loop, int64_t first_ns, int64_t period_ns, void (*fire)(void *context),
			void *context)
{
	struct weir_loop_timer *timer = malloc(sizeof(*timer));

	if (!timer)
		return -ENOMEM;
	*timer = (struct weir_loop_timer){ loop->timers, first_ns, period_ns, fire, context };
	loop->timers = timer;
	return 0;
}

/* The next point of the raster that is still to come: points that were missed are not made up for. */
static int64_t next_due(const struct weir_loop_timer *timer, int64_t now_ns)
{
	if (!timer->period_ns)
		return INT64_MAX;
	return timer->due_ns + ((now_ns - timer->due_ns) / timer->period_ns + 1) * timer->period_ns;
}

static void fire_timers(struct weir_loop *loop, int64_t now_ns)
{
	for (struct weir_loop_timer *timer = loop->timers; timer; timer = timer->next) {
		if (timer->due_ns > now_ns)
			continue;
		timer->due_ns = next_due(timer, now_ns);
		timer->fire(timer->context);
	}
	/* Afterwards, because a callback may have put new ones before those at which we are. */
	for (struct weir_loop_timer **at = &loop->timers; *at;) {
		if ((*at)->due_ns == INT64_MAX)
			free_timer(at);
		else
			at = &(*at)->next;
	}
}

static int64_t next_deadline(const struct weir_loop *loop)
{
	int64_t deadline = loop->guest ? loop->guest_due_ns : INT64_MAX;

	for (const struct weir_loop_timer *timer = loop->timers; timer; timer = timer->next)
		if (timer->due_ns < deadline)
			deadline = timer->due_ns;
	for (const struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next) {
		int64_t due = weir_intake_deadline(intake);

		if (due < deadline)
			deadline = due;
	}
	return deadline;
}

/* Those whose time has come; and if there are any, those that would come before they come again. */
static void read_by_time(struct weir_loop *loop, int64_t now_ns)
{
	int64_t next_ns = INT64_MAX;
	bool any = false;

	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next) {
		if (intake->timer.due_ns > now_ns)
			continue;
		any = true;
		weir_intake_read_by_time(intake, now_ns, now_ns);
		if (intake->timer.due_ns < next_ns)
			next_ns = intake->timer.due_ns;
	}
	for (struct weir_loop_intake *intake = loop->intakes; intake && any; intake = intake->next)
		weir_intake_read_by_time(intake, now_ns, next_ns);
}

static void tend(struct weir_loop *loop)
{
	int64_t now_ns = weir_now(WEIR_CLOCK_MONOTONIC);

	fire_timers(loop, now_ns);
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next)
		weir_intake_tend(intake, now_ns);
	read_by_time(loop, now_ns);
}

int weir_loop_run(struct weir_loop *loop)
{
	int error = loop->backend->start(loop);

	if (error)
		return error;
	for (;;) {
		/* First what is in a hurry; then once more, since a timer or a quiet device may have brought something. */
		weir_loop_serve_guest(loop);
		tend(loop);
		weir_loop_serve_guest(loop);
		if (atomic_exchange(&loop->stopping, false))
			break;
		error = loop->backend->turn(loop, next_deadline(loop));
		if (error)
			break;
	}
	/* Nothing is read behind the back of whoever called us. */
	for (struct weir_loop_intake *intake = loop->intakes; intake; intake = intake->next)
		loop->backend->disarm(intake);
	return error;
}

void weir_loop_stop(struct weir_loop *loop)
{
	const uint64_t one = 1;
	int saved = errno; /* we may be in a signal handler */

	atomic_store(&loop->stopping, true);
	if (write(loop->stop_fd, &one, sizeof(one)) < 0)
		errno = EAGAIN; /* it is full of earlier calls, and so readable already */
	errno = saved;
}
