/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Time behind the early filter. A row that the filter drops has been read all the same, and time in the stream has come to it. Stages
 * behind the filter learn that time in two ways:
 *
 *   note   before a row that is older than a dropped one: the time that the stream had come to
 *   mark   of the ring, after the rows are committed: the time of the newest row that was read
 *
 * A mark wakes no reader before the time that some reader asked for. In the inline tier rows are dropped in the kernel: the program
 * there keeps the newest time in memory, and wakes the loop once when that passes the time that was asked for.
 */
#include <stdint.h>
#include <string.h>

#include "core/run.h"
#include "stream/record.h"

/* Inline, with another ring behind the reader: how far the stream's time goes on until the loop passes it on. */
#define BEAT_NS INT64_C(10000000)

static char *row_at(const struct weir_feed *feed, void *rows, uint32_t i)
{
	return (char *)rows + (size_t)i * feed->stream->schema.row_bytes;
}

static int64_t time_at(const struct weir_feed *feed, void *rows, uint32_t i)
{
	return weir_field_raw(&feed->stream->schema.t, row_at(feed, rows, i));
}

static uint32_t slot_at(const struct weir_feed *feed, const void *rows)
{
	size_t bytes;
	const char *memory = weir_ring_memory(feed->stream->ring, &bytes);

	return (uint32_t)((size_t)((const char *)rows - memory) % bytes / feed->stream->schema.row_bytes);
}

static void show_time(struct weir_stream *stream, int64_t t_ns)
{
	if (t_ns > stream->shown_ns)
		stream->shown_ns = t_ns;
}

/* Up to where time runs backwards; all, where no stage goes by time. Sets the newest time of those rows. */
static uint32_t run_in_order(const struct weir_feed *feed, void *rows, uint32_t n, int64_t *newest_ns)
{
	int64_t before = time_at(feed, rows, 0);
	uint32_t i = 1;

	*newest_ns = before;
	for (; i < n; i++) {
		int64_t t = time_at(feed, rows, i);

		if (t < before && feed->stream->is_timed)
			break;
		before = t;
		*newest_ns = t > *newest_ns ? t : *newest_ns;
	}
	return i;
}

/* Rows of one run that are left, behind `at` others that are not committed either. */
static void keep_run(struct weir_feed *feed, void *rows, uint32_t at, uint32_t from, uint32_t n)
{
	if (!n)
		return;
	if (at != from)
		memmove(row_at(feed, rows, at), row_at(feed, rows, from), (size_t)n * feed->stream->schema.row_bytes);
	weir_stream_note(feed->stream, at, time_at(feed, rows, at));
	show_time(feed->stream, time_at(feed, rows, at + n - 1));
}

int weir_feed_thin_out(struct weir_feed *feed, void *rows, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t from = 0, length; from < n; from += length) {
		void *run = row_at(feed, rows, from);
		int64_t newest_ns;
		int some;

		length = run_in_order(feed, run, n - from, &newest_ns);
		some = weir_filter_rows(feed->stream->filter, run, slot_at(feed, run), length);
		if (some < 0)
			return some;
		keep_run(feed, rows, kept, from, (uint32_t)some);
		kept += (uint32_t)some;
		if (newest_ns > feed->stream->told_ns)
			feed->stream->told_ns = newest_ns;
	}
	return (int)kept;
}

void weir_feed_tell_time(struct weir_feed *feed)
{
	struct weir_stream *stream = feed->stream;

	if (!stream->is_timed || !stream->filter || !weir_ring_mark_quietly(stream->ring, stream->told_ns))
		return;
	if (stream->told_ns <= atomic_load(&stream->wanted_ns))
		return;
	/* In this order: each reader that sleeps is woken and asks again, and one that asks now sees the mark. */
	atomic_store(&stream->wanted_ns, INT64_MAX);
	if (feed->is_inline)
		weir_filter_want_time(stream->filter, INT64_MAX);
	weir_ring_wake_watchers(stream->ring);
}

int weir_feed_consume(struct weir_feed *feed)
{
	/* Before looking: the samples of that time and before are in the buffer then. */
	int64_t t_ns = weir_filter_time(feed->stream->filter);
	int n = weir_filter_consume(feed->stream->filter, feed->stream->ring);

	if (t_ns > feed->stream->told_ns)
		feed->stream->told_ns = t_ns;
	weir_feed_tell_time(feed);
	return n;
}

int64_t weir_feed_end_time(const struct weir_feed *feed)
{
	int64_t t_ns = feed->stream->filter ? feed->stream->told_ns : INT64_MIN;

	/* The newest row's own time has passed as well. */
	return t_ns > INT64_MIN && t_ns < INT64_MAX ? t_ns + 1 : t_ns;
}

/* False: the samples have come to that time already, and the loop has to be told. */
static bool want_inline(struct weir_filter *filter, int64_t t_ns)
{
	int64_t seen = weir_filter_time(filter);

	if (t_ns == INT64_MIN && __builtin_add_overflow(seen, BEAT_NS, &t_ns))
		t_ns = INT64_MAX;
	weir_filter_want_time(filter, t_ns);
	return weir_filter_time(filter) <= t_ns;
}

void weir_stream_want_time(struct weir_stream *stream, int64_t t_ns)
{
	int64_t wanted = atomic_load(&stream->wanted_ns);

	if (!stream->filter || t_ns == INT64_MAX)
		return;
	while (t_ns < wanted && !atomic_compare_exchange_weak(&stream->wanted_ns, &wanted, t_ns))
		;
	if (weir_filter_tier(stream->filter) == WEIR_TIER_INLINE && !want_inline(stream->filter, t_ns))
		weir_run_wake(stream->from->pipeline);
}

/* What the hook has seen stands for the records in; the limit is kept in the kernel, where the samples are. */
void weir_feed_count_inline(struct weir_feed *feed)
{
	struct weir_filter_counts counts;
	uint64_t limit = feed->pipeline->options.limit;

	weir_filter_read_counts(feed->stream->filter, &counts);
	atomic_store_explicit(&feed->node->records_in, counts.seen, memory_order_relaxed);
	atomic_store_explicit(&feed->node->lost[WEIR_LOST_FILTER], counts.lost, memory_order_relaxed);
	if (limit && counts.seen >= limit)
		atomic_store(&feed->wants_end, true);
}

uint64_t weir_feed_seen(struct weir_feed *feed)
{
	if (feed->is_inline && feed->started)
		weir_feed_count_inline(feed);
	return atomic_load_explicit(&feed->node->records_in, memory_order_relaxed);
}
