/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which operations the spool asks of a disk, and when: on one that fails just where a test says. */
#include <errno.h>
#include <string.h>

#include "harness.h"
#include "spool/spool_internal.h"
#include "spool_disk.h"

#define MESSAGE 1000 /* bytes */
#define FRAME (MESSAGE + WEIR_SPOOL_FRAME)

static struct {
	struct weir_spool_io io; /* what is below */
	int ack_fd, sync_fails;  /* a descriptor whose sync() does not work; -1: none, -2: every segment's */
	bool cut_fails, write_fails;
	uint32_t created, removed;
} disk;

static bool is_ack(const char *name)
{
	return !strcmp(name, "ack");
}

static int create(void *context, const char *name)
{
	int fd = disk.io.create(context, name);

	disk.created += !is_ack(name);
	if (is_ack(name))
		disk.ack_fd = fd;
	return fd;
}

static int open_file(void *context, const char *name)
{
	int fd = disk.io.open(context, name);

	if (is_ack(name))
		disk.ack_fd = fd;
	return fd;
}

static int write_file(void *context, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	return disk.write_fails && fd != disk.ack_fd ? -EIO : disk.io.write(context, fd, bytes, n, at);
}

static int cut(void *context, int fd, uint64_t n)
{
	return disk.cut_fails ? -EIO : disk.io.cut(context, fd, n);
}

static int sync_file(void *context, int fd)
{
	bool fails = disk.sync_fails == fd || (disk.sync_fails == -2 && fd != disk.ack_fd);

	return fails ? -EIO : disk.io.sync(context, fd);
}

static int remove_file(void *context, const char *name)
{
	disk.removed++;
	return disk.io.remove(context, name);
}

static struct weir_spool *open_spool(struct disk *below, enum weir_spool_policy policy)
{
	static struct weir_spool_io io;
	struct weir_spool_config config = {
		.dir = "/x", .limit_bytes = WEIR_SPOOL_LIMIT_MIN, .policy = policy, .io = &io, .manual = true
	};
	struct weir_spool *spool;
	char error[256];

	memset(&disk, 0, sizeof(disk));
	disk.sync_fails = -1;
	disk.io = io = disk_io(below);
	io.create = create;
	io.open = open_file;
	io.write = write_file;
	io.cut = cut;
	io.sync = sync_file;
	io.remove = remove_file;
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	return spool;
}

static struct weir_spool_counts counts(struct weir_spool *spool)
{
	struct weir_spool_counts counts;

	weir_spool_read_counts(spool, &counts);
	return counts;
}

static void append(struct weir_spool *spool, uint32_t n, bool sync)
{
	static const char bytes[MESSAGE];

	while (n--) {
		assert_int_equal(weir_spool_append(spool, bytes, MESSAGE), 0);
		assert_int_equal(weir_spool_commit(spool), 0);
	}
	weir_spool_work(spool, sync);
}

static uint64_t take(struct weir_spool *spool)
{
	struct weir_spool_message message;
	int64_t due;

	return weir_spool_peek(spool, &message, 0, &due) < 0 ? 0 : message.id;
}

/* Messages until there is a new segment, with the one that is in it. */
static uint32_t fill_segment(struct weir_spool *spool)
{
	uint32_t n = 1, created;

	append(spool, 1, false);
	for (created = disk.created; disk.created == created; n++)
		append(spool, 1, false);
	return n;
}

/* A segment takes what fits, to the byte. */
static void a_segment_is_filled(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_BLOCK);
	uint32_t room = (uint32_t)spool->segment_bytes - WEIR_SPOOL_HEADER, n = room / FRAME - 1;
	static const char rest[2 * FRAME];

	(void)state;
	append(spool, n, true);
	assert_int_equal(disk.created, 1);
	assert_int_equal(weir_spool_append(spool, rest, room - n * FRAME - WEIR_SPOOL_FRAME), 0);
	assert_int_equal(weir_spool_commit(spool), 0);
	weir_spool_work(spool, true);
	assert_int_equal(disk.created, 1);
	append(spool, 1, true);
	assert_int_equal(disk.created, 2);
	weir_spool_close(spool);
	disk_free(below);
}

/* A segment is removed when the last of its messages is acknowledged, and no sooner than that is safe on the disk. */
static void a_segment_goes_when_that_is_safe(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_BLOCK);
	uint32_t n = fill_segment(spool) - 1;
	uint64_t id = 0;

	(void)state;
	weir_spool_work(spool, true);
	for (uint32_t i = 0; i < n; i++)
		id = take(spool);
	weir_spool_ack(spool, id - 1);
	weir_spool_work(spool, true);
	assert_int_equal(disk.removed, 0);
	weir_spool_ack(spool, id);
	disk.sync_fails = disk.ack_fd;
	weir_spool_work(spool, true);
	assert_int_equal(disk.removed, 0);
	disk.sync_fails = -1;
	weir_spool_work(spool, true);
	assert_int_equal(disk.removed, 1);
	assert_int_equal(counts(spool).waiting, 1);
	weir_spool_close(spool);
	disk_free(below);
}

