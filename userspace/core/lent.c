/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows that a source lends. The one chain that reads them runs on the thread that the source would have had: it decodes them where
 * they lie, gives them back, and works on what it has decoded. Neither a ring nor a copy nor another thread is between.
 *
 * What was overwritten while it was being decoded is known when the rows are given back, before any stage has seen them.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "core/record.h"
#include "core/run.h"

static const struct weir_source_ops *ops_of(const struct weir_feed *feed)
{
	return feed->node->driver->source;
}

int weir_lent_copy(struct weir_feed *feed, void *rows, uint32_t max, struct weir_wait *wait)
{
	size_t row_bytes = feed->stream->schema.row_bytes;
	uint32_t spoilt;
	const void *from;
	int n;

	do {
		n = ops_of(feed)->lend(feed->node, max, &from, wait);
		if (n <= 0)
			return n;
		memcpy(rows, from, (size_t)n * row_bytes);
		spoilt = ops_of(feed)->take_back(feed->node, (uint32_t)n);
	} while (spoilt == (uint32_t)n);
	if (spoilt)
		memmove(rows, (char *)rows + spoilt * row_bytes, ((size_t)n - spoilt) * row_bytes);
	return n - (int)spoilt;
}

/* Decode before giving back: only then is it known which of them were whole. */
static void take(struct weir_port *port, const void *rows, uint32_t n)
{
	struct weir_feed *feed = port->feed;

	weir_rows_decode(&port->from->schema, rows, n, port->block);
	port->at = ops_of(feed)->take_back(feed->node, n);
	weir_feed_count(feed, n - port->at);
}

static int ask(struct weir_port *port, uint32_t max)
{
	struct weir_feed *feed = port->feed;
	uint64_t allowed = weir_feed_allowance(feed);
	const void *rows;
	int n;

	if (!allowed || atomic_load_explicit(&feed->pipeline->runtime->stopping, memory_order_relaxed))
		return 0;
	port->wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = -1 };
	n = ops_of(feed)->lend(feed->node, allowed < max ? (uint32_t)allowed : max, &rows, &port->wait);
	if (n > 0)
		take(port, rows, (uint32_t)n);
	return n;
}

void weir_lent_fill(struct weir_port *port, uint32_t max)
{
	int n;

	do
		n = ask(port, max);
	while (n > 0 && weir_port_is_empty(port));
	if (n > 0 || n == -EAGAIN)
		return;
	/* The driver has said why. */
	if (n < 0)
		weir_stop(port->feed->pipeline);
	port->ended = true;
}

void weir_lent_wait(const struct weir_port *port, int64_t deadline_ns)
{
	struct weir_wait wait = port->wait;

	if (deadline_ns < wait.until_ns)
		wait.until_ns = deadline_ns;
	weir_feed_wait(port->feed, &wait);
}
