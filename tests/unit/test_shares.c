/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Aggregates that go from record to record (integral, tmean, increase, rate, crossings), and those that choose or leave out records,
 * against models that keep every record. Values are small integers and times whole milliseconds, so the models are exact.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define N 700
#define MS INT64_C(1000000)
#define GAP_MS 40
#define SHARES "integral(x) as i, tmean(x) as m, increase(x) as up, rate(x) as r, crossings(x) as c"

struct records {
	struct weir_schema schema;
	struct weir_block *memory;
};

/* Irregular distances, some of them beyond the gap, some 0; x is a random walk with steps back to 0. `disorder`: some records are older
 * than the one before. */
static void make_records(struct records *records, uint64_t *random, bool disorder, bool has_nan)
{
	int64_t t = 0, x = 0;

	weir_schema_init(&records->schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&records->schema, "x", WEIR_REAL, "W", 0);
	weir_schema_add(&records->schema, "y", WEIR_REAL, "", 0);
	weir_schema_add(&records->schema, "who", WEIR_TEXT, "", 8);
	records->memory = harness_memory(&records->schema, N);
	for (uint32_t i = 0; i < N; i++) {
		bool is_back = disorder && i && !harness_below(random, 10);

		records->memory->t[i] = is_back ? t - harness_below(random, 2 * GAP_MS) * MS : t;
		records->memory->column[0].real[i] = has_nan && i && !harness_below(random, 12) ? NAN : (double)x;
		records->memory->column[1].real[i] = has_nan && !harness_below(random, 12) ? NAN
											   : harness_below(random, 6);
		snprintf(records->memory->column[2].text + 8 * (size_t)i, 8, "%u", i);
		x = harness_below(random, 20) ? x + harness_below(random, 9) - 3 : 0;
		t += harness_below(random, 25) ? harness_below(random, 8) * MS
					       : (int64_t)harness_below(random, 100) * MS;
	}
}

/* ------------------------------------------------------------------- shares */

/* Of each record: twice its area in value times ms, the ms of that area, its increase, the ms of that, its change of sign. */
struct share {
	int64_t area2, area_ms, up, up_ms, crossing;
};

static void model_shares(const struct weir_block *in, struct share *share)
{
	const double *x = in->column[0].real;
	int64_t before = 0, side = 0;

	memset(share, 0, N * sizeof(*share));
	for (uint32_t i = 0; i < N; i++) {
		int64_t ms = (in->t[i] - in->t[before]) / MS, now = (int64_t)x[i], was = (int64_t)x[before];

		if (ms < 0 && -ms <= GAP_MS)
			continue;
		if (ms >= 0 && ms <= GAP_MS)
			share[i] = (struct share){ .area2 = (now + was) * ms, .area_ms = ms };
		if (ms >= 0) {
			share[i].up = now >= was ? now - was : now;
			share[i].up_ms = ms;
			share[i].crossing = side && now && (side < 0) != (now < 0);
		}
		before = i;
		side = now || ms < 0 ? now : side;
	}
	share[0].up = 0;
}

static struct share add_up(const struct share *share, uint32_t from, uint32_t to)
{
	struct share all = { 0 };

	for (uint32_t i = from; i < to; i++) {
		all.area2 += share[i].area2;
		all.area_ms += share[i].area_ms;
		all.up += share[i].up;
		all.up_ms += share[i].up_ms;
		all.crossing += share[i].crossing;
	}
	return all;
}

/* The quotient, correctly rounded once; NaN for 0 / 0. */
static void expect_quotient(double value, long double above, long double below)
{
	long double model = below != 0 ? above / below : NAN;

	if (isnan(model) ? !isnan(value) : !(fabsl(value - model) <= 3e-16L * fabsl(model)))
		fail_msg("%.17g and not %.17Lg", value, model);
}

static void expect_shares(const struct harness *h, uint32_t row, const struct share *all)
{
	expect_quotient(h->value[0][row].real, all->area2, 2000);
	expect_quotient(h->value[1][row].real, all->area2, 2.0L * all->area_ms);
	assert_true(h->value[2][row].real == (double)all->up);
	expect_quotient(h->value[3][row].real, 1000.0L * all->up, all->up_ms);
	assert_true(h->value[4][row].real == (double)all->crossing);
}

/* Integral, time-weighted mean, increase, rate and crossings of windows by count are exact for records at any distance, with counters
 * that begin again, silences beyond the gap and records out of order, however the stream is cut. */
