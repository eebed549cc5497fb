/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* learn, pca, kmeans and sketch: against plain recomputation, and against the bounds that their authors have proved. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signal_records.h"
#include "weir/moments.h"
#include "weir/random.h"
#include "weir/sketches.h"

/* ------------------------------------------------------------------ moments */

/* Means and covariances after many records far from zero, against long double. WEIR_TEST_LONG=1 makes it 10^9 records. */
static void moments_do_not_drift(void **state)
{
	uint64_t n = getenv("WEIR_TEST_LONG") ? 1000000000 : 1000000, seed = 3, again = 3;
	struct weir_moments *moments;
	long double mean[2] = { 0 }, product[3] = { 0 };
	double x[2];

	(void)state;
	assert_int_equal(weir_moments_open(&moments, 2, 0), 0);
	for (uint64_t i = 0; i < n; i++) {
		x[0] = harness_uniform(&seed);
		x[1] = 1e6 + x[0] + harness_uniform(&seed);
		x[0] += 1e8;
		weir_moments_add(moments, x);
	}
	for (uint64_t i = 0; i < n; i++) {
		long double a = harness_uniform(&again), b = (double)(1e6 + (double)a + harness_uniform(&again)) - 1e6L;

		a = (double)((double)a + 1e8) - 1e8L;
		mean[0] += a;
		mean[1] += b;
		product[0] += a * a;
		product[1] += a * b;
		product[2] += b * b;
	}
	for (uint32_t i = 0, k = 0; i < 2; i++)
		for (uint32_t j = i; j < 2; j++, k++)
			assert_true(fabsl(weir_moments_covariance(moments, i, j) -
					  (product[k] / n - mean[i] / n * (mean[j] / n))) < 1e-12L);
	assert_true(fabsl(weir_moments_mean(moments, 0) - (1e8L + mean[0] / n)) < 3e-8L);
	assert_true(fabsl(weir_moments_mean(moments, 1) - (1e6L + mean[1] / n)) < 3e-10L);
	weir_moments_close(moments);
}

/* Directions are orthonormal, ordered, and turn the covariances into a diagonal; for random matrices up to the greatest size. */
static void principal_directions_are_right(void **state)
{
	uint64_t random = 17;

	(void)state;
	for (uint32_t n = 1; n <= WEIR_MOMENTS_MAX; n += n < 8 ? 1 : 12) {
		double value[WEIR_MOMENTS_MAX], vector[WEIR_MOMENTS_MAX * WEIR_MOMENTS_MAX], x[WEIR_MOMENTS_MAX];
		struct weir_moments *moments;

		assert_int_equal(weir_moments_open(&moments, n, 0), 0);
		for (uint32_t r = 0; r < 100; r++) {
			for (uint32_t i = 0; i < n; i++)
				x[i] = (i + 1) * harness_uniform(&random) + (i ? x[i - 1] / 2 : 0);
			weir_moments_add(moments, x);
		}
		weir_moments_principal(moments, value, vector);
		for (uint32_t a = 0; a < n; a++)
			for (uint32_t b = 0; b < n; b++) {
				double dot = 0, quadratic = 0;

				for (uint32_t i = 0; i < n; i++) {
					dot += vector[a * n + i] * vector[b * n + i];
					for (uint32_t j = 0; j < n; j++)
						quadratic += vector[a * n + i] * vector[b * n + j] *
							     weir_moments_covariance(moments, i, j);
				}
				assert_true(fabs(dot - (a == b)) < 1e-12);
				assert_true(fabs(quadratic - (a == b ? value[a] : 0)) < 1e-9);
			}
		for (uint32_t a = 1; a < n; a++)
			assert_true(value[a] <= value[a - 1]);
		weir_moments_close(moments);
	}
}

/* ------------------------------------------------------------------- learn */

/* An exact law is found as soon as there are enough records, from the first record on every number is finite, and each
 * prediction is made before the record is seen. */
