/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <time.h>

#include "stream/clock.h"

int64_t weir_now(enum weir_clock clock)
{
	struct timespec now;

	if (!weir_clock_is_live(clock))
		return 0;
	clock_gettime(clock == WEIR_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

const char *weir_clock_name(enum weir_clock clock)
{
	static const char *const name[] = { "monotonic", "realtime", "nominal", "realtime" };

	return name[clock];
}

bool weir_clock_same(enum weir_clock a, enum weir_clock b)
{
	return !strcmp(weir_clock_name(a), weir_clock_name(b));
}

bool weir_clock_is_live(enum weir_clock clock)
{
	return clock == WEIR_CLOCK_MONOTONIC || clock == WEIR_CLOCK_REALTIME;
}
