/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An agent is a thread that runs a chain of stages: it takes rows from a ring, turns them into a block, and pushes the
 * block down the chain. The stages call each other through weir_emit(), so a block is worked on while it is in the cache.
 */
#include <errno.h>
#include <stdint.h>

#include "core/record.h"
#include "core/run.h"

/* Nothing to read just now: let a sink write out what it has gathered. */
static int idle(struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);

	return last->role == WEIR_SINK ? weir_node_flush(last) : 0;
}

/* Live, time may have passed before these came: what is older than the last tick is late. */
static int push_timely(struct weir_agent *agent, const struct weir_block *block)
{
	struct weir_block rest;
	uint32_t from = 0, n;
	int err = 0;

	for (; from < block->n && !err; from += n) {
		for (n = 0; from + n < block->n && block->t[from + n] >= agent->promised_ns; n++)
			;
		weir_block_slice(&rest, block, from, n);
		err = n ? weir_chain_push(agent->first, &rest, &agent->time_ns) : 0;
		if (from + n < block->n) {
			weir_lost(agent->first, WEIR_LOST_LATE, 1);
			n++;
		}
	}
	return err;
}

/* Decode before release: a row may be overwritten under a drop_oldest reader, and only release knows whether it was. */
static int take(struct weir_agent *agent, const void *rows, uint32_t n)
{
	struct weir_block intact;
	uint32_t lost;

	weir_rows_decode(&agent->from->schema, rows, n, agent->block);
	lost = weir_reader_release(agent->reader, n);
	weir_block_slice(&intact, agent->block, lost, n - lost);
	return push_timely(agent, &intact);
}

/* ------------------------------------------------- time without records */

/* The stream's own time, as far as records of a live stream can no longer be under way. */
static int64_t settled_time(const struct weir_agent *agent)
{
	enum weir_clock clock = agent->from->schema.clock;

	return clock == WEIR_CLOCK_NOMINAL ? INT64_MIN : weir_now(clock) - agent->lateness_ns;
}

/* Nothing has arrived up to `settled`: a tick that was due before may come. 1: one came; 0: none was due. */
static int tick_live(struct weir_agent *agent, int64_t settled)
{
	int64_t due = weir_chain_due(agent->first);
	int err;

	if (due >= settled)
		return 0;
	agent->promised_ns = due + 1;
	err = weir_chain_advance(agent->first, due + 1);
	return err ? err : 1;
}

/* When the next tick may come, on the clock that waits go by. */
static int64_t next_tick(const struct weir_agent *agent)
{
	enum weir_clock clock = agent->from->schema.clock;
	int64_t due = weir_chain_due(agent->first), left;

	if (due == INT64_MAX || clock == WEIR_CLOCK_NOMINAL)
		return INT64_MAX;
	if (__builtin_sub_overflow(due, settled_time(agent), &left) || left > INT64_MAX / 2)
		return INT64_MAX;
	return weir_now(WEIR_CLOCK_MONOTONIC) + (left < 0 ? 0 : left + 1);
}

static int serve(struct weir_agent *agent)
{
	for (;;) {
		/* Before looking: what is not there now has then not come by this time. */
		int64_t settled = settled_time(agent);
		uint32_t n;
		const void *rows = weir_reader_peek(agent->reader, WEIR_BLOCK_MAX, &n);
		int err;

		if (n) {
			err = take(agent, rows, n);
			if (err)
				return err;
			continue;
		}
		if (weir_reader_at_end(agent->reader))
			return 0;
		err = tick_live(agent, settled);
		if (err > 0)
			continue;
		if (!err)
			err = idle(agent);
		if (err)
			return err;
		err = weir_reader_wait(agent->reader, next_tick(agent));
		if (err == -EINTR && atomic_load(&agent->pipeline->runtime->aborting))
			return -EINTR;
	}
}

static void finish(struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);

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
		err = weir_chain_flush(agent->first, agent->time_ns);
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

	agent->time_ns = agent->promised_ns = INT64_MIN;

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
