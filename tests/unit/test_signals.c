/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* demean, ewma, median, zscore, stalta and resample: each against its definition, computed anew for every record in long double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal_records.h"
#include "weir/sliding.h"

#define N 4000

static void expect_near(const char *what, uint32_t k, double found, long double wanted, double tolerance)
{
	if (!(fabsl((long double)found - wanted) <= (long double)tolerance))
		fail_msg("%s, record %u: %.17g is not %.17Lg", what, k, found, wanted);
}

/*
 * The mean of records k - size + 1 to k, fewer at the start, less `origin`: what rounding takes is kept beside the sum, for a long
 * double has no more bits than a double on some machines.
 */
static long double mean_before(const double *x, uint32_t k, uint32_t size, double origin)
{
	uint32_t from = k + 1 > size ? k + 1 - size : 0;
	long double sum = 0, rest = 0;

	for (uint32_t i = from; i <= k; i++) {
		long double part = (long double)x[i] - origin, next = sum + part;

		rest += fabsl(sum) >= fabsl(part) ? sum - next + part : part - next + sum;
		sum = next;
	}
	return (sum + rest) / (k + 1 - from);
}

static long double std_before(const double *x, uint32_t k, uint32_t size)
{
	uint32_t from = k + 1 > size ? k + 1 - size : 0;
	long double mean = mean_before(x, k, size, x[k]), sum = 0;

	for (uint32_t i = from; i <= k; i++) {
		long double apart = (long double)x[i] - x[k] - mean;

		sum += apart * apart;
	}
	return sqrtl(sum / (k - from));
}

/* Every stage of this kind: the same output, bit for bit, however the stream is cut into blocks, glitches included. */
static void blocks_do_not_matter(void **state)
{
	static const char *const chains[] = {
		"demean 1 x",
		"demean 37 x, y",
		"demean 5000",
		"ewma x, i tau=3ms",
		"ewma alpha=0.1",
		"median 5 x",
		"median 64 x, y",
		"zscore 20 x, y",
		"stalta x, y short=5 long=50 on=3 off=1.5",
		"demean 10 d = delta(x)",
		"resample rate=700Hz",
		"resample rate=3kHz method=last",
		"butter low 10Hz x rate=1kHz order=5",
		"butter band 10Hz to 20Hz rate=1kHz order=8",
		"butter high 100Hz y rate=1kHz",
		"learn y from x, i",
		"learn y from x, xx = x*x memory=100",
		"pca x, y, i components=2",
		"pca x, y loadings memory=500",
		"kmeans 100 step 30 x, y k=4",
		"kmeans 50 step 80 x k=2 seed=7",
		"sketch heavy s n=8 every=500",
		"sketch heavy x n=50",
		"sketch distinct i every=100",
		"sketch reservoir n=100 seed=5 every=900",
		"sketch bloom s",
		"sketch count i error=0.01",
		"fir low 50Hz rate=1kHz",
		"fir taps \"1 -2 1\" x",
		"fft 64 step 16 x, y peak",
		"fft 100 x rate=1kHz",
	};
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, N, 200, 11);

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		struct harness whole, cut, single;
		char stage[16];

		sscanf(chains[i], "%15s", stage);
		if (weir_tell_absent(stage, stderr))
			continue;
		signal_run(&whole, chains[i], memory, WEIR_BLOCK_MAX, 1);
		signal_run(&cut, chains[i], memory, 100, 2);
		signal_run(&single, chains[i], memory, 1, 3);
		if (!whole.n)
			fail_msg("%s gave nothing", chains[i]);
		harness_expect_same(&whole, &cut);
		harness_expect_same(&whole, &single);
		harness_close(&whole);
		harness_close(&cut);
		harness_close(&single);
	}
	harness_memory_free(memory);
}

