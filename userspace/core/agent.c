/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An agent is a thread that runs a chain of stages: it takes rows from a ring, turns them into a block, and pushes the
 * block down the chain. The stages call each other through weir_emit(), so a block is worked on while it is in the cache.
 */
#include <errno.h>
#include <stdint.h>

#include "core/record.h"
#include "core/run.h"

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: a plain load and store of a relaxed atomic is enough, and costs no locked instruction. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

int weir_node_push(struct weir_node *node, const struct weir_block *block)
{
	count(&node->records_in, block->n);
	switch (node->role) {
	case WEIR_OPERATOR:
		return node->driver->stage->push(node, block);
	case WEIR_SINK:
		return node->driver->sink->push(node, block);
	case WEIR_ACTUATOR:
		return weir_actuate(node, block);
	case WEIR_SOURCE:
		break;
	}
	return -EINVAL;
}

int weir_emit(struct weir_node *node, const struct weir_block *block)
{
	if (!block->n)
		return 0;
	count(&node->records_out, block->n);
	if (node->down)
		return weir_node_push(node->down, block);
	return weir_stream_write(node->stream, block);
}

static int flush_node(struct weir_node *node)
{
	if (node->role == WEIR_OPERATOR && node->driver->stage->flush)
		return node->driver->stage->flush(node);
	if (node->role == WEIR_SINK && node->driver->sink->flush)
		return node->driver->sink->flush(node);
	return 0;
}

/* The last stage of the chain, where records leave the agent. */
static struct weir_node *last_node(const struct weir_agent *agent)
{
	struct weir_node *node = agent->first;

	while (node->down)
		node = node->down;
	return node;
}

/* Nothing to read just now: let a sink write out what it has gathered. */
static int idle(struct weir_agent *agent)
{
	struct weir_node *last = last_node(agent);

	return last->role == WEIR_SINK ? flush_node(last) : 0;
}

/* Decode before release: a row may be overwritten under a drop_oldest reader, and only release knows whether it was. */
static int take(struct weir_agent *agent, const void *rows, uint32_t n)
{
	struct weir_block intact;
	uint32_t lost;

	weir_rows_decode(&agent->from->schema, rows, n, agent->block);
	lost = weir_reader_release(agent->reader, n);
	weir_block_slice(&intact, agent->block, lost, n - lost);
	return intact.n ? weir_node_push(agent->first, &intact) : 0;
}

/* A sign of progress for whoever vouches for an output to the guard. */
static void count_turn(struct weir_agent *agent)
{
	atomic_store_explicit(&agent->turns, atomic_load_explicit(&agent->turns, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static int serve(struct weir_agent *agent)
{
	for (;;) {
		uint32_t n;
		const void *rows = weir_reader_peek(agent->reader, WEIR_BLOCK_MAX, &n);
		int err;

		if (n) {
			err = take(agent, rows, n);
			count_turn(agent);
			if (err)
				return err;
			continue;
		}
		if (weir_reader_at_end(agent->reader))
			return 0;
		err = idle(agent);
		if (err)
			return err;
		atomic_store_explicit(&agent->waiting, true, memory_order_release);
		err = weir_reader_wait(agent->reader, INT64_MAX);
		atomic_store_explicit(&agent->waiting, false, memory_order_release);
		if (err == -EINTR && atomic_load(&agent->pipeline->runtime->aborting))
			return -EINTR;
	}
}

/* End of stream, or enough: every stage gives what it still holds, from the top down. */
static int flush(struct weir_agent *agent)
{
	int result = 0;

	for (struct weir_node *node = agent->first; node; node = node->down) {
		int err = flush_node(node);

		if (err < 0 && !result)
			result = err;
	}
	return result;
}

static void finish(struct weir_agent *agent)
{
	struct weir_node *last = last_node(agent);

	if (last->role == WEIR_ACTUATOR)
		weir_actuate_park(last);
	if (last->stream)
		weir_ring_finish(last->stream->ring);
}

static void *run(void *context)
{
	struct weir_agent *agent = context;
	int err = serve(agent);

	if (err >= 0)
		err = flush(agent);
	finish(agent);
	/* A reader that is gone holds nobody up. Its losses were counted while it lived. */
	weir_lost(agent->first, WEIR_LOST_RING, weir_reader_lost(agent->reader));
	weir_reader_close(agent->reader);
	agent->reader = NULL;
	atomic_store(&agent->ended, true);
	weir_run_agent_over(agent->pipeline, err);
	return NULL;
}

int weir_agent_open(struct weir_agent *agent)
{
	int err = weir_reader_open(&agent->reader, agent->from->ring, agent->policy);

	return err < 0 ? err : weir_block_open(&agent->block, &agent->from->schema);
}

int weir_agent_start(struct weir_agent *agent)
{
	int err = pthread_create(&agent->thread, NULL, run, agent);

	agent->started = !err;
	return -err;
}

int weir_agent_join(struct weir_agent *agent, const struct timespec *deadline)
{
	int err;

	if (!agent->started || agent->joined)
		return 0;
	err = deadline ? pthread_timedjoin_np(agent->thread, NULL, deadline) : pthread_join(agent->thread, NULL);
	agent->joined = !err;
	return -err;
}

void weir_agent_close(struct weir_agent *agent)
{
	weir_reader_close(agent->reader);
	weir_block_close(agent->block);
	agent->reader = NULL;
	agent->block = NULL;
}
