/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver's window to the core: its state, its schemas, and the ways of saying that something is wrong.
 */
#include <errno.h>
#include <string.h>

#include "core/run.h"

#define WARNING_MAX 1024 /* bytes */

FILE *weir_messages(const struct weir_pipeline *pipeline)
{
	return pipeline->options.messages ? pipeline->options.messages : stderr;
}

void *weir_state(const struct weir_node *node)
{
	return node->state;
}

const struct weir_schema *weir_in(const struct weir_node *node)
{
	return node->up ? &node->up->out : NULL;
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

const char *weir_driver_name(const struct weir_node *node)
{
	return node->driver->name;
}

int weir_fail_device(struct weir_node *node, const char *device, const char *operation, int error, const char *advice)
{
	weir_report_add(node->pipeline->report, WEIR_EXIT_DEVICE, node->args->where, advice, "%s '%s': cannot %s: %s",
			node->driver->name, device, operation, strerror(error));
	return -error;
}

static void fail_with(struct weir_node *node, enum weir_exit status, const char *format, va_list arguments)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, arguments);
	weir_report_add(node->pipeline->report, status, node->args->where, NULL, "%s: %s", node->driver->name, text);
}

int weir_fail(struct weir_node *node, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_with(node, WEIR_EXIT_RUNTIME, format, arguments);
	va_end(arguments);
	return -error;
}

int weir_fail_gone(struct weir_node *node, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fail_with(node, WEIR_EXIT_DEVICE, format, arguments);
	va_end(arguments);
	return -error;
}

void weir_hole(struct weir_node *node, int64_t gap_ns, const char *effect)
{
	if (!atomic_fetch_add_explicit(&node->holes, 1, memory_order_relaxed))
		weir_warn(
			node,
			"the times of the records have a hole of more than %g s (gap=): %s; further holes are counted",
			(double)gap_ns / 1e9, effect);
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