/* The mean that is taken off is that of the last N values, also far from zero and after a glitch of 1e15. */
static void demean_takes_the_mean_off(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 3, 100, 999, 1024, 3000 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, N, 0, 5);
	double *x = memory->column[0].real;

	(void)state;
	for (uint32_t k = 0; k < N; k++)
		x[k] += 1e7;
	x[500] = 1e15;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct harness h;
		char chain[32];

		snprintf(chain, sizeof(chain), "demean %u x", sizes[s]);
		signal_run(&h, chain, memory, 300, s);
		assert_int_equal(h.n, N);
		for (uint32_t k = 0; k < N; k++) {
			bool has_glitch = k >= 500 && k < 500 + sizes[s];

			expect_near(chain, k, signal_column(&h, "x")[k].real, -mean_before(x, k, sizes[s], x[k]),
				    has_glitch ? 1 : 4e-9);
		}
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* What is named is replaced, with a new name it is added; everything else and the time pass untouched, kinds and units too. */
static void fields_pass_or_are_replaced(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 100, 0, 5);
	struct harness h;

	(void)state;
	signal_run(&h, "demean 10 x, d = x + x", memory, 7, 1);
	assert_int_equal(h.schema.n_fields, 6);
	assert_string_equal(h.schema.field[0].name, "x");
	assert_string_equal(h.schema.field[0].unit, "V");
	assert_string_equal(h.schema.field[5].name, "d");
	assert_string_equal(h.schema.field[5].unit, "V");
	assert_int_equal(h.schema.field[2].kind, WEIR_INT);
	for (uint32_t k = 0; k < 100; k++) {
		assert_int_equal(h.t[k], memory->t[k]);
		assert_true(h.value[1][k].real == memory->column[1].real[k]);
		assert_int_equal(h.value[2][k].integer, memory->column[2].integer[k]);
		assert_string_equal(h.value[4][k].text, memory->column[4].text + k * SIGNAL_TEXT_BYTES);
		expect_near("d", k, h.value[5][k].real, 2 * (long double)h.value[0][k].real, 1e-12);
	}
	harness_close(&h);
	signal_run(&h, "demean 10", memory, 7, 1);
	assert_int_equal(h.schema.field[2].kind, WEIR_REAL);
	assert_int_equal(h.schema.field[3].kind, WEIR_BOOL);
	assert_int_equal(h.schema.field[4].kind, WEIR_TEXT);
	harness_close(&h);
	signal_run(&h, "zscore 10 x", memory, 7, 1);
	assert_string_equal(h.schema.field[0].unit, "");
	harness_close(&h);
	harness_memory_free(memory);
}

/* A glitch leaves no trace: the output is that of the stream without it. Each is counted, and on_error=stop ends the run. */
static void poison_is_left_out(void **state)
{
	static const char *const chains[] = { "demean 7 x",
					      "ewma x alpha=0.3",
					      "median 9 x",
					      "zscore 9 x",
					      "butter low 10Hz x rate=1kHz",
					      "stalta x short=2 long=9" };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 500, 20, 3), *clean = signal_records(&schema, 500, 20, 3);
	struct weir_block view;

	(void)state;
	clean->n = 0;
	for (uint32_t k = 0; k < memory->n; k++)
		if (isfinite(memory->column[0].real[k]))
			weir_block_append(clean, memory, k);
	assert_in_range(clean->n, 400, 499);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		struct harness h, expected;
		char stops[64];

		signal_run(&h, chains[i], memory, 50, 1);
		signal_run(&expected, chains[i], clean, 50, 2);
		harness_expect_same(&h, &expected);
		assert_int_equal(h.first->lost[WEIR_LOST_POISON], 500 - clean->n);
		harness_close(&expected);
		harness_close(&h);
		snprintf(stops, sizeof(stops), "%s on_error=stop", chains[i]);
		assert_true(harness_open(&h, stops, &schema));
		weir_block_slice(&view, memory, 0, memory->n);
		assert_int_equal(harness_push(&h, &view), -22);
		harness_expect_error(&h, "'x' is NaN or infinite");
		harness_close(&h);
	}
	harness_memory_free(clean);
	harness_memory_free(memory);
}

/* By time, as the formula says, at irregular times; the first value is the first result. */
static void ewma_follows_time(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, N, 0, 8);
	const double *x = memory->column[0].real;
	long double y = x[0], z = memory->column[2].integer[0];
	struct harness h;

	(void)state;
	memory->t[10] = memory->t[9]; /* no time has passed: nothing is to move */
	signal_run(&h, "ewma x tau=5ms | ewma z = y alpha=1 | ewma a = i alpha=0.25", memory, 100, 1);
	for (uint32_t k = 0; k < N; k++) {
		if (k)
			y += -expm1l(-(long double)(memory->t[k] - memory->t[k - 1]) / 5e6L) * (x[k] - y);
		z += 0.25L * (memory->column[2].integer[k] - z);
		expect_near("ewma", k, signal_column(&h, "x")[k].real, y, 1e-11);
		expect_near("alpha=1", k, signal_column(&h, "z")[k].real, memory->column[1].real[k], 1e-11);
		expect_near("alpha", k, signal_column(&h, "a")[k].real, z, 1e-11);
	}
	assert_true(signal_column(&h, "x")[0].real == x[0]);
	assert_true(signal_column(&h, "x")[10].real == signal_column(&h, "x")[9].real);
	harness_close(&h);
	harness_memory_free(memory);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The middle of the sorted window, for odd and even sizes, growing at the start. */