static void learn_finds_a_law(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 500, 0, 8);
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < 500; k++)
		memory->column[1].real[k] = 1e3 + 2 * memory->column[0].real[k] -
					    0.5 * (double)memory->column[2].integer[k];
	signal_run(&h, "learn y from x, i, c = 0*x, xx = 2*x", memory, 33, 1);
	assert_true(signal_column(&h, "predicted")[0].real == memory->column[1].real[0]);
	for (uint32_t k = 0; k < 500; k++) {
		double predicted = signal_column(&h, "predicted")[k].real;

		assert_true(isfinite(predicted) && isfinite(signal_column(&h, "intercept")[k].real));
		assert_true(signal_column(&h, "residual")[k].real == memory->column[1].real[k] - predicted);
		if (k < 5)
			continue;
		assert_true(fabs(predicted - memory->column[1].real[k]) < 1e-8);
		assert_true(fabs(signal_column(&h, "x_slope")[k].real - 2) < 1e-8);
		assert_true(fabs(signal_column(&h, "i_slope")[k].real + 0.5) < 1e-8);
		assert_true(signal_column(&h, "c_slope")[k].real == 0);
		assert_true(signal_column(&h, "xx_slope")[k].real == 0);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* With noise: the coefficients are those of the normal equations, solved anew in long double. */
static void learn_is_least_squares(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 800, 0, 21);
	const double *x = memory->column[0].real, *y = memory->column[1].real;
	long double n = 0, sx = 0, sy = 0, xx = 0, xy = 0;
	struct harness h;

	(void)state;
	signal_run(&h, "learn y from x", memory, 33, 1);
	for (uint32_t k = 0; k < 800; k++) {
		long double slope;

		n += 1;
		sx += x[k];
		sy += y[k];
		xx += (long double)x[k] * x[k];
		xy += (long double)x[k] * y[k];
		slope = (n * xy - sx * sy) / (n * xx - sx * sx);
		if (k < 2)
			continue;
		assert_true(fabsl(signal_column(&h, "x_slope")[k].real - slope) < 1e-9 * (1 + fabsl(slope)));
		assert_true(fabsl(signal_column(&h, "intercept")[k].real - (sy - slope * sx) / n) <
			    1e-8 * (1 + fabsl(slope)));
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* With a memory, a law that has changed is forgotten. */
static void learn_forgets(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 2000, 0, 21);
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < 2000; k++)
		memory->column[1].real[k] = (k < 1000 ? 3 : -4) * memory->column[0].real[k];
	signal_run(&h, "learn y from x memory=20", memory, 33, 1);
	assert_true(fabs(signal_column(&h, "x_slope")[999].real - 3) < 1e-9);
	assert_true(fabs(signal_column(&h, "x_slope")[1999].real + 4) < 1e-6);
	harness_close(&h);
	harness_memory_free(memory);
}

/* --------------------------------------------------------------------- pca */

/* Records along a line in space: one component explains all, and the one that is off the line has a rest. */
static void pca_finds_a_line(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 1000, 0, 2);
	struct harness scores, loadings;

	(void)state;
	for (uint32_t k = 0; k < 1000; k++) {
		memory->column[1].real[k] = 5 - 2 * memory->column[0].real[k];
		memory->column[2].integer[k] = 7;
	}
	signal_run(&loadings, "pca x, y, i loadings", memory, 100, 1);
	memory->column[1].real[900] += 3;
	signal_run(&scores, "pca x, y, i", memory, 100, 1);
	assert_true(fabs(signal_column(&loadings, "x")[loadings.n - 1].real + 1 / sqrt(5)) < 1e-9);
	assert_true(fabs(signal_column(&loadings, "y")[loadings.n - 1].real - 2 / sqrt(5)) < 1e-9);
	assert_true(signal_column(&loadings, "i")[loadings.n - 1].real == 0);
	for (uint32_t k = 2; k < 900; k++) {
		assert_true(signal_column(&scores, "rest")[k].real < 1e-6);
		assert_true(fabs(signal_column(&scores, "share")[k].real - 1) < 1e-9);
	}
	assert_true(fabs(signal_column(&scores, "rest")[900].real - 3 / sqrt(5)) < 0.1);
	assert_true(signal_column(&scores, "rest")[0].real == 0);
	harness_close(&scores);
	harness_close(&loadings);
	harness_memory_free(memory);
}

/* ------------------------------------------------------------------ kmeans */

