/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory in which somebody has written what weir never writes, with checksums that are right: ids at the ends of their range,
 * acknowledgements of what was never given, frames and names that jump. The spool opens, its counts stay within what the files can hold,
 * ids grow, and new messages arrive.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/dice.h"
#include "harness.h"
#include "spool/spool_internal.h"

#define RUNS 150
#define ACK_BYTES 64
#define LIMIT (1u << 20)
#define FRAME_BYTES (WEIR_SPOOL_FRAME + 8)

static char directory[] = "/dev/shm/weir-crafted-XXXXXX"; /* in memory: a spool syncs */

static const uint64_t ids[] = { 0,
				1,
				2,
				UINT64_C(1) << 40,
				(UINT64_C(1) << 40) + 1,
				(UINT64_C(2) << 40) - 1,
				UINT64_C(1) << 62,
				(UINT64_C(1) << 63) + 5,
				UINT64_MAX - 1,
				UINT64_MAX };

static uint64_t some_id(struct dice *dice)
{
	uint64_t id = ids[roll_below(dice, sizeof(ids) / sizeof(*ids))];

	return roll_below(dice, 3) ? id : id + roll_below(dice, 100);
}

static FILE *create(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	return file;
}

static void write_slot(FILE *file, long at, uint64_t generation, uint64_t acked, uint64_t next)
{
	uint8_t slot[ACK_BYTES] = "weirack1";

	weir_spool_put64(slot + 8, 7);
	weir_spool_put64(slot + 16, generation);
	weir_spool_put64(slot + 24, acked);
	weir_spool_put64(slot + 32, next);
	weir_spool_put32(slot + ACK_BYTES - 4, weir_spool_crc(slot, ACK_BYTES - 4));
	fseek(file, at, SEEK_SET);
	assert_int_equal(fwrite(slot, sizeof(slot), 1, file), 1);
}

static FILE *begin_segment(uint64_t first)
{
	uint8_t header[WEIR_SPOOL_HEADER] = { 0 };
	char name[WEIR_SPOOL_NAME];
	FILE *file;

	weir_spool_name(name, first);
	file = create(name);
	weir_spool_put64(header, WEIR_SPOOL_SEGMENT_MAGIC);
	weir_spool_put64(header + 8, 7);
	weir_spool_put64(header + 16, first);
	weir_spool_put32(header + 24, weir_spool_crc(header, 24));
	assert_int_equal(fwrite(header, sizeof(header), 1, file), 1);
	return file;
}

static void write_frame(FILE *file, uint64_t id)
{
	uint8_t frame[FRAME_BYTES] = { 0 };

	weir_spool_put32(frame + 4, FRAME_BYTES - WEIR_SPOOL_FRAME);
	weir_spool_seal(frame, id);
	assert_int_equal(fwrite(frame, sizeof(frame), 1, file), 1);
}

/* A segment of frames that follow each other, mostly. @return how many. */
static uint32_t write_segment(struct dice *dice, uint64_t first)
{
	FILE *file = begin_segment(first);
	uint32_t n = roll_below(dice, 9);
	uint64_t id = first;

	for (uint32_t i = 0; i < n; i++, id++) {
		if (!roll_below(dice, 4))
			id = some_id(dice);
		write_frame(file, id);
	}
	fclose(file);
	return n;
}

/* What was acknowledged arrives no more, and of the rest each message once. */
static uint32_t take_all(struct weir_spool *spool)
{
	struct weir_spool_message message;
	uint64_t last = 0;
	uint32_t n = 0;
	int64_t due;

	while (!weir_spool_peek(spool, &message, 0, &due)) {
		assert_true(message.id > last);
		last = message.id;
		weir_spool_ack(spool, message.id);
		n++;
	}
	return n;
}

static struct weir_spool *open_spool(void)
{
	struct weir_spool_config config = { .dir = directory, .limit_bytes = LIMIT, .manual = true };
	struct weir_spool *spool;
	char error[256];

	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	return spool;
}

static void append_one(struct weir_spool *spool)
{
	assert_int_equal(weir_spool_append(spool, "new", 3), 0);
	assert_int_equal(weir_spool_commit(spool), 0);
	weir_spool_work(spool, true);
}

