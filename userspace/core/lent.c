/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows that a source lends. The one chain that reads them runs on the thread that the source would have had: it decodes them where
 * they lie, gives them back, and works on what it has decoded. Neither a ring nor a copy nor another thread is between.
 *
 * What was overwritten while it was being decoded is known when the rows are given back, before any stage has seen them.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "stream/record.h"

static const struct weir_source_ops *ops_of(const struct weir_feed *feed)
{
	return feed->node->driver->source;
}

/* What it shows, and never more than was asked for. */
static int lend(struct weir_feed *feed, uint32_t max, const void **rows, struct weir_wait *wait)
{
	int n = ops_of(feed)->lend(feed->node, max, rows, wait);

	return n > 0 && (uint32_t)n > max ? (int)max : n;
}

int weir_lent_copy(struct weir_feed *feed, struct weir_rows *rows, struct weir_wait *wait)
{
	size_t row_bytes = feed->stream->schema.row_bytes;
	uint32_t spoilt, got;
	const void *from;
	char *to = weir_rows_next(rows);
	int n;

	do {
		n = lend(feed, weir_rows_room(rows), &from, wait);
		if (n <= 0)
			return n;
		memcpy(to, from, (size_t)n * row_bytes);
		spoilt = ops_of(feed)->take_back(feed->node, (uint32_t)n);
	} while (spoilt == (uint32_t)n);
	if (spoilt)
		memmove(to, to + spoilt * row_bytes, ((size_t)n - spoilt) * row_bytes);
	weir_rows_span(rows, (uint32_t)n - spoilt, &got);
	return 1;
}

int weir_lent_open(struct weir_feed *feed)
{
	feed->result = 1;
	if (ops_of(feed)->lend)
		return 0;
	feed->rows = malloc((size_t)WEIR_BLOCK_MAX * feed->stream->schema.row_bytes);
	return feed->rows ? 0 : -ENOMEM;
}

/* ----------------------------------------------------------------------- fill */

/* A driver that is asked for rows fills memory of ours. What it says behind them is kept until they are taken. */
static int produce(struct weir_feed *feed, uint32_t max, const void **rows, struct weir_wait *wait)
{
	struct weir_rows room = { .at = feed->rows,
				  .left = max < WEIR_BLOCK_MAX ? max : WEIR_BLOCK_MAX,
				  .stride = feed->stream->schema.row_bytes };
	int result = feed->result;

	*rows = feed->rows;
	while (result > 0 && !room.n)
		result = weir_source_produce(feed->node, &room, wait);
	feed->result = result == -EAGAIN ? 1 : result;
	return room.n ? (int)room.n : result;
}

/* Decode before giving back: only then is it known which of them were whole. */
static void take(struct weir_port *port, const void *rows, uint32_t n)
{
	struct weir_feed *feed = port->feed;

	weir_rows_decode(&port->from->schema, rows, n, port->block);
	port->at = ops_of(feed)->lend ? ops_of(feed)->take_back(feed->node, n) : 0;
	feed->stream->lent += n;
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
	port->wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = -1, .is_idle = port->is_idle };
	port->is_idle = true;
	n = (ops_of(feed)->lend ? lend : produce)(feed, allowed < max ? (uint32_t)allowed : max, &rows, &port->wait);
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

static bool is_attached(const struct weir_agent *agent)
{
	return weir_chain_last(agent->first)->is_attached;
}

/* Records gather at the source, and so may the answers that the sink's peer gives meanwhile. */
static bool gathers(const struct weir_agent *agent)
{
	return is_attached(agent) && agent->port[0].wait.gathers && agent->sink_wait.gathers;
}

/* Of both ends, and of the chain between them. */
static int64_t first_deadline(const struct weir_agent *agent)
{
	int64_t first = agent->deadline_ns;

	if (agent->port[0].wait.until_ns < first)
		first = agent->port[0].wait.until_ns;
	return is_attached(agent) && agent->sink_wait.until_ns < first ? agent->sink_wait.until_ns : first;
}

bool weir_lent_has_gathered(const struct weir_agent *agent)
{
	return agent->port[0].feed && gathers(agent) && weir_now(WEIR_CLOCK_MONOTONIC) >= agent->port[0].wait.until_ns;
}

static bool has_nothing(const struct weir_wait *wait, const struct pollfd *fd, int64_t now)
{
	return !fd->revents && now < wait->until_ns;
}

void weir_lent_wait(struct weir_agent *agent)
{
	struct weir_port *port = &agent->port[0];
	struct pollfd fds[3] = {
		{ .fd = agent->pipeline->runtime->halt_fd, .events = POLLIN },
		{ .fd = port->wait.fd, .events = POLLIN },
		{ .fd = is_attached(agent) && !gathers(agent) ? agent->sink_wait.fd : -1, .events = POLLIN },
	};
	int64_t until = first_deadline(agent), left = until - weir_now(WEIR_CLOCK_MONOTONIC);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	int n = left > 0 ? ppoll(fds, 3, until == INT64_MAX ? NULL : &timeout, NULL) : -1;
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	port->is_idle = n >= 0 && has_nothing(&port->wait, &fds[1], now);
	agent->sink_wait.is_idle = n >= 0 && !weir_lent_has_gathered(agent) &&
				   has_nothing(&agent->sink_wait, &fds[2], now);
}
