/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node is one use of a driver, from its opening to its end. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/module_open.h"
#include "core/run.h"
#include "stream/record.h"

size_t weir_state_bytes(const struct weir_driver *driver, enum weir_role role)
{
	switch (role) {
	case WEIR_SOURCE:
		return driver->source->state_bytes;
	case WEIR_OPERATOR:
		return driver->combiner ? driver->combiner->state_bytes : driver->stage->state_bytes;
	case WEIR_SINK:
		return driver->sink->state_bytes;
	case WEIR_ACTUATOR:
		return driver->actuator->state_bytes;
	}
	return 0;
}

static bool is_output(const struct weir_node *node)
{
	return node->role == WEIR_ACTUATOR && node->driver->actuator->describe;
}

/* Whoever drives an output has it alone, and the kernel would say so only at the start, of this very process. */
static int refuse_twice(struct weir_node *node)
{
	if (!node->driver->actuator || !node->driver->actuator->describe)
		return 0;
	for (uint32_t i = 0; i < node->pipeline->n_nodes; i++) {
		const struct weir_node *other = node->pipeline->node[i];

		if (other->driver != node->driver || strcmp(weir_target(other), weir_target(node)) ||
		    (!is_output(other) && !is_output(node)))
			continue;
		if (other->role == node->role)
			return weir_fail_arg(node, NULL, "bring the streams together first, with merge, say",
					     "'%s' is an output of this program already", weir_target(node));
		if (other->role == WEIR_SOURCE || node->role == WEIR_SOURCE)
			return weir_fail_arg(node, NULL, "its value is in the stream that sets it",
					     "'%s' cannot be both read and set", weir_target(node));
	}
	return 0;
}

static int open_source(struct weir_node *node)
{
	int err = refuse_twice(node);

	if (err >= 0)
		err = node->driver->source->open(node, &node->out);

	if (err >= 0 && weir_schema_check(&node->out) < 0)
		return weir_fail(node, EINVAL,
				 "its records are too large or its fields do not fit; choose fewer fields");
	return err;
}

static int open_actuator(struct weir_node *node)
{
	int err = refuse_twice(node);

	if (err >= 0)
		err = node->driver->actuator->open(node, weir_in(node));
	return err < 0 || !node->driver->actuator->describe ? err : weir_held_check(node);
}

/* Of streams that are not live the user knows from what their times are counted. */
static bool can_meet(enum weir_clock a, enum weir_clock b)
{
	return weir_clock_same(a, b) || (!weir_clock_is_live(a) && !weir_clock_is_live(b));
}

/* Live records with dated ones between them come at no time that could be waited for. */
static enum weir_clock met(enum weir_clock a, enum weir_clock b)
{
	if (a == WEIR_CLOCK_NOMINAL || b == WEIR_CLOCK_NOMINAL)
		return WEIR_CLOCK_NOMINAL;
	return b == WEIR_CLOCK_DATED ? b : a;
}

static int open_combiner(struct weir_node *node, const struct weir_inputs *in)
{
	struct weir_tributary input[WEIR_INPUTS_MAX];
	int err;

	for (uint32_t i = 0; i < in->n; i++) {
		input[i] = (struct weir_tributary){ .name = in->name[i], .schema = &node->ups[i]->out };
		if (!node->driver->combiner->rows && !can_meet(input[i].schema->clock, input[0].schema->clock))
			return weir_fail_arg(node, NULL, "streams of different clocks cannot be brought together",
					     "'%s' goes by the %s clock and '%s' by the %s clock", input[0].name,
					     weir_clock_name(input[0].schema->clock), input[i].name,
					     weir_clock_name(input[i].schema->clock));
	}
	err = node->driver->combiner->open(node, input, in->n, &node->out);
	for (uint32_t i = 0; i < in->n; i++)
		if (!node->driver->combiner->rows || weir_clock_same(node->out.clock, input[i].schema->clock))
			node->out.clock = met(node->out.clock, input[i].schema->clock);
	for (uint32_t i = 0; i < in->n && !node->out.wall; i++)
		node->out.wall = input[i].schema->wall;
	return err;
}

/* Stages make schemas of their own, and none of them changes what the time is of. */
static int open_stage(struct weir_node *node)
{
	const struct weir_schema *in = weir_in(node);
	int err = node->driver->stage->open(node, in, &node->out);

	node->out.wall = in ? in->wall : NULL;
	return err;
}

static int open_driver(struct weir_node *node, const struct weir_inputs *in)
{
	switch (node->role) {
	case WEIR_SOURCE:
		return open_source(node);
	case WEIR_OPERATOR:
		if (node->driver->combiner)
			return open_combiner(node, in);
		return open_stage(node);
	case WEIR_SINK:
		return node->driver->sink->open(node, weir_in(node));
	case WEIR_ACTUATOR:
		return open_actuator(node);
	}
	return -EINVAL;
}

