/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Did the machine itself stand still? A thread on each processor wants to wake each 4 ms, ahead of all pipelines. When it wakes
 * late, that processor was with somebody else: under emulation, the host's doing. It must give way to the guard, though: a
 * guard that is preempted is moved to the other processor, is preempted there, and moved back, and never runs.
 */
#ifndef WEIR_RIG_HEARTBEAT_H
#define WEIR_RIG_HEARTBEAT_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

#define HEARTBEAT_NS 4000000ull
#define HEARTBEAT_LATE_NS 5000000ull
#define HEARTBEAT_CPUS 8
#define HEARTBEAT_STALLS 256 /* of each processor; a ring */

struct heartbeat_stall {
	uint64_t from, to;
};

static struct heartbeat {
	struct heartbeat_stall stall[HEARTBEAT_STALLS];
	_Atomic unsigned n;
} heartbeat[HEARTBEAT_CPUS];

static inline void *heartbeat_run(void *context)
{
	struct heartbeat *mine = context;
	uint64_t due = clock_now_ns();

	for (;;) {
		uint64_t now;

		due += HEARTBEAT_NS;
		clock_sleep_until_ns(due);
		now = clock_now_ns();
		if (now < due + HEARTBEAT_LATE_NS)
			continue;
		mine->stall[mine->n % HEARTBEAT_STALLS] = (struct heartbeat_stall){ due, now };
		mine->n++;
		due = now;
	}
	return NULL;
}

/* 0, or a positive errno. */
static inline int heartbeat_start(void)
{
	const struct sched_param priority = { .sched_priority = 15 };
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread;

	for (long i = 0; i < n && i < HEARTBEAT_CPUS; i++) {
		cpu_set_t cpus;
		int error = pthread_create(&thread, NULL, heartbeat_run, &heartbeat[i]);

		CPU_ZERO(&cpus);
		CPU_SET(i, &cpus);
		if (!error)
			error = pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
		if (!error)
			error = pthread_setschedparam(thread, SCHED_FIFO, &priority);
		if (error)
			return error;
	}
	return 0;
}

static inline int heartbeat_earlier(const void *a, const void *b)
{
	const struct heartbeat_stall *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* For how long of this time at least one processor stood still, ns. */
static inline uint64_t heartbeat_lost(uint64_t from, uint64_t to)
{
	static struct heartbeat_stall all[HEARTBEAT_CPUS * HEARTBEAT_STALLS];
	unsigned n = 0;
	uint64_t lost = 0, seen = from;

	for (int cpu = 0; cpu < HEARTBEAT_CPUS; cpu++)
		for (unsigned i = 0; i < heartbeat[cpu].n && i < HEARTBEAT_STALLS; i++)
			all[n++] = heartbeat[cpu].stall[i];
	qsort(all, n, sizeof(*all), heartbeat_earlier);
	for (unsigned i = 0; i < n; i++) {
		uint64_t begin = all[i].from > seen ? all[i].from : seen, end = all[i].to < to ? all[i].to : to;

		if (end <= begin)
			continue;
		lost += end - begin;
		seen = end;
	}
	return lost;
}

/* All since a little before `origin`, with their times from there. */
static inline void heartbeat_print(FILE *stream, uint64_t origin, uint64_t before)
{
	for (int cpu = 0; cpu < HEARTBEAT_CPUS; cpu++)
		for (unsigned i = 0; i < heartbeat[cpu].n && i < HEARTBEAT_STALLS; i++) {
			const struct heartbeat_stall *stall = &heartbeat[cpu].stall[i];

			if (stall->to + before > origin)
				fprintf(stream, "  %+9.3f ms: processor %d stands still for %.1f ms\n",
					((double)stall->from - (double)origin) / 1e6, cpu,
					(double)(stall->to - stall->from) / 1e6);
		}
}

#endif
