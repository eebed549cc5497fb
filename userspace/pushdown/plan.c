/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Early filters first, because they take stages away; then agents and streams over what is left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/trust.h"
#include "expr/expr.h"
#include "pushdown/pushdown.h"

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
static struct weir_node *choosing_reader(const struct weir_node *node)
{
	for (uint32_t i = 0; i < node->n_readers; i++)
		if (node->readers[i]->up == node)
			return chooses(node->readers[i]) ? node->readers[i] : NULL;
	return NULL;
}

static struct weir_node *only_reader(const struct weir_node *node)
{
	return node->n_readers == 1 ? choosing_reader(node) : NULL;
}

/* The stage is done by the filter: whoever read it now reads the source. */
static void absorb(struct weir_node *stage)
{
	struct weir_node *up = stage->up;

	stage->absorbed = true;
	for (uint32_t i = 0; i < stage->n_readers; i++) {
		struct weir_node *node = stage->readers[i];

		if (node->up == stage)
			node->up = up;
		for (uint32_t k = 0; k < node->n_ups; k++)
			if (node->ups[k] == stage)
				node->ups[k] = up;
	}
	/* The stage was its only reader. */
	free(up->readers);
	up->readers = stage->readers;
	up->n_readers = stage->n_readers;
	stage->readers = NULL;
	stage->n_readers = 0;
}

static int add_stage(struct weir_stream *stream, struct weir_node *stage, char *why)
{
	struct weir_predicate *predicate = stream->predicate;
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
	weir_predicate_init(stream->predicate);
	for (uint32_t i = 0; i < n; i++)
		(void)add_stage(stream, stream->pushed[i], stream->why_inexact);
}

