/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Early filters first, because they take stages away; then agents and streams over what is left.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lang/lang.h"

/* A stage that chooses records. */
static bool chooses(const struct weir_node *node)
{
	static const char *const names[] = { "where", "every", "changed" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (node->role == WEIR_OPERATOR && !strcmp(node->driver->name, names[i]))
			return true;
	return false;
}

/* The (first) reader of this node, if it is a stage that chooses records. */
static struct weir_node *choosing_reader(const struct weir_pipeline *pipeline, const struct weir_node *node)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		if (pipeline->node[i]->up == node)
			return chooses(pipeline->node[i]) ? pipeline->node[i] : NULL;
	return NULL;
}

static struct weir_node *only_reader(const struct weir_pipeline *pipeline, const struct weir_node *node)
{
	return node->n_readers == 1 ? choosing_reader(pipeline, node) : NULL;
}

/* The stage is done by the filter: whoever read it now reads the source. */
static void absorb(struct weir_pipeline *pipeline, struct weir_node *stage)
{
	stage->absorbed = true;
	stage->up->n_readers = stage->n_readers;
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		if (pipeline->node[i]->up == stage)
			pipeline->node[i]->up = stage->up;
}

static int add_stage(struct weir_stream *stream, struct weir_node *stage, char *why)
{
	struct weir_predicate *predicate = &stream->predicate;
	int n = weir_predicate_add_stage(predicate, stage, &stream->schema, why);

	if (n < 0)
		return n;
	n = weir_codegen(predicate, &stream->schema, stream->code, stream->origin, WEIR_FILTER_CODE_MAX);
	if (n < 0 || stream->n_pushed == WEIR_PUSHED_MAX) {
		snprintf(why, sizeof(stream->why_not), "it would need more than %d instructions", WEIR_FILTER_CODE_MAX);
		return -E2BIG;
	}
	stream->n_code = (uint32_t)n;
	stream->pushed[stream->n_pushed++] = stage;
	return 0;
}

/* The stage that did not fit is left out again. */
static void rebuild(struct weir_stream *stream)
{
	uint32_t n = stream->n_pushed;

	stream->n_pushed = 0;
	weir_predicate_init(&stream->predicate);
	for (uint32_t i = 0; i < n; i++)
		(void)add_stage(stream, stream->pushed[i], stream->why_inexact);
}

/* As many stages as can be had, in their order. Behind a condition that is only implied none is. */
static int derive(const struct weir_pipeline *pipeline, struct weir_stream *stream, struct weir_node *stage)
{
	int err = 0;

	weir_predicate_init(&stream->predicate);
	for (; stage && stream->predicate.exact; stage = only_reader(pipeline, stage)) {
		err = add_stage(stream, stage, stream->why_inexact);
		if (!err)
			continue;
		memcpy(stream->n_pushed ? stream->why_no_more : stream->why_not, stream->why_inexact,
		       sizeof(stream->why_not));
		stream->why_inexact[0] = 0;
		rebuild(stream);
		break;
	}
	return stream->n_pushed ? 0 : err;
}

static void absorb_pushed(struct weir_pipeline *pipeline, const struct weir_stream *stream)
{
	uint32_t n = stream->n_pushed - !stream->predicate.exact;

	for (uint32_t i = 0; i < n; i++)
		absorb(pipeline, stream->pushed[i]);
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
	struct weir_node *first = choosing_reader(pipeline, source);
	struct weir_stream *stream;
	int err = weir_pipeline_stream(pipeline, source);

	if (err < 0 || !first)
		return err;
	stream = source->stream;
	stream->wants_filter = true;
	if (source->n_readers > 1)
		say_why_not(stream, "more than one chain reads this source");
	else if (pipeline->options.tier == WEIR_FILTER_USER)
		say_why_not(stream, "--filter-tier=user");
	else if (pipeline->options.tier == WEIR_FILTER_AUTO && weir_source_is_pulled(source))
		say_why_not(stream, "its records are made in user space, so that is where they are filtered");
	else if (derive(pipeline, stream, first) >= 0)
		err = open_filter(pipeline, stream);
	if (stream->filter)
		absorb_pushed(pipeline, stream);
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
