/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A chain of stages, each called by the one above it through weir_emit(), and time, which goes down the chain with the records
 * and also where they do not.
 *
 * A stage with a tick is given no record beyond the time that it asked for before its tick has come. Who brings the tick does
 * not matter: the next record that reaches the stage, or the news that the stages above have let nothing pass up to there. The
 * sequence of records and ticks that a stage sees is the same either way, and for blocks cut anywhere.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "core/run.h"

#define GLANCE 1024 /* ticks from one look at the signals to the next */

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: a plain load and store of a relaxed atomic is enough, and costs no locked instruction. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* --------------------------------------------------------------------- ticks */

void weir_tick_at(struct weir_node *node, int64_t t_ns)
{
	node->tick_ns = t_ns;
}

void weir_took(struct weir_node *node, uint32_t n)
{
	assert(n && n <= node->took);
	node->took = n;
}

void weir_lags(struct weir_node *node, int64_t lag_ns)
{
	node->lag_ns = lag_ns;
}

void weir_sorts(struct weir_node *node)
{
	node->sorts = weir_arg_given(node, "lateness");
	node->sorts_ns = node->sorts ? weir_arg_int(node, "lateness") : 0;
}

void weir_never_ticks(struct weir_node *node)
{
	node->never_ticks = true;
}

int64_t weir_time(const struct weir_node *node)
{
	return node->time_ns;
}

int64_t weir_time_at_end(const struct weir_node *node, int64_t t_ns)
{
	return t_ns > node->time_ns ? t_ns : node->time_ns;
}

void weir_one_for_one(struct weir_node *node)
{
	node->one_for_one = true;
}

void weir_begins_with(struct weir_node *node, uint32_t n)
{
	node->begins_with = n;
}

static bool has_tick(const struct weir_node *node)
{
	if (node->role != WEIR_OPERATOR || node->never_ticks)
		return false;
	return node->driver->combiner ? node->driver->combiner->tick : node->driver->stage->tick;
}

int weir_node_settle(struct weir_node *node)
{
	return node->driver->combiner->settle ? node->driver->combiner->settle(node) : 0;
}

/* Ticks may be due by the billion, and then even the loop's own thread would never come to see that it is to end. */
static bool is_aborted(struct weir_node *node)
{
	if (node->is_prompt && !(++node->n_ticks % GLANCE))
		weir_run_glance(node->pipeline);
	return atomic_load_explicit(&node->pipeline->runtime->aborting, memory_order_relaxed);
}

static int tick(struct weir_node *node)
{
	int64_t due = node->tick_ns;
	int err;

	if (is_aborted(node))
		return -EINTR;
	node->tick_ns = INT64_MAX;
	if (node->driver->combiner)
		err = node->driver->combiner->tick(node, due);
	else
		err = node->driver->stage->tick(node, due);
	assert(node->tick_ns > due);
	return err || !node->driver->combiner ? err : weir_node_settle(node);
}

static int give(struct weir_node *node, const struct weir_block *block)
{
	if (node->driver->combiner)
		return node->driver->combiner->push(node, node->input, block);
	return node->driver->stage->push(node, block);
}

/* How many records from `from` on may be seen before the tick. */
static uint32_t run_before(const struct weir_block *block, uint32_t from, int64_t due)
{
	uint32_t to = due == INT64_MAX ? block->n : from;

	while (to < block->n && block->t[to] <= due)
		to++;
	return to - from;
}

static int push_between_ticks(struct weir_node *node, const struct weir_block *block)
{
	struct weir_block part;
	int err = 0;

	for (uint32_t from = 0; from < block->n && !err;) {
		node->took = run_before(block, from, node->tick_ns);
		if (!node->took) {
			err = tick(node);
			continue;
		}
		weir_block_slice(&part, block, from, node->took);
		err = give(node, &part);
		from += node->took;
	}
	return err;
}

/* ------------------------------------------------------------------- records */

static int push(struct weir_node *node, const struct weir_block *block)
{
	switch (node->role) {
	case WEIR_OPERATOR:
		return has_tick(node) ? push_between_ticks(node, block) : give(node, block);
	case WEIR_SINK:
		return node->driver->sink->push(node, block);
	case WEIR_ACTUATOR:
		return weir_actuate(node, block);
	case WEIR_SOURCE:
		break;
	}
	return -EINVAL;
}

int weir_node_push(struct weir_node *node, const struct weir_block *block)
{
	int err;

	count(&node->records_in, block->n);
	err = push(node, block);
	node->has_enough |= err > 0;
	return err;
}

int weir_emit(struct weir_node *node, const struct weir_block *block)
{
	if (!block->n)
		return 0;
	count(&node->records_out, block->n);
	if (block->t[block->n - 1] > node->emitted_ns)
		node->emitted_ns = block->t[block->n - 1];
	if (node->down)
		return weir_node_push(node->down, block);
	return weir_stream_write(node->stream, block);
}

/* From `from` on, up to where time runs backwards. */
static uint32_t run_in_order(const struct weir_block *block, uint32_t from)
{
	uint32_t to = from + 1;

	while (to < block->n && block->t[to] >= block->t[to - 1])
		to++;
	return to - from;
}

