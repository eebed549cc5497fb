/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every physical output has in common: it acts on changes only, it can be rehearsed, and it always ends parked.
 */
#include <inttypes.h>
#include <math.h>

#include "core/run.h"

static double block_value(const struct weir_block *block, uint32_t i)
{
	const struct weir_schema *schema = block->schema;

	return schema->field[0].kind == WEIR_REAL ? block->column[0].real[i] : (double)block->column[0].integer[i];
}

static void rehearse(struct weir_node *node, const char *verb, double value)
{
	FILE *stream = weir_messages(node->pipeline);

	fprintf(stream, "dry-run: %s:%s %s %g\n", node->driver->name, node->args->target, verb, value);
}

int weir_actuate_start(struct weir_node *node)
{
	int err = 0;

	node->applied = node->driver->actuator->parked(node);
	if (node->pipeline->options.dry_run)
		rehearse(node, "would start at", node->applied);
	else
		err = node->driver->actuator->start(node);
	node->started = err >= 0;
	return err;
}

static int apply(struct weir_node *node, double value, int64_t t)
{
	int err = 0;

	if (node->pipeline->options.dry_run)
		fprintf(weir_messages(node->pipeline), "dry-run: %s:%s would become %g at t=%" PRId64 "\n",
			node->driver->name, node->args->target, value, t);
	else
		err = node->driver->actuator->apply(node, value);
	if (err < 0)
		return err;
	node->applied = value;
	atomic_fetch_add_explicit(&node->actuations, 1, memory_order_relaxed);
	return 0;
}

int weir_actuate(struct weir_node *node, const struct weir_block *block)
{
	for (uint32_t i = 0; i < block->n; i++) {
		double value = block_value(block, i);
		int err;

		/* Not a number is no command: whatever made it is in trouble, so the output goes to its safe state. */
		if (isnan(value)) {
			weir_lost(node, WEIR_LOST_POISON, 1);
			value = node->driver->actuator->parked(node);
		}
		if (value == node->applied)
			continue;
		err = apply(node, value, block->t[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

void weir_actuate_park(struct weir_node *node)
{
	if (!node->started)
		return;
	if (node->pipeline->options.dry_run)
		rehearse(node, "would park at", node->driver->actuator->parked(node));
	else
		node->driver->actuator->park(node);
	node->started = false;
}
