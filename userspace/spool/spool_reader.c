/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The consumer's side: the oldest message first, again after a rewind, until it is acknowledged.
 *
 * The file that it reads stays open while the policy may remove it, so what it holds can still arrive. Only a rewind needs the
 * name again, and that is when such messages are lost.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "spool/spool_internal.h"
#include "weir/whole.h"

#define NS_PER_S 1e9
#define LONGEST_NS 1e15 /* to wait for leave */
#define BURST_S 0.1     /* of the rate that may be offered at once */
#define RETRY_NS 50000000
#define FAILURES_MAX 100

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ------------------------------------------------------------------- files */

/* The first segment that has more, and that can still be read. Under lock. */
static struct weir_spool_segment *find(struct weir_spool *spool)
{
	for (uint32_t i = 0; i < spool->n_segments; i++) {
		struct weir_spool_segment *segment = &spool->segment[i];
		bool readable = !segment->gone || (segment->first == spool->held_first && spool->reading.fd >= 0);

		if (!segment->lost && readable && segment->last >= spool->next && segment->last >= segment->first)
			return segment;
	}
	return NULL;
}

/* The rest of this segment cannot be read. */
static void give_up(struct weir_spool *spool, uint64_t upto)
{
	pthread_mutex_lock(&spool->lock);
	weir_spool_add_hole(spool, spool->next, upto);
	pthread_mutex_unlock(&spool->lock);
	spool->next = upto + 1;
	spool->failures = 0;
}

/* A disk that fails now may not fail later. But one that always does must not hold up what comes behind. */
static int fail(struct weir_spool *spool, uint64_t upto)
{
	pthread_mutex_lock(&spool->lock);
	spool->counts.disk_errors++;
	pthread_mutex_unlock(&spool->lock);
	spool->reading.failed = false;
	if (++spool->failures <= FAILURES_MAX)
		return -EIO;
	spool->failures = 0;
	if (spool->reading.fd < 0 || !weir_spool_file_skip(&spool->reading))
		give_up(spool, upto);
	return 0;
}

static int begin_file(struct weir_spool *spool, const struct weir_spool_segment *segment)
{
	int err;

	spool->next = larger(spool->next, segment->first);
	err = weir_spool_file_begin(&spool->reading, segment->first);
	if (err == -ENOENT) {
		give_up(spool, segment->last);
		return 0;
	}
	return err < 0 ? fail(spool, segment->last) : 0;
}

/* @return false: there is nothing more. */
static bool look(struct weir_spool *spool, struct weir_spool_segment *out)
{
	struct weir_spool_segment *segment;

	pthread_mutex_lock(&spool->lock);
	segment = find(spool);
	if (segment) {
		*out = *segment;
		spool->held_first = segment->first;
	}
	pthread_mutex_unlock(&spool->lock);
	return segment;
}

/* @return 0: something has changed, try again; -ENODATA: there is nothing more; -EIO: try again later. */
static int go_on(struct weir_spool *spool)
{
	struct weir_spool_segment segment;
	uint64_t reading = spool->held_first;
	int err = 0;

	if (!look(spool, &segment))
		return -ENODATA;
	if (segment.first != reading || spool->reading.fd < 0)
		err = begin_file(spool, &segment);
	else if (spool->reading.failed)
		err = fail(spool, segment.last);
	else if (segment.last == spool->reading_last && segment.bytes == spool->reading.end)
		give_up(spool, segment.last); /* all of it was read, and these were not in it */
	spool->reading.end = segment.bytes;
	spool->reading_last = segment.last;
	return err;
}

static void count_skipped(struct weir_spool *spool, uint64_t id)
{
	pthread_mutex_lock(&spool->lock);
	spool->counts.corrupt_bytes += spool->reading.skipped;
	if (id > spool->next)
		weir_spool_add_hole(spool, spool->next, id - 1);
	pthread_mutex_unlock(&spool->lock);
	spool->reading.skipped = 0;
}

/* -------------------------------------------------------------------- rate */

/* @return 0, or when there will be leave. */
static int64_t wait_for_leave(struct weir_spool *spool, int64_t now_ns)
{
	double rate = spool->config.rate, most = fmax(1, floor(rate * BURST_S));

	if (rate <= 0 || !spool->catching_up)
		return 0;
	spool->tokens += (double)(now_ns - spool->tokens_ns) * rate / NS_PER_S;
	spool->tokens_ns = now_ns;
	if (spool->tokens > most)
		spool->tokens = most;
	return spool->tokens >= 1 ? 0
				  : now_ns + 1 + weir_whole(fmin(LONGEST_NS, (1 - spool->tokens) * NS_PER_S / rate));
}

/* ---------------------------------------------------------------- consumer */

int weir_spool_peek(struct weir_spool *spool, struct weir_spool_message *out, int64_t now_ns, int64_t *due_ns)
{
	*due_ns = wait_for_leave(spool, now_ns);
	if (*due_ns)
		return -EAGAIN;
	while (spool->reading.fd < 0 || !weir_spool_file_next(&spool->reading, spool->next, spool->reading_last, out)) {
		int err = go_on(spool);

		if (!err)
			continue;
		spool->catching_up &= err != -ENODATA;
		*due_ns = err == -ENODATA ? INT64_MAX : now_ns + RETRY_NS;
		return -EAGAIN;
	}
	spool->failures = 0;
	if (out->id > spool->next || spool->reading.skipped)
		count_skipped(spool, out->id);
	spool->next = out->id + 1;
	spool->offered = out->id;
	spool->tokens -= 1;
	return 0;
}

void weir_spool_ack(struct weir_spool *spool, uint64_t id)
{
	uint64_t n;

	if (id > spool->offered)
		id = spool->offered;
	pthread_mutex_lock(&spool->lock);
	if (id > spool->acked) {
		n = weir_spool_between(spool, spool->acked, id);
		spool->counts.acknowledged += n;
		spool->counts.waiting -= n;
		spool->acked = id;
	}
	pthread_mutex_unlock(&spool->lock);
	weir_spool_wake(spool);
}

void weir_spool_rewind(struct weir_spool *spool)
{
	pthread_mutex_lock(&spool->lock);
	for (uint32_t i = 0; i < spool->n_segments; i++)
		if (spool->segment[i].gone && !spool->segment[i].lost)
			spool->counts.lost_limit += weir_spool_lose(spool, &spool->segment[i]);
	spool->held_first = 0;
	spool->next = spool->acked + 1;
	pthread_mutex_unlock(&spool->lock);
	weir_spool_file_end(&spool->reading);
	spool->reading_last = 0;
	spool->offered = spool->next - 1;
	spool->catching_up = true;
}
