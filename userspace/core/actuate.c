/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every physical output has in common: it acts on changes only, it can be rehearsed, and it always ends parked. Who
 * drives it is either its driver, in this process, or the guard (actuate_guard.c).
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/run.h"

static double field_value(const struct weir_block *block, uint32_t field, uint32_t i)
{
	const struct weir_schema *schema = block->schema;

	return schema->field[field].kind == WEIR_REAL ? block->column[field].real[i]
						      : (double)block->column[field].integer[i];
}

static uint32_t lines_of(const struct weir_node *node)
{
	return node->driver->actuator->lines ? node->driver->actuator->lines(node) : 1;
}

/* What a record asks of the output: its first field, or a bit for each of several lines. NaN if one of them is none. */
static double block_value(const struct weir_node *node, const struct weir_block *block, uint32_t i)
{
	uint32_t n = lines_of(node);
	double sum = 0;

	if (n == 1)
		return field_value(block, 0, i);
	for (uint32_t line = 0; line < n; line++) {
		double value = field_value(block, line, i);

		if (isnan(value))
			return NAN;
		sum += value != 0 ? ldexp(1, (int)line) : 0;
	}
	return sum;
}

static void rehearse(struct weir_node *node, const char *verb, double value)
{
	FILE *stream = weir_messages(node->pipeline);

	fprintf(stream, "dry-run: %s:%s %s %g\n", node->driver->name, node->args->target, verb, value);
}

/* A rule that nobody would keep is worse than an error. */
static int check_unguarded(struct weir_node *node)
{
	const struct weir_output_args *args = weir_output_args(node);
	const struct {
		const char *name;
		const void *member;
	} rules[] = {
		{ "stale", &args->stale_ns },     { "max_on", &args->max_on_ns },    { "min_on", &args->min_on_ns },
		{ "min_off", &args->min_off_ns }, { "interlock", &args->interlock }, { "starts", &args->starts },
		{ "break", &args->break_ns },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (node->driver->actuator->describe && weir_given(node, rules[i].member))
			return weir_fail_arg(node, rules[i].name, "leave out --no-guard", "%s= is kept by the guard",
					     rules[i].name);
	return 0;
}

static int start_driver(struct weir_node *node)
{
	int err = check_unguarded(node);

	return err < 0 ? err : node->driver->actuator->start(node);
}

int weir_actuate_start(struct weir_node *node)
{
	const struct weir_options *options = &node->pipeline->options;
	double parked = node->driver->actuator->parked(node);
	int err = 0;

	atomic_store_explicit(&node->applied, parked, memory_order_relaxed);
	if (options->dry_run)
		rehearse(node, "would start at", parked);
	else if (node->driver->actuator->describe && !options->no_guard)
		err = weir_held_start(node);
	else
		err = start_driver(node);
	node->started = err >= 0;
	return err;
}

static int ask_guard(struct weir_node *node, double value, int64_t t)
{
	double line[WEIR_PHYSICAL_LINES] = { value };
	uint32_t n = lines_of(node);

	for (uint32_t i = 0; n > 1 && i < n; i++)
		line[i] = ((uint64_t)value >> i) & 1;
	return weir_held_ask(node, line, n, t);
}

static int apply(struct weir_node *node, double value, int64_t t)
{
	int err = 0;

	if (node->pipeline->options.dry_run)
		fprintf(weir_messages(node->pipeline), "dry-run: %s:%s would become %g at t=%" PRId64 "\n",
			node->driver->name, node->args->target, value, t);
	else if (node->held)
		err = ask_guard(node, value, t);
	else
		err = node->driver->actuator->apply(node, value);
	if (err < 0)
		return err;
	atomic_store_explicit(&node->applied, value, memory_order_relaxed);
	/* What the guard has done of it, the guard counts. */
	if (!node->held)
		atomic_fetch_add_explicit(&node->actuations, 1, memory_order_relaxed);
	return 0;
}

int weir_actuate(struct weir_node *node, const struct weir_block *block)
{
	for (uint32_t i = 0; i < block->n; i++) {
		double value = block_value(node, block, i);
		int err;

		/* Not a number is no command: whatever made it is in trouble, so the output goes to its safe state. */
		if (isnan(value)) {
			weir_lost(node, WEIR_LOST_POISON, 1);
			value = node->driver->actuator->parked(node);
		}
		if (value == atomic_load_explicit(&node->applied, memory_order_relaxed))
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
	else if (node->held)
		weir_held_park(node);
	else
		node->driver->actuator->park(node);
	node->started = false;
}
