/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is there when a spool is opened. Every frame that can be read counts; what lies between two of them is a hole, which is
 * known by the ids that are missing. Nothing that is damaged is written to again: new messages begin a new epoch, in a new file.
 *
 * The file `ack` has two slots, written in turn, so that one that tears leaves the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "spool/spool_internal.h"

#define ACK_NAME "ack"
#define ACK_MAGIC UINT64_C(0x316b636172696577) /* "weirack1" */
#define ACK_BYTES 64
#define ACK_SLOT 4096 /* apart, so that no write of one can tear the other */

/* ---------------------------------------------------------------- segments */

struct weir_spool_segment *weir_spool_add_segment(struct weir_spool *spool, uint64_t first)
{
	struct weir_spool_segment *grown = realloc(spool->segment, (spool->n_segments + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	spool->segment = grown;
	grown += spool->n_segments++;
	*grown = (struct weir_spool_segment){ .first = first, .last = first - 1, .bytes = WEIR_SPOOL_HEADER };
	return grown;
}

static uint64_t overlap(uint64_t first, uint64_t last, uint64_t after, uint64_t upto)
{
	if (first <= after)
		first = after + 1;
	if (last > upto)
		last = upto;
	return last >= first ? last - first + 1 : 0;
}

uint64_t weir_spool_between(const struct weir_spool *spool, uint64_t after, uint64_t upto)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < spool->n_segments; i++)
		if (!spool->segment[i].lost)
			n += overlap(spool->segment[i].first, spool->segment[i].last, after, upto);
	for (uint32_t i = 0; i < spool->n_holes; i++)
		n -= overlap(spool->hole[i].first, spool->hole[i].last, after, upto);
	return n;
}

/* @return the last id of the run, from `from` on and up to `last`, that is all in one hole, or all in none. */
static uint64_t run_end(const struct weir_spool *spool, uint64_t from, uint64_t last, bool *in_hole)
{
	*in_hole = false;
	for (uint32_t i = 0; i < spool->n_holes; i++) {
		const struct weir_spool_hole *hole = &spool->hole[i];

		if (from >= hole->first && from <= hole->last) {
			*in_hole = true;
			return hole->last < last ? hole->last : last;
		}
		if (hole->first > from && hole->first <= last)
			last = hole->first - 1;
	}
	return last;
}

static void add_run(struct weir_spool *spool, uint64_t first, uint64_t last)
{
	uint64_t lost = weir_spool_between(spool, first - 1 > spool->acked ? first - 1 : spool->acked, last);
	struct weir_spool_hole *grown = realloc(spool->hole, (spool->n_holes + 1) * sizeof(*grown));

	if (!grown)
		return; /* the messages stay in the count of those that wait */
	spool->hole = grown;
	grown[spool->n_holes++] = (struct weir_spool_hole){ first, last };
	spool->counts.lost_corrupt += lost;
	spool->counts.waiting -= lost;
}

/* Who reads again meets what is known already. */
void weir_spool_add_hole(struct weir_spool *spool, uint64_t first, uint64_t last)
{
	for (uint64_t end; first <= last; first = end + 1) {
		bool known;

		end = run_end(spool, first, last, &known);
		if (!known)
			add_run(spool, first, end);
	}
}

static void forget_holes(struct weir_spool *spool, const struct weir_spool_segment *segment)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < spool->n_holes; i++)
		if (spool->hole[i].first < segment->first || spool->hole[i].first > segment->last)
			spool->hole[kept++] = spool->hole[i];
	spool->n_holes = kept;
}

void weir_spool_forget_first(struct weir_spool *spool)
{
	forget_holes(spool, &spool->segment[0]);
	memmove(spool->segment, spool->segment + 1, --spool->n_segments * sizeof(*spool->segment));
}

uint64_t weir_spool_lose(struct weir_spool *spool, struct weir_spool_segment *segment)
{
	uint64_t before = segment->first - 1, n;

	n = weir_spool_between(spool, before > spool->acked ? before : spool->acked, segment->last);
	forget_holes(spool, segment);
	segment->gone = segment->lost = true;
	spool->counts.waiting -= n;
	return n;
}

/* ----------------------------------------------------------- acknowledgement */

int weir_spool_write_ack(struct weir_spool *spool, uint64_t acked)
{
	uint8_t slot[ACK_BYTES] = { 0 };
	uint64_t at = (spool->generation + 1) % 2 * ACK_SLOT;
	int err;

	weir_spool_put64(slot, ACK_MAGIC);
	weir_spool_put64(slot + 8, spool->identity);
	weir_spool_put64(slot + 16, spool->generation + 1);
	weir_spool_put64(slot + 24, acked);
	weir_spool_put64(slot + 32, spool->next_id);
	weir_spool_put32(slot + ACK_BYTES - 4, weir_spool_crc(slot, ACK_BYTES - 4));
	err = spool->io.write(spool->io.context, spool->ack_fd, slot, ACK_BYTES, at);
	if (err >= 0)
		spool->generation++;
	return err;
}

