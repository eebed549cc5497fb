/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A running source. Three ways in (and one past it, in lent.c), one way out:
 *
 *   descriptor   the loop reads rows into the ring, the driver looks at them, the batch filter thins them out
 *   inline       an eBPF program in the kernel takes the samples; what passed is moved into the ring
 *   pulled       a thread asks the driver for rows: the source's own, or one of several slow sources (pool.c)
 *
 * and at the end the ring is finished, so that the agents below drain it and follow.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "core/run.h"

static const struct weir_source_ops *ops_of(const struct weir_feed *feed)
{
	return feed->node->driver->source;
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

/* ------------------------------------------------------------- descriptor */

static int landed(void *context, void *rows, uint32_t n)
{
	return weir_feed_land(context, rows, n);
}

static void committed(void *context)
{
	weir_feed_tell_time(context);
}

static void refused(void *context, uint32_t n)
{
	struct weir_feed *feed = context;

	weir_count(&feed->node->records_in, n);
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

static uint64_t wanted(void *context)
{
	return weir_feed_allowance(context);
}

/* A device with a watermark gathers by itself; one without delivers event by event. */
static enum weir_intake intake_kind(const struct weir_feed *feed, const struct weir_collected *collected)
{
	if (!ops_of(feed)->collects)
		return WEIR_INTAKE_MULTISHOT;
	return collected->by_time && collected->watermark > 1 ? WEIR_INTAKE_TIMED : WEIR_INTAKE_POLL;
}

static int start_intake(struct weir_feed *feed)
{
	static const struct weir_intake_ops intake_ops = {
		.landed = landed,
		.committed = committed,
		.refused = refused,
		.ended = ended,
		.quiet = quiet,
		.wanted = wanted,
	};
	const struct weir_source_ops *ops = ops_of(feed);
	struct weir_collected collected = { .watermark = 1 };

	if (ops->collects)
		ops->collects(feed->node, &collected);
	struct weir_intake_config config = {
		.fd = ops->fd(feed->node),
		.ring = feed->stream->ring,
		.watermark = collected.watermark,
		.kind = intake_kind(feed, &collected),
		.ops = &intake_ops,
		.context = feed,
		.is_watched = feed->pipeline->runtime->uevent_fd >= 0,
		.capacity = collected.capacity,
		.row_ns = collected.row_ns,
		.latency_ns = collected.latency_ns,
	};

	feed->intake = weir_loop_add_intake(feed->pipeline->runtime->loop, &config);
	if (feed->intake < 0)
		return weir_fail(feed->node, -feed->intake, "cannot read from the device: %s", strerror(-feed->intake));
	return 0;
}

/* ----------------------------------------------------------------- inline */

static void consume(void *context)
{
	struct weir_feed *feed = context;
	int n;

	if (feed->over)
		return;
	n = weir_feed_consume(feed);
	if (n > 0)
		weir_count(&feed->node->records_out, (uint64_t)n);
	weir_feed_count_inline(feed);
	if (atomic_load(&feed->wants_end))
		weir_feed_end(feed);
}

void weir_feed_look(struct weir_feed *feed)
{
	if (feed->is_inline && feed->started && feed->stream->is_timed)
		consume(feed);
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

static int start_pulled(struct weir_feed *feed)
{
	int err = feed->is_pooled ? weir_pool_begin(feed) : -pthread_create(&feed->thread, NULL, weir_feed_pull, feed);

	if (err < 0)
		return weir_fail(feed->node, -err, "cannot start a thread: %s", strerror(-err));
	feed->threaded = !feed->is_pooled;
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
	err = weir_feed_begin(feed);
	if (err < 0)
		return err;
	if (feed->reader && !feed->is_pooled)
		return weir_worker_start(feed->reader->worker);
	if (feed->is_inline)
		return start_inline(feed);
	return feed->is_pulled ? start_pulled(feed) : start_intake(feed);
}

static void take_the_rest(struct weir_feed *feed)
{
	if (feed->is_inline) {
		int n = weir_feed_consume(feed);

		if (n > 0)
			weir_count(&feed->node->records_out, (uint64_t)n);
		weir_feed_count_inline(feed);
	} else if (feed->intake >= 0) {
		weir_loop_drain_intake(feed->pipeline->runtime->loop, feed->intake);
	}
}

/* Its own thread, or that of its reader, says when it is through; nobody waits for it before that. */
static bool is_concluding(const struct weir_feed *feed)
{
	return feed->started && (weir_feed_concludes(feed) || feed->is_pooled) && !atomic_load(&feed->wants_end) &&
	       !atomic_load(&feed->pipeline->runtime->is_over);
}

void weir_feed_end(struct weir_feed *feed)
{
	if (feed->over || is_concluding(feed))
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
		weir_ring_finish_at(feed->stream->ring, weir_feed_end_time(feed));
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

void weir_feed_join(struct weir_feed *feed)
{
	if (feed->threaded)
		pthread_join(feed->thread, NULL);
	feed->threaded = false;
}
