/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A node is one use of a driver. This file is the driver's window to the core: its state, its schemas, and the four ways
 * of saying that something is wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "core/run.h"

#define WARNING_MAX 1024 /* bytes */

static size_t state_bytes(const struct weir_driver *driver, enum weir_role role)
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
	for (uint32_t i = 0; i < node->pipeline->n_nodes; i++) {
		const struct weir_node *other = node->pipeline->node[i];

		if (other->driver != node->driver || strcmp(weir_target(other), weir_target(node)) ||
		    (!is_output(other) && !is_output(node)))
			continue;
		if (other->role == node->role)
			return weir_fail_arg(node, NULL, "bring the streams together first, with merge, say",
					     "'%s' is an output of this program already", weir_target(node));
		if (other->role == WEIR_SOURCE || node->role == WEIR_SOURCE)
			return weir_fail_arg(node, NULL, "what it is set to is in the stream that sets it",
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
		err = node->driver->actuator->open(node, &node->in);
	return err < 0 || !node->driver->actuator->describe ? err : weir_held_check(node);
}

static int open_combiner(struct weir_node *node, const struct weir_inputs *in)
{
	struct weir_tributary input[WEIR_INPUTS_MAX];

	for (uint32_t i = 0; i < in->n; i++) {
		input[i] = (struct weir_tributary){ .name = in->name[i], .schema = &node->ups[i]->out };
		if (input[i].schema->clock != input[0].schema->clock)
			return weir_fail_arg(node, NULL, "streams of different clocks cannot be brought together",
					     "'%s' goes by the %s clock and '%s' by the %s clock", input[0].name,
					     weir_clock_name(input[0].schema->clock), input[i].name,
					     weir_clock_name(input[i].schema->clock));
	}
	return node->driver->combiner->open(node, input, in->n, &node->out);
}

static int open_driver(struct weir_node *node, const struct weir_inputs *in)
{
	switch (node->role) {
	case WEIR_SOURCE:
		return open_source(node);
	case WEIR_OPERATOR:
		if (node->driver->combiner)
			return open_combiner(node, in);
		return node->driver->stage->open(node, node->up ? &node->in : NULL, &node->out);
	case WEIR_SINK:
		return node->driver->sink->open(node, &node->in);
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
	node->in = node->up->out;
	if (!node->driver->combiner)
		return 0;
	node->ups = calloc(in->n, sizeof(struct weir_node *));
	if (!node->ups)
		return -ENOMEM;
	memcpy(node->ups, in->up, in->n * sizeof(struct weir_node *));
	node->n_ups = in->n;
	return 0;
}

int weir_node_open(struct weir_node **out, struct weir_pipeline *pipeline, const struct weir_driver *driver,
		   enum weir_role role, struct weir_args *args, const struct weir_inputs *in)
{
	struct weir_node *node = calloc(1, sizeof(*node));
	int err = -ENOMEM;

	*out = NULL;
	if (!node) {
		weir_args_free(args);
		return err;
	}
	*node = (struct weir_node){ .driver = driver, .role = role, .args = args, .pipeline = pipeline };
	node->tick_ns = INT64_MAX;
	node->emitted_ns = INT64_MIN;
	node->closes_circle = role == WEIR_OPERATOR && !in->n;
	node->out.clock = in->clock;
	node->state = calloc(1, state_bytes(driver, role) + 1);
	if (!node->state || set_inputs(node, in) < 0)
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
	free(node->state);
	free(node->name);
	free(node);
}

void *weir_state(const struct weir_node *node)
{
	return node->state;
}

const struct weir_schema *weir_in(const struct weir_node *node)
{
	return &node->in;
}

const struct weir_schema *weir_out(const struct weir_node *node)
{
	return &node->out;
}

bool weir_is_check(const struct weir_node *node)
{
	return node->pipeline->options.check_only;
}

bool weir_is_rehearsal(const struct weir_node *node)
{
	return node->pipeline->options.dry_run;
}

void weir_lost(struct weir_node *node, enum weir_loss cause, uint64_t n)
{
	atomic_fetch_add_explicit(&node->lost[cause], n, memory_order_relaxed);
}

static struct weir_span argument_place(const struct weir_node *node, const char *name)
{
	const struct weir_args *args = node->args;

	if (!name)
		return args->target_where.length ? args->target_where : args->where;
	for (uint32_t i = 0; i < args->n_params; i++)
		if (!strcmp(args->params[i].name, name) && args->arg[i].where.length)
			return args->arg[i].where;
	return args->where;
}

int weir_fail_arg(struct weir_node *node, const char *name, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(node->pipeline->report, WEIR_EXIT_USAGE, argument_place(node, name), hint, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int weir_fail_device(struct weir_node *node, const char *device, const char *operation, int error, const char *advice)
{
	weir_report_add(node->pipeline->report, WEIR_EXIT_DEVICE, node->args->where, advice, "%s '%s': cannot %s: %s",
			node->driver->name, device, operation, strerror(error));
	return -error;
}

int weir_fail(struct weir_node *node, int error, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	weir_report_add(node->pipeline->report, WEIR_EXIT_RUNTIME, node->args->where, NULL, "%s: %s",
			node->driver->name, text);
	return -error;
}

void weir_warn(struct weir_node *node, const char *format, ...)
{
	FILE *stream = weir_messages(node->pipeline);
	char text[WARNING_MAX];
	va_list arguments;

	if (node->pipeline->options.quiet)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	flockfile(stream);
	fprintf(stream, "weir: %s%s", node->driver->name, *node->args->target ? ":" : "");
	weir_print_plain(node->args->target, stream);
	fputs(": ", stream);
	weir_print_plain(text, stream);
	fputc('\n', stream);
	funlockfile(stream);
}