static bool read_slot(struct weir_spool *spool, uint64_t at, uint8_t slot[ACK_BYTES])
{
	return weir_spool_read(&spool->io, spool->ack_fd, slot, ACK_BYTES, at) == ACK_BYTES &&
	       weir_spool_get64(slot) == ACK_MAGIC &&
	       weir_spool_get32(slot + ACK_BYTES - 4) == weir_spool_crc(slot, ACK_BYTES - 4);
}

/* A checksum is no proof that weir has written it: numbers that weir never writes are damage. */
static bool makes_sense(const uint8_t slot[ACK_BYTES])
{
	uint64_t acked = weir_spool_get64(slot + 24), next_id = weir_spool_get64(slot + 32);

	return acked < next_id && next_id < WEIR_SPOOL_ID_END && weir_spool_get64(slot + 16) < WEIR_SPOOL_ID_END;
}

/* The newest of the slots that are whole. */
static void read_acks(struct weir_spool *spool)
{
	for (uint64_t at = 0; at <= ACK_SLOT; at += ACK_SLOT) {
		uint8_t slot[ACK_BYTES];

		if (!read_slot(spool, at, slot))
			continue;
		if (!makes_sense(slot)) {
			spool->counts.corrupt_bytes += ACK_BYTES;
			continue;
		}
		if (weir_spool_get64(slot + 16) <= spool->generation)
			continue;
		spool->identity = weir_spool_get64(slot + 8);
		spool->generation = weir_spool_get64(slot + 16);
		spool->acked = weir_spool_get64(slot + 24);
		spool->next_id = weir_spool_get64(slot + 32);
	}
	spool->ack_written = spool->ack_safe = spool->acked;
}

/* Both slots take their place on the disk at once: a spool on a disk that is full must open, or nothing would ever leave it. */
static int reserve_slots(struct weir_spool *spool)
{
	static const uint8_t zeros[ACK_SLOT + ACK_BYTES];
	int64_t size = spool->io.size(spool->io.context, spool->ack_fd);

	if (size < 0 || size >= (int64_t)sizeof(zeros))
		return size < 0 ? (int)size : 0;
	return spool->io.write(spool->io.context, spool->ack_fd, zeros, (uint32_t)(sizeof(zeros) - (size_t)size),
			       (uint64_t)size);
}

static int open_acks(struct weir_spool *spool)
{
	int err;

	spool->ack_fd = spool->io.open(spool->io.context, ACK_NAME);
	if (spool->ack_fd == -ENOENT) {
		spool->ack_fd = spool->io.create(spool->io.context, ACK_NAME);
		spool->dirty_names = true;
	}
	if (spool->ack_fd < 0)
		return spool->ack_fd;
	err = reserve_slots(spool);
	if (err < 0)
		return err;
	read_acks(spool);
	return 0;
}

/* ------------------------------------------------------------------ recovery */

struct listing {
	uint64_t *first;
	uint32_t n;
	bool failed;
};

