/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the writer thread does: batches become frames at the end of the last segment, what was acknowledged is remembered, and
 * both are synced together. A segment is removed when all of it was acknowledged and that is safe on disk, or by the policy.
 *
 * After an error a file is not trusted any more: new messages begin a new segment. What a write that failed has put down all the
 * same is cut off: those messages are written again, or are counted as lost, and must not be found at the next start.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "spool/spool_writer.h"

static struct weir_spool_segment *current(struct weir_spool *spool)
{
	return &spool->segment[spool->n_segments - 1];
}

static void mark_dirty(struct weir_spool *spool, bool *what)
{
	*what = true;
	if (spool->dirty_ns)
		return;
	spool->dirty_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	atomic_store(&spool->is_due, true);
}

static void count_error(struct weir_spool *spool)
{
	pthread_mutex_lock(&spool->lock);
	spool->counts.disk_errors++;
	pthread_mutex_unlock(&spool->lock);
}

/* ---------------------------------------------------------------- segments */

static void stop_writing(struct weir_spool *spool)
{
	if (spool->write_fd < 0)
		return;
	if (spool->dirty_data && spool->io.sync(spool->io.context, spool->write_fd) < 0)
		count_error(spool);
	spool->dirty_data = false;
	spool->io.close(spool->io.context, spool->write_fd);
	spool->write_fd = -1;
}

static void forget_torn(struct weir_spool *spool)
{
	if (spool->torn_fd >= 0)
		spool->io.close(spool->io.context, spool->torn_fd);
	spool->torn_fd = -1;
	spool->is_torn = false;
}

/* Tried again with each sync, until a next segment begins: its name says where the messages of this one end. */
static void cut_back(struct weir_spool *spool)
{
	bool is_cut, is_safe;

	if (!spool->is_torn)
		return;
	is_cut = spool->io.cut(spool->io.context, spool->torn_fd, spool->torn_bytes) >= 0;
	is_safe = (is_cut || spool->dirty_data) && spool->io.sync(spool->io.context, spool->torn_fd) >= 0;
	spool->dirty_data = false;
	if (is_cut && is_safe)
		forget_torn(spool);
	else
		count_error(spool);
}

static void tear(struct weir_spool *spool)
{
	spool->torn_fd = spool->write_fd;
	spool->torn_bytes = current(spool)->bytes;
	spool->write_fd = -1;
	mark_dirty(spool, &spool->is_torn);
	cut_back(spool);
}

static int write_header(struct weir_spool *spool, int fd)
{
	uint8_t header[WEIR_SPOOL_HEADER] = { 0 };

	weir_spool_put64(header, WEIR_SPOOL_SEGMENT_MAGIC);
	weir_spool_put64(header + 8, spool->identity);
	weir_spool_put64(header + 16, spool->next_id);
	weir_spool_put32(header + 24, weir_spool_crc(header, 24));
	return spool->io.write(spool->io.context, fd, header, sizeof(header), 0);
}

/* One into which nothing could be written has the name of the next one, and is used again. */
static int list_segment(struct weir_spool *spool)
{
	bool is_listed;

	pthread_mutex_lock(&spool->lock);
	is_listed = spool->n_segments && current(spool)->first == spool->next_id;
	if (!is_listed) {
		is_listed = weir_spool_add_segment(spool, spool->next_id);
		spool->counts.bytes += is_listed ? WEIR_SPOOL_HEADER : 0;
	}
	pthread_mutex_unlock(&spool->lock);
	return is_listed ? 0 : -ENOMEM;
}

/* Without the lock: a disk may take its time. */
static void remove_file(struct weir_spool *spool, uint64_t first)
{
	char name[WEIR_SPOOL_NAME];

	weir_spool_name(name, first);
	if (spool->io.remove(spool->io.context, name) < 0)
		count_error(spool);
	mark_dirty(spool, &spool->dirty_names);
}

static int begin_segment(struct weir_spool *spool)
{
	char name[WEIR_SPOOL_NAME];
	int err, fd;

	stop_writing(spool);
	weir_spool_name(name, spool->next_id);
	fd = spool->io.create(spool->io.context, name);
	if (fd < 0)
		return fd;
	mark_dirty(spool, &spool->dirty_names);
	err = list_segment(spool);
	if (err >= 0) {
		forget_torn(spool);
		err = write_header(spool, fd);
	}
	if (err < 0)
		spool->io.close(spool->io.context, fd);
	else
		spool->write_fd = fd;
	return err;
}

static struct weir_spool_segment *oldest(struct weir_spool *spool)
{
	for (uint32_t i = 0; i + 1 < spool->n_segments; i++)
		if (!spool->segment[i].gone)
			return &spool->segment[i];
	return NULL;
}

