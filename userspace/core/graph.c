/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From nodes to threads. A stream (schema and ring) stands where records change threads: below every source, and where more
 * than one chain reads the same output. Each reader of a stream begins an agent; what follows it in one line is fused.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/record.h"
#include "core/run.h"

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
	return 0;
}