static void median_is_the_middle(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 5, 64 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 1000, 0, 8);

	(void)state;
	for (size_t s = 0; s < 4; s++) {
		struct harness h;
		char chain[32];

		snprintf(chain, sizeof(chain), "median %u x", sizes[s]);
		signal_run(&h, chain, memory, 100, 1);
		for (uint32_t k = 0; k < memory->n; k++) {
			uint32_t n = k + 1 < sizes[s] ? k + 1 : sizes[s];
			double sorted[64];

			memcpy(sorted, memory->column[0].real + k + 1 - n, n * sizeof(*sorted));
			qsort(sorted, n, sizeof(*sorted), by_value);
			assert_true(h.value[0][k].real ==
				    (n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2));
		}
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* Against the N values before each record, far from zero; a glitch that has left the window is forgotten. */
static void zscore_measures_in_deviations(void **state)
{
	static const uint32_t sizes[] = { 2, 3, 50, 1024, 3000 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, N, 0, 9);
	double *x = memory->column[0].real;

	(void)state;
	for (uint32_t k = 0; k < N; k++)
		x[k] = 1e6 + (x[k] - (k ? floor(x[k]) : 0));
	x[700] = 1e12;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct harness h;
		char chain[32];

		snprintf(chain, sizeof(chain), "zscore %u x", sizes[s]);
		signal_run(&h, chain, memory, 300, s);
		assert_true(h.value[0][0].real == 0 && h.value[0][1].real == 0);
		for (uint32_t k = 2; k < N; k++) {
			long double z = -mean_before(x, k - 1, sizes[s], x[k]) / std_before(x, k - 1, sizes[s]);
			bool has_glitch = k > 700 && k <= 700 + sizes[s];

			expect_near(chain, k, h.value[0][k].real, z, has_glitch ? 1e-3 : 1e-6 * (1 + fabsl(z)));
		}
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* After a constant the same again is nothing, and a step is infinitely far. */
static void zscore_of_a_constant(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 60, 0, 9);
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < 60; k++)
		memory->column[0].real[k] = k < 30 ? 0.1 : 0.7;
	signal_run(&h, "zscore 10 x", memory, 7, 1);
	for (uint32_t k = 0; k < 60; k++) {
		double z = h.value[0][k].real;

		assert_true(k == 30 ? isinf(z) && z > 0 : k > 30 && k < 40 ? z > 0 && isfinite(z) : z == 0);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* The ratio of mean squares, 0 until the long window is full; `picked` has hysteresis. */
static void stalta_finds_the_onset(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 2000, 0, 4);
	double *x = memory->column[0].real, square[2000];
	uint32_t onset = UINT32_MAX;
	bool is_on = false;
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < 2000; k++) {
		x[k] = (k >= 1200 && k < 1260 ? 50 : 1) * sin(k * 0.7);
		square[k] = x[k] * x[k];
	}
	signal_run(&h, "stalta x short=10 long=200 on=4 off=1.5", memory, 300, 1);
	for (uint32_t k = 0; k < 2000; k++) {
		long double ratio = k >= 199 ? mean_before(square, k, 10, 0) / mean_before(square, k, 200, 0) : 0;
		double found = signal_column(&h, "x")[k].real;

		expect_near("ratio", k, found, ratio, 1e-12 * (double)(1 + ratio));
		is_on = is_on ? found >= 1.5 : found >= 4;
		assert_int_equal(signal_column(&h, "picked")[k].integer, is_on);
		if (is_on && k < onset)
			onset = k;
	}
	assert_in_range(onset, 1200, 1203);
	assert_false(is_on);
	harness_close(&h);
	memset(x, 0, 2000 * sizeof(*x));
	signal_run(&h, "stalta x short=10 long=200", memory, 300, 1);
	assert_true(h.value[0][1999].real == 0);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Over very many records the error of a sliding mean stays that of one window. WEIR_TEST_LONG=1 makes it 10^9 records. */
static void sums_do_not_drift(void **state)
{
	enum { SIZE = 1000, BLOCK = 1000 };
	uint64_t rounds = getenv("WEIR_TEST_LONG") ? 1000000 : 5000, seed = 12;
	double x[BLOCK], mean[BLOCK];
	struct weir_sliding sliding;
	long double sum = 0;

	(void)state;
	assert_int_equal(weir_sliding_open(&sliding, SIZE), 0);
	for (uint64_t i = 0; i < rounds; i++) {
		for (uint32_t k = 0; k < BLOCK; k++)
			x[k] = 1e9 + harness_uniform(&seed) * (k % 100 ? 1 : 1e12);
		weir_sliding_means(&sliding, x, mean, BLOCK);
	}
	for (uint32_t k = 0; k < BLOCK; k++)
		sum += x[k];
	expect_near("mean", BLOCK, mean[BLOCK - 1], sum / SIZE, 1e-5);
	weir_sliding_close(&sliding);
}

/* The raster is exact to the nanosecond; a line through points of a line is that line; `last` never shows what is yet to come. */
static void resample_keeps_to_its_raster(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, N, 0, 4);
	struct harness line, last;
	uint32_t at = 0;

	(void)state;
	for (uint32_t k = 0; k < N; k++)
		memory->column[0].real[k] = 3e-9 * (double)memory->t[k] - 2;
	signal_run(&line, "resample rate=3kHz", memory, 300, 1);
	signal_run(&last, "resample rate=3kHz method=last", memory, 300, 2);
	assert_int_equal(line.n, (uint64_t)(memory->t[N - 1] - memory->t[0]) * 3000 / 1000000000 + 1);
	assert_int_equal(last.n, line.n);
	assert_int_equal(line.schema.field[2].kind, WEIR_REAL);
	assert_int_equal(last.schema.field[2].kind, WEIR_INT);
	for (uint32_t k = 0; k < line.n; k++) {
		int64_t t = memory->t[0] + (int64_t)((uint64_t)k * 1000000000 / 3000);

		assert_int_equal(line.t[k], t);
		assert_int_equal(last.t[k], t);
		expect_near("line", k, line.value[0][k].real, 3e-9L * t - 2, 1e-12);
		while (at + 1 < N && memory->t[at + 1] <= t)
			at++;
		assert_true(last.value[0][k].real == memory->column[0].real[at]);
		assert_int_equal(last.value[2][k].integer, memory->column[2].integer[at]);
		assert_string_equal(line.value[4][k].text, memory->column[4].text + at * SIGNAL_TEXT_BYTES);
	}
	harness_close(&line);
	harness_close(&last);
	harness_memory_free(memory);
}

