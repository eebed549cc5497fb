/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A running source. Three ways in (and one past it, in lent.c), one way out:
 *
 *   descriptor   the loop reads rows into the ring, the driver looks at them, the batch filter thins them out
 *   inline       an eBPF program in the kernel takes the samples; what passed is moved into the ring
 *   pulled       a thread of the source's own asks the driver for rows
 *
 * and at the end the ring is finished, so that the agents below drain it and follow.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "core/run.h"

#define FULL_NS INT64_C(50000000)
#define HELPING_BYTES (128u << 10)

static const struct weir_source_ops *ops_of(const struct weir_feed *feed)
{
	return feed->node->driver->source;
}

/* A driver with both forms says by its descriptor which one the arguments chose. */
bool weir_source_is_pulled(const struct weir_node *node)
{
	const struct weir_source_ops *ops = node->driver->source;

	return ops->lend || (ops->produce && (!ops->fd || ops->fd(node) == -ENOTSUP));
}

const char *weir_node_how(const struct weir_node *node)
{
	if (node->role == WEIR_SINK && node->driver->sink->how)
		return node->driver->sink->how(node);
	if (node->role != WEIR_SOURCE || !node->driver->source->how)
		return NULL;
	if (node->stream && node->stream->filter && weir_filter_tier(node->stream->filter) == WEIR_TIER_INLINE)
		return NULL;
	return node->driver->source->how(node);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

uint64_t weir_feed_allowance(const struct weir_feed *feed)
{
	uint64_t limit = feed->pipeline->options.limit;

	return limit ? limit - feed->taken : UINT64_MAX;
}

void weir_feed_want_end(struct weir_feed *feed)
{
	atomic_store(&feed->wants_end, true);
	weir_run_wake(feed->pipeline);
}

static uint32_t slot_of(struct weir_stream *stream, const void *rows)
{
	size_t bytes;
	const char *memory = weir_ring_memory(stream->ring, &bytes);

	return (uint32_t)((size_t)((const char *)rows - memory) % bytes / stream->schema.row_bytes);
}

void weir_feed_count(struct weir_feed *feed, uint32_t n)
{
	feed->taken += n;
	add(&feed->node->records_in, n);
	add(&feed->node->records_out, n);
}

/* Rows are in the ring's memory and not yet visible: count them, thin them out, say how many remain. */
static int admit(struct weir_feed *feed, void *rows, uint32_t n)
{
	struct weir_filter *filter = feed->stream->filter;
	int kept = (int)n;

	feed->taken += n;
	add(&feed->node->records_in, n);
	if (filter && weir_filter_tier(filter) != WEIR_TIER_INLINE)
		kept = weir_filter_rows(filter, rows, slot_of(feed->stream, rows), n);
	/* A source tells no time but by its rows. */
	weir_stream_note(feed->stream, INT64_MAX);
	if (kept < 0)
		return weir_fail(feed->node, -kept, "the filter failed: %s", strerror(-kept));
	add(&feed->node->records_out, (uint64_t)kept);
	return kept;
}

/* ------------------------------------------------------------- descriptor */

static int landed(void *context, void *rows, uint32_t n)
{
	struct weir_feed *feed = context;
	uint64_t allowed = weir_feed_allowance(feed);
	int err = 0;

	if (n >= allowed) {
		n = (uint32_t)allowed;
		weir_feed_want_end(feed);
	}
	if (n && ops_of(feed)->landed)
		err = ops_of(feed)->landed(feed->node, rows, n);
	if (err >= 0)
		err = admit(feed, rows, n);
	feed->told |= err < 0;
	return err;
}

static void refused(void *context, uint32_t n)
{
	struct weir_feed *feed = context;

	add(&feed->node->records_in, n);
	feed->stream->missing += n;
}

static int quiet(void *context)
{
	struct weir_feed *feed = context;
	int err = ops_of(feed)->alive ? ops_of(feed)->alive(feed->node) : 0;

	feed->told |= err < 0;
	return err;
}

static void ended(void *context, int error)
{
	struct weir_feed *feed = context;

	feed->intake = -1;
	if (error && !feed->told)
		weir_fail_device(feed->node, feed->node->args->target, "read samples", error, NULL);
	feed->told |= error != 0;
	weir_feed_end(feed);
	if (error)
		weir_stop(feed->pipeline);
}

static int start_intake(struct weir_feed *feed)
{
	static const struct weir_intake_ops intake_ops = {
		.landed = landed,
		.refused = refused,
		.ended = ended,
		.quiet = quiet,
	};
	const struct weir_source_ops *ops = ops_of(feed);
	struct weir_intake_config config = {
		.fd = ops->fd(feed->node),
		.ring = feed->stream->ring,
		.watermark = ops->watermark ? ops->watermark(feed->node) : 1,
		/* A device with a watermark gathers by itself; one without delivers event by event. */
		.kind = ops->watermark ? WEIR_INTAKE_POLL : WEIR_INTAKE_MULTISHOT,
		.ops = &intake_ops,
		.context = feed,
	};

	feed->intake = weir_loop_add_intake(feed->pipeline->runtime->loop, &config);
	if (feed->intake < 0)
		return weir_fail(feed->node, -feed->intake, "cannot read from the device: %s", strerror(-feed->intake));
	return 0;
}

/* ----------------------------------------------------------------- inline */

/* What the hook has seen stands for the records in; the limit is kept in the kernel, where the samples are. */
static void count_inline(struct weir_feed *feed)
{
	struct weir_filter_counts counts;
	uint64_t limit = feed->pipeline->options.limit;

	weir_filter_read_counts(feed->stream->filter, &counts);
	atomic_store_explicit(&feed->node->records_in, counts.seen, memory_order_relaxed);
	atomic_store_explicit(&feed->node->lost[WEIR_LOST_FILTER], counts.lost, memory_order_relaxed);
	if (limit && counts.seen >= limit)
		atomic_store(&feed->wants_end, true);
}

static void consume(void *context)
{
	struct weir_feed *feed = context;
	int n;

	if (feed->over)
		return;
	n = weir_filter_consume(feed->stream->filter, feed->stream->ring);
	if (n > 0)
		add(&feed->node->records_out, (uint64_t)n);
	count_inline(feed);
	if (atomic_load(&feed->wants_end))
		weir_feed_end(feed);
}

static int start_inline(struct weir_feed *feed)
{
	int watch = weir_loop_add_watch(feed->pipeline->runtime->loop, weir_filter_fd(feed->stream->filter), consume,
					feed);

	if (watch < 0)
		return weir_fail(feed->node, -watch, "cannot watch the filter: %s", strerror(-watch));
	return 0;
}

/* ----------------------------------------------------------------- pulled */

void weir_feed_wait(const struct weir_feed *feed, const struct weir_wait *wait)
{
	struct pollfd fds[2] = {
		{ .fd = feed->pipeline->runtime->halt_fd, .events = POLLIN },
		{ .fd = wait->fd, .events = POLLIN },
	};
	int64_t left = wait->until_ns - weir_now(WEIR_CLOCK_MONOTONIC);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	if (left > 0)
		ppoll(fds, 2, wait->until_ns == INT64_MAX ? NULL : &timeout, NULL);
}

/* Ask the driver once. 1: go on; 0: end of the stream; -errno: the driver has said why. */
static int pull_rows(struct weir_feed *feed, void *rows, uint32_t room)
{
	struct weir_wait wait = { .until_ns = INT64_MAX, .fd = -1 };
	int n = ops_of(feed)->lend ? weir_lent_copy(feed, rows, room, &wait)
				   : ops_of(feed)->produce(feed->node, rows, room, &wait);

	if (n == -EAGAIN) {
		weir_feed_wait(feed, &wait);
		return 1;
	}
	if (n <= 0)
		return n;
	n = admit(feed, rows, (uint32_t)n);
	if (n < 0)
		return n;
	weir_ring_commit(feed->stream->ring, (uint32_t)n);
	return 1;
}

/* Rows that a driver is asked for at a time. Each time the readers are woken up, which costs some microseconds: so a good
 * many, but not more than stay in the cache until they are read. */
static uint32_t helping(const struct weir_feed *feed)
{
	uint32_t rows = HELPING_BYTES / feed->stream->schema.row_bytes;

	return rows > WEIR_BLOCK_MAX ? rows : WEIR_BLOCK_MAX;
}

static int pull_once(struct weir_feed *feed)
{
	uint64_t allowed = weir_feed_allowance(feed);
	uint32_t room;
	void *rows;

	/* Whoever read it has had enough: others may go on, but not this. */
	if (!allowed || !weir_ring_is_read(feed->stream->ring))
		return 0;
	rows = weir_ring_reserve(feed->stream->ring, allowed < helping(feed) ? (uint32_t)allowed : helping(feed),
				 &room);
	atomic_store_explicit(&feed->waits, !room, memory_order_relaxed);
	if (room)
		return pull_rows(feed, rows, room);
	/* Whatever the readers' policies, a pulled source waits: its records do not spoil. The deadline lets a stop through. */
	weir_ring_wait_space(feed->stream->ring, weir_now(WEIR_CLOCK_MONOTONIC) + FULL_NS);
	return 1;
}

static void *pull(void *context)
{
	struct weir_feed *feed = context;

	int more = 1;

	while (more > 0 && !atomic_load_explicit(&feed->pipeline->runtime->stopping, memory_order_relaxed))
		more = pull_once(feed);
	if (more < 0)
		weir_stop(feed->pipeline);
	weir_feed_want_end(feed);
	return NULL;
}

static int start_pulled(struct weir_feed *feed)
{
	int err = pthread_create(&feed->thread, NULL, pull, feed);

	if (err)
		return weir_fail(feed->node, err, "cannot start a thread: %s", strerror(err));
	feed->threaded = true;
	return 0;
}

/* ------------------------------------------------------------- start, end */

int weir_feed_start(struct weir_feed *feed)
{
	const struct weir_source_ops *ops = ops_of(feed);
	struct weir_filter *filter = feed->stream->filter;
	int err = 0;

	feed->intake = -1;
	feed->is_inline = filter && weir_filter_tier(filter) == WEIR_TIER_INLINE;
	/* Attach first: the very first sample counts. */
	if (feed->is_inline)
		err = weir_filter_attach(filter);
	if (err < 0)
		return weir_fail(feed->node, -err, "cannot attach the filter: %s", strerror(-err));
	if (ops->start)
		err = ops->start(feed->node, feed->is_inline);
	if (err < 0)
		return err;
	feed->started = true;
	if (feed->reader)
		return weir_worker_start(feed->reader->worker);
	if (feed->is_inline)
		return start_inline(feed);
	return feed->is_pulled ? start_pulled(feed) : start_intake(feed);
}

static void take_the_rest(struct weir_feed *feed)
{
	if (feed->is_inline) {
		int n = weir_filter_consume(feed->stream->filter, feed->stream->ring);

		if (n > 0)
			add(&feed->node->records_out, (uint64_t)n);
		count_inline(feed);
	} else if (feed->intake >= 0) {
		weir_loop_drain_intake(feed->pipeline->runtime->loop, feed->intake);
	}
}

void weir_feed_end(struct weir_feed *feed)
{
	if (feed->over)
		return;
	feed->over = true;
	weir_feed_join(feed);
	if (feed->is_inline)
		weir_filter_detach(feed->stream->filter);
	if (feed->started)
		take_the_rest(feed);
	feed->intake = -1;
	if (feed->started && ops_of(feed)->stop)
		ops_of(feed)->stop(feed->node);
	feed->started = false;
	if (!feed->reader)
		weir_ring_finish(feed->stream->ring);
	weir_run_feed_over(feed->pipeline);
}

void weir_feed_check(struct weir_feed *feed)
{
	if (feed->over || feed->is_pulled || !feed->started)
		return;
	if (!quiet(feed))
		return;
	weir_feed_end(feed);
	weir_stop(feed->pipeline);
}

uint64_t weir_feed_seen(struct weir_feed *feed)
{
	if (feed->is_inline && feed->started)
		count_inline(feed);
	return atomic_load_explicit(&feed->node->records_in, memory_order_relaxed);
}

void weir_feed_join(struct weir_feed *feed)
{
	if (feed->threaded)
		pthread_join(feed->thread, NULL);
	feed->threaded = false;
}
