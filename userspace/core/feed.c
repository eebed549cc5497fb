/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a source that runs has given, may give, and waits for. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "core/run.h"

#define NAP_NS INT64_C(20000000) /* while chains work off the rest */

void weir_count(_Atomic uint64_t *counter, uint64_t n)
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

void weir_feed_count(struct weir_feed *feed, uint32_t n)
{
	feed->taken += n;
	weir_count(&feed->node->records_in, n);
	weir_count(&feed->node->records_out, n);
}

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

int weir_source_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	return weir_rows_room(rows) ? node->driver->source->produce(node, rows, wait) : 1;
}

bool weir_feed_concludes(const struct weir_feed *feed)
{
	return feed->node->driver->source->conclude;
}

/* The run is asked to end, so that its descriptor says nothing any more. */
static void nap(const struct weir_wait *wait)
{
	struct pollfd fd = { .fd = wait->fd, .events = POLLIN };
	int64_t left = wait->until_ns - weir_now(WEIR_CLOCK_MONOTONIC);
	struct timespec timeout = { .tv_nsec = left < NAP_NS ? left : NAP_NS };

	if (left > 0)
		ppoll(&fd, 1, &timeout, NULL);
}

void weir_feed_conclude(struct weir_feed *feed)
{
	struct weir_wait wait = { .until_ns = INT64_MAX, .fd = -1 };

	while (feed->node->driver->source->conclude(feed->node, &wait) == -EAGAIN) {
		nap(&wait);
		wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = -1 };
	}
}
