/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard at work: it waits for beats, asks, requests, deaths and times, and sees to them in this order. */
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard/guard.h"

#define POLLED_MAX (2 + 2 * GUARD_SESSIONS)
#define VISIT_NS INT64_C(3000000000)  /* whoever started us is about to connect */
#define RELIEF_NS INT64_C(2000000000) /* and whoever ends a hook's guard, to start another one */

static uint32_t watch(const struct guard *guard, struct pollfd *polled)
{
	uint32_t n = 0;

	polled[n++] = (struct pollfd){ .fd = guard->signals, .events = POLLIN };
	polled[n++] = (struct pollfd){ .fd = guard->listener, .events = POLLIN };
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++) {
		polled[n++] = (struct pollfd){ .fd = guard->session[i].fd, .events = POLLIN };
		polled[n++] = (struct pollfd){
			.fd = guard->session[i].fd < 0 ? -1 : guard->session[i].bell,
			.events = POLLIN,
		};
	}
	return n;
}

static void wait_until(struct pollfd *polled, uint32_t n, int64_t next)
{
	int64_t left = next - guard_now();
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	if (left < 0)
		timeout = (struct timespec){ 0 };
	ppoll(polled, n, next == INT64_MAX ? NULL : &timeout, NULL);
}

static void welcome(struct guard *guard)
{
	int fd = accept4(guard->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		guard_session_open(guard, fd);
}

/* false: it is to end. */
static bool attend(struct guard *guard, const struct pollfd *polled)
{
	uint64_t rings;

	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (polled[3 + 2 * i].revents && read(polled[3 + 2 * i].fd, &rings, sizeof(rings)) < 0)
			continue;
	/* The dead before the living: what one of them asked with its last breath is not to be done. */
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (polled[2 + 2 * i].fd >= 0 && polled[2 + 2 * i].revents & POLLHUP)
			guard_session_serve(guard, i);
	/* Then asks: they are what is in a hurry. */
	guard_work(guard);
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (polled[2 + 2 * i].fd >= 0 && (polled[2 + 2 * i].revents & (POLLIN | POLLHUP)) == POLLIN)
			guard_session_serve(guard, i);
	if (polled[1].revents)
		welcome(guard);
	return !polled[0].revents;
}

/* But for one that stands by: that wants nothing of us. */
static bool is_alone(const struct guard *guard)
{
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		if (guard->session[i].fd >= 0 && !guard->session[i].stands_by)
			return false;
	return true;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A hook's guard is one of the pipeline's processes to a service manager, and ended with them: the unit's own should hold. */
static bool is_relieved(const struct guard *guard)
{
	return guard->retires && is_alone(guard) && guard_is_followed(guard);
}

static bool is_idle(const struct guard *guard, bool remains)
{
	return !remains && !guard->stays && is_alone(guard);
}

/* Told to end. What a hook's guard lets go of before another one has it would be let go of for good. */
static int64_t end_of(const struct guard *guard, bool remains)
{
	struct signalfd_siginfo told;

	if (read(guard->signals, &told, sizeof(told)) < 0)
		return INT64_MAX;
	return guard->retires && remains ? guard_now() + RELIEF_NS : INT64_MIN;
}

static void run(struct guard *guard)
{
	struct pollfd polled[POLLED_MAX];
	int64_t idle_until = guard_now() + VISIT_NS, end = INT64_MAX;

	while (guard_now() < end && !is_relieved(guard)) {
		int64_t next = guard_work(guard), again = guard_recover_more(guard, guard_now());
		bool remains = guard_lease_tidy(guard, guard_now(), &next) || again != INT64_MAX;
		uint32_t n = watch(guard, polled);

		if (!is_idle(guard, remains))
			idle_until = 0;
		else if (guard_now() >= idle_until)
			return;
		else
			next = sooner(next, idle_until);
		wait_until(polled, n, sooner(sooner(next, again), end));
		if (!attend(guard, polled))
			end = end == INT64_MAX ? end_of(guard, remains) : INT64_MIN;
	}
}

/* What somebody has, or was to look at, the next guard is to hold. */
static void park_all(struct guard *guard)
{
	for (uint32_t i = 0; i < guard->bank.n_leases; i++)
		if (guard->bank.lease[i].n)
			guard_park_lease(guard, i, WEIR_BY_HAND,
					 !guard->bank.lease[i].is_held && !guard->holding[i].is_kept);
}

void guard_begin(struct guard *guard)
{
	guard->bank.decided = guard_decided;
	guard->bank.context = guard;
	guard->listener = guard->signals = -1;
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		guard->session[i].fd = guard->session[i].bell = guard->session[i].pidfd = -1;
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		guard->holding[i].lines = guard->holding[i].file = guard->holding[i].session = -1;
}

/* A signal that comes between the two must not let go of what was just taken. */
void guard_take_over(struct guard *guard, const char *path)
{
	guard->signals = guard_open_signals();
	guard_recover(guard, path);
}

int guard_serve(struct guard *guard, const char *path)
{
	guard->listener = guard_listen(path);
	if (guard->listener < 0)
		return 1;
	guard_outlive();
	run(guard);
	park_all(guard);
	unlink(path);
	guard_leave_notes(guard, path);
	return 0;
}
