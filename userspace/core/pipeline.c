/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The graph while it is being built, and its end. run.c runs it. */
#include <errno.h>
#include <stdlib.h>

#include "core/run.h"
#include "stream/record.h"

#define RING_ROWS 65536

int weir_pipeline_new(struct weir_pipeline **out, const struct weir_options *options, const char *name,
		      const char *text)
{
	struct weir_pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int err;

	*out = NULL;
	if (!pipeline)
		return -ENOMEM;
	if (options)
		pipeline->options = *options;
	err = weir_report_open(&pipeline->report, name, text);
	if (err >= 0)
		err = weir_runtime_open(pipeline);
	if (err < 0)
		weir_close(pipeline);
	else
		*out = pipeline;
	return err;
}

void *weir_append(void *array, uint32_t n, size_t element)
{
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? (size_t)n * 2 : 1) * element);
}

static int keep_node(struct weir_pipeline *pipeline, struct weir_node *node)
{
	struct weir_node **grown = weir_append(pipeline->node, pipeline->n_nodes, sizeof(struct weir_node *));

	if (!grown)
		return -ENOMEM;
	pipeline->node = grown;
	pipeline->node[pipeline->n_nodes++] = node;
	return 0;
}

/* Told once, at the first reader for which there is no place. */
int weir_node_add_reader(struct weir_node *up, struct weir_node *reader)
{
	struct weir_node **grown = weir_append(up->readers, up->n_readers, sizeof(struct weir_node *));

	if (!grown)
		return -ENOMEM;
	up->readers = grown;
	up->readers[up->n_readers++] = reader;
	if (up->n_readers == WEIR_RING_READERS_MAX + 1)
		weir_report_add(reader->pipeline->report, WEIR_EXIT_USAGE, reader->args->where,
				"let some of them read a stream made of it, as in more = s | skip 0",
				"this is reader %d of its stream, and a stream has at most %d",
				WEIR_RING_READERS_MAX + 1, WEIR_RING_READERS_MAX);
	return 0;
}

static int add(struct weir_pipeline *pipeline, const struct weir_driver *driver, enum weir_role role,
	       struct weir_args *args, const struct weir_inputs *in, struct weir_node **out)
{
	struct weir_node *node;
	int err = weir_node_open(&node, pipeline, driver, role, args, in);

	*out = NULL;
	if (err < 0)
		return err;
	err = keep_node(pipeline, node);
	if (err < 0) {
		weir_node_close(node);
		return err;
	}
	for (uint32_t i = 0; i < in->n && err >= 0; i++)
		err = weir_node_add_reader(in->up[i], node);
	*out = err < 0 ? NULL : node;
	return err;
}

int weir_pipeline_add(struct weir_pipeline *pipeline, const struct weir_driver *driver, enum weir_role role,
		      struct weir_args *args, struct weir_node *up, struct weir_node **out)
{
	return add(pipeline, driver, role, args, &(struct weir_inputs){ .up = &up, .n = up ? 1 : 0 }, out);
}

int weir_pipeline_combine(struct weir_pipeline *pipeline, const struct weir_driver *driver, struct weir_args *args,
			  struct weir_node *const *ups, const char *const *names, uint32_t n, struct weir_node **out)
{
	return add(pipeline, driver, WEIR_OPERATOR, args, &(struct weir_inputs){ .up = ups, .name = names, .n = n },
		   out);
}

int weir_pipeline_add_circle(struct weir_pipeline *pipeline, const struct weir_driver *driver, struct weir_args *args,
			     enum weir_clock clock, struct weir_node **out)
{
	return add(pipeline, driver, WEIR_OPERATOR, args, &(struct weir_inputs){ .clock = clock }, out);
}

int weir_pipeline_close_circle(struct weir_node *node, struct weir_node *up)
{
	node->up = up;
	if (weir_node_add_reader(up, node) < 0)
		return -ENOMEM;
	return node->driver->stage->resolve(node, weir_in(node));
}

uint32_t weir_pipeline_ring_rows(const struct weir_pipeline *pipeline)
{
	return pipeline->options.ring_rows ? pipeline->options.ring_rows : RING_ROWS;
}

uint64_t weir_pipeline_lost(const struct weir_pipeline *pipeline)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++)
			lost += atomic_load(&pipeline->node[i]->lost[cause]);
	return lost;
}

static void close_streams(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_streams; i++) {
		weir_stream_close(pipeline->stream[i]);
		weir_filter_close(pipeline->stream[i]->filter);
		weir_custom_close(pipeline->stream[i]->custom);
		free(pipeline->stream[i]->predicate);
		free(pipeline->stream[i]->code);
		free(pipeline->stream[i]->origin);
		free(pipeline->stream[i]);
	}
	free(pipeline->stream);
}

void weir_close(struct weir_pipeline *pipeline)
{
	/* A stage that does not end still uses all of this. The process is about to end as well. */
	if (!pipeline || (pipeline->runtime && pipeline->runtime->abandoned))
		return;
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		weir_agent_free(pipeline->agent[i]);
	free(pipeline->agent);
	/* Downstream first: a stage may refer to what its input owns. */
	for (uint32_t i = pipeline->n_nodes; i--;)
		weir_node_close(pipeline->node[i]);
	free(pipeline->node);
	close_streams(pipeline);
	weir_runtime_close(pipeline->runtime);
	weir_report_close(pipeline->report);
	for (char **variable = pipeline->environment; variable && *variable; variable++)
		free(*variable);
	free(pipeline->environment);
	free(pipeline);
}