/* As many stages as can be had, in their order. Behind a condition that is only implied none is. */
static int derive(struct weir_stream *stream, struct weir_node *stage)
{
	int err = 0;

	weir_predicate_init(stream->predicate);
	for (; stage && stream->predicate->exact; stage = only_reader(stage)) {
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

/* Stages that the predicate would stand for wrongly stay where they are. */
static int derive_proven(struct weir_stream *stream, struct weir_node *stage)
{
	int err = derive(stream, stage);

	if (err >= 0)
		err = weir_prove_stages(stream);
	if (err != -WEIR_DISPROVED)
		return err;
	snprintf(stream->why_not, sizeof(stream->why_not),
		 "on test rows the predicate decides otherwise than the stages");
	weir_warn(stream->from, "a filter failed its proof (%s); the stages decide: please report this",
		  stream->why_not);
	stream->n_pushed = 0;
	return err;
}

static void absorb_pushed(const struct weir_stream *stream)
{
	uint32_t n = stream->n_pushed - !stream->predicate->exact;

	for (uint32_t i = 0; i < n; i++)
		absorb(stream->pushed[i]);
}

/* What the kernel said is told with the lines of the filter's source that it tells. */
static int refuse_custom(struct weir_stream *stream)
{
	char *hint;
	int err = asprintf(&hint, "from the verifier's log:\n%s", weir_custom_refusal(stream->custom));

	if (err < 0)
		return -ENOMEM;
	err = weir_fail_arg(stream->from, "filter", hint, "the kernel does not take '%s': %s",
			    weir_custom_path(stream->custom), stream->why_not);
	free(hint);
	return err;
}

/* A wrong layout is told with the right one. */
static int refuse_file(struct weir_stream *stream, const char *path, int err, const char *why)
{
	char *hint = NULL;
	size_t size;
	FILE *text = err == -EINVAL ? open_memstream(&hint, &size) : NULL;

	if (text) {
		fputs("rows here are ", text);
		weir_custom_print_row(&stream->schema, text);
		fclose(text);
	}
	err = weir_fail_arg(stream->from, "filter", hint, "'%s' is not a filter for this source: %s", path, why);
	free(hint);
	return err;
}

/* eBPF is loaded with our rights, so it must not be our user's to choose where these are more than the user's own. */
static int check_trust(struct weir_stream *stream, const char *path)
{
	char why[WEIR_TRUST_WHY];

	if (!weir_is_secure() || !weir_trust_file(path, why))
		return 0;
	return weir_fail_arg(stream->from, "filter",
			     "weir has more rights than its user (setcap): put the file where root alone can write",
			     "'%s' is not loaded: %s", path, why);
}

static int open_custom(struct weir_stream *stream)
{
	const struct weir_source_ops *ops = stream->from->driver->source;
	const char *path = ops->custom_filter ? ops->custom_filter(stream->from) : NULL;
	char why[WEIR_CUSTOM_WHY_MAX];
	int err = path ? check_trust(stream, path) : 0;

	if (err)
		return err;
	err = path ? weir_custom_open(&stream->custom, path, &stream->schema, why) : 0;
	return err ? refuse_file(stream, path, err, why) : 0;
}

/* What the user's own object cannot be blamed for is the kernel's refusal. */
static int refuse_filter(struct weir_pipeline *pipeline, struct weir_stream *stream, enum weir_tier tier, int err)
{
	const struct weir_span where = stream->from->args->where;

	if (stream->custom && *weir_custom_refusal(stream->custom))
		return refuse_custom(stream);
	if (stream->custom && *weir_custom_misfit(stream->custom))
		return refuse_file(stream, weir_custom_path(stream->custom), -ENOEXEC,
				   weir_custom_misfit(stream->custom));
	if (stream->custom && tier == WEIR_TIER_AUTO)
		weir_report_add(pipeline->report, WEIR_EXIT_DEVICE, where,
				"'weir doctor' tells what this machine lacks",
				"filter= needs eBPF in the kernel, which is not to be had: %s", stream->why_not);
	else
		weir_report_add(pipeline->report, tier == WEIR_TIER_USER ? WEIR_EXIT_USAGE : WEIR_EXIT_DEVICE, where,
				"--filter-tier=auto takes the best tier that works here",
				"the %s filter is not available: %s", weir_tier_name(tier), stream->why_not);
	return err;
}

/* Also when no kernel tier is to be had: a sample that is dropped before it is in the ring wakes no agent. */
static int open_filter(struct weir_pipeline *pipeline, struct weir_stream *stream)
{
	const struct weir_source_ops *ops = stream->from->driver->source;
	struct weir_filter_config config = {
		.tier = (enum weir_tier)pipeline->options.tier,
		.schema = &stream->schema,
		.predicate = stream->predicate,
		.code = stream->code,
		.n_code = stream->n_code,
		.custom = stream->custom,
		.ring_rows = weir_pipeline_ring_rows(pipeline),
		.iio_device = ops->iio_device && !weir_source_is_pulled(stream->from) ? ops->iio_device(stream->from)
										      : -1,
		.limit = pipeline->options.limit,
	};
	int err = weir_filter_open(&stream->filter, &config, stream->why_not);

	if (!err && *weir_filter_doubt(stream->filter))
		weir_warn(stream->from, "a filter failed its proof (%s); tier %s is used instead: please report this",
			  weir_filter_doubt(stream->filter), weir_filter_how(stream->filter));
	if (err == -WEIR_DISPROVED && config.tier == WEIR_TIER_AUTO && !stream->custom) {
		weir_warn(stream->from, "no filter passed its proof (%s); the stages decide: please report this",
			  stream->why_not);
		return 0;
	}
	return err < 0 ? refuse_filter(pipeline, stream, config.tier, err) : 0;
}

/* The predicate that every row passes, for a custom filter that stands alone. */
static int pass_all(struct weir_stream *stream)
{
	int n;

	weir_predicate_init(stream->predicate);
	n = weir_codegen(stream->predicate, &stream->schema, stream->code, stream->origin, WEIR_FILTER_CODE_MAX);
	stream->n_code = n < 0 ? 0 : (uint32_t)n;
	return n < 0 ? n : 0;
}

static void say_why_not(struct weir_stream *stream, const char *why)
{
	snprintf(stream->why_not, sizeof(stream->why_not), "%s", why);
}

/* There is a filter anyhow: stages join it where they can. */
static int filter_by_custom(struct weir_pipeline *pipeline, struct weir_stream *stream, struct weir_node *first)
{
	int err = first ? derive_proven(stream, first) : -ENOENT;

	if (err < 0) {
		memcpy(stream->why_no_more, stream->why_not, sizeof(stream->why_no_more));
		err = pass_all(stream);
	}
	if (!err)
		err = open_filter(pipeline, stream);
	if (!err)
		absorb_pushed(stream);
	return err;
}

/* A condition on the record before is never part of a filter, in whatever tier. */
static bool is_never_pushed(const struct weir_node *stage)
{
	return !strcmp(stage->driver->name, "where") && weir_expr_is_stateful(weir_arg_expr(stage, "condition"));
}

/* Stages that are not filtered run in user space, which is no answer to whoever has demanded a tier in the kernel. */
static int refuse_forced(struct weir_pipeline *pipeline, struct weir_stream *stream, const struct weir_node *first)
{
	enum weir_tier tier = (enum weir_tier)pipeline->options.tier;
	bool has_device = stream->from->driver->source->iio_device && !weir_source_is_pulled(stream->from);

	if (tier != WEIR_TIER_INLINE && tier != WEIR_TIER_BATCH)
		return 0;
	if (is_never_pushed(first) && (tier == WEIR_TIER_BATCH || has_device))
		return 0;
	return refuse_filter(pipeline, stream, tier, -ENOTSUP);
}

/* Most streams have none, and it is large. */
static int open_predicate(struct weir_stream *stream)
{
	stream->predicate = calloc(1, sizeof(*stream->predicate));
	stream->code = calloc(WEIR_FILTER_CODE_MAX, sizeof(*stream->code));
	stream->origin = calloc(WEIR_FILTER_CODE_MAX, sizeof(*stream->origin));
	return stream->predicate && stream->code && stream->origin ? 0 : -ENOMEM;
}

/* What cannot be derived is no error: why_not says what it was. */
static int filter_by_stages(struct weir_pipeline *pipeline, struct weir_stream *stream, struct weir_node *first)
{
	int err = open_predicate(stream);

	if (err < 0)
		return err;
	return derive_proven(stream, first) >= 0 ? open_filter(pipeline, stream) : 0;
}

static int filter_source(struct weir_pipeline *pipeline, struct weir_node *source)
{
	struct weir_node *first = choosing_reader(source);
	struct weir_stream *stream;
	int err = weir_pipeline_stream(pipeline, source);

	if (err < 0)
		return err;
	stream = source->stream;
	err = open_custom(stream);
	if (err < 0 || (!first && !stream->custom))
		return err;
	stream->wants_filter = true;
	if (stream->custom) {
		err = open_predicate(stream);
		return err < 0 ? err : filter_by_custom(pipeline, stream, source->n_readers > 1 ? NULL : first);
	}
	if (source->n_readers > 1)
		say_why_not(stream, "more than one chain reads this source");
	else if (pipeline->options.tier == WEIR_FILTER_USER)
		say_why_not(stream, "--filter-tier=user");
	else if (pipeline->options.tier == WEIR_FILTER_AUTO && weir_source_is_pulled(source))
		say_why_not(stream, "its records are made in user space, so that is where they are filtered");
	else
		err = filter_by_stages(pipeline, stream, first);
	if (!err && !stream->filter)
		err = refuse_forced(pipeline, stream, first);
	if (stream->filter)
		absorb_pushed(stream);
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
