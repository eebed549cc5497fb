/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a node or a chain by looking at it. */
#include "core/run.h"

bool weir_node_is_of_one_clock(const struct weir_node *node)
{
	for (uint32_t i = 1; i < node->n_ups; i++)
		if (!weir_clock_same(node->ups[i]->out.clock, node->ups[0]->out.clock))
			return false;
	return true;
}

/* A driver with both forms says by its descriptor which one the arguments chose. */
bool weir_source_is_pulled(const struct weir_node *node)
{
	const struct weir_source_ops *ops = node->driver->source;

	return ops->lend || (ops->produce && (!ops->fd || ops->fd(node) == -ENOTSUP));
}

bool weir_node_is_answered(const struct weir_node *node)
{
	for (uint32_t i = 1; i < node->n_ups; i++)
		if (!weir_node_is_answered(node->ups[i]))
			return false;
	if (node->role == WEIR_SOURCE)
		return node->driver->source->conclude;
	return node->up && !node->closes_circle && weir_node_is_answered(node->up);
}

bool weir_node_ticks(const struct weir_node *node)
{
	if (node->role != WEIR_OPERATOR || node->never_ticks)
		return false;
	return node->driver->combiner ? node->driver->combiner->tick : node->driver->stage->tick;
}

bool weir_chain_ticks(const struct weir_node *first)
{
	for (const struct weir_node *node = first; node; node = node->down)
		if (weir_node_ticks(node))
			return true;
	return false;
}

struct weir_node *weir_chain_last(struct weir_node *first)
{
	while (first->down)
		first = first->down;
	return first;
}
