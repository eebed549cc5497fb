/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An agent runs a chain of stages: it takes rows from a ring, turns them into a block, and pushes the block down the chain. The
 * stages call each other through weir_emit(), so a block is worked on while it is in the cache. A combiner's agent has several
 * rings; combine.c says in which order they are read.
 *
 * Time goes with the records. Where a chain lets nothing pass, it marks its output ring with the time that it has come to, for
 * those below who wait to know that nothing older will come: a tick, or the record of another stream.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/run.h"
#include "stream/sorter.h"

#define TURNS 16    /* before another agent of the same thread has its turn */
#define AT_ONCE 256 /* turns of a prompt agent before the loop looks at everything else */

static void look_at_expressions(const struct weir_agent *agent)
{
	for (struct weir_node *node = agent->first; node; node = node->down) {
		if (!node->has_expressions)
			continue;
		weir_node_warn_undated(node);
		weir_node_count_faults(node);
	}
}

static int serve_sink(struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);
	int got;

	agent->sink_wait.until_ns = INT64_MAX;
	agent->sink_wait.fd = -1;
	agent->sink_wait.gathers = false;
	got = last->driver->sink->serve(last, &agent->sink_wait);
	agent->sink_wait.is_idle = true;
	agent->is_fresh |= got > 0;
	return got < 0 ? got : 0;
}

/* Nothing to read just now: let a sink write out what it has gathered, and serve it where nobody else does. */
static int idle(struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);
	int got = last->role == WEIR_SINK ? weir_node_flush(last) : 0;

	look_at_expressions(agent);
	return got || !last->is_attached ? got : serve_sink(agent);
}

/* A source that shares the thread may acknowledge what has been answered for, before anybody sleeps. */
static bool is_fresh(struct weir_agent *agent)
{
	bool was = agent->is_fresh;

	agent->is_fresh = false;
	return was && agent->port[0].feed && !agent->port[0].ended;
}

/* ------------------------------------------------------------------- records */

/* How many records from `from` on are no older than what has been promised. */
static uint32_t run_in_time(const struct weir_block *block, uint32_t from, int64_t promised_ns)
{
	uint32_t to = promised_ns == INT64_MIN ? block->n : from;

	while (to < block->n && block->t[to] >= promised_ns)
		to++;
	return to - from;
}

/* Records that are missing here are missing below as well, where each stage gives one for one. */
static void miss(struct weir_agent *agent, struct weir_port *port)
{
	if (agent->numbers)
		weir_chain_last(agent->first)->stream->missing += port->lost;
	port->lost = 0;
}

/* The position of the next record. */
static uint64_t place_of(const struct weir_port *port)
{
	uint64_t behind = port->reader ? weir_reader_position(port->reader) : weir_stream_head(port->from);

	return behind - (port->block->n - port->at);
}

/* Live, time may have passed before these came: what is older than the last tick is late. */
static int push_timely(struct weir_agent *agent, struct weir_port *port)
{
	const struct weir_block *block = port->block;
	struct weir_block part;
	uint32_t n;
	int err;

	while (port->at < block->n && block->t[port->at] < port->promised_ns) {
		weir_lost(agent->first, WEIR_LOST_LATE, 1);
		port->lost++;
		port->at++;
	}
	if (port->lost)
		miss(agent, port);
	agent->is_fresh |= agent->flushes;
	agent->place = place_of(port);
	n = run_in_time(block, port->at, port->promised_ns);
	weir_block_slice(&part, block, port->at, n);
	err = n ? weir_chain_push(agent->first, &part, &agent->time_ns, port->time_ns) : 0;
	port->at += n;
	return err;
}

static int pass_on(struct weir_agent *agent)
{
	struct weir_port *port = &agent->port[0];
	int64_t time = port->time_ns;
	int err = 0;

	weir_port_fill(port, agent);
	if (!weir_port_is_empty(port)) {
		/* Time had come further than the records show that are here. */
		if (port->time_ns > time && port->time_ns > agent->time_ns)
			err = weir_chain_advance(agent->first, port->time_ns);
		return err ? err : push_timely(agent, port);
	}
	if (port->ended)
		return WEIR_ENOUGH;
	if (port->time_ns == time || port->time_ns <= agent->time_ns)
		return -EAGAIN;
	return weir_chain_advance(agent->first, port->time_ns);
}

