/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What expressions met on the way: times of which hour() and the like were asked and which are no dates, of which the user is told once for
 * each stage; records that were invalid, or whose text was cut, which are counted.
 */
#include "core/internal.h"

static bool is_there(const struct weir_args *args, const struct weir_expr *expr, void *unused)
{
	(void)args;
	(void)expr;
	(void)unused;
	return true;
}

bool weir_node_has_expressions(const struct weir_node *node)
{
	return weir_args_visit_exprs(node->args, is_there, NULL);
}

static bool met_undated(const struct weir_args *args, const struct weir_expr *expr, void *unused)
{
	(void)unused;
	return args->expr->met_undated(expr);
}

void weir_node_warn_undated(struct weir_node *node)
{
	if (node->warned_undated || !weir_args_visit_exprs(node->args, met_undated, NULL))
		return;
	node->warned_undated = true;
	weir_warn(node, "times before the year 2000 are not dates: their hour(), minute() and weekday() are NaN");
}

static bool count_faults(const struct weir_args *args, const struct weir_expr *expr, void *node)
{
	uint64_t invalid = 0, cut = 0;

	args->expr->take_faults(expr, &invalid, &cut);
	if (invalid)
		weir_lost(node, WEIR_LOST_POISON, invalid);
	if (cut)
		weir_lost(node, WEIR_LOST_CUT, cut);
	return false;
}

/* Of the streams that a stage makes, each has all records: the first counts them. */
void weir_node_count_faults(struct weir_node *node)
{
	if (!node->args->branch)
		weir_args_visit_exprs(node->args, count_faults, node);
}
