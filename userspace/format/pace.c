/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/pace.h"

/* Unsigned, since the distance of two times may not fit in a signed integer. */
static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

int64_t weir_pace_due(struct weir_pace *pace, struct weir_node *node, int64_t gap_ns, int64_t t, int64_t now)
{
	bool is_hole = pace->has_begun && distance(t, pace->t) > (uint64_t)gap_ns;

	if (is_hole)
		weir_hole(node, gap_ns, "records come without a pause");
	if (!pace->has_begun || is_hole)
		pace->due = now;
	else
		pace->due += t - pace->t;
	pace->has_begun = true;
	pace->t = t;
	return pace->due;
}
