/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source that is asked for rows, which go to its ring: by a thread of its own, or in turn with others (pool.c). */
#include <errno.h>
#include <stdint.h>

#include "core/run.h"

#define FULL_NS INT64_C(50000000)
#define HELPING_BYTES (128u << 10)

/* Ask the driver once. 1: go on; -EAGAIN: when `wait` says; 0: end of the stream; else -errno: the driver has said why. */
static int pull_rows(struct weir_feed *feed, void *memory, uint32_t room, struct weir_wait *wait)
{
	struct weir_rows rows = { .at = memory, .left = room, .stride = feed->stream->schema.row_bytes };
	int result = feed->node->driver->source->lend ? weir_lent_copy(feed, &rows, wait)
						      : weir_source_produce(feed->node, &rows, wait);

	if (rows.n) {
		int kept = weir_feed_admit(feed, memory, rows.n);

		if (kept < 0)
			return kept;
		weir_ring_commit(feed->stream->ring, (uint32_t)kept);
		weir_feed_tell_time(feed);
	}
	return result;
}

/* Rows that a driver is asked for at a time. Each time the readers are woken up, which costs some microseconds: so a good
 * many, but not more than stay in the cache until they are read. */
static uint32_t helping(const struct weir_feed *feed)
{
	uint32_t rows = HELPING_BYTES / feed->stream->schema.row_bytes;

	return rows > WEIR_BLOCK_MAX ? rows : WEIR_BLOCK_MAX;
}

/* As pull_rows(); -ENOSPC: the ring is full. */
static int pull_once(struct weir_feed *feed, struct weir_wait *wait)
{
	uint64_t allowed = weir_feed_allowance(feed);
	uint32_t room;
	void *rows;

	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = -1 };
	/* Whoever read it has had enough: others may go on, but not this. */
	if (!allowed || !weir_ring_is_read(feed->stream->ring))
		return 0;
	rows = weir_ring_reserve(feed->stream->ring, allowed < helping(feed) ? (uint32_t)allowed : helping(feed),
				 &room);
	/* Whatever the readers' policies, a pulled source waits: its records do not spoil. */
	atomic_store_explicit(&feed->waits, !room, memory_order_relaxed);
	return room ? pull_rows(feed, rows, room, wait) : -ENOSPC;
}

static int pull_and_wait(struct weir_feed *feed)
{
	struct weir_wait wait;
	int more = pull_once(feed, &wait);

	if (more == -EAGAIN)
		weir_feed_wait(feed, &wait);
	else if (more == -ENOSPC) /* the deadline lets a stop through */
		weir_ring_wait_space(feed->stream->ring, weir_now(WEIR_CLOCK_MONOTONIC) + FULL_NS);
	return more == -EAGAIN || more == -ENOSPC ? 1 : more;
}

static bool is_stopping(const struct weir_feed *feed)
{
	return atomic_load_explicit(&feed->pipeline->runtime->stopping, memory_order_relaxed);
}

static void end_pulled(struct weir_feed *feed, int more)
{
	weir_feed_last(feed);
	if (more < 0)
		weir_stop(feed->pipeline);
	if (weir_feed_concludes(feed)) {
		weir_ring_finish(feed->stream->ring);
		weir_feed_conclude(feed);
	}
	weir_feed_want_end(feed);
}

void *weir_feed_pull(void *context)
{
	struct weir_feed *feed = context;
	int more = 1;

	while (more > 0 && !is_stopping(feed))
		more = pull_and_wait(feed);
	end_pulled(feed, more);
	return NULL;
}

bool weir_feed_step(struct weir_feed *feed, int64_t *due_ns)
{
	struct weir_wait wait;
	int more = is_stopping(feed) ? 0 : pull_once(feed, &wait);

	*due_ns = 0; /* long ago */
	if (more == -EAGAIN)
		*due_ns = wait.until_ns;
	else if (more == -ENOSPC)
		*due_ns = weir_now(WEIR_CLOCK_MONOTONIC) + FULL_NS;
	else if (more <= 0)
		end_pulled(feed, more);
	return more > 0 || more == -EAGAIN || more == -ENOSPC;
}