/* Heaps far apart are found whatever the seed, keep their numbers while they wander, and sizes add up in every window. */
static void kmeans_finds_heaps(void **state)
{
	static const double at[3][2] = { { -50, 10 }, { 0, 80 }, { 60, -20 } };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 3000, 0, 2);
	uint64_t random = 9;

	(void)state;
	for (uint32_t k = 0; k < 3000; k++) {
		uint32_t heap = harness_below(&random, 3);

		memory->column[0].real[k] = at[heap][0] + harness_uniform(&random) + k * 0.01;
		memory->column[1].real[k] = at[heap][1] + harness_uniform(&random);
	}
	for (uint32_t seed = 0; seed < 10; seed++) {
		struct harness h;
		char chain[64];

		snprintf(chain, sizeof(chain), "kmeans 200 step 100 x, y k=3 seed=%u", seed);
		signal_run(&h, chain, memory, 100, 1);
		assert_int_equal(h.n, 3 * ((3000 - 200) / 100 + 1));
		for (uint32_t k = 0; k < h.n; k++) {
			double middle = 1 + (k / 3) * 1.0;

			assert_int_equal(signal_column(&h, "cluster")[k].integer, k % 3 + 1);
			assert_true(fabs(signal_column(&h, "x")[k].real - at[k % 3][0] - middle) < 1);
			assert_true(fabs(signal_column(&h, "y")[k].real - at[k % 3][1]) < 0.5);
			assert_true(signal_column(&h, "spread")[k].real < 1.5);
			if (k % 3 == 2)
				assert_int_equal(signal_column(&h, "size")[k].integer +
							 signal_column(&h, "size")[k - 1].integer +
							 signal_column(&h, "size")[k - 2].integer,
						 200);
		}
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* Fewer different records than clusters: some stay empty, nothing is NaN, and it ends. What fills no window comes at the end. */
static void kmeans_of_few_records(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 25, 0, 2);
	struct harness h;
	int64_t records = 0;

	(void)state;
	for (uint32_t k = 0; k < 25; k++)
		memory->column[0].real[k] = k % 2;
	signal_run(&h, "kmeans 10 x k=4", memory, 3, 1);
	assert_int_equal(h.n, 12);
	for (uint32_t k = 0; k < h.n; k++) {
		records += signal_column(&h, "size")[k].integer;
		assert_true(isfinite(signal_column(&h, "x")[k].real));
		assert_true(signal_column(&h, "spread")[k].real == 0);
	}
	assert_int_equal(records, 25);
	harness_close(&h);
	harness_memory_free(memory);
}

/* ------------------------------------------------------------------ sketches */

/* Skewed keys against exact counts: each count is too low by at most the error, and no key above 1 / (k + 1) is missed. */
static void heavy_hitters_are_found(void **state)
{
	enum { KEYS = 1000, ITEMS = 200000 };
	static uint64_t exact[KEYS];

	(void)state;
	for (uint32_t counters = 1; counters <= 100; counters = counters * 3 + 1) {
		const struct weir_heavy_item *item;
		struct weir_heavy *heavy;
		uint64_t random = counters;
		uint32_t n, found = 0, frequent = 0;

		memset(exact, 0, sizeof(exact));
		assert_int_equal(weir_heavy_open(&heavy, counters, 8), 0);
		for (uint32_t i = 0; i < ITEMS; i++) {
			uint64_t key = harness_below(&random, 1 + harness_below(&random, KEYS));

			key = harness_below(&random, (uint32_t)key + 1);
			exact[key]++;
			weir_heavy_add(heavy, (const char *)&key);
		}
		assert_true(weir_heavy_error(heavy) <= ITEMS / (counters + 1));
		n = weir_heavy_list(heavy, &item);
		for (uint32_t i = 0; i < n; i++) {
			uint64_t key = *(const uint64_t *)item[i].key;

			assert_true(item[i].count <= exact[key]);
			assert_true(item[i].count + weir_heavy_error(heavy) >= exact[key]);
			assert_true(!i || item[i].count <= item[i - 1].count);
			found += exact[key] > ITEMS / (counters + 1);
		}
		for (uint32_t key = 0; key < KEYS; key++)
			frequent += exact[key] > ITEMS / (counters + 1);
		assert_int_equal(found, frequent);
		weir_heavy_close(heavy);
	}
}

/* The same by the book: a key that has a counter counts, a new one takes a free counter, or one from each. */
static void count_by_the_book(uint64_t *count, uint32_t keys, uint32_t counters, uint64_t key, uint64_t *error)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < keys; i++)
		used += count[i] != 0;
	if (count[key] || used < counters) {
		count[key]++;
		return;
	}
	++*error;
	for (uint32_t i = 0; i < keys; i++)
		count[i] -= count[i] != 0;
}

