/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records that come out of order: put back in their place, or late. Alone, and below stages that go by time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "stream/sorter.h"
#include "weir/weir.h"
#include "whole_file.h"

#define N 2000

struct record {
	int64_t t;
	int64_t v; /* its number */
};

struct series {
	struct record record[N];
	uint32_t n;
};

/* Times go on by 0 to 2 us, but most records are set back by up to `most_ns`, and a few by ten times as much. */
static void make_series(struct series *series, uint32_t n, uint32_t most_ns, uint64_t *random)
{
	int64_t t = 0;

	series->n = n;
	for (uint32_t i = 0; i < n; i++) {
		int64_t back = (int64_t)harness_below(random, most_ns + 1) * (harness_below(random, 50) ? 1 : 10);

		t += harness_below(random, 2000);
		series->record[i] = (struct record){ t - back, i };
	}
}

/* What is left of a series when records that are older than the newest before them by more than `lateness` are left out, in the
 * order of time. Returns how many were left out. */
static uint32_t model(struct series *series, int64_t lateness)
{
	static struct series kept;
	int64_t newest = INT64_MIN + lateness;

	kept.n = 0;
	for (uint32_t i = 0; i < series->n; i++) {
		struct record record = series->record[i];
		uint32_t at = kept.n;

		if (record.t < newest - lateness)
			continue;
		newest = record.t > newest ? record.t : newest;
		for (; at && kept.record[at - 1].t > record.t; at--)
			kept.record[at] = kept.record[at - 1];
		kept.record[at] = record;
		kept.n++;
	}
	uint32_t late = series->n - kept.n;

	*series = kept;
	return late;
}

/* ------------------------------------------------------------------- sorter */

static void schema_of_v(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "v", WEIR_INT, "", 0);
	weir_schema_add(schema, "text", WEIR_TEXT, "", 12);
}

static void expect_taken(struct weir_sorter *sorter, const struct series *expected, uint32_t *at, uint32_t most)
{
	struct weir_schema schema;
	struct weir_block *out;
	char text[12];

	schema_of_v(&schema);
	assert_int_equal(weir_block_open(&out, &schema), 0);
	while (weir_sorter_take(sorter, out, most)) {
		for (uint32_t i = 0; i < out->n; i++, ++*at) {
			assert_in_range(*at, 0, expected->n - 1);
			assert_int_equal(out->t[i], expected->record[*at].t);
			assert_int_equal(out->column[0].integer[i], expected->record[*at].v);
			snprintf(text, sizeof(text), "%d", (int)expected->record[*at].v);
			assert_string_equal(out->column[1].text + 12 * (size_t)i, text);
			assert_true(out->t[i] <= weir_sorter_time(sorter));
		}
		out->n = 0;
	}
	weir_block_close(out);
}

/* For any lateness and any cuts, what comes out is what the model leaves, in its order, and what is late is counted. */
static void sorter_follows_the_model(void **state)
{
	static struct series series, expected;
	uint64_t random = 9;

	(void)state;
	for (int round = 0; round < 60; round++) {
		int64_t lateness = harness_below(&random, 3) ? harness_below(&random, 20000) : 0;
		uint32_t late = 0, taken = 0, most = 1 + harness_below(&random, 100), n;
		struct weir_schema schema;
		struct weir_sorter *sorter;
		struct weir_block *memory, block;

		make_series(&series, N, harness_below(&random, 20000), &random);
		expected = series;
		schema_of_v(&schema);
		memory = harness_memory(&schema, N);
		for (uint32_t i = 0; i < N; i++) {
			memory->t[i] = series.record[i].t;
			memory->column[0].integer[i] = series.record[i].v;
			snprintf(memory->column[1].text + 12 * (size_t)i, 12, "%u", i);
		}
		assert_int_equal(weir_sorter_open(&sorter, &schema, lateness), 0);
		n = model(&expected, lateness);
		for (uint32_t from = 0, count; from < N; from += count) {
			count = 1 + harness_below(&random, most);
			count = count < N - from ? count : N - from;
			weir_block_slice(&block, memory, from, count);
			late += weir_sorter_add(sorter, &block);
			expect_taken(sorter, &expected, &taken, most);
		}
		assert_int_equal(late, n);
		assert_true(lateness == 0 || weir_sorter_oldest(sorter) < INT64_MAX);
		weir_sorter_promise(sorter, INT64_MAX);
		expect_taken(sorter, &expected, &taken, most);
		assert_int_equal(taken, expected.n);
		assert_true(weir_sorter_oldest(sorter) == INT64_MAX);
		weir_sorter_close(sorter);
		harness_memory_free(memory);
	}
}

/* Where more records would have to wait than there is room for, the oldest go on, and what comes behind them is late: the memory
 * stays, no record vanishes uncounted, and the order holds. */
