/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stages that change numbers record by record: clamp, ramp, glitch, calibrate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "weir/fit.h"

#define N 2000

/* x and y: numbers at irregular times, now and then NaN or infinite; i, b, s: an integer, a truth value and a text. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t seed)
{
	static const double odd[] = { NAN, INFINITY, -INFINITY };
	struct weir_block *memory;
	int64_t t = 0;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	weir_schema_add(schema, "y", WEIR_REAL, "", 0);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", 8);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		memory->t[k] = t += harness_below(&seed, 20000000);
		memory->column[0].real[k] = harness_uniform(&seed) * 10;
		memory->column[1].real[k] = harness_below(&seed, 20) ? harness_uniform(&seed)
								     : odd[harness_below(&seed, 3)];
		memory->column[2].integer[k] = (int64_t)harness_below(&seed, 100) - 50;
		memory->column[3].integer[k] = harness_below(&seed, 2);
		snprintf(memory->column[4].text + k * 8, 8, "s%u", k);
	}
	return memory;
}

static struct weir_block *make_numbers(struct weir_schema *schema, const double *x, uint32_t n)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	memory = harness_memory(schema, n);
	memcpy(memory->column[0].real, x, n * sizeof(*x));
	return memory;
}

static bool are_same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* What a chain makes of numbers that are a millisecond apart. */
static void expect_numbers(const char *chain, const double *x, const double *expected, uint32_t n)
{
	struct weir_schema schema;
	struct weir_block *memory = make_numbers(&schema, x, n);
	struct harness h;

	harness_run(&h, chain, memory, 3, 1);
	assert_int_equal(h.n, n);
	for (uint32_t k = 0; k < n; k++)
		if (!are_same(h.value[0][k].real, expected[k]) && !(fabs(h.value[0][k].real - expected[k]) < 1e-12))
			fail_msg("%s: record %u is %.17g and not %.17g", chain, k, h.value[0][k].real, expected[k]);
	harness_close(&h);
	harness_memory_free(memory);
}

/* No cut of the stream into blocks changes a bit of what these stages give. */
static void cuts_change_nothing(void **state)
{
	static const char *const chains[] = {
		"clamp min=-1 max=3",
		"clamp y min=-0.5 outside=drop",
		"ramp rate=20 down=5",
		"ramp x, y rate=1 from=0",
		"glitch",
		"glitch x, y by 0.4",
		"calibrate points=\"0 -> 1, 1 -> 2, 2 -> 5\" method=polynomial",
		"calibrate x points=\"0 -> 1, 1 -> 2, 2 -> 5\" method=table outside=nan",
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		struct harness whole, cut;

		harness_run(&whole, chains[i], memory, WEIR_BLOCK_MAX, 1);
		harness_run(&cut, chains[i], memory, 5, 2);
		assert_in_range(whole.n, 1, N);
		harness_expect_same(&whole, &cut);
		harness_close(&cut);
		harness_close(&whole);
	}
	harness_memory_free(memory);
}