/* ---------------------------------------------------------------------- time */

/* Nothing before this will come to the chain. */
static int64_t frontier(const struct weir_agent *agent)
{
	const struct weir_port *port = &agent->port[0];

	if (agent->n_ports > 1)
		return weir_combine_frontier(agent);
	return port->time_ns > agent->time_ns ? port->time_ns : agent->time_ns;
}

static void mark(struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);

	if (last->stream && last->stream->is_timed)
		weir_ring_mark(last->stream->ring, weir_chain_horizon(agent->first, frontier(agent)));
}

static enum weir_clock clock_of(const struct weir_agent *agent)
{
	return agent->port[0].from->schema.clock;
}

/* A stream that brings its dates along comes at no time that could be waited for. */
static bool is_live(const struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (!weir_clock_is_live(agent->port[i].from->schema.clock))
			return false;
	return true;
}

/* The stream's own time, as far as records of a live stream can no longer be under way. */
static int64_t settled_time(const struct weir_agent *agent)
{
	return is_live(agent) ? weir_now(clock_of(agent)) - agent->lateness_ns : INT64_MIN;
}

/* What the chain waits for that time alone can bring: its first tick, or a record that waits for another stream or for older ones
 * of its own. */
static int64_t next_due(const struct weir_agent *agent)
{
	int64_t due = weir_chain_due(agent->first);
	int64_t blocked = agent->n_ports > 1 ? weir_combine_blocked(agent) : INT64_MAX;

	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (weir_port_oldest(&agent->port[i]) < blocked)
			blocked = weir_port_oldest(&agent->port[i]);
	return blocked < due ? blocked : due;
}

/* May time alone bring anything, before more records do? Where not, nobody need look at a clock. */
static bool waits_for_time(const struct weir_agent *agent)
{
	return agent->n_ports > 1 || next_due(agent) != INT64_MAX;
}

/* Nothing has arrived up to `settled`: what was due before may come. -EAGAIN: nothing was. */
static int pass_time(struct weir_agent *agent, int64_t settled)
{
	int64_t due = next_due(agent);
	struct weir_port *port = &agent->port[0];

	if (due >= settled)
		return -EAGAIN;
	if (agent->n_ports > 1) {
		weir_combine_promise(agent, due);
		return weir_chain_advance(agent->first, weir_combine_frontier(agent));
	}
	weir_port_promise(port, due + 1);
	/* What may go now goes before the tick. */
	return port->sorter ? 0 : weir_chain_advance(agent->first, due + 1);
}

/* When that may be, on the clock that waits go by. */
static int64_t next_deadline(const struct weir_agent *agent)
{
	int64_t due = next_due(agent), left;

	if (due == INT64_MAX || !is_live(agent))
		return INT64_MAX;
	if (__builtin_sub_overflow(due, settled_time(agent), &left) || left > INT64_MAX / 2)
		return INT64_MAX;
	return weir_now(WEIR_CLOCK_MONOTONIC) + (left < 0 ? 0 : left + 1);
}

/* ------------------------------------------------------------------- waiting */

/* Not at work: it may take as long as it likes, as far as the guard of its outputs is concerned. */
static void rest(struct weir_agent *agent)
{
	atomic_store_explicit(&agent->waiting, true, memory_order_release);
	if (agent->port[0].feed)
		weir_lent_wait(agent);
	else
		weir_worker_wait(agent);
	atomic_store_explicit(&agent->waiting, false, memory_order_release);
}