static void shares_are_exact(void **state)
{
	uint64_t random = 11;

	(void)state;
	for (int round = 0; round < 80; round++) {
		uint32_t size = 1 + harness_below(&random, 60), step = 1 + harness_below(&random, 60), row = 0;
		struct share share[N], all;
		struct records records;
		struct harness h;
		char chain[256];

		make_records(&records, &random, round % 2, false);
		model_shares(records.memory, share);
		snprintf(chain, sizeof(chain), "window %u step %u " SHARES " gap=%dms", size, step, GAP_MS);
		harness_run_cut(&h, chain, records.memory, &random);
		for (uint32_t from = 0; from + size <= N; from += step) {
			all = add_up(share, from, from + size);
			expect_shares(&h, row++, &all);
		}
		harness_close(&h);
		harness_memory_free(records.memory);
	}
}

/* The results of windows by time add up to that of the whole stream: what happens between two windows belongs to the later one. */
static void windows_add_up(void **state)
{
	uint64_t random = 12;

	(void)state;
	for (int round = 0; round < 60; round++) {
		double integral = 0, up = 0, crossings = 0;
		struct share share[N], all;
		struct records records;
		struct harness h;
		char chain[256];

		make_records(&records, &random, false, false);
		model_shares(records.memory, share);
		all = add_up(share, 0, N);
		snprintf(chain, sizeof(chain), "window %ums " SHARES " gap=%dms", 5 + harness_below(&random, 400),
			 GAP_MS);
		harness_run_cut(&h, chain, records.memory, &random);
		for (uint32_t row = 0; row < h.n; row++) {
			integral += h.value[0][row].real;
			up += h.value[2][row].real;
			crossings += h.value[4][row].real;
		}
		assert_true(fabs(integral - (double)all.area2 / 2000) < 1e-6);
		assert_true(up == (double)all.up && crossings == (double)all.crossing);
		harness_close(&h);
		harness_memory_free(records.memory);
	}
}

/* ------------------------------------------------------------ text, conditions */

static void expect_text(const struct harness *h, int field, uint32_t row, uint32_t number)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", number);
	assert_string_equal(h->value[field][row].text, text);
}

/* Texts are those of the first, the last, and the first of the greatest and the least record of overlapping windows; and count()
 * of a condition counts where it holds. */
static void texts_are_chosen(void **state)
{
	uint64_t random = 13;

	(void)state;
	for (int round = 0; round < 60; round++) {
		uint32_t size = 1 + harness_below(&random, 50), step = 1 + harness_below(&random, 50), row = 0;
		struct records records;
		const double *x;
		struct harness h;
		char chain[256];

		make_records(&records, &random, false, false);
		x = records.memory->column[1].real;
		snprintf(chain, sizeof(chain),
			 "window %u step %u first(who) as f, last(who) as l, max_by(who, y) as g, min_by(who, y) as s, "
			 "count(y > 2) as n",
			 size, step);
		harness_run_cut(&h, chain, records.memory, &random);
		for (uint32_t from = 0; from + size <= N; from += step, row++) {
			uint32_t max = from, min = from, n = 0;

			for (uint32_t i = from; i < from + size; i++) {
				max = x[i] > x[max] ? i : max;
				min = x[i] < x[min] ? i : min;
				n += x[i] > 2;
			}
			expect_text(&h, 0, row, from);
			expect_text(&h, 1, row, from + size - 1);
			expect_text(&h, 2, row, max);
			expect_text(&h, 3, row, min);
			assert_int_equal(h.value[4][row].integer, n);
		}
		harness_close(&h);
		harness_memory_free(records.memory);
	}
}

/* ----------------------------------------------------------------- nan=skip */

