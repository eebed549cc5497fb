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

/* ------------------------------------------------------------------- answers */

bool weir_is_attached(const struct weir_node *node)
{
	return node->is_attached;
}

void weir_is_slow(struct weir_node *node)
{
	node->is_slow = true;
}

void weir_undone(struct weir_node *node, enum weir_loss cause, uint64_t n)
{
	if (node->agent)
		atomic_store(&node->agent->has_undone, true);
	if (!weir_node_is_answered(node))
		weir_lost(node, cause, n);
}

struct weir_progress weir_node_progress(const struct weir_node *node)
{
	uint64_t taken = atomic_load_explicit(&node->records_in, memory_order_relaxed);

	if (node->role == WEIR_ACTUATOR)
		return node->held ? weir_held_progress(node) : (struct weir_progress){ taken, taken };
	if (node->driver->sink->progress)
		return node->driver->sink->progress(node);
	return (struct weir_progress){ taken, atomic_load_explicit(&node->answered, memory_order_acquire) };
}

/* Release: what the sink was given has gone out. */
static void mark_answered(struct weir_node *node)
{
	atomic_store_explicit(&node->answered, atomic_load_explicit(&node->records_in, memory_order_relaxed),
			      memory_order_release);
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
		return weir_node_ticks(node) ? push_between_ticks(node, block) : give(node, block);
	case WEIR_SINK:
		return node->driver->sink->push(node, block);
	case WEIR_ACTUATOR:
		return weir_actuate(node, block);
	case WEIR_SOURCE:
		break;
	}
	return -EINVAL;
}

/* What has become of the records that a node was given, as far as it has told. */
static uint64_t accounted(const struct weir_node *node)
{
	uint64_t n = atomic_load_explicit(&node->records_out, memory_order_relaxed);

	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++)
		n += atomic_load_explicit(&node->lost[cause], memory_order_relaxed);
	return n;
}

/* It failed in this block. A sink has counted what it could not bring where it should, or cannot tell. */
static void count_failure(struct weir_node *node, const struct weir_block *block, uint64_t before)
{
	uint64_t told = accounted(node) - before;

	if (!node->agent || node->agent->has_counted_block)
		return;
	node->agent->has_counted_block = true;
	if (told < block->n && (node->role != WEIR_SINK || !told))
		weir_lost(node, WEIR_LOST_END, block->n - told);
}

int weir_node_push(struct weir_node *node, const struct weir_block *block)
{
	uint64_t before = accounted(node);
	int err;

	count(&node->records_in, block->n);
	err = push(node, block);
	if (!err && node->role == WEIR_SINK && !node->driver->sink->flush)
		mark_answered(node);
	node->has_enough |= err > 0;
	if (err < 0 && err != -EPIPE)
		count_failure(node, block, before);
	return err;
}

int weir_emit(struct weir_node *node, const struct weir_block *block)
{
	if (!block->n)
		return 0;
	assert(block->n <= WEIR_BLOCK_MAX);
	count(&node->records_out, block->n);
	if (block->t[block->n - 1] > node->emitted_ns)
		node->emitted_ns = block->t[block->n - 1];
	if (node->down)
		return weir_node_push(node->down, block);
	return weir_stream_write(node->stream, block);
}

/* From `from` on, up to where time runs backwards. A record that is late is alone: what it asks for may be due at once. */
static uint32_t run_in_order(const struct weir_block *block, uint32_t from, int64_t told_ns)
{
	uint32_t to = from + 1;

	while (block->t[from] >= told_ns && to < block->n && block->t[to] >= block->t[to - 1])
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

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Time is told after each run, wherever the block was cut, so that a record which comes late comes after the same ticks. */
int weir_chain_push(struct weir_node *first, const struct weir_block *block, int64_t *time_ns, int64_t told_ns)
{
	const struct weir_stream *stream = weir_chain_last(first)->stream;
	bool is_timed = weir_chain_ticks(first) || (stream && stream->is_timed);
	struct weir_block part;
	int err = 0;

	for (uint32_t from = 0, n; from < block->n && !err; from += n) {
		n = is_timed ? run_in_order(block, from, later(*time_ns, told_ns)) : block->n;
		weir_block_slice(&part, block, from, n);
		err = weir_node_push(first, &part);
		if (!is_timed)
			*time_ns = newest(&part, *time_ns);
		else if (part.t[n - 1] > *time_ns)
			*time_ns = part.t[n - 1];
		if (!err)
			err = weir_chain_advance(first, later(*time_ns, told_ns));
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

/* ----------------------------------------------------------------------- end */

static int flush_sink(struct weir_node *node)
{
	int err = node->driver->sink->flush(node);

	if (!err)
		mark_answered(node);
	return err;
}

int weir_node_flush(struct weir_node *node)
{
	if (node->driver->combiner)
		return node->driver->combiner->flush ? node->driver->combiner->flush(node) : 0;
	if (node->role == WEIR_OPERATOR && node->driver->stage->flush)
		return node->driver->stage->flush(node);
	return node->role == WEIR_SINK && node->driver->sink->flush ? flush_sink(node) : 0;
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
		if (err >= 0 && node->role == WEIR_SINK && node->driver->sink->end &&
		    (!node->agent || node->agent->is_out))
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