/* `frames` are in the files, in `segments` of them. */
static void expect_sense(uint32_t frames, uint32_t segments)
{
	struct weir_spool *spool = open_spool();
	struct weir_spool_counts counts;
	uint32_t before;

	weir_spool_read_counts(spool, &counts);
	assert_true(counts.waiting <= frames);
	assert_true(counts.lost_corrupt <= (uint64_t)LIMIT / WEIR_SPOOL_FRAME * (segments + 1));
	assert_int_equal(counts.recovered, counts.waiting + counts.lost_corrupt);
	before = take_all(spool);
	assert_true(before <= frames);
	append_one(spool);
	assert_int_equal(take_all(spool), 1);
	weir_spool_read_counts(spool, &counts);
	assert_int_equal(counts.waiting, 0);
	weir_spool_close(spool);
	/* What was acknowledged does not come again. */
	spool = open_spool();
	assert_int_equal(take_all(spool), 0);
	weir_spool_close(spool);
}

static void empty_directory(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -f %s/*", directory);
	assert_int_equal(system(command), 0);
}

/* An acknowledgement of everything there could ever be is none: what waits is offered. */
static void a_crafted_acknowledgement_is_refused(void **state)
{
	static const uint64_t crafted[][3] = {
		{ 1, UINT64_MAX, UINT64_MAX },
		{ 1, UINT64_MAX, 0 },
		{ 1, 5, 5 },
		{ 1, UINT64_C(1) << 62, (UINT64_C(1) << 62) + 1 },
		{ UINT64_MAX, 5, 6 },
		{ 1, 0, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(crafted) / sizeof(*crafted); i++) {
		struct weir_spool_counts counts;
		struct weir_spool *spool;
		FILE *file;

		empty_directory();
		spool = open_spool();
		append_one(spool);
		weir_spool_close(spool);
		file = create("ack");
		write_slot(file, i % 2 ? 4096 : 0, crafted[i][0], crafted[i][1], crafted[i][2]);
		fclose(file);
		spool = open_spool();
		weir_spool_read_counts(spool, &counts);
		assert_int_equal(counts.waiting, 1);
		assert_int_equal(counts.lost_corrupt, 0);
		assert_int_equal(counts.corrupt_bytes, ACK_BYTES);
		assert_int_equal(take_all(spool), 1);
		weir_spool_close(spool);
	}
}

/* A frame whose number is more than could be missing before it is damaged itself: those behind it are offered, and none is lost. */
static void a_number_that_jumps_is_damage(void **state)
{
	static const uint64_t number[] = { 1, 2, 900, 3, 4 };
	struct weir_spool_counts counts;
	struct weir_spool *spool;
	FILE *file;

	(void)state;
	empty_directory();
	file = begin_segment(1);
	for (size_t i = 0; i < sizeof(number) / sizeof(*number); i++)
		write_frame(file, number[i]);
	fclose(file);
	spool = open_spool();
	weir_spool_read_counts(spool, &counts);
	assert_int_equal(counts.waiting, 4);
	assert_int_equal(counts.lost_corrupt, 0);
	assert_int_equal(counts.corrupt_bytes, FRAME_BYTES);
	assert_int_equal(take_all(spool), 4);
	weir_spool_close(spool);
}

static void whatever_is_there_counts_make_sense(void **state)
{
	struct dice dice = { 1 };

	(void)state;
	for (uint32_t run = 0; run < RUNS; run++) {
		uint32_t frames = 0, segments = roll_below(&dice, 4);
		FILE *ack;

		empty_directory();
		ack = create("ack");
		for (uint32_t i = roll_below(&dice, 3); i > 0; i--)
			write_slot(ack, i % 2 ? 0 : 4096, some_id(&dice), some_id(&dice), some_id(&dice));
		fclose(ack);
		for (uint32_t i = 0; i < segments; i++)
			frames += write_segment(&dice, some_id(&dice));
		expect_sense(frames, segments);
	}
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory))
		return 0;
	strcpy(directory, "/tmp/weir-crafted-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	empty_directory();
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crafted_acknowledgement_is_refused),
		cmocka_unit_test(a_number_that_jumps_is_damage),
		cmocka_unit_test(whatever_is_there_counts_make_sense),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