/* With nan=skip each aggregate gives what it gives of the records without NaN in its own expression, to the bit. */
static void nan_is_left_out(void **state)
{
	static const char *const aggregates[] = {
		"sum(x)",      "mean(x)",      "var(x)",       "rms(x)",    "min(x)",       "max(x)",
		"range(x)",    "first(x)",     "last(x)",      "median(x)", "slope(x)",     "quantile(x, 0.3)",
		"integral(x)", "tmean(x)",     "increase(x)",  "rate(x)",   "crossings(x)", "distinct(x)",
		"mode(x)",     "max_by(t, x)", "min_by(t, x)",
	};
	uint64_t random = 14;

	(void)state;
	for (size_t a = 0; a < sizeof(aggregates) / sizeof(aggregates[0]); a++) {
		uint32_t ms = 30 + harness_below(&random, 300), row = 0;
		struct harness skipping, filtered;
		struct records records;
		char chain[256];

		make_records(&records, &random, false, true);
		snprintf(chain, sizeof(chain), "window %ums step %ums %s as v, mean(y) as other nan=skip gap=1s", ms,
			 ms / 2, aggregates[a]);
		harness_run_cut(&skipping, chain, records.memory, &random);
		snprintf(chain, sizeof(chain), "where not isnan(x) | window %ums step %ums %s as v gap=1s", ms, ms / 2,
			 aggregates[a]);
		harness_run_cut(&filtered, chain, records.memory, &random);
		for (uint32_t i = 0; i < filtered.n; i++) {
			while (row < skipping.n && skipping.t[row] < filtered.t[i])
				row++;
			assert_true(row < skipping.n && skipping.t[row] == filtered.t[i]);
			if (memcmp(&skipping.value[0][row].real, &filtered.value[0][i].real, 8) &&
			    !(isnan(skipping.value[0][row].real) && isnan(filtered.value[0][i].real)))
				fail_msg("%s: %.17g and not %.17g", aggregates[a], skipping.value[0][row].real,
					 filtered.value[0][i].real);
		}
		harness_close(&filtered);
		harness_close(&skipping);
		harness_memory_free(records.memory);
	}
}

/* Without it a NaN makes the results of its window NaN, and those of shares also where its share goes on into the next window. */
static void nan_stays(void **state)
{
	struct records records;
	uint64_t random = 15;
	struct harness h;

	(void)state;
	make_records(&records, &random, false, false);
	records.memory->column[0].real[25] = NAN;
	records.memory->column[0].real[39] = NAN;
	harness_run(&h,
		    "window 10 " SHARES ", distinct(x) as d, mode(x) as o, corr(x, y) as k, max_by(y, x) as b gap=1h",
		    records.memory, 64, 1);
	for (int f = 0; f < 9; f++) {
		for (uint32_t row = 1; row < 6; row++) {
			bool has_nan = row == 2 || row == 3 || (f < 5 && row == 4);

			if (isnan(h.value[f][row].real) != has_nan)
				fail_msg("aggregate %d of window %u", f, row);
		}
	}
	harness_close(&h);
	harness_memory_free(records.memory);
}

/* ------------------------------------------------------------ schema, errors */

static void units_follow(void **state)
{
	struct records records;
	uint64_t random = 16;
	struct harness h;

	(void)state;
	make_records(&records, &random, false, false);
	assert_true(
		harness_open(&h, "window 10 " SHARES ", mode(x) as o, max_by(x, y) as b, corr(x, y)", &records.schema));
	assert_string_equal(h.schema.field[0].unit, "J");
	assert_string_equal(h.schema.field[1].unit, "W");
	assert_string_equal(h.schema.field[2].unit, "W");
	assert_string_equal(h.schema.field[3].unit, "W/s");
	assert_string_equal(h.schema.field[4].unit, "");
	assert_string_equal(h.schema.field[5].unit, "W");
	assert_string_equal(h.schema.field[6].unit, "W");
	assert_string_equal(h.schema.field[7].unit, "");
	assert_string_equal(h.schema.field[7].name, "corr_x_y");
	harness_close(&h);
	harness_memory_free(records.memory);
}

static void nonsense_is_refused(void **state)
{
	struct records records;
	uint64_t random = 17;

	(void)state;
	make_records(&records, &random, false, false);
	harness_expect_refusal("window 10 count(x) as n", &records.schema, "count(not isnan(x))");
	harness_expect_refusal("window 10 count(who) as n", &records.schema, "takes a condition");
	harness_expect_refusal("window 10 max_by(x) as n", &records.schema, "second expression");
	harness_expect_refusal("window 10 max_by(x, who) as n", &records.schema, "a number is needed");
	harness_expect_refusal("window 10 corr(who, x) as n", &records.schema, "works on numbers");
	harness_expect_refusal("window 10 integral(x, y) as n", &records.schema, "expected a number");
	harness_expect_refusal("window 10 distinct() as n", &records.schema, "needs something");
	harness_expect_refusal("window 2000000 mode(x) as n", &records.schema, "at most 1048576");
	harness_expect_refusal("window 10 mean(x) as n nan=drop", &records.schema, "skip");
	harness_memory_free(records.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_exact),    cmocka_unit_test(windows_add_up),
		cmocka_unit_test(texts_are_chosen),    cmocka_unit_test(nan_is_left_out),
		cmocka_unit_test(nan_stays),           cmocka_unit_test(units_follow),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