/* Four at a time: a single maximum would wait for itself. */
static int64_t newest(const struct weir_block *block, int64_t than)
{
	int64_t most[4] = { than, than, than, than };
	uint32_t i = 0;

	for (; i + 4 <= block->n; i += 4)
		for (uint32_t k = 0; k < 4; k++)
			most[k] = block->t[i + k] > most[k] ? block->t[i + k] : most[k];
	for (; i < block->n; i++)
		most[0] = block->t[i] > most[0] ? block->t[i] : most[0];
	for (uint32_t k = 1; k < 4; k++)
		most[0] = most[k] > most[0] ? most[k] : most[0];
	return most[0];
}

/* Time is told after each run, wherever the block was cut, so that a record which comes late comes after the same ticks. */
int weir_chain_push(struct weir_node *first, const struct weir_block *block, int64_t *time_ns)
{
	const struct weir_stream *stream = weir_chain_last(first)->stream;
	bool is_timed = weir_chain_ticks(first) || (stream && stream->is_timed);
	struct weir_block part;
	int err = 0;

	for (uint32_t from = 0, n; from < block->n && !err; from += n) {
		n = is_timed ? run_in_order(block, from) : block->n;
		weir_block_slice(&part, block, from, n);
		err = weir_node_push(first, &part);
		if (!is_timed)
			*time_ns = newest(&part, *time_ns);
		else if (part.t[n - 1] > *time_ns)
			*time_ns = part.t[n - 1];
		if (!err)
			err = weir_chain_advance(first, *time_ns);
	}
	return err;
}

/* ---------------------------------------------------------------------- time */

static int64_t less(int64_t t_ns, int64_t lag_ns)
{
	int64_t earlier;

	return lag_ns == INT64_MAX || __builtin_sub_overflow(t_ns, lag_ns, &earlier) ? INT64_MIN : earlier;
}

static int tick_until(struct weir_node *node, int64_t t_ns)
{
	int err = 0;

	while (node->tick_ns < t_ns && !err)
		err = tick(node);
	return err;
}

int weir_chain_advance(struct weir_node *first, int64_t t_ns)
{
	for (struct weir_node *node = first; node; node = node->down) {
		int err = tick_until(node, t_ns);

		if (err)
			return err;
		t_ns = less(t_ns, node->lag_ns);
		if (node->stream && t_ns > node->stream->told_ns)
			node->stream->told_ns = t_ns;
	}
	return 0;
}

int64_t weir_chain_horizon(const struct weir_node *first, int64_t t_ns)
{
	for (const struct weir_node *node = first; node; node = node->down)
		t_ns = less(t_ns, node->lag_ns);
	return t_ns;
}

int64_t weir_chain_due(const struct weir_node *first)
{
	int64_t due = INT64_MAX, lag = 0, at;

	for (const struct weir_node *node = first; node; node = node->down) {
		if (!__builtin_add_overflow(node->tick_ns, lag, &at) && at < due)
			due = at;
		if (__builtin_add_overflow(lag, node->lag_ns, &lag))
			break;
	}
	return due;
}

bool weir_chain_ticks(const struct weir_node *first)
{
	for (const struct weir_node *node = first; node; node = node->down)
		if (has_tick(node))
			return true;
	return false;
}

/* ----------------------------------------------------------------------- end */

struct weir_node *weir_chain_last(struct weir_node *first)
{
	while (first->down)
		first = first->down;
	return first;
}

int weir_node_flush(struct weir_node *node)
{
	if (node->driver->combiner)
		return node->driver->combiner->flush ? node->driver->combiner->flush(node) : 0;
	if (node->role == WEIR_OPERATOR && node->driver->stage->flush)
		return node->driver->stage->flush(node);
	if (node->role == WEIR_SINK && node->driver->sink->flush)
		return node->driver->sink->flush(node);
	return 0;
}

int weir_chain_begin(struct weir_node *first)
{
	for (struct weir_node *node = first; node; node = node->down) {
		int err = 0;

		if (node->role == WEIR_OPERATOR && !node->driver->combiner && node->driver->stage->begin)
			err = node->driver->stage->begin(node);
		if (err)
			return err;
	}
	return 0;
}

int weir_chain_flush(struct weir_node *first, int64_t *end_ns)
{
	int result = 0;

	for (struct weir_node *node = first; node; node = node->down) {
		int err = tick_until(node, *end_ns);

		node->has_enough |= err > 0;
		node->time_ns = *end_ns > INT64_MIN ? *end_ns - 1 : INT64_MIN;
		if (err >= 0)
			err = weir_node_flush(node);
		if (err >= 0 && node->role == WEIR_SINK && node->driver->sink->end)
			err = node->driver->sink->end(node);
		if (err < 0 && !result)
			result = err;
		/* The newest record's own time has passed as well: there is no other of that time to wait for. */
		*end_ns = node->has_enough ? INT64_MIN : less(*end_ns, node->lag_ns);
		if (node->emitted_ns >= *end_ns && node->emitted_ns > INT64_MIN && node->emitted_ns < INT64_MAX)
			*end_ns = node->emitted_ns + 1;
	}
	return result;
}
