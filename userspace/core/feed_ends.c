/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first and the last rows of a source: those that say how things stand when it starts, before any that its device brings, and
 * what no row has told when it ends. They pass the filter and count as all others do.
 */
#include <errno.h>
#include <string.h>

#include "core/run.h"

#define PATIENCE_NS INT64_C(1000000000) /* of the last row with a reader that makes no room */

static const struct weir_source_ops *ops_of(const struct weir_feed *feed)
{
	return feed->node->driver->source;
}

/* One row. 0; -ENOSPC: the ring is full; -errno after a message. */
static int land(struct weir_feed *feed, const void *row, bool is_first)
{
	uint32_t room;
	void *rows = weir_ring_reserve(feed->stream->ring, 1, &room);
	int kept;

	if (!room)
		return -ENOSPC;
	memcpy(rows, row, feed->stream->schema.row_bytes);
	kept = weir_feed_land(feed, rows, 1);
	if (kept < 0)
		return kept;
	/* Before the row is seen by a port that is to pass over it. */
	if (is_first)
		feed->stream->n_initial = (uint32_t)kept;
	weir_ring_commit(feed->stream->ring, (uint32_t)kept);
	weir_feed_tell_time(feed);
	return 0;
}

static bool is_wanted(const struct weir_feed *feed)
{
	const struct weir_pipeline *pipeline = feed->pipeline;

	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		for (uint32_t k = 0; k < pipeline->agent[i]->n_ports; k++)
			if (pipeline->agent[i]->port[k].from == feed->stream &&
			    !pipeline->agent[i]->port[k].knows_start)
				return true;
	return false;
}

int weir_feed_begin(struct weir_feed *feed)
{
	_Alignas(16) char row[WEIR_ROW_MAX];
	bool is_first = true;
	int n = 0;

	while (ops_of(feed)->initial && (n = ops_of(feed)->initial(feed->node, row)) > 0) {
		if (!is_first || is_wanted(feed))
			n = land(feed, row, is_first);
		is_first = false;
		if (n < 0)
			return n;
	}
	return n;
}

static void lose(struct weir_feed *feed)
{
	atomic_fetch_add_explicit(&feed->node->records_in, 1, memory_order_relaxed);
	feed->stream->missing++;
	weir_ring_refuse(feed->stream->ring, 1);
}

void weir_feed_last(struct weir_feed *feed)
{
	_Alignas(16) char row[WEIR_ROW_MAX];
	struct weir_ring *ring = feed->stream->ring;
	int n;

	if (!ops_of(feed)->finish || !weir_feed_allowance(feed) || !weir_ring_is_read(ring))
		return;
	if (ops_of(feed)->finish(feed->node, row) <= 0)
		return;
	n = land(feed, row, false);
	if (n == -ENOSPC && !weir_ring_wait_space(ring, weir_now(WEIR_CLOCK_MONOTONIC) + PATIENCE_NS))
		n = land(feed, row, false);
	if (n == -ENOSPC)
		lose(feed);
}
