/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams that have run for long: past 2^31, 2^32 and 2^33 records. Rings whose first record has such a number carry the same bytes;
 * with WEIR_TEST_LONG=1 that many records are really made, for one stage after the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "skip.h"

#define STEP (UINT64_C(1) << 26) /* 67108864 */

enum { EVERY, CHANGED, COUNT, TIME, JOIN, WRONG, SORT, SESSION, BEAT, RECORDED, PARTS };

/* Each record is numbered by its value; whatever pairs records that do not belong together gives one in part WRONG. */
static const char program[] = "x = synth:counter rate=max\n"
			      "y = x | select k = value + 1\n"
			      "z = zip(x, y)\n"
			      "z | every %" PRIu64 " | select value | csv:%s/0\n"
			      "z | changed value by %" PRIu64 " | select value | csv:%s/1\n"
			      "z | window %" PRIu64 " last(value) as l, count() as n | csv:%s/2\n"
			      "z | window %" PRIu64 "ms last(value) as l, count() as n | csv:%s/3\n"
			      "join(x, y, within=0ms) | where k == value + 1 | every %" PRIu64
			      " | select value | csv:%s/4\n"
			      "z | where k != value + 1 | csv:%s/5\n"
			      "z | sort 3ms | every %" PRIu64 " | select value | csv:%s/6\n"
			      "z | window session 1ms last(value) as l | every %" PRIu64 " | csv:%s/7\n"
			      "z | heartbeat %" PRIu64 "ms | select value | csv:%s/8\n"
			      "z | record:%s/records\n";

static void run(const char *directory, uint64_t first_row, uint64_t n, uint64_t step, uint32_t threads)
{
	struct weir_options options = { .limit = n, .ring_rows = 8192, .quiet = true, .threads = threads };
	struct weir_pipeline *pipeline;
	char text[2048];

	snprintf(text, sizeof(text), program, step, directory, step, directory, step, directory, step, directory, step,
		 directory, directory, step, directory, step, directory, step, directory, directory);
	assert_int_equal(weir_open(&pipeline, text, "<test>", &options), 0);
	pipeline->first_row = first_row;
	assert_int_equal(weir_run(pipeline), 0);
	assert_int_equal(weir_pipeline_lost(pipeline), 0);
	weir_close(pipeline);
	snprintf(text, sizeof(text), "replay:%s/records speed=max | every %" PRIu64 " | select value | csv:%s/%d",
		 directory, step, directory, RECORDED);
	assert_int_equal(weir_open(&pipeline, text, "<test>", &options), 0);
	pipeline->first_row = first_row;
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
}

static FILE *open_part(const char *directory, int part)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d", directory, part);
	file = fopen(path, "r");
	assert_non_null(file);
	return file;
}

static void remove_parts(const char *directory)
{
	char path[128];

	for (int i = 0; i < PARTS; i++) {
		snprintf(path, sizeof(path), "%s/%d", directory, i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/records", directory);
	unlink(path);
	rmdir(directory);
}

/* One line for each whole step, and the value in it; `at` is where in its step a record shows. */
static void expect_numbers(const char *directory, int part, uint64_t n, uint64_t step, uint64_t at)
{
	FILE *file = open_part(directory, part);
	char line[128];
	uint64_t i = 0;

	assert_non_null(fgets(line, sizeof(line), file));
	for (; fgets(line, sizeof(line), file); i++)
		assert_int_equal(strtoull(strchr(line, ',') + 1, NULL, 10), i * step + at);
	assert_int_equal(i, n / step);
	fclose(file);
}

static void expect_all(const char *directory, uint64_t n, uint64_t step)
{
	expect_numbers(directory, EVERY, n, step, 0);
	expect_numbers(directory, CHANGED, n, step, 0);
	expect_numbers(directory, COUNT, n, step, step - 1);
	expect_numbers(directory, TIME, n, step, step - 1);
	expect_numbers(directory, JOIN, n, step, 0);
	expect_numbers(directory, WRONG, 0, 1, 0);
	expect_numbers(directory, SORT, n, step, 0);
	expect_numbers(directory, SESSION, n, step, 0);
	/* The first beat is a step after the first record, and the one after the last record never comes. */
	expect_numbers(directory, BEAT, n - step, step, step);
	expect_numbers(directory, RECORDED, n, step, 0);
}

/* Rings, and the numbers by which a zip matches records, pass 2^31, 2^32 and 2^33 unharmed, on any number of threads. */
static void rings_go_on_past_32_bits(void **state)
{
	static const unsigned bits[] = { 0, 31, 32, 33, 63 };

	(void)state;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		for (uint32_t threads = 0; threads < 2; threads++) {
			char directory[] = "/tmp/weir-far-XXXXXX";

			assert_non_null(mkdtemp(directory));
			run(directory, bits[i] ? (UINT64_C(1) << bits[i]) - 30011 : 0, 60000, 1000, threads);
			expect_all(directory, 60000, 1000);
			remove_parts(directory);
		}
}

/* What stages count themselves gets there as well where the records are really made: a minute and more for each. */
static void run_long(const char *chain, uint64_t at)
{
	const uint64_t n = (UINT64_C(1) << 33) + STEP;
	struct weir_options options = { .limit = n, .quiet = true };
	struct weir_pipeline *pipeline;
	char directory[] = "/tmp/weir-far-XXXXXX", text[512];

	if (!getenv("WEIR_TEST_LONG"))
		skip_because("takes minutes: WEIR_TEST_LONG=1 runs it");
	assert_non_null(mkdtemp(directory));
	snprintf(text, sizeof(text), "synth:counter rate=max | %s | csv:%s/%d", chain, directory, EVERY);
	assert_int_equal(weir_open(&pipeline, text, "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	/* What begins a whole step late has one less. */
	expect_numbers(directory, EVERY, at == STEP ? n - STEP : n, STEP, at);
	remove_parts(directory);
}

static void windows_by_count_go_on_past_33_bits(void **state)
{
	(void)state;
	run_long("window 67108864 last(value) as l, count() as n", STEP - 1);
}

static void windows_by_time_go_on_past_33_bits(void **state)
{
	(void)state;
	run_long("window 67108864ms last(value) as l", STEP - 1);
}

static void every_goes_on_past_33_bits(void **state)
{
	(void)state;
	run_long("every 67108864", 0);
}

static void changed_goes_on_past_33_bits(void **state)
{
	(void)state;
	run_long("changed value by 67108864", 0);
}

static void heartbeat_goes_on_past_33_bits(void **state)
{
	(void)state;
	run_long("sort 2ms | heartbeat 67108864ms", STEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_go_on_past_32_bits),
		cmocka_unit_test(windows_by_count_go_on_past_33_bits),
		cmocka_unit_test(every_goes_on_past_33_bits),
		cmocka_unit_test(changed_goes_on_past_33_bits),
		cmocka_unit_test(windows_by_time_go_on_past_33_bits),
		cmocka_unit_test(heartbeat_goes_on_past_33_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
