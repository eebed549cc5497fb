/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time for the feeders: nanoseconds of CLOCK_MONOTONIC. */
#ifndef WEIR_RIG_CLOCK_H
#define WEIR_RIG_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000ull

static inline uint64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Who is late does not even ask: under emulation a system call is dear. */
static inline void clock_sleep_until_ns(uint64_t when)
{
	struct timespec ts = {
		.tv_sec = when / NS_PER_S,
		.tv_nsec = when % NS_PER_S,
	};

	if (when > clock_now_ns())
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static inline void clock_nap_ns(uint64_t ns)
{
	clock_sleep_until_ns(clock_now_ns() + ns);
}

#endif
