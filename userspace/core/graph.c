/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From nodes to threads. A stream (schema and ring) stands where records change threads: below every source, and where more
 * than one chain reads the same output. Each reader of a stream begins an agent; what follows it in one line is fused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "core/run.h"

#define GATHERED_NS INT64_C(2000000000) /* what lies below a device's watermark is fetched after a quiet second */
#define PROMPT_NS INT64_C(100000000)

static void *append(void *array, uint32_t *n, size_t element)
{
	/* Doubling at powers of two: no capacity to keep. */
	if (*n & (*n - 1))
		return array;
	return realloc(array, (*n ? *n * 2 : 1) * element);
}

int weir_pipeline_stream(struct weir_pipeline *pipeline, struct weir_node *from)
{
	struct weir_stream **array = append(pipeline->stream, &pipeline->n_streams, sizeof(*array));
	struct weir_stream *stream = calloc(1, sizeof(*stream));

	if (array)
		pipeline->stream = array;
	if (!array || !stream) {
		free(stream);
		return -ENOMEM;
	}
	stream->from = from;
	if (from->role == WEIR_SOURCE)
		stream->schema = from->out;
	else
		weir_schema_native(&from->out, &stream->schema);
	from->stream = stream;
	pipeline->stream[pipeline->n_streams++] = stream;
	return 0;
}

/* Does a device that will not wait feed this node? Then neither may anything below it hold the flow up. */
static bool is_live(const struct weir_node *node)
{
	while (node->up)
		node = node->up;
	return !weir_source_is_pulled(node);
}

/* What a device gathers before it lets us read is under way for long. */
static int64_t source_lateness(const struct weir_node *node)
{
	const struct weir_source_ops *ops;

	while (node->up)
		node = node->up;
	ops = node->driver->source;
	return ops->watermark && !weir_source_is_pulled(node) ? GATHERED_NS : PROMPT_NS;
}

static const struct weir_arg *find_arg(const struct weir_args *args, const char *name)
{
	for (uint32_t i = 0; i < args->n_params; i++)
		if (!strcmp(args->params[i].name, name) && args->arg[i].given)
			return &args->arg[i];
	return NULL;
}

/* The most patient stage of the chain decides. */
static int64_t chain_lateness(const struct weir_node *first)
{
	int64_t lateness = -1;

	for (const struct weir_node *node = first; node; node = node->down) {
		const struct weir_arg *arg = find_arg(node->args, "lateness");

		if (arg && arg->integer > lateness)
			lateness = arg->integer;
	}
	return lateness >= 0 ? lateness : source_lateness(first);
}

static int add_agent(struct weir_pipeline *pipeline, struct weir_node *first, struct weir_stream *from)
{
	struct weir_agent **array = append(pipeline->agent, &pipeline->n_agents, sizeof(*array));
	struct weir_agent *agent = calloc(1, sizeof(*agent));

	if (array)
		pipeline->agent = array;
	if (!array || !agent) {
		free(agent);
		return -ENOMEM;
	}
	agent->pipeline = pipeline;
	agent->from = from;
	agent->first = first;
	agent->policy = first->args->policy_given ? first->args->policy
			: is_live(first)          ? WEIR_DROP_OLDEST
						  : WEIR_BLOCK;
	pipeline->agent[pipeline->n_agents++] = agent;
	return 0;
}

int weir_pipeline_group(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];
		int err = 0;

		if (node->absorbed)
			continue;
		/* The plan makes a source's stream early, when it hangs a filter on it. */
		if (!node->stream && (node->role == WEIR_SOURCE || node->n_readers > 1))
			err = weir_pipeline_stream(pipeline, node);
		if (err >= 0 && node->up && node->up->stream)
			err = add_agent(pipeline, node, node->up->stream);
		else if (err >= 0 && node->up)
			node->up->down = node;
		if (err < 0)
			return err;
	}
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		pipeline->agent[i]->lateness_ns = chain_lateness(pipeline->agent[i]->first);
	return 0;
}
