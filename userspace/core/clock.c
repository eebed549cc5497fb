/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "core/internal.h"

int64_t weir_now(enum weir_clock clock)
{
	struct timespec now;

	if (clock == WEIR_CLOCK_NOMINAL)
		return 0;
	clock_gettime(clock == WEIR_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

const char *weir_clock_name(enum weir_clock clock)
{
	static const char *const name[] = { "monotonic", "realtime", "nominal" };

	return name[clock];
}