/* What was written and not synced is counted: a power cut could take it. */
static void unsynced_messages_are_counted(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_BLOCK);

	(void)state;
	append(spool, 3, true);
	assert_int_equal(counts(spool).unsynced, 0);
	append(spool, 2, false);
	append(spool, 1, false);
	assert_int_equal(counts(spool).unsynced, 3);
	disk.sync_fails = -2;
	weir_spool_work(spool, true);
	assert_int_equal(counts(spool).unsynced, 3);
	disk.sync_fails = -1;
	append(spool, 1, true);
	assert_int_equal(counts(spool).unsynced, 0);
	weir_spool_close(spool);
	disk_free(below);
}

/* An acknowledgement goes no further than what was offered, not by one. */
static void the_next_is_not_acknowledged(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_BLOCK);
	uint64_t id;

	(void)state;
	append(spool, 3, true);
	id = take(spool);
	weir_spool_ack(spool, id + 1);
	assert_int_equal(counts(spool).acknowledged, 1);
	assert_int_equal(counts(spool).waiting, 2);
	weir_spool_rewind(spool);
	assert_int_equal(take(spool), id + 1);
	weir_spool_close(spool);
	disk_free(below);
}

/* A single message that has gone bad on the disk is one that is lost. */
static void one_bad_message_is_one_lost(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_BLOCK);
	uint64_t id;

	(void)state;
	append(spool, 4, true);
	assert_true(disk_damage(below, 0, WEIR_SPOOL_HEADER + FRAME + 100, 1));
	id = take(spool);
	assert_int_equal(take(spool), id + 2);
	assert_int_equal(counts(spool).lost_corrupt, 1);
	assert_int_equal(counts(spool).waiting, 3);
	weir_spool_close(spool);
	disk_free(below);
}

/* What the limit removes while the consumer reads it still arrives, to its end; only a rewind loses what was not acknowledged. */
static void what_is_read_still_arrives(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_DROP_OLDEST);
	uint32_t n = fill_segment(spool) - 1;
	uint64_t first = take(spool), second, lost;

	(void)state;
	assert_true(first > 0);
	while (!counts(spool).lost_limit)
		append(spool, 1, false);
	assert_int_equal(disk.removed, 2);
	lost = counts(spool).lost_limit;
	for (uint32_t i = 1; i < n; i++)
		assert_int_equal(take(spool), first + i);
	second = take(spool);
	assert_int_equal(second, first + n + lost);
	weir_spool_ack(spool, first + n / 2 - 1);
	weir_spool_rewind(spool);
	assert_int_equal(counts(spool).lost_limit, lost + n - n / 2);
	assert_int_equal(take(spool), second);
	weir_spool_close(spool);
	disk_free(below);
}

/* A file whose sync has failed takes no more messages. */
static void a_failed_sync_ends_a_segment(void **state)
{
	struct disk *below = disk_new(1);
	struct weir_spool *spool = open_spool(below, WEIR_SPOOL_BLOCK);

	(void)state;
	append(spool, 3, true);
	append(spool, 1, false);
	assert_int_equal(disk.created, 1);
	disk.sync_fails = -2;
	weir_spool_work(spool, true);
	disk.sync_fails = -1;
	assert_true(counts(spool).disk_errors > 0);
	append(spool, 1, true);
	assert_int_equal(disk.created, 2);
	for (int i = 0; i < 5; i++)
		assert_true(take(spool) > 0);
	weir_spool_close(spool);
	disk_free(below);
}

/* What a file has taken before a write that failed is made safe, also where what that write has left cannot be cut off. */
static void what_was_written_before_is_safe(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct disk *below = disk_new(seed);
		struct weir_spool *spool = open_spool(below, WEIR_SPOOL_DROP_NEWEST);

		append(spool, 1, true);
		append(spool, 4, false);
		disk.write_fails = disk.cut_fails = true;
		append(spool, 1, false);
		assert_int_equal(counts(spool).lost_disk, 1);
		disk_stop(below);
		disk_cut(below);
		weir_spool_close(spool);
		spool = open_spool(below, WEIR_SPOOL_DROP_NEWEST);
		assert_int_equal(counts(spool).recovered, 5);
		assert_int_equal(counts(spool).lost_corrupt, 0);
		weir_spool_close(spool);
		disk_free(below);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_is_filled),
		cmocka_unit_test(a_segment_goes_when_that_is_safe),
		cmocka_unit_test(what_is_read_still_arrives),
		cmocka_unit_test(a_failed_sync_ends_a_segment),
		cmocka_unit_test(what_was_written_before_is_safe),
		cmocka_unit_test(the_next_is_not_acknowledged),
		cmocka_unit_test(unsynced_messages_are_counted),
		cmocka_unit_test(one_bad_message_is_one_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