static void sorter_is_bounded(void **state)
{
	struct weir_schema schema;
	struct weir_sorter *sorter;
	struct weir_block *memory, *out;
	uint64_t random = 4, added = 0, late = 0, taken = 0;
	int64_t last = INT64_MIN;

	(void)state;
	schema_of_v(&schema);
	memory = harness_memory(&schema, WEIR_BLOCK_MAX);
	assert_int_equal(weir_block_open(&out, &schema), 0);
	assert_int_equal(weir_sorter_open(&sorter, &schema, INT64_MAX), 0);
	for (int round = 0; round < 200; round++) {
		for (uint32_t i = 0; i < WEIR_BLOCK_MAX; i++)
			memory->t[i] = harness_below(&random, 1000000) + round * INT64_C(1000);
		late += weir_sorter_add(sorter, memory);
		added += memory->n;
		if (round == 199)
			weir_sorter_promise(sorter, INT64_MAX);
		while (weir_sorter_take(sorter, out, WEIR_BLOCK_MAX)) {
			for (uint32_t i = 0; i < out->n; i++) {
				assert_true(out->t[i] >= last);
				last = out->t[i];
			}
			taken += out->n;
			out->n = 0;
		}
		assert_true(added - late - taken <= WEIR_SORTER_MAX);
	}
	assert_true(late > 0 && taken > WEIR_SORTER_MAX);
	assert_int_equal(added, late + taken);
	weir_sorter_close(sorter);
	weir_block_close(out);
	harness_memory_free(memory);
}

/* What is promised to be past is let go without another record, and late when it comes all the same. */
static void promises_are_kept(void **state)
{
	struct weir_schema schema;
	struct weir_sorter *sorter;
	struct weir_block *memory, *out, block;

	(void)state;
	schema_of_v(&schema);
	memory = harness_memory(&schema, 3); /* at 0, 1 and 2 ms */
	assert_int_equal(weir_block_open(&out, &schema), 0);
	assert_int_equal(weir_sorter_open(&sorter, &schema, INT64_C(10000000)), 0);
	weir_block_slice(&block, memory, 2, 1);
	assert_int_equal(weir_sorter_add(sorter, &block), 0);
	weir_block_slice(&block, memory, 0, 1);
	assert_int_equal(weir_sorter_add(sorter, &block), 0);
	assert_int_equal(weir_sorter_take(sorter, out, 10), 0);
	assert_int_equal(weir_sorter_oldest(sorter), 0);
	weir_sorter_promise(sorter, 1500000);
	assert_int_equal(weir_sorter_take(sorter, out, 10), 1);
	assert_int_equal(weir_sorter_oldest(sorter), 2000000);
	weir_block_slice(&block, memory, 1, 1);
	assert_int_equal(weir_sorter_add(sorter, &block), 1);
	weir_sorter_close(sorter);
	weir_block_close(out);
	harness_memory_free(memory);
}

/* ------------------------------------------------------------------ programs */

static void write_series(const char *path, const struct series *series)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs("time,v\n", file);
	for (uint32_t i = 0; i < series->n; i++)
		fprintf(file, "%lld,%lld\n", (long long)series->record[i].t, (long long)series->record[i].v);
	assert_int_equal(fclose(file), 0);
}

static uint64_t count_late(const struct weir_pipeline *pipeline)
{
	uint64_t late = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		late += atomic_load(&pipeline->node[i]->lost[WEIR_LOST_LATE]);
	return late;
}

/* Streams a and b are the series in the directory; what the chain gives. */
static char *run(const char *directory, const char *chain, uint64_t *random, uint64_t *late)
{
	struct weir_options options = { .threads = harness_below(random, 3),
					.block_rows = harness_below(random, 3) * 5,
					.ring_rows = harness_below(random, 2) };
	struct weir_pipeline *pipeline;
	char program[1024], path[128];

	snprintf(path, sizeof(path), "%s/out.csv", directory);
	snprintf(program, sizeof(program),
		 "a = csv:%s/a.csv[v:s32] time=time speed=max\nb = csv:%s/b.csv[v:s32] time=time speed=max\n%s | "
		 "csv:%s\n"
		 "a | null\nb | null",
		 directory, directory, chain, path);
	if (weir_open(&pipeline, program, "<test>", &options) || weir_run(pipeline))
		fail_msg("%s", program);
	*late = count_late(pipeline);
	weir_close(pipeline);
	return whole_file(path);
}

static void write_both(const char *directory, const struct series *a, const struct series *b)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/a.csv", directory);
	write_series(path, a);
	snprintf(path, sizeof(path), "%s/b.csv", directory);
	write_series(path, b);
}

static void remove_files(const char *directory)
{
	static const char *const names[] = { "a.csv", "b.csv", "out.csv" };
	char path[128];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	rmdir(directory);
}

/* With a lateness, each stage that goes by time gives of streams out of order what it gives of the same streams in order, without
 * what is late, which is counted: whatever the size of blocks and rings and the number of threads. */
