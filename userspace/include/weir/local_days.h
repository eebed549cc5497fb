/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file local_days.h
 * @brief Edges of hours, days and weeks in local time, for the layout of windows (weir/layout.h).
 *
 * A grid has a line where local time, counted from `base`, comes to a multiple of `step`: the first time that it does. A line
 * that is left out is at the change of the offset. So a day has 23 or 25 hours when the clocks change. Where they go back by a
 * multiple of the step, as by one hour with steps of an hour, the step comes twice.
 */
#ifndef WEIR_LOCAL_DAYS_H
#define WEIR_LOCAL_DAYS_H

#include "weir/zone.h"

#ifdef __cplusplus
extern "C" {
#endif

/** In seconds. */
struct weir_local_grid {
	const struct weir_zone *zone;
	int64_t step, base;
};

/** @brief The first second after `second` at which the line is reached that lies `length` after the one at or before `second`. */
int64_t weir_local_after(const struct weir_local_grid *grid, int64_t second, int64_t length);
/** @brief The last line at or before this second. */
int64_t weir_local_before(const struct weir_local_grid *grid, int64_t second);

#ifdef __cplusplus
}
#endif
#endif