/* Which keys have counters, and what is in them, follows the book after each item. */
static void heavy_hitters_follow_the_book(void **state)
{
	enum { KEYS = 24, ITEMS = 3000 };

	(void)state;
	for (uint32_t counters = 1; counters <= 12; counters++) {
		const struct weir_heavy_item *item;
		struct weir_heavy *heavy;
		uint64_t random = counters, count[KEYS] = { 0 }, error = 0;

		assert_int_equal(weir_heavy_open(&heavy, counters, 8), 0);
		for (uint32_t i = 0; i < ITEMS; i++) {
			uint64_t key = harness_below(&random, 1 + harness_below(&random, KEYS));
			uint32_t n, left = 0;

			weir_heavy_add(heavy, (const char *)&key);
			count_by_the_book(count, KEYS, counters, key, &error);
			assert_int_equal(weir_heavy_error(heavy), error);
			n = weir_heavy_list(heavy, &item);
			for (uint32_t k = 0; k < n; k++)
				assert_int_equal(item[k].count, count[*(const uint64_t *)item[k].key]);
			for (uint32_t k = 0; k < KEYS; k++)
				left += count[k] != 0;
			assert_int_equal(n, left);
		}
		weir_heavy_close(heavy);
	}
}

/* From none to a million different values, each three times: within five standard errors. */
static void distinct_is_estimated(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 10, 1000, 30000, 1000000 };
	static const uint32_t bits[] = { 6, 14 };

	(void)state;
	for (size_t b = 0; b < 2; b++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			struct weir_distinct *distinct;
			double estimate;

			assert_int_equal(weir_distinct_open(&distinct, bits[b]), 0);
			for (uint32_t i = 0; i < 3 * sizes[s]; i++) {
				uint64_t value = i % sizes[s];

				weir_distinct_add(distinct, weir_hash(&value, sizeof(value)));
			}
			estimate = weir_distinct_estimate(distinct);
			if (fabs(estimate - sizes[s]) > 5 * 1.04 / sqrt(1u << bits[b]) * sizes[s] + 0.01)
				fail_msg("%u bits: %u values are estimated as %g", bits[b], sizes[s], estimate);
			weir_distinct_close(distinct);
		}
}

/* Never a wrong no; wrong yes about as often as was allowed. Counts never too low, too high within the bound. */
static void bloom_and_tally_keep_their_bounds(void **state)
{
	enum { VALUES = 20000 };
	struct weir_bloom *bloom;
	struct weir_tally *tally;
	uint32_t wrong = 0, high = 0;

	(void)state;
	assert_int_equal(weir_bloom_open(&bloom, VALUES, 0.01), 0);
	assert_int_equal(weir_tally_open(&tally, 0.001, 0.01), 0);
	for (uint64_t i = 0; i < VALUES; i++) {
		uint64_t hash = weir_hash(&i, sizeof(i));

		wrong += weir_bloom_add(bloom, hash);
		assert_true(weir_bloom_add(bloom, hash));
		for (uint64_t k = 0; k < i % 5; k++)
			weir_tally_add(tally, hash);
	}
	assert_in_range(wrong, 1, VALUES / 100);
	for (uint64_t i = 0; i < VALUES; i++) {
		uint64_t count = weir_tally_add(tally, weir_hash(&i, sizeof(i)));

		assert_true(count >= i % 5 + 1);
		high += count > i % 5 + 1 + 3 * VALUES / 1000;
	}
	assert_true(high <= VALUES / 100);
	weir_bloom_close(bloom);
	weir_tally_close(tally);
}

/* Over many seeds each record is kept equally often (a chi-squared of 5 sigma), and the records come in their order, whole. */
static void reservoir_is_fair(void **state)
{
	enum { RECORDS = 60, KEEP = 12, SEEDS = 1000 };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, RECORDS, 0, 2);
	double squares = 0, expected = (double)SEEDS * KEEP / RECORDS;
	uint32_t kept[RECORDS] = { 0 };

	(void)state;
	for (uint32_t k = 0; k < RECORDS; k++)
		memory->column[2].integer[k] = k;
	for (uint32_t seed = 0; seed < SEEDS; seed++) {
		struct harness h;
		char chain[64];

		snprintf(chain, sizeof(chain), "sketch reservoir n=%u seed=%u", KEEP, seed);
		signal_run(&h, chain, memory, 25, 1);
		assert_int_equal(h.n, KEEP);
		for (uint32_t k = 0; k < KEEP; k++) {
			uint32_t i = (uint32_t)h.value[2][k].integer;

			assert_int_equal(h.t[k], memory->t[i]);
			assert_string_equal(h.value[4][k].text, memory->column[4].text + i * SIGNAL_TEXT_BYTES);
			assert_true(!k || h.t[k] > h.t[k - 1]);
			kept[i]++;
		}
		harness_close(&h);
	}
	for (uint32_t k = 0; k < RECORDS; k++)
		squares += (kept[k] - expected) * (kept[k] - expected) / expected;
	assert_true(squares < RECORDS + 5 * sqrt(2.0 * RECORDS));
	harness_memory_free(memory);
}