/* The fields named are worked on and are real numbers then; all others keep their kind, unit and every bit. */
static void other_fields_pass(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 2);
	struct harness h;

	(void)state;
	harness_run(&h, "clamp i min=-10 max=10", memory, 100, 1);
	assert_int_equal(h.n, N);
	assert_int_equal(h.schema.field[2].kind, WEIR_REAL);
	assert_int_equal(h.schema.field[3].kind, WEIR_BOOL);
	assert_string_equal(h.schema.field[0].unit, "V");
	for (uint32_t k = 0; k < N; k++) {
		int64_t i = memory->column[2].integer[k];

		assert_int_equal(h.t[k], memory->t[k]);
		assert_memory_equal(&h.value[1][k].real, &memory->column[1].real[k], 8);
		assert_true(h.value[2][k].real == (double)(i < -10 ? -10 : i > 10 ? 10 : i));
		assert_int_equal(h.value[3][k].integer, memory->column[3].integer[k]);
		assert_string_equal(h.value[4][k].text, memory->column[4].text + k * 8);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A channel with a name of its own is a field more, and may be computed. */
static void results_may_have_other_names(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 2);
	struct harness h;

	(void)state;
	harness_run(&h, "clamp m = 2 * x min=-1 max=1", memory, 100, 1);
	assert_string_equal(h.schema.field[5].name, "m");
	for (uint32_t k = 0; k < N; k++) {
		assert_true(h.value[0][k].real == memory->column[0].real[k]);
		assert_true(h.value[5][k].real == fmin(fmax(2 * memory->column[0].real[k], -1), 1));
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A field that was worked on is no longer made of raw integers: raw() and changed must not take it for one. */
static void results_are_not_raw(void **state)
{
	struct weir_schema schema;
	struct harness h;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(&schema, "y", WEIR_REAL, "", 0);
	schema.field[0].scale = schema.field[1].scale = 0.25;
	schema.field[0].offset = schema.field[1].offset = 7;
	assert_true(harness_open(&h, "clamp y min=0", &schema));
	assert_true(h.schema.field[0].scale == 0.25 && h.schema.field[0].offset == 7);
	assert_true(h.schema.field[1].scale == 1 && h.schema.field[1].offset == 0);
	harness_close(&h);
}

/* What makes no sense is refused with a word on what does. */
static void nonsense_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "clamp", "needs min=, max= or both" },
		{ "clamp min=2 max=1", "below the least" },
		{ "clamp s min=0", "'s' is text" },
		{ "clamp q min=0", "unknown field 'q'" },
		{ "clamp x, x min=0", "named twice" },
		{ "ramp x", "'rate'" },
		{ "ramp x rate=-1", "at least" },
		{ "calibrate x", "'points'" },
		{ "calibrate x points=\"1 -> 2, 3\"", "from ' 3' on" },
		{ "calibrate x points=\"1 -> 2\"", "needs 2 points" },
		{ "calibrate x points=\"1 -> 2, 1 -> 3\"", "differ in x" },
		{ "calibrate x points=\"1 -> 2, 1 -> 3\" method=table", "one true value" },
		{ "calibrate x points=\"1 -> 2, 2 -> 3\" method=polynomial", "needs 3 points" },
		{ "calibrate x points=\"1 -> 2, 2 -> nan\"", "from ' 2 -> nan' on" },
		{ "calibrate x points=\"1 -> 2, 2 -> 3\" degree=2", "only a polynomial" },
		{ "calibrate x points=\"1 -> 2, 2 -> 3\" unit=abcdefghijklmnopq", "at most 15" },
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 3);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		harness_expect_refusal(cases[i][0], &schema, cases[i][1]);
	harness_memory_free(memory);
}

/* clamp limits to the nearer bound, or drops exactly the records of which some field is outside; NaN is not outside. */
static void clamp_follows_the_model(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 4);
	const double *x = memory->column[0].real, *y = memory->column[1].real;
	struct harness h;
	uint32_t n = 0;

	(void)state;
	harness_run(&h, "clamp x, y min=-0.5 max=4", memory, 100, 1);
	for (uint32_t k = 0; k < N; k++)
		assert_true(are_same(h.value[1][k].real, isnan(y[k]) ? NAN : fmin(fmax(y[k], -0.5), 4)));
	harness_close(&h);
	harness_run(&h, "clamp x, y min=-0.5 max=4 outside=drop", memory, 100, 1);
	for (uint32_t k = 0; k < N; k++) {
		if (x[k] < -0.5 || x[k] > 4 || y[k] < -0.5 || y[k] > 4)
			continue;
		assert_int_equal(h.t[n], memory->t[k]);
		assert_true(h.value[0][n].real == x[k]);
		assert_string_equal(h.value[4][n].text, memory->column[4].text + k * 8);
		n++;
	}
	assert_int_equal(h.n, n);
	harness_close(&h);
	harness_memory_free(memory);
}