static void close_driver(struct weir_node *node)
{
	void (*close)(struct weir_node *) = node->role == WEIR_SOURCE     ? node->driver->source->close
					    : node->driver->combiner      ? node->driver->combiner->close
					    : node->role == WEIR_OPERATOR ? node->driver->stage->close
					    : node->role == WEIR_SINK     ? node->driver->sink->close
									  : node->driver->actuator->close;

	if (close)
		close(node);
}

static int set_inputs(struct weir_node *node, const struct weir_inputs *in)
{
	if (!in->n)
		return 0;
	node->up = in->up[0];
	if (!node->driver->combiner)
		return 0;
	node->ups = calloc(in->n, sizeof(struct weir_node *));
	if (!node->ups)
		return -ENOMEM;
	node->up_name = calloc(in->n, sizeof(*node->up_name));
	if (!node->up_name)
		return -ENOMEM;
	memcpy(node->ups, in->up, in->n * sizeof(struct weir_node *));
	node->n_ups = in->n;
	for (uint32_t i = 0; i < in->n; i++)
		snprintf(node->up_name[i], sizeof(node->up_name[i]), "%s", in->name[i]);
	return 0;
}

/* The error is at the driver's name in the program. */
static int open_module(struct weir_node *node)
{
	char why[WEIR_MODULE_WHY], hint[WEIR_MODULE_WHY];
	int err = weir_module_open(&node->driver, node->driver, why, hint);

	if (err < 0 && *why)
		weir_report_add(node->pipeline->report, WEIR_EXIT_USAGE, node->args->where, hint, "%s", why);
	return err;
}

static int open_state(struct weir_node *node, const struct weir_inputs *in)
{
	int err = open_module(node);

	if (err < 0)
		return err;
	node->state = calloc(1, weir_state_bytes(node->driver, node->role) + 1);
	if (!node->state)
		return -ENOMEM;
	weir_args_place(node->args, node->state);
	return set_inputs(node, in);
}

/* The fields of a schema are most of a node, and what ends a chain emits nothing. */
static size_t node_bytes(enum weir_role role)
{
	return role == WEIR_SINK || role == WEIR_ACTUATOR ? offsetof(struct weir_node, out.field)
							  : sizeof(struct weir_node);
}

int weir_node_open(struct weir_node **out, struct weir_pipeline *pipeline, const struct weir_driver *driver,
		   enum weir_role role, struct weir_args *args, const struct weir_inputs *in)
{
	struct weir_node *node = calloc(1, node_bytes(role));
	int err;

	*out = NULL;
	if (!node) {
		weir_args_free(args);
		return -ENOMEM;
	}
	node->driver = driver;
	node->role = role;
	node->args = args;
	node->pipeline = pipeline;
	node->tick_ns = INT64_MAX;
	node->emitted_ns = INT64_MIN;
	node->closes_circle = role == WEIR_OPERATOR && !in->n;
	node->out.clock = in->clock;
	err = open_state(node, in);
	if (err < 0)
		goto close_node;
	/* close() undoes what a failed open() left, so drivers need one way of cleaning up and not two. */
	node->opened = true;
	err = open_driver(node, in);
	if (err < 0)
		goto close_node;
	*out = node;
	return 0;

close_node:
	weir_node_close(node);
	return err;
}

void weir_node_close(struct weir_node *node)
{
	if (!node)
		return;
	if (node->opened)
		close_driver(node);
	weir_args_free(node->args);
	free(node->ups);
	free(node->up_name);
	free(node->readers);
	free(node->state);
	free(node->name);
	free(node);
}

/* --- once more ------------------------------------------------------------------ */

static bool is_stage(const struct weir_node *node)
{
	return node->role == WEIR_OPERATOR && !node->absorbed;
}

void weir_node_shut(struct weir_node *node)
{
	if (!is_stage(node))
		return;
	close_driver(node);
	node->opened = false;
}

static int open_circle(struct weir_node *node)
{
	int err = node->driver->stage->open(node, NULL, &node->out);

	return err < 0 ? err : node->driver->stage->resolve(node, weir_in(node));
}

int weir_node_reopen(struct weir_node *node)
{
	const char *name[WEIR_INPUTS_MAX];
	enum weir_clock clock = node->out.clock;

	if (!is_stage(node))
		return 0;
	for (uint32_t i = 0; i < node->n_ups; i++)
		name[i] = node->up_name[i];
	memset(node->state, 0, weir_state_bytes(node->driver, node->role));
	weir_args_place(node->args, node->state);
	memset(&node->out, 0, sizeof(node->out));
	node->tick_ns = INT64_MAX;
	node->emitted_ns = INT64_MIN;
	node->time_ns = node->n_ticks = node->took = 0;
	node->has_enough = false;
	node->opened = true;
	if (node->closes_circle) {
		node->out.clock = clock;
		return open_circle(node);
	}
	return open_driver(node, &(struct weir_inputs){ .up = node->n_ups ? node->ups : &node->up,
							.name = name,
							.n = node->n_ups ? node->n_ups : 1 });
}