/* What the consumer has open, or has had, may still arrive, and is only lost if it asks for it again. The rest is lost now. */
static bool drop_oldest(struct weir_spool *spool)
{
	struct weir_spool_segment *segment;
	uint64_t first = 0;

	pthread_mutex_lock(&spool->lock);
	segment = oldest(spool);
	if (segment) {
		first = segment->first;
		segment->gone = true;
		spool->counts.bytes -= segment->bytes;
		if (first > spool->held_first)
			spool->counts.lost_limit += weir_spool_lose(spool, segment);
	}
	pthread_mutex_unlock(&spool->lock);
	if (first)
		remove_file(spool, first);
	return first;
}

/* ----------------------------------------------------------------- batches */

static uint8_t *rest(const struct weir_spool_batch *batch)
{
	return batch->bytes + batch->written;
}

static bool is_written(const struct weir_spool_batch *batch)
{
	return batch->written == batch->used;
}

static void lose_rest(struct weir_spool *spool, struct weir_spool_batch *batch, uint64_t *cause)
{
	uint64_t n = 0;

	for (; !is_written(batch); n++)
		batch->written += weir_spool_frame_bytes(rest(batch));
	pthread_mutex_lock(&spool->lock);
	*cause += n;
	pthread_mutex_unlock(&spool->lock);
}

/* As many whole frames of the batch as have room, sealed. @return their bytes. */
static uint32_t seal(struct weir_spool *spool, struct weir_spool_batch *batch, uint64_t room, uint32_t *n)
{
	uint32_t bytes = 0;

	for (*n = 0; batch->written + bytes < batch->used; ++*n) {
		uint8_t *frame = rest(batch) + bytes;

		if (bytes + weir_spool_frame_bytes(frame) > room)
			break;
		weir_spool_seal(frame, spool->next_id + *n);
		bytes += weir_spool_frame_bytes(frame);
	}
	return bytes;
}

static void publish(struct weir_spool *spool, uint32_t n, uint32_t bytes)
{
	static const uint64_t one = 1;

	spool->next_id += n;
	pthread_mutex_lock(&spool->lock);
	current(spool)->last += n;
	current(spool)->bytes += bytes;
	spool->counts.bytes += bytes;
	spool->counts.waiting += n;
	spool->counts.unsynced += n;
	pthread_mutex_unlock(&spool->lock);
	if (atomic_load_explicit(&spool->is_quiet, memory_order_relaxed))
		return;
	if (write(spool->fd, &one, sizeof(one)) < 0)
		return; /* full: it is readable already */
}

static uint64_t left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

static uint64_t room_in_segment(struct weir_spool *spool)
{
	return spool->write_fd < 0 ? 0 : left(spool->segment_bytes, current(spool)->bytes);
}

/* With the header that a new segment would need. */
static uint64_t room_in_all(const struct weir_spool *spool)
{
	return left(spool->config.limit_bytes, spool->counts.bytes + WEIR_SPOOL_HEADER);
}

/* One write to one segment. @return 0 or -errno. */
static int write_some(struct weir_spool *spool, struct weir_spool_batch *batch)
{
	uint32_t n, bytes;
	uint64_t room;
	int err = 0;

	if (room_in_segment(spool) < weir_spool_frame_bytes(rest(batch)))
		err = begin_segment(spool);
	if (err < 0)
		return err;
	room = room_in_segment(spool);
	if (room > room_in_all(spool) + WEIR_SPOOL_HEADER)
		room = room_in_all(spool) + WEIR_SPOOL_HEADER;
	bytes = seal(spool, batch, room, &n);
	err = spool->io.write(spool->io.context, spool->write_fd, rest(batch), bytes, current(spool)->bytes);
	if (err < 0) {
		tear(spool);
		return err;
	}
	batch->written += bytes;
	mark_dirty(spool, &spool->dirty_data);
	publish(spool, n, bytes);
	return 0;
}

static bool waits(const struct weir_spool *spool)
{
	return spool->config.policy == WEIR_SPOOL_BLOCK && !spool->is_last;
}

/* @return false: wait. */
static bool make_room(struct weir_spool *spool, struct weir_spool_batch *batch, uint64_t *cause)
{
	if (spool->config.policy == WEIR_SPOOL_DROP_OLDEST && drop_oldest(spool))
		return true;
	if (waits(spool))
		return false;
	lose_rest(spool, batch, cause);
	return true;
}

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/* @return false: the rest has to wait. */
static bool write_batch(struct weir_spool *spool, struct weir_spool_batch *batch)
{
	while (!is_written(batch)) {
		int err;

		if (room_in_all(spool) < weir_spool_frame_bytes(rest(batch))) {
			if (!make_room(spool, batch, &spool->counts.lost_limit))
				return false;
			continue;
		}
		err = write_some(spool, batch);
		if (err >= 0)
			continue;
		count_error(spool);
		if (is_full(err) ? !make_room(spool, batch, &spool->counts.lost_disk) : waits(spool))
			return false;
		if (!is_full(err))
			lose_rest(spool, batch, &spool->counts.lost_disk);
	}
	return true;
}