static void count_progress(struct weir_agent *agent)
{
	atomic_store_explicit(&agent->progress, atomic_load_explicit(&agent->progress, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void pause_now_and_then(struct weir_agent *agent)
{
	if (!agent->fiber || ++agent->turns % TURNS)
		return;
	agent->is_pausing = true;
	rest(agent);
	agent->is_pausing = false;
}

/* Where a filter drops records, the time of a stream comes to no sleeper that has not asked for it. */
static void ask_for_time(const struct weir_agent *agent)
{
	const struct weir_stream *to = weir_chain_last(agent->first)->stream;

	for (uint32_t i = 0; i < agent->n_ports && agent->is_timed; i++) {
		const struct weir_port *port = &agent->port[i];
		int64_t wanted = to && to->is_timed ? INT64_MIN : next_due(agent);

		/* A sorter lets go of records when time has come further by its lateness. */
		if (port->sorter && wanted > INT64_MIN &&
		    __builtin_add_overflow(wanted, agent->first->sorts_ns, &wanted))
			wanted = INT64_MAX;
		weir_stream_want_time(port->from, wanted);
	}
}

static int wait_for_news(struct weir_agent *agent)
{
	agent->deadline_ns = next_deadline(agent);
	ask_for_time(agent);
	rest(agent);
	if (weir_lent_has_gathered(agent))
		return serve_sink(agent);
	return agent->port[0].reader && weir_ring_is_interrupted(agent->port[0].from->ring) ? -EINTR : 0;
}

/* ----------------------------------------------------------------------- run */

/* What there is, once. -EAGAIN: nothing. */
static int take_turn(struct weir_agent *agent)
{
	/* Before looking: what is not there now has then not come by this time. */
	int64_t settled = waits_for_time(agent) ? settled_time(agent) : INT64_MIN;
	int err = agent->n_ports > 1 ? weir_combine(agent) : pass_on(agent);

	if (err == -EAGAIN)
		err = pass_time(agent, settled);
	if (!err || err == -EAGAIN)
		mark(agent);
	count_progress(agent);
	return err;
}

static int serve(struct weir_agent *agent)
{
	int err = weir_chain_begin(agent->first);

	while (!err) {
		err = take_turn(agent);
		if (!err)
			pause_now_and_then(agent);
		if (err != -EAGAIN)
			continue;
		err = idle(agent);
		if (!err && !is_fresh(agent))
			err = wait_for_news(agent);
	}
	return err;
}

static bool is_drained(const struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (!agent->port[i].ended || !weir_port_is_empty(&agent->port[i]))
			return false;
	return true;
}

/* By number it ends with one of several streams, and how much of the others had been taken in by then is chance. */
static bool ends_with_one(const struct weir_agent *agent)
{
	return agent->n_ports > 1 && agent->first->driver->combiner->rows;
}

/*
 * The newest record's own time has passed as well: there is no other of that time to wait for. But where a stage had enough before
 * the end, how much more had been taken in by then is chance: then time goes no further than the records that came out.
 */
static int64_t end_time(const struct weir_agent *agent)
{
	int64_t end = agent->time_ns > INT64_MIN && agent->time_ns < INT64_MAX ? agent->time_ns + 1 : agent->time_ns;

	if (ends_with_one(agent))
		return weir_combine_end(agent) > end ? weir_combine_end(agent) : end;
	if (!is_drained(agent))
		return INT64_MIN;
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (agent->port[i].time_ns > end)
			end = agent->port[i].time_ns;
	return end;
}

static void finish(struct weir_agent *agent, int64_t end)
{
	struct weir_node *last = weir_chain_last(agent->first);

	if (last->role == WEIR_ACTUATOR)
		weir_actuate_park(last);
	if (last->stream)
		weir_ring_finish_at(last->stream->ring, end);
}

/* A reader that is gone holds nobody up. Its losses were counted while it lived. */
static void leave(struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		struct weir_port *port = &agent->port[i];

		weir_leftover_note(port);
		if (port->feed) {
			if (!weir_feed_concludes(port->feed))
				weir_feed_want_end(port->feed);
			continue;
		}
		weir_lost(agent->first, WEIR_LOST_RING, weir_reader_lost(port->reader));
		weir_reader_close(port->reader);
		port->reader = NULL;
	}
}

/* How far its source has come by now is chance where the chain, or all that it reads, has ended before that. */
static bool has_more_sessions(const struct weir_agent *agent)
{
	uint32_t n_out = 0;

	for (const struct weir_node *node = agent->first; node; node = node->down)
		if (node->has_enough)
			return false;
	for (uint32_t i = 0; i < agent->n_ports; i++)
		n_out += agent->port[i].from->writer && agent->port[i].from->writer->is_out;
	return n_out < agent->n_ports && atomic_load(&agent->pipeline->runtime->has_session);
}

void weir_agent_end(struct weir_agent *agent, int err)
{
	int64_t end = end_time(agent);

	/* Its sink is ended with it, and no session goes on behind that. */
	agent->is_out = !has_more_sessions(agent);
	if (err >= 0)
		err = weir_chain_flush(agent->first, &end);
	look_at_expressions(agent);
	finish(agent, end);
	leave(agent);
	/* A reader of our output that has gone wants no more of it. */
	agent->has_failed = err < 0 && err != -EPIPE;
	if (err < 0)
		atomic_store(&agent->has_undone, true);
	atomic_store(&agent->ended, true);
	weir_run_agent_over(agent->pipeline, err);
}

void weir_agent_run(struct weir_agent *agent)
{
	weir_agent_end(agent, serve(agent));
}

/* Of the chain, or of the source that it asks itself. */
static int64_t serve_deadline(const struct weir_agent *agent)
{
	int64_t deadline = next_deadline(agent);

	return agent->is_pooled && agent->port[0].wait.until_ns < deadline ? agent->port[0].wait.until_ns : deadline;
}

void weir_agent_serve(struct weir_agent *agent)
{
	int err = agent->has_begun ? 0 : weir_chain_begin(agent->first);

	agent->has_begun = true;
	for (uint32_t i = 0; i < AT_ONCE && !err; i++)
		err = take_turn(agent);
	if (err == -EAGAIN && agent->is_pooled)
		err = idle(agent) ?: -EAGAIN;
	if (!err)
		agent->deadline_ns = 0; /* long ago */
	else if (err == -EAGAIN) {
		agent->deadline_ns = serve_deadline(agent);
		ask_for_time(agent);
	} else
		weir_agent_end(agent, err);
}

/* -------------------------------------------------------------- open, close */

/* A combiner by number has numbers of its own; one by time, and a sorter, have none. */
static bool numbers(const struct weir_agent *agent)
{
	const struct weir_node *node = agent->first;

	if (!weir_chain_last(agent->first)->stream || agent->first->sorts)
		return false;
	if (node->driver->combiner && node->driver->combiner->rows)
		node = node->down;
	for (; node; node = node->down)
		if (!node->one_for_one)
			return false;
	return true;
}

int weir_agent_open(struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);
	int err = 0;

	agent->time_ns = INT64_MIN;
	agent->deadline_ns = INT64_MAX;
	agent->numbers = numbers(agent);
	agent->row = agent->pipeline->first_row;
	agent->is_needed = false;
	/* Whoever looks at it is the loop, which has then done all that there was. */
	atomic_store(&agent->waiting, agent->is_prompt || agent->is_pooled);
	for (uint32_t i = 0; i < agent->n_ports && err >= 0; i++)
		err = weir_port_open(&agent->port[i], agent);
	for (struct weir_node *node = agent->first; node; node = node->down) {
		node->agent = agent;
		node->has_expressions = weir_node_has_expressions(node);
	}
	agent->flushes = last->role == WEIR_SINK && last->driver->sink->flush;
	if (last->stream)
		weir_ring_set_space_bell(last->stream->ring, &agent->worker->bell);
	return err;
}

void weir_agent_close(struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		weir_port_close(&agent->port[i]);
}

void weir_agent_free(struct weir_agent *agent)
{
	free(agent->port);
	free(agent);
}
