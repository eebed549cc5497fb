/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an agent runs: on the loop's thread, on that of its source, or on a worker's.
 */
#include "core/run.h"
#include "weir/paced.h"

#define POOLED_HZ 1000.0 /* faster sources have threads of their own, and so a processor each */

/* A regular expression may take milliseconds for a record. */
static bool has_pattern(const struct weir_args *args, const struct weir_expr *expr, void *unused)
{
	(void)unused;
	return args->expr->can_fail(expr);
}

static bool is_brief(const struct weir_node *node)
{
	const struct weir_options *options = &node->pipeline->options;

	if (node->role == WEIR_OPERATOR)
		return node->driver->stage && node->driver->stage->is_brief &&
		       !weir_args_visit_exprs(node->args, has_pattern, NULL);
	if (node->role == WEIR_SINK)
		return node->driver->sink->is_brief;
	/* The guard is only asked; a rehearsal is printed. */
	return node->role == WEIR_ACTUATOR && !options->dry_run &&
	       (node->driver->actuator->is_brief || (node->driver->actuator->describe && !options->no_guard));
}

bool weir_agent_suits_loop(const struct weir_agent *agent)
{
	const struct weir_node *from = agent->port[0].from->from;

	if (agent->pipeline->options.threads || agent->n_ports > 1 || from->role != WEIR_SOURCE ||
	    weir_source_is_pulled(from))
		return false;
	for (const struct weir_node *node = agent->first; node; node = node->down)
		if (!is_brief(node))
			return false;
	return weir_chain_last(agent->first)->role != WEIR_OPERATOR;
}

/*
 * A source that acknowledges waits for its records to be done: with the chain on its own thread nobody has to be woken up for that.
 * But a stage that may keep the thread for long would keep it from its broker, and so would a full ring. And a broker that does not
 * answer keeps the thread for seconds when it is connected to: an output would be parked meanwhile, and a timer would be late.
 */
bool weir_lent_suits(const struct weir_node *source, const struct weir_agent *reader)
{
	const struct weir_source_ops *ops = source->driver->source;

	if (ops->lend)
		return true;
	if (!ops->conclude || reader->pipeline->options.threads || weir_chain_ticks(reader->first) ||
	    weir_chain_last(reader->first)->role == WEIR_ACTUATOR)
		return false;
	for (const struct weir_node *node = reader->first; node; node = node->down)
		if (node->stream || node->is_slow || (node->role == WEIR_OPERATOR && node->driver->stage->may_wait) ||
		    (node->role == WEIR_SINK && node->driver->sink->may_wait))
			return false;
	return true;
}

/* --- slow sources ----------------------------------------------------------------- */

void weir_is_paced(struct weir_node *node, double rate_hz)
{
	node->paced_hz = rate_hz;
}

bool weir_pool_suits(const struct weir_node *source)
{
	return source->paced_hz > 0 && source->paced_hz <= POOLED_HZ && !source->pipeline->options.threads &&
	       weir_source_is_pulled(source) && !source->feeds_output;
}

/* One that keeps the thread for long nevertheless is left alone with it: pool.c. */
bool weir_pool_suits_chain(const struct weir_node *source, const struct weir_agent *reader)
{
	const struct weir_node *last = weir_chain_last(reader->first);

	for (const struct weir_node *node = reader->first; node; node = node->down)
		if (node->stream || node->is_slow || (node->role == WEIR_OPERATOR && node->driver->stage->may_wait))
			return false;
	return !source->driver->source->initial && last->role == WEIR_SINK && last->driver->sink->may_share;
}