static void note_name(void *to, const char *name)
{
	struct listing *listing = to;
	uint64_t first, *grown;

	if (!weir_spool_parse_name(name, &first) || !first || first >= WEIR_SPOOL_ID_END)
		return;
	grown = realloc(listing->first, (listing->n + 1) * sizeof(*grown));
	listing->failed |= !grown;
	if (!grown)
		return;
	listing->first = grown;
	grown[listing->n++] = first;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Without the file of acknowledgements, any segment's header names the spool. */
static void read_identity(struct weir_spool *spool, uint64_t first)
{
	uint8_t header[WEIR_SPOOL_HEADER];
	struct weir_spool_file *file = &spool->reading;

	if (spool->identity || weir_spool_read(file->io, file->fd, header, sizeof(header), 0) != WEIR_SPOOL_HEADER ||
	    weir_spool_get64(header) != WEIR_SPOOL_SEGMENT_MAGIC || weir_spool_get64(header + 16) != first ||
	    weir_spool_get32(header + 24) != weir_spool_crc(header, 24))
		return;
	spool->identity = weir_spool_get64(header + 8);
}

static uint64_t epoch_of(uint64_t id)
{
	return id >> WEIR_SPOOL_EPOCH_SHIFT;
}

/* The next one that can be read. */
static bool next_frame(struct weir_spool *spool, uint64_t least, uint64_t most, struct weir_spool_message *out)
{
	while (!weir_spool_file_next(&spool->reading, least, most, out)) {
		spool->counts.disk_errors += spool->reading.failed;
		if (!spool->reading.failed || !weir_spool_file_skip(&spool->reading))
			return false;
	}
	return true;
}

/* What is missing before a frame was in what had to be skipped. One whose number says more is damaged itself. */
static bool is_plausible(const struct weir_spool *spool, uint64_t before, uint64_t id)
{
	return id - before - 1 <= spool->reading.skipped / WEIR_SPOOL_FRAME;
}

/* Count the frames of a file, and remember what is missing between them. */
static void scan_frames(struct weir_spool *spool, struct weir_spool_segment *segment, uint64_t most)
{
	struct weir_spool_message message;
	uint64_t before;

	while (next_frame(spool, segment->last + 1, most, &message)) {
		before = segment->last;
		if (!is_plausible(spool, before, message.id)) {
			spool->reading.skipped += WEIR_SPOOL_FRAME + message.n;
			continue;
		}
		segment->last = message.id;
		spool->counts.waiting += overlap(before + 1, message.id, spool->acked, UINT64_MAX);
		if (message.id != before + 1)
			weir_spool_add_hole(spool, before + 1, message.id - 1);
	}
	spool->counts.corrupt_bytes += spool->reading.skipped;
	spool->reading.skipped = 0;
}

/* @most: the id before the first of the next segment, or the last of the epoch. */
static int scan(struct weir_spool *spool, uint64_t first, uint64_t most)
{
	struct weir_spool_segment *segment;
	int64_t size;
	int err = weir_spool_file_begin(&spool->reading, first);

	if (err < 0)
		return err;
	size = spool->io.size(spool->io.context, spool->reading.fd);
	segment = weir_spool_add_segment(spool, first);
	if (!segment || size < 0)
		return size < 0 ? (int)size : -ENOMEM;
	read_identity(spool, first);
	spool->reading.end = segment->bytes = (uint64_t)size;
	scan_frames(spool, segment, most);
	return 0;
}

/* Between two segments of one epoch no id may be missing. */
static void count_missing(struct weir_spool *spool, const struct listing *listing, uint32_t i)
{
	uint64_t most = spool->config.limit_bytes / WEIR_SPOOL_FRAME;
	uint64_t last = spool->segment[i].last, next, missing;

	if (i + 1 == listing->n || epoch_of(listing->first[i + 1]) != epoch_of(last))
		return;
	next = listing->first[i + 1];
	missing = overlap(last + 1, next - 1, spool->acked, UINT64_MAX);
	/* A name can say anything, but files that are gone held no more than a spool can. */
	spool->counts.lost_corrupt += missing < most ? missing : most;
}

static uint64_t most_of(const struct listing *listing, uint32_t i)
{
	uint64_t end = (epoch_of(listing->first[i]) + 1) << WEIR_SPOOL_EPOCH_SHIFT;

	return (i + 1 < listing->n && listing->first[i + 1] < end ? listing->first[i + 1] : end) - 1;
}

static int scan_all(struct weir_spool *spool, const struct listing *listing)
{
	for (uint32_t i = 0; i < listing->n; i++) {
		int err = scan(spool, listing->first[i], most_of(listing, i));

		if (err < 0)
			return err;
		count_missing(spool, listing, i);
		spool->counts.bytes += spool->segment[i].bytes;
	}
	weir_spool_file_end(&spool->reading);
	return 0;
}

/* No id of an earlier time may come again, also none that was lost with what was not synced. */
static int begin_epoch(struct weir_spool *spool, const struct listing *listing)
{
	uint64_t epoch = epoch_of(spool->next_id > spool->acked ? spool->next_id : spool->acked);

	if (listing->n && epoch_of(listing->first[listing->n - 1]) > epoch)
		epoch = epoch_of(listing->first[listing->n - 1]);
	spool->next_id = (epoch + 1) << WEIR_SPOOL_EPOCH_SHIFT;
	if (!spool->identity && getrandom(&spool->identity, sizeof(spool->identity), 0) < 0)
		return -errno;
	return 0;
}

int weir_spool_recover(struct weir_spool *spool, char error[256])
{
	struct listing listing = { 0 };
	int err = open_acks(spool);

	if (err >= 0)
		err = spool->io.list(spool->io.context, note_name, &listing);
	if (err >= 0 && listing.failed)
		err = -ENOMEM;
	if (err >= 0 && listing.n)
		qsort(listing.first, listing.n, sizeof(*listing.first), compare);
	if (err >= 0)
		err = scan_all(spool, &listing);
	if (err >= 0)
		err = begin_epoch(spool, &listing);
	if (err >= 0)
		err = weir_spool_write_ack(spool, spool->acked);
	if (err >= 0)
		err = spool->io.sync(spool->io.context, spool->ack_fd);
	if (err >= 0)
		err = spool->io.sync_names(spool->io.context);
	spool->counts.recovered = spool->counts.waiting + spool->counts.lost_corrupt;
	free(listing.first);
	if (err < 0)
		snprintf(error, 256, "cannot read the spool %s: %s", spool->config.dir, strerror(-err));
	return err;
}
