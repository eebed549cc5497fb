/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/checkpoint.h"

#include <errno.h>
#include <stdlib.h>

/* A stream between the source and its sinks. */
struct passed_stream {
	bool is_below, is_marked;
	uint64_t position;
};

/* An agent that works on records of the source. */
struct passed_agent {
	bool is_below, is_passed;
	uint64_t taken; /* by its sink or output, when it passed */
};

struct weir_checkpoint {
	const struct weir_pipeline *pipeline;
	const struct weir_stream *source;
	struct passed_stream *stream;
	struct passed_agent *agent;
};

/* ----------------------------------------------------------------------- open */

static struct passed_stream *checkpoint_stream(struct weir_checkpoint *checkpoint, const struct weir_stream *stream)
{
	uint32_t i = 0;

	while (checkpoint->pipeline->stream[i] != stream)
		i++;
	return &checkpoint->stream[i];
}

static bool checkpoint_reads(struct weir_checkpoint *checkpoint, const struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (checkpoint_stream(checkpoint, agent->port[i].from)->is_below)
			return !agent->first->closes_circle;
	return false;
}

/* Agents stand in the order of the program, so that one that reads a stream stands behind the one that writes it. */
static void checkpoint_find(struct weir_checkpoint *checkpoint)
{
	checkpoint_stream(checkpoint, checkpoint->source)->is_below = true;
	for (uint32_t i = 0; i < checkpoint->pipeline->n_agents; i++) {
		const struct weir_agent *agent = checkpoint->pipeline->agent[i];
		const struct weir_stream *out = weir_chain_last(agent->first)->stream;

		checkpoint->agent[i].is_below = checkpoint_reads(checkpoint, agent);
		if (checkpoint->agent[i].is_below && out)
			checkpoint_stream(checkpoint, out)->is_below = true;
	}
}

int weir_checkpoint_open(struct weir_checkpoint **out, const struct weir_node *source)
{
	struct weir_checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));

	*out = checkpoint;
	if (!checkpoint)
		return -ENOMEM;
	checkpoint->pipeline = source->pipeline;
	checkpoint->source = source->stream;
	checkpoint->stream = calloc(source->pipeline->n_streams + 1, sizeof(*checkpoint->stream));
	checkpoint->agent = calloc(source->pipeline->n_agents + 1, sizeof(*checkpoint->agent));
	if (!checkpoint->stream || !checkpoint->agent)
		return -ENOMEM;
	checkpoint_find(checkpoint);
	return 0;
}

void weir_checkpoint_close(struct weir_checkpoint *checkpoint)
{
	if (!checkpoint)
		return;
	free(checkpoint->stream);
	free(checkpoint->agent);
	free(checkpoint);
}

/* ----------------------------------------------------------------------- pass */

void weir_checkpoint_set(struct weir_checkpoint *checkpoint, uint64_t position)
{
	struct passed_stream *source = checkpoint_stream(checkpoint, checkpoint->source);

	for (uint32_t i = 0; i < checkpoint->pipeline->n_streams; i++)
		checkpoint->stream[i].is_marked = false;
	for (uint32_t i = 0; i < checkpoint->pipeline->n_agents; i++)
		checkpoint->agent[i].is_passed = false;
	source->is_marked = true;
	source->position = position;
}

/* Acquire: whoever sees that the records are done sees what the sink has taken of them. */
static bool checkpoint_is_done(const struct weir_agent *agent, const struct weir_port *port, uint64_t position)
{
	const _Atomic uint64_t *done = agent->keeper ? &port->released : &port->done;

	return (int64_t)(atomic_load_explicit(done, memory_order_acquire) - position) >= 0;
}

/* A chain that wanted no more records has done with those that come; one that failed has not. */
static bool checkpoint_has_worked(struct weir_checkpoint *checkpoint, const struct weir_agent *agent)
{
	if (atomic_load(&agent->ended) && !atomic_load(&agent->has_undone))
		return true;
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		const struct passed_stream *from = checkpoint_stream(checkpoint, agent->port[i].from);

		if (from->is_below && (!from->is_marked || !checkpoint_is_done(agent, &agent->port[i], from->position)))
			return false;
	}
	return true;
}

static void checkpoint_pass(struct weir_checkpoint *checkpoint, uint32_t i)
{
	struct weir_node *last = weir_chain_last(checkpoint->pipeline->agent[i]->first);

	checkpoint->agent[i].is_passed = true;
	if (!last->stream) {
		checkpoint->agent[i].taken = weir_node_progress(last).taken;
		return;
	}
	checkpoint_stream(checkpoint, last->stream)->is_marked = true;
	checkpoint_stream(checkpoint, last->stream)->position = weir_stream_head(last->stream);
}

static bool checkpoint_is_answered(struct weir_checkpoint *checkpoint, uint32_t i)
{
	struct weir_node *last = weir_chain_last(checkpoint->pipeline->agent[i]->first);

	return last->stream || (int64_t)(weir_node_progress(last).answered - checkpoint->agent[i].taken) >= 0;
}

bool weir_checkpoint_is_passed(struct weir_checkpoint *checkpoint)
{
	bool is_passed = true;

	for (uint32_t i = 0; i < checkpoint->pipeline->n_agents; i++) {
		if (!checkpoint->agent[i].is_below)
			continue;
		if (!checkpoint->agent[i].is_passed &&
		    checkpoint_has_worked(checkpoint, checkpoint->pipeline->agent[i]))
			checkpoint_pass(checkpoint, i);
		is_passed &= checkpoint->agent[i].is_passed && checkpoint_is_answered(checkpoint, i);
	}
	return is_passed;
}

bool weir_checkpoint_can_pass(const struct weir_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->pipeline->n_agents; i++)
		if (checkpoint->agent[i].is_below && !checkpoint->agent[i].is_passed &&
		    atomic_load(&checkpoint->pipeline->agent[i]->has_undone))
			return false;
	return true;
}

bool weir_checkpoint_is_slow(const struct weir_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->pipeline->n_agents; i++)
		if (checkpoint->agent[i].is_below && checkpoint->pipeline->agent[i]->takes_one)
			return true;
	return false;
}

bool weir_checkpoint_is_over(const struct weir_checkpoint *checkpoint)
{
	for (uint32_t i = 0; i < checkpoint->pipeline->n_agents; i++)
		if (checkpoint->agent[i].is_below && !atomic_load(&checkpoint->pipeline->agent[i]->ended))
			return false;
	return true;
}