/* @return false: there is none, or the one that there is has to wait. */
static bool take_batch(struct weir_spool *spool)
{
	if (!spool->writing)
		spool->writing = weir_spool_take(spool);
	spool->is_blocked = spool->writing && !write_batch(spool, spool->writing);
	if (!spool->writing || spool->is_blocked)
		return false;
	weir_spool_give_back(spool, spool->writing);
	spool->writing = NULL;
	return true;
}

/* -------------------------------------------------------------------- sync */

static void write_acks(struct weir_spool *spool)
{
	uint64_t acked;

	atomic_store(&spool->has_acks, false);
	pthread_mutex_lock(&spool->lock);
	acked = spool->acked;
	pthread_mutex_unlock(&spool->lock);
	if (acked == spool->ack_written)
		return;
	mark_dirty(spool, &spool->dirty_ack);
	if (weir_spool_write_ack(spool, acked) >= 0) {
		spool->ack_written = acked;
		return;
	}
	count_error(spool);
	atomic_store(&spool->has_acks, true);
}

/* Everything in the first segment is safely acknowledged: nobody needs it any more. @return was that so? */
static bool remove_acknowledged(struct weir_spool *spool)
{
	struct weir_spool_segment segment;
	bool is_over;

	pthread_mutex_lock(&spool->lock);
	is_over = spool->n_segments && spool->segment[0].last <= spool->ack_safe &&
		  (spool->n_segments > 1 || spool->write_fd < 0);
	if (is_over) {
		segment = spool->segment[0];
		spool->counts.bytes -= segment.gone ? 0 : segment.bytes;
		weir_spool_forget_first(spool);
	}
	pthread_mutex_unlock(&spool->lock);
	if (is_over && !segment.gone)
		remove_file(spool, segment.first);
	return is_over;
}

static bool sync_file(struct weir_spool *spool, int fd, bool *dirty)
{
	if (*dirty && spool->io.sync(spool->io.context, fd) < 0) {
		count_error(spool);
		return false;
	}
	*dirty = false;
	return true;
}

static void count_synced(struct weir_spool *spool)
{
	pthread_mutex_lock(&spool->lock);
	spool->counts.unsynced = 0;
	pthread_mutex_unlock(&spool->lock);
}

static void sync_all(struct weir_spool *spool)
{
	bool safe = sync_file(spool, spool->ack_fd, &spool->dirty_ack), is_clean;

	if (safe)
		spool->ack_safe = spool->ack_written;
	cut_back(spool);
	/* What a failed sync leaves behind it is anybody's guess, and asking again does not tell. */
	if (!sync_file(spool, spool->write_fd, &spool->dirty_data)) {
		spool->dirty_data = false;
		stop_writing(spool);
	} else if (!spool->is_torn)
		count_synced(spool);
	while (remove_acknowledged(spool))
		;
	if (spool->dirty_names && spool->io.sync_names(spool->io.context) < 0)
		count_error(spool);
	else
		spool->dirty_names = false;
	is_clean = !spool->dirty_data && !spool->dirty_ack && !spool->dirty_names && !spool->is_torn;
	spool->dirty_ns = is_clean ? 0 : weir_now(WEIR_CLOCK_MONOTONIC);
	atomic_store(&spool->is_due, !is_clean);
}

int64_t weir_spool_work_due(const struct weir_spool *spool)
{
	return spool->dirty_ns ? spool->dirty_ns + spool->config.sync_ns : INT64_MAX;
}

static void sync_in_time(struct weir_spool *spool, bool now)
{
	write_acks(spool);
	if (now || weir_now(WEIR_CLOCK_MONOTONIC) >= weir_spool_work_due(spool))
		sync_all(spool);
}

void weir_spool_work(struct weir_spool *spool, bool sync)
{
	while (take_batch(spool))
		sync_in_time(spool, false);
	sync_in_time(spool, sync);
}

void weir_spool_writer_close(struct weir_spool *spool)
{
	stop_writing(spool);
	cut_back(spool);
	forget_torn(spool);
	if (spool->ack_fd >= 0)
		spool->io.close(spool->io.context, spool->ack_fd);
	spool->ack_fd = -1;
}