/* ramp is never faster than its rates, never overshoots, and stands on its target where there was time to get there. */
static void ramp_keeps_its_rate(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 5);
	const double *x = memory->column[0].real;
	struct harness h;

	(void)state;
	harness_run(&h, "ramp x rate=200 down=50", memory, 100, 1);
	assert_true(h.value[0][0].real == x[0]);
	for (uint32_t k = 1; k < N; k++) {
		double dt = (double)(memory->t[k] - memory->t[k - 1]) * 1e-9;
		double before = h.value[0][k - 1].real, y = h.value[0][k].real;

		assert_true(y - before <= 200 * dt + 1e-12 && before - y <= 50 * dt + 1e-12);
		assert_true((before <= y && y <= x[k]) || (x[k] <= y && y <= before));
		if (x[k] - before <= 200 * dt && before - x[k] <= 50 * dt)
			assert_true(y == x[k]);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* The first value, a beginning elsewhere, an integer rate of 0, a NaN that is passed on and bridged without a jump. */
static void ramp_begins_and_bridges(void **state)
{
	static const double step[] = { 5, 7, 7, 7 }, first[] = { 5, 6, 7, 7 }, from[] = { 0, 1, 2, 3 };
	static const double gap[] = { 1, NAN, NAN, 9, 9 }, bridged[] = { 1, NAN, NAN, 1, 2 };
	static const double nan_first[] = { NAN, 4, 6 }, then[] = { NAN, 4, 5 };

	(void)state;
	expect_numbers("ramp rate=1000", step, first, 4);
	expect_numbers("ramp rate=1000 from=0", step, from, 4);
	expect_numbers("ramp rate=1000", gap, bridged, 5);
	expect_numbers("ramp rate=1000", nan_first, then, 3);
}

/* Times that go back, or leap from one end of the clock to the other, stand still or pass; nothing overflows. */
static void ramp_survives_wild_times(void **state)
{
	static const int64_t times[] = { 1000000000, 500000000, 900000000, 1100000000, INT64_MIN, INT64_MAX };
	static const double x[] = { 0, 10, 10, 10, 20, 20 }, expected[] = { 0, 0, 0, 0.1, 0.1, 20 };
	struct weir_schema schema;
	struct weir_block *memory = make_numbers(&schema, x, 6);
	struct harness h;

	(void)state;
	memcpy(memory->t, times, sizeof(times));
	harness_run(&h, "ramp rate=1", memory, 2, 1);
	for (uint32_t k = 0; k < 6; k++)
		assert_true(fabs(h.value[0][k].real - expected[k]) < 1e-9);
	harness_close(&h);
	harness_memory_free(memory);
}

/* With `by`: one outlier, at the beginning, alone, twice in a row in other places, NaN; a step and a burst of NaN. */
static void glitch_by_takes_out_outliers(void **state)
{
	static const double alone[] = { 1, 1.1, 50, 1.2, 1.3 }, alone_out[] = { 1, 1.1, 1.1, 1.2, 1.3 };
	static const double start[] = { 50, 1, 1.1, 1.2 }, start_out[] = { 50, 50, 1.1, 1.2 };
	static const double two[] = { 1, 50, -50, 1.2 }, two_out[] = { 1, 1, 1, 1.2 };
	static const double step[] = { 1, 9, 9.2, 9.1 }, step_out[] = { 1, 1, 9.2, 9.1 };
	static const double nan[] = { 1, NAN, 1.2, NAN, NAN, NAN, 1.4, 1.5 };
	static const double nan_out[] = { 1, 1, 1.2, 1.2, NAN, NAN, NAN, 1.5 };
	static const double no_start[] = { NAN, 1, 1.1 };
	static const double inf[] = { 1, INFINITY, 1, INFINITY, INFINITY }, inf_out[] = { 1, 1, 1, 1, INFINITY };

	(void)state;
	expect_numbers("glitch by 0.5", alone, alone_out, 5);
	expect_numbers("glitch by 0.5", start, start_out, 4);
	expect_numbers("glitch by 0.5", two, two_out, 4);
	expect_numbers("glitch by 0.5", step, step_out, 4);
	expect_numbers("glitch by 0.5", nan, nan_out, 8);
	expect_numbers("glitch by 0.5", no_start, no_start, 3);
	expect_numbers("glitch by 0.5", inf, inf_out, 5);
}

/* Without it: the median of three, which begins with the first value and does not stumble over one NaN. */
static void glitch_is_a_median_of_three(void **state)
{
	static const double ramp[] = { 1, 2, 3, 4 }, ramp_out[] = { 1, 1, 2, 3 };
	static const double alone[] = { 1, 1, 50, 1, 1 }, alone_out[] = { 1, 1, 1, 1, 1 };
	static const double step[] = { 1, 1, 9, 9, 9 }, step_out[] = { 1, 1, 1, 9, 9 };
	static const double nan[] = { 1, 2, NAN, 3, NAN, NAN, 4 }, nan_out[] = { 1, 1, 1, 2, 2, NAN, 3 };

	(void)state;
	expect_numbers("glitch", ramp, ramp_out, 4);
	expect_numbers("glitch", alone, alone_out, 5);
	expect_numbers("glitch", step, step_out, 5);
	expect_numbers("glitch", nan, nan_out, 7);
}

/* Into a slow signal, outliers are thrown that have a good record before and behind them: all vanish, all else is unchanged. */
static void glitch_leaves_the_rest_alone(void **state)
{
	double clean[N], spoilt[N], expected[N];
	uint64_t random = 6;

	(void)state;
	for (uint32_t k = 0; k < N; k++) {
		bool is_bad = k % 2 && !harness_below(&random, 5);

		clean[k] = sin(k * 0.01) * 10;
		spoilt[k] = is_bad ? clean[k] +
					     (harness_below(&random, 2) ? 3 : -3) * (1 + harness_uniform(&random) / 2)
				   : clean[k];
		expected[k] = is_bad ? clean[k - 1] : clean[k];
	}
	expect_numbers("glitch by 0.5", spoilt, expected, N);
}

static long double power(long double x, uint32_t n)
{
	return n ? x * power(x, n - 1) : 1;
}

/* The fit is the best one: what is left over is orthogonal to every power up to the degree, far from zero as well as near. */
static void fits_are_least_squares(void **state)
{
	uint64_t random = 7;

	(void)state;
	for (int round = 0; round < 500; round++) {
		uint32_t degree = 1 + harness_below(&random, 5), n = degree + 1 + harness_below(&random, 20);
		double far = harness_below(&random, 2) ? 0 : 1000;
		struct weir_point points[32];
		struct weir_polynomial p;

		for (uint32_t i = 0; i < n; i++)
			points[i] = (struct weir_point){ far + harness_uniform(&random) * 5, harness_uniform(&random) };
		assert_int_equal(weir_polynomial_fit(&p, points, n, degree), 0);
		for (uint32_t k = 0; k <= degree; k++) {
			long double dot = 0;

			for (uint32_t i = 0; i < n; i++)
				dot += (points[i].y - (long double)weir_polynomial_at(&p, points[i].x)) *
				       power((points[i].x - (long double)far) / 5, k);
			assert_true(fabsl(dot) < 1e-8L);
		}
	}
}

/* Points on a polynomial give that polynomial, between the points and beyond them; simple ones come out without a crumb. */
static void fits_find_what_was_there(void **state)
{
	static const double x[] = { 0, 10, 5, 2.5, 20, NAN }, line[] = { 1, 21, 11, 6, 41, NAN };
	static const double square[] = { 0, 100, 25, 6.25, 400, NAN };

	(void)state;
	expect_numbers("calibrate points=\"0 -> 1, 10 -> 21\"", x, line, 6);
	expect_numbers("calibrate points=\"10->21,0->1 , 5 -> 11\"", x, line, 6);
	expect_numbers("calibrate points=\"-3 -> 9, 1e0 -> 1, 4 -> 16\" method=polynomial", x, square, 6);
	expect_numbers("calibrate points=\"0 -> 1, 10 -> 21\" method=table", x, line, 6);
}

/* A table goes straight from point to point, hits each of them to the bit, and does beyond them what it is told. */
static void tables_go_from_point_to_point(void **state)
{
	static const double x[] = { -1, 0, 0.5, 1, 2, 3, 4, INFINITY };
	static const double extended[] = { -1.3, 0.1, 0.8, 1.5, 1.3, 1.1, 0.9, -INFINITY };
	static const double limited[] = { 0.1, 0.1, 0.8, 1.5, 1.3, 1.1, 1.1, 1.1 };
	static const double unknown[] = { NAN, 0.1, 0.8, 1.5, 1.3, 1.1, NAN, NAN };
	static const struct weir_point points[] = { { 0, 0.1 }, { 0.1, 1.7 }, { 0.7, 0.3 } };

	(void)state;
	expect_numbers("calibrate points=\"3 -> 1.1, 0 -> 0.1, 1 -> 1.5\" method=table", x, extended, 8);
	expect_numbers("calibrate points=\"3 -> 1.1, 0 -> 0.1, 1 -> 1.5\" method=table outside=limit", x, limited, 8);
	expect_numbers("calibrate points=\"3 -> 1.1, 0 -> 0.1, 1 -> 1.5\" method=table outside=nan", x, unknown, 8);
	for (int i = 0; i < 3; i++)
		assert_true(weir_table_at(points, 3, points[i].x) == points[i].y);
}

/* What a sensor gives has a unit, and what comes out may have another. */
static void calibration_may_change_the_unit(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 8);
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "calibrate x points=\"0 -> 1, 1 -> 2\" unit=bar", &schema));
	assert_string_equal(h.schema.field[0].unit, "bar");
	harness_close(&h);
	assert_true(harness_open(&h, "calibrate x points=\"0 -> 1, 1 -> 2\"", &schema));
	assert_string_equal(h.schema.field[0].unit, "V");
	harness_close(&h);
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_change_nothing),           cmocka_unit_test(other_fields_pass),
		cmocka_unit_test(results_may_have_other_names),  cmocka_unit_test(results_are_not_raw),
		cmocka_unit_test(nonsense_is_refused),           cmocka_unit_test(clamp_follows_the_model),
		cmocka_unit_test(ramp_keeps_its_rate),           cmocka_unit_test(ramp_begins_and_bridges),
		cmocka_unit_test(ramp_survives_wild_times),      cmocka_unit_test(glitch_by_takes_out_outliers),
		cmocka_unit_test(glitch_is_a_median_of_three),   cmocka_unit_test(glitch_leaves_the_rest_alone),
		cmocka_unit_test(fits_are_least_squares),        cmocka_unit_test(fits_find_what_was_there),
		cmocka_unit_test(tables_go_from_point_to_point), cmocka_unit_test(calibration_may_change_the_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