static void stages_see_streams_in_order(void **state)
{
	static const struct {
		const char *ragged, *sorted; /* the first with lateness=%u */
		int inputs;
	} cases[] = {
		{ "a | sort %uns", "a | skip 0", 1 },
		{ "a | window 7us step 3us count() as n, first(v) as f, last(v) as l, slope(v) as s lateness=%uns",
		  "a | window 7us step 3us count() as n, first(v) as f, last(v) as l, slope(v) as s", 1 },
		{ "a | window session 1500ns count() as n, first(v) as f lateness=%uns",
		  "a | window session 1500ns count() as n, first(v) as f", 1 },
		{ "a | select v | sort %uns | heartbeat 5us", "a | heartbeat 5us", 1 },
		{ "merge(a, b, lateness=%uns)", "merge(a, b)", 2 },
		{ "join(a, b, within=1us, lateness=%uns)", "join(a, b, within=1us)", 2 },
		{ "on(a, b, lateness=%uns)", "on(a, b)", 0 }, /* ends with b, and then reads no more of a */
	};
	char directory[] = "/tmp/weir-test-XXXXXX", chain[256];
	static struct series a, b;
	uint64_t random = 21;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (int round = 0; round < 42; round++) {
		uint32_t lateness = harness_below(&random, 8000), late_a, late_b, kind = (uint32_t)round % 7;
		uint64_t late, none;
		char *text, *expected;

		make_series(&a, 200 + harness_below(&random, N - 200), harness_below(&random, 8000), &random);
		make_series(&b, 200 + harness_below(&random, N - 200), harness_below(&random, 8000), &random);
		write_both(directory, &a, &b);
		snprintf(chain, sizeof(chain), cases[kind].ragged, lateness);
		text = run(directory, chain, &random, &late);
		late_a = model(&a, lateness);
		late_b = model(&b, lateness);
		write_both(directory, &a, &b);
		expected = run(directory, cases[kind].sorted, &random, &none);
		assert_true(strlen(expected) > 50);
		if (strcmp(text, expected))
			fail_msg("%s:\n%.300s\nand not\n%.300s", chain, text, expected);
		if (cases[kind].inputs)
			assert_int_equal(late, cases[kind].inputs == 2 ? late_a + late_b : late_a);
		assert_int_equal(none, 0);
		free(text);
		free(expected);
	}
	remove_files(directory);
}

/* Naively: each window over all records that were in time. */
static char *model_windows(const struct series *series, int64_t size, int64_t step)
{
	int64_t first = series->record[0].t, last = series->record[series->n - 1].t,
		start = first - (first % step + step) % step;
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	uint32_t from = 0, shown = 0;

	fputs("t,n,first,sum\n", out);
	/* Of windows that overlap, none that began before the first record. */
	start += step < size && start < first ? step : 0;
	for (bool open = true; open; start += step) {
		int64_t sum = 0;
		uint32_t n = 0, to;

		open = start + size <= last;
		for (from = 0; from < series->n && series->record[from].t < start;)
			from++;
		for (to = from; to < series->n && series->record[to].t < start + size; to++, n++)
			sum += series->record[to].v;
		/* At the end the oldest window comes out that is open, if something in it has not been shown. */
		if (n && (open || to > shown))
			fprintf(out, "%lld,%u,%lld,%lld\n", (long long)(start + size), n,
				(long long)series->record[from].v, (long long)sum);
		shown = n ? to : shown;
	}
	fclose(out);
	return text;
}

/* Windows of random sizes, steps and latenesses are those of the naive model. */
static void windows_follow_the_model(void **state)
{
	char directory[] = "/tmp/weir-test-XXXXXX", chain[256];
	static struct series series;
	uint64_t random = 22;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (int round = 0; round < 40; round++) {
		uint32_t lateness = harness_below(&random, 8000), size = 1 + harness_below(&random, 30000);
		uint32_t step = harness_below(&random, 3) ? 1 + harness_below(&random, 30000) : size;
		uint64_t late;
		char *text, *expected;

		make_series(&series, 20 + harness_below(&random, 500), harness_below(&random, 8000), &random);
		write_both(directory, &series, &series);
		snprintf(chain, sizeof(chain),
			 "a | window %uns step %uns count() as n, first(v) as first, sum(v) as sum lateness=%uns", size,
			 step, lateness);
		text = run(directory, chain, &random, &late);
		assert_int_equal(late, model(&series, lateness));
		expected = model_windows(&series, size, step);
		if (strcmp(text, expected))
			fail_msg("%s:\n%.4000s\nand not\n%.4000s", chain, text, expected);
		free(text);
		free(expected);
	}
	remove_files(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorter_follows_the_model), cmocka_unit_test(sorter_is_bounded),
		cmocka_unit_test(promises_are_kept),        cmocka_unit_test(stages_see_streams_in_order),
		cmocka_unit_test(windows_follow_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