/* A silence beyond gap= is not filled and is counted, the raster goes on behind it, and a time that runs backwards is counted, not
 * used. */
static void resample_minds_gaps(void **state)
{
	static const int64_t ms[] = { 0, 10, 20, 5, 20, 1003, 1010, 1020 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 8, 0, 4);
	static const int64_t expected[] = { 0, 4, 8, 12, 16, 20, 1004, 1008, 1012, 1016, 1020 };
	struct harness h;

	(void)state;
	for (uint32_t m = 0; m < 2; m++) {
		for (uint32_t k = 0; k < 8; k++)
			memory->t[k] = ms[k] * 1000000;
		signal_run(&h, m ? "resample rate=250Hz gap=500ms method=last" : "resample rate=250Hz gap=500ms",
			   memory, 3, 1);
		assert_int_equal(h.n, 11);
		for (uint32_t k = 0; k < 11; k++)
			assert_int_equal(h.t[k], expected[k] * 1000000);
		assert_int_equal(h.first->lost[WEIR_LOST_POISON], 1);
		assert_int_equal(h.first->holes, 1);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* Of records of equal time the newest counts, as if the others had not been there, wherever the blocks are cut. */
static void resample_takes_the_newest(void **state)
{
	enum { RECORDS = 400 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, RECORDS, 0, 4);
	uint64_t random = 3;

	(void)state;
	for (uint32_t m = 0; m < 2; m++) {
		const char *chain = m ? "resample rate=1kHz method=last" : "resample rate=1kHz";
		struct weir_block *newest = harness_memory(&schema, RECORDS);
		struct harness all, few;

		for (uint32_t k = 0; k < RECORDS; k++)
			memory->t[k] = k ? memory->t[k - 1] + (int64_t)harness_below(&random, 3) * 500000 : 7;
		newest->n = 0;
		for (uint32_t k = 0; k < RECORDS; k++)
			if (k + 1 == RECORDS || memory->t[k + 1] > memory->t[k])
				weir_block_append(newest, memory, k);
		assert_in_range(newest->n, 100, RECORDS - 100);
		signal_run(&all, chain, memory, 1 + harness_below(&random, 9), 1);
		signal_run(&few, chain, newest, WEIR_BLOCK_MAX, 1);
		harness_expect_same(&all, &few);
		assert_int_equal(all.first->lost[WEIR_LOST_POISON], 0);
		harness_close(&all);
		harness_close(&few);
		harness_memory_free(newest);
	}
	harness_memory_free(memory);
}

/* Times at the ends of what 64 bits hold: nothing overflows (the sanitizers look), nothing goes on for ever, blocks do not matter, and
 * what comes out lies between what went in. */
static void wild_times_do_no_harm(void **state)
{
	static const int64_t times[] = { INT64_MIN, -1, INT64_MAX, 0, INT64_MIN + 1, INT64_MAX - 1 };
	static const char *const chains[] = { "ewma x tau=1s", "resample rate=1kHz", "resample rate=0.3Hz method=last",
					      "resample rate=1000MHz gap=0s" };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 6, 0, 4);

	(void)state;
	for (unsigned rotation = 0; rotation < 6; rotation++)
		for (unsigned c = 0; c < 4; c++) {
			struct harness whole, cut;

			for (unsigned k = 0; k < 6; k++) {
				memory->t[k] = times[(k + rotation) % 6];
				memory->column[0].real[k] = k;
			}
			signal_run(&whole, chains[c], memory, 6, 1);
			signal_run(&cut, chains[c], memory, 1, 1);
			harness_expect_same(&whole, &cut);
			assert_true(c ? whole.n < 1000 : whole.n == 6);
			for (uint32_t k = 0; k < whole.n; k++)
				assert_true(whole.value[0][k].real >= 0 && whole.value[0][k].real <= 5);
			harness_close(&cut);
			harness_close(&whole);
		}
	harness_memory_free(memory);
}

/* What cannot be is refused at the argument that is wrong. */
static void nonsense_is_refused(void **state)
{
	struct weir_schema schema, texts;

	(void)state;
	harness_memory_free(signal_records(&schema, 1, 0, 1));
	weir_schema_init(&texts, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&texts, "s", WEIR_TEXT, "", 8);
	harness_expect_refusal("demean 5", &texts, "no field of this stream is a number");
	harness_expect_refusal("demean 5 s", &schema, "'s' is text");
	harness_expect_refusal("demean 5 x, x", &schema, "'x' is named twice");
	harness_expect_refusal("demean 5 s = x", &schema, "'s' is a text field");
	harness_expect_refusal("demean 5 q", &schema, "unknown field 'q'");
	harness_expect_refusal("demean 0", &schema, "");
	harness_expect_refusal("ewma x", &schema, "one of 'tau' and 'alpha'");
	harness_expect_refusal("ewma x tau=1s alpha=0.5", &schema, "one of 'tau' and 'alpha'");
	harness_expect_refusal("stalta x short=10 long=10", &schema, "shorter than the long one");
	harness_expect_refusal("stalta x short=1 long=10 on=2 off=3", &schema, "must not be above");
	harness_expect_refusal("stalta x short=1 long=10 off=3", &schema, "nothing without 'on'");
	harness_expect_refusal("resample method=last", &schema, "rate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_do_not_matter),
		cmocka_unit_test(demean_takes_the_mean_off),
		cmocka_unit_test(fields_pass_or_are_replaced),
		cmocka_unit_test(poison_is_left_out),
		cmocka_unit_test(ewma_follows_time),
		cmocka_unit_test(median_is_the_middle),
		cmocka_unit_test(zscore_measures_in_deviations),
		cmocka_unit_test(zscore_of_a_constant),
		cmocka_unit_test(stalta_finds_the_onset),
		cmocka_unit_test(sums_do_not_drift),
		cmocka_unit_test(resample_keeps_to_its_raster),
		cmocka_unit_test(resample_minds_gaps),
		cmocka_unit_test(resample_takes_the_newest),
		cmocka_unit_test(wild_times_do_no_harm),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
