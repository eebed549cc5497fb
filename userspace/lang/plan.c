/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Early filters first, because they take stages away; then agents and streams over what is left.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lang/lang.h"

static bool is_where(const struct weir_node *node)
{
	return node->role == WEIR_OPERATOR && !strcmp(node->driver->name, "where");
}

/* The condition of the only chain that reads this source, if it begins with one. */
static struct weir_node *leading_where(const struct weir_pipeline *pipeline, const struct weir_node *source)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		if (pipeline->node[i]->up == source)
			return is_where(pipeline->node[i]) ? pipeline->node[i] : NULL;
	return NULL;
}

/* The stage is done by the filter: whoever read it now reads the source. */
static void absorb(struct weir_pipeline *pipeline, struct weir_node *where)
{
	where->absorbed = true;
	where->up->n_readers = where->n_readers;
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		if (pipeline->node[i]->up == where)
			pipeline->node[i]->up = where->up;
}

static int derive(struct weir_stream *stream, const struct weir_expr *condition)
{
	int n = weir_predicate_derive(&stream->predicate, condition, &stream->schema, stream->why_not);

	if (n < 0)
		return n;
	n = weir_codegen(&stream->predicate, &stream->schema, stream->code, WEIR_FILTER_CODE_MAX);
	if (n < 0) {
		snprintf(stream->why_not, sizeof(stream->why_not), "the condition needs more than %d instructions",
			 WEIR_FILTER_CODE_MAX);
		return n;
	}
	stream->n_code = (uint32_t)n;
	stream->filter_text = weir_expr_text(condition);
	return 0;
}

/* Also when no kernel tier is to be had: a sample that is dropped before it is in the ring wakes no agent. */
static int open_filter(struct weir_pipeline *pipeline, struct weir_stream *stream)
{
	const struct weir_source_ops *ops = stream->from->driver->source;
	struct weir_filter_config config = {
		.tier = (enum weir_tier)pipeline->options.tier,
		.schema = &stream->schema,
		.predicate = &stream->predicate,
		.code = stream->code,
		.n_code = stream->n_code,
		.ring_rows = weir_pipeline_ring_rows(pipeline),
		.iio_device = ops->iio_device && !weir_source_is_pulled(stream->from) ? ops->iio_device(stream->from)
										      : -1,
		.limit = pipeline->options.limit,
	};
	int err = weir_filter_open(&stream->filter, &config, stream->why_not);

	if (err < 0) {
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, stream->from->args->where,
				"--filter-tier=auto takes the best tier that works here",
				"the %s filter is not available: %s", weir_tier_name(config.tier), stream->why_not);
		return err;
	}
	return 0;
}

static void say_why_not(struct weir_stream *stream, const char *why)
{
	snprintf(stream->why_not, sizeof(stream->why_not), "%s", why);
}

static int filter_source(struct weir_pipeline *pipeline, struct weir_node *source)
{
	struct weir_node *where = leading_where(pipeline, source);
	struct weir_stream *stream;
	int err = weir_pipeline_stream(pipeline, source);

	if (err < 0 || !where)
		return err;
	stream = source->stream;
	stream->wants_filter = true;
	if (source->n_readers > 1)
		say_why_not(stream, "more than one chain reads this source");
	else if (pipeline->options.tier == WEIR_FILTER_USER)
		say_why_not(stream, "--filter-tier=user");
	else if (pipeline->options.tier == WEIR_FILTER_AUTO && weir_source_is_pulled(source))
		say_why_not(stream, "its records are made in user space, so that is where they are filtered");
	else if (derive(stream, weir_arg_expr(where, "condition")) >= 0)
		err = open_filter(pipeline, stream);
	if (stream->filter)
		absorb(pipeline, where);
	return err;
}

int weir_plan(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		int err = 0;

		if (pipeline->node[i]->role == WEIR_SOURCE)
			err = filter_source(pipeline, pipeline->node[i]);
		if (err < 0)
			return err;
	}
	return weir_pipeline_group(pipeline);
}
