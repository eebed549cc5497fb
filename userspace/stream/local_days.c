/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/local_days.h"

#define DAY_S INT64_C(86400)

static int64_t line_before(const struct weir_local_grid *grid, int64_t local)
{
	int64_t past = (local - grid->base) % grid->step;

	return local - (past < 0 ? past + grid->step : past);
}

int64_t weir_local_after(const struct weir_local_grid *grid, int64_t second, int64_t length)
{
	struct weir_zone_span span = weir_zone_at(grid->zone, second);
	int64_t line = line_before(grid, second + span.offset) + length;

	for (;;) {
		int64_t back, change = span.until;

		if (line - span.offset < change)
			return line - span.offset;
		back = span.offset;
		span = weir_zone_at(grid->zone, change);
		back -= span.offset;
		if (back < 0 && change + span.offset >= line)
			return change;
		if (back > 0 && back % length == 0)
			line -= back;
	}
}

/* From a place before it that is far enough away for a change of the offset to be over. */
int64_t weir_local_before(const struct weir_local_grid *grid, int64_t second)
{
	struct weir_zone_span span = weir_zone_at(grid->zone, second);
	int64_t line, next;

	if (span.from < second - grid->step - 2 * DAY_S)
		return line_before(grid, second + span.offset) - span.offset;
	line = weir_local_after(grid, second - 2 * grid->step - 3 * DAY_S, grid->step);
	while ((next = weir_local_after(grid, line, grid->step)) <= second)
		line = next;
	return line;
}