/* The stage over text and over numbers of each kind: exact as long as there are more counters than values. */
static void sketch_takes_text_and_numbers(void **state)
{
	static const char *const fields[] = { "s", "i", "b", "x" };
	struct weir_schema schema;
	struct weir_block *memory = signal_records(&schema, 2000, 0, 2);

	(void)state;
	for (uint32_t k = 0; k < 2000; k++)
		memory->column[0].real[k] = k % 4 == 0 ? NAN : k % 4 == 1 ? 0.0 : k % 4 == 2 ? -0.0 : 1;
	for (size_t f = 0; f < 4; f++) {
		struct harness h, seen, count;
		uint64_t records = 0, fresh = 0;
		char chain[64];

		snprintf(chain, sizeof(chain), "sketch heavy %s top=100", fields[f]);
		signal_run(&h, chain, memory, 99, 1);
		snprintf(chain, sizeof(chain), "sketch bloom %s", fields[f]);
		signal_run(&seen, chain, memory, 99, 1);
		snprintf(chain, sizeof(chain), "sketch count %s", fields[f]);
		signal_run(&count, chain, memory, 99, 1);
		for (uint32_t k = 0; k < h.n; k++) {
			records += (uint64_t)signal_column(&h, "count")[k].integer;
			assert_int_equal(signal_column(&h, "error")[k].integer, 0);
			assert_int_equal(signal_column(&h, "rank")[k].integer, k + 1);
		}
		assert_int_equal(records, 2000);
		for (uint32_t k = 0; k < 2000; k++) {
			fresh += !signal_column(&seen, "seen")[k].integer;
			assert_true(signal_column(&count, "count")[k].integer == 1 ||
				    signal_column(&seen, "seen")[k].integer);
		}
		assert_int_equal(fresh, h.n);
		assert_int_equal(h.n, f == 0 ? 20 : f == 1 ? 50 : f == 2 ? 2 : 3);
		harness_close(&count);
		harness_close(&seen);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

static void nonsense_is_refused(void **state)
{
	struct weir_schema schema;

	(void)state;
	harness_memory_free(signal_records(&schema, 1, 0, 1));
	harness_expect_refusal("learn x, y from i", &schema, "one number is learned at a time");
	harness_expect_refusal("learn x from x", &schema, "'x' is named twice");
	harness_expect_refusal("learn x", &schema, "from");
	harness_expect_refusal("pca x components=2", &schema, "no more than 1 components");
	harness_expect_refusal("kmeans 5 x k=6", &schema, "cannot make 6 clusters");
	harness_expect_refusal("kmeans 5 x", &schema, "k");
	harness_expect_refusal("sketch heavy", &schema, "of which field?");
	harness_expect_refusal("sketch heavy q", &schema, "unknown field 'q'");
	harness_expect_refusal("sketch reservoir s", &schema, "whole records");
	harness_expect_refusal("sketch reservoir n=5000", &schema, "at most 1024");
	harness_expect_refusal("sketch heaviest s", &schema, "heavy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_do_not_drift),    cmocka_unit_test(principal_directions_are_right),
		cmocka_unit_test(learn_finds_a_law),       cmocka_unit_test(learn_is_least_squares),
		cmocka_unit_test(learn_forgets),           cmocka_unit_test(pca_finds_a_line),
		cmocka_unit_test(kmeans_finds_heaps),      cmocka_unit_test(kmeans_of_few_records),
		cmocka_unit_test(heavy_hitters_are_found), cmocka_unit_test(heavy_hitters_follow_the_book),
		cmocka_unit_test(distinct_is_estimated),   cmocka_unit_test(bloom_and_tally_keep_their_bounds),
		cmocka_unit_test(reservoir_is_fair),       cmocka_unit_test(sketch_takes_text_and_numbers),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
