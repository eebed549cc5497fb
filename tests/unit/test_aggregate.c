/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Aggregates against recomputation in long double, and against exact integers over very long streams. WEIR_TEST_LONG=1 makes the
 * latter 10^9 records long, which takes a minute or two.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "weir/aggregate.h"

#define N 400
#define FUNCTIONS (WEIR_COUNT_IF + 1)
#define QUANTILE 0.2

/* ---------------------------------------------------- sliding = recomputed */

/* Magnitudes from 10^-100 to 10^100 whose squares do not overflow; in some rounds NaN and infinities. */
static double random_value(uint64_t *random, bool is_mixed, bool has_odd)
{
	static const double odd[] = { NAN, INFINITY, -INFINITY };

	if (has_odd && !harness_below(random, 40))
		return odd[harness_below(random, 3)];
	return harness_uniform(random) * (is_mixed ? pow(10, harness_uniform(random) * 100) : 5);
}

struct model {
	long double sum, magnitude, squares, mean, xx, tt, tx, yy, xy;
	double min, max;
	bool has_nan;
};

static struct model recompute(const int64_t *t, const double *x, const double *y, uint32_t n)
{
	struct model m = { .min = INFINITY, .max = -INFINITY };
	long double mean_t = 0, mean_y = 0;

	for (uint32_t i = 0; i < n; i++) {
		m.sum += x[i];
		m.magnitude += fabsl(x[i]);
		m.squares += (long double)x[i] * x[i];
		m.has_nan |= isnan(x[i]);
		m.min = fmin(m.min, x[i]);
		m.max = fmax(m.max, x[i]);
		mean_t += (long double)(t[i] - t[0]) / n;
		mean_y += (long double)y[i] / n;
	}
	m.mean = m.sum / n;
	for (uint32_t i = 0; i < n; i++) {
		long double from_t = (t[i] - t[0] - mean_t) * 1e-9L, from_x = x[i] - m.mean;

		m.xx += from_x * from_x;
		m.yy += (y[i] - mean_y) * (y[i] - mean_y);
		m.xy += from_x * (y[i] - mean_y);
		m.tt += from_t * from_t;
		m.tx += from_t * from_x;
	}
	return m;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double model_quantile(const struct model *m, const double *x, uint32_t n, double q)
{
	double sorted[N], place = q * (n - 1), low, high;
	uint32_t below = (uint32_t)place;

	if (m->has_nan)
		return NAN;
	memcpy(sorted, x, n * sizeof(*x));
	qsort(sorted, n, sizeof(*sorted), by_value);
	low = sorted[below];
	high = below + 1 < n ? sorted[below + 1] : low;
	return low == high || place == below ? low : (double)(low * (1 - (place - below)) + high * (place - below));
}

/* NaN or infinite where the model is; otherwise within a share of what was added up. */
static void expect_near(enum weir_function function, double value, long double model, long double scale)
{
	if (isnan(model)   ? isnan(value)
	    : isinf(model) ? value == (double)model
			   : fabsl(value - model) <= 1e-12L * scale)
		return;
	fail_msg("%s is %.17g and not %.17Lg", weir_aggregate_words[function], value, model);
}

/* How often each value is there, the plain way. Values are those of y, few and without NaN. */
static void expect_tallies(const double *result, const double *y, uint32_t n)
{
	uint32_t distinct = 0, most = 0;
	double mode = NAN;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t before = 0, all = 0;

		for (uint32_t k = 0; k < n; k++) {
			before += k < i && y[k] == y[i];
			all += y[k] == y[i];
		}
		distinct += !before;
		if (all > most || (all == most && y[i] < mode))
			mode = y[i];
		most = all > most ? all : most;
	}
	assert_true(result[WEIR_DISTINCT] == distinct);
	assert_true(result[WEIR_MODE] == mode);
}

/* The first record with the greatest and the least y. */
static void expect_choices(const double *result, const double *x, const double *y, uint32_t n)
{
	uint32_t max = 0, min = 0;

	for (uint32_t i = 1; i < n; i++) {
		max = y[i] > y[max] ? i : max;
		min = y[i] < y[min] ? i : min;
	}
	expect_near(WEIR_MAX_BY, result[WEIR_MAX_BY], x[max], 0);
	expect_near(WEIR_MIN_BY, result[WEIR_MIN_BY], x[min], 0);
}

static void expect_pairs(const double *result, const struct model *m, const double *x, const double *y, uint32_t n)
{
	long double hits = 0, weight = 0, r = m->xy / sqrtl(m->xx) / sqrtl(m->yy);

	for (uint32_t i = 0; i < n; i++) {
		hits += x[i] != 0;
		weight += y[i];
	}
	assert_true(result[WEIR_COUNT_IF] == (double)hits);
	if (m->xx > 0 && m->yy > 0)
		expect_near(WEIR_CORR, result[WEIR_CORR], r, 1e3L);
	expect_near(WEIR_TMEAN, result[WEIR_TMEAN], weight > 0 ? m->sum / weight : NAN,
		    (fabsl(m->sum) + m->magnitude * 1e-6L) / weight);
	expect_near(WEIR_RATE, result[WEIR_RATE], weight > 0 ? m->sum / weight * 1e9L : NAN,
		    (fabsl(m->sum) + m->magnitude * 1e-6L) / weight * 1e9L);
	expect_near(WEIR_INTEGRAL, result[WEIR_INTEGRAL], m->sum / 1e9L, (fabsl(m->sum) + m->magnitude * 1e-6L) / 1e9L);
	expect_choices(result, x, y, n);
	expect_tallies(result, y, n);
}

static void expect_results(const double *result, const int64_t *t, const double *x, const double *y, uint32_t n)
{
	struct model m = recompute(t, x, y, n);
	long double var = n > 1 ? m.xx / (n - 1) : NAN, rms = sqrtl(m.squares / n),
		    slope = m.tt > 0 ? m.tx / m.tt : NAN;

	assert_true(result[WEIR_COUNT] == n);
	expect_near(WEIR_SUM, result[WEIR_SUM], m.sum, fabsl(m.sum) + m.magnitude * 1e-6L);
	expect_near(WEIR_MEAN, result[WEIR_MEAN], m.mean, fabsl(m.mean) + m.magnitude * 1e-6L / n);
	expect_near(WEIR_VAR, result[WEIR_VAR], var, 10 * var);
	expect_near(WEIR_STD, result[WEIR_STD], sqrtl(var), 10 * sqrtl(var));
	expect_near(WEIR_RMS, result[WEIR_RMS], rms, rms);
	expect_near(WEIR_MIN, result[WEIR_MIN], m.has_nan ? NAN : m.min, 0);
	expect_near(WEIR_MAX, result[WEIR_MAX], m.has_nan ? NAN : m.max, 0);
	expect_near(WEIR_RANGE, result[WEIR_RANGE], m.has_nan ? NAN : m.max - m.min, 0);
	expect_near(WEIR_FIRST, result[WEIR_FIRST], x[0], 0);
	expect_near(WEIR_LAST, result[WEIR_LAST], x[n - 1], 0);
	expect_near(WEIR_MEDIAN, result[WEIR_MEDIAN], model_quantile(&m, x, n, 0.5), m.magnitude);
	expect_near(WEIR_SLOPE, result[WEIR_SLOPE], slope, 10 * (fabsl(slope) + sqrtl(m.xx / m.tt)));
	expect_near(WEIR_QUANTILE, result[WEIR_QUANTILE], model_quantile(&m, x, n, QUANTILE), m.magnitude);
	expect_pairs(result, &m, x, y, n);
}

/* The same records for each function; those by weir_census get y, which has few different values. */
static void give(struct weir_values *values, const int64_t *t, const double *x, const double *y, uint32_t n)
{
	for (int f = 0; f < FUNCTIONS; f++)
		values[f] = (struct weir_values){ .t = t, .x = x, .y = y, .n = n };
	values[WEIR_DISTINCT].x = values[WEIR_MODE].x = y;
}

static struct weir_panes *open_panes(uint32_t capacity)
{
	enum weir_function all[FUNCTIONS];
	struct weir_panes *panes;

	for (int f = 0; f < FUNCTIONS; f++)
		all[f] = (enum weir_function)f;
	assert_int_equal(weir_panes_open(&panes, all, FUNCTIONS, capacity, N), 0);
	weir_panes_aim(panes, WEIR_QUANTILE, QUANTILE);
	return panes;
}

/* A window that slides over panes of random lengths knows at each step what recomputing it from the beginning gives. */
static void slide(uint64_t *random)
{
	struct weir_values values[FUNCTIONS];
	bool is_mixed = harness_below(random, 2), has_odd = harness_below(random, 2);
	uint32_t most = 1 + harness_below(random, 60), longest = 1 + harness_below(random, 20);
	struct weir_panes *panes = open_panes(most);
	uint32_t edge[N + 1] = { 0 }, n_panes = 0, oldest = 0;
	int64_t t[N], now = (int64_t)(harness_random(random) >> 2);
	double x[N], y[N], result[FUNCTIONS];

	while (edge[n_panes] < N) {
		uint32_t from = edge[n_panes], n = 1 + harness_below(random, longest);

		n = n < N - from ? n : N - from;
		for (uint32_t i = from; i < from + n; i++) {
			t[i] = now += harness_below(random, 1000000000);
			x[i] = random_value(random, is_mixed, has_odd);
			y[i] = harness_below(random, 30);
		}
		give(values, t + from, x + from, y + from, n);
		if (n_panes - oldest == most)
			oldest += 1 + harness_below(random, most);
		weir_panes_evict(panes, oldest);
		assert_int_equal(weir_panes_add(panes, n_panes, values), 0);
		edge[++n_panes] = from + n;
		weir_panes_results(panes, result);
		expect_results(result, t + edge[oldest], x + edge[oldest], y + edge[oldest],
			       edge[n_panes] - edge[oldest]);
	}
	weir_panes_close(panes);
}

static void sliding_is_recomputing(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 300; round++)
		slide(&random);
}

/* Every quantile of a queue that grows and shrinks, at its ends as well. */
static void quantiles_follow_the_model(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (int round = 0; round < 300; round++) {
		double q = harness_below(&random, 4) ? fabs(harness_uniform(&random)) : harness_below(&random, 2);
		struct weir_order *order;
		double x[N];
		uint32_t from = 0;

		assert_int_equal(weir_order_open(&order, N), 0);
		weir_order_aim(order, q);
		for (uint32_t i = 0; i < N; i++) {
			struct model m = { 0 };

			x[i] = harness_below(&random, 20) - 7.0;
			assert_int_equal(weir_order_push(order, x[i]), 0);
			if (!harness_below(&random, 20)) {
				uint32_t n = harness_below(&random, i - from + 1);

				weir_order_pop(order, n);
				from += n;
			}
			assert_true(fabs(weir_order_quantile(order) - model_quantile(&m, x + from, i + 1 - from, q)) <
				    1e-12);
		}
		weir_order_close(order);
	}
}

/* -------------------------------------------------- very long streams, exactly */

#ifdef __SIZEOF_INT128__ /* machines of 32 bits have nothing as wide to compare with */

#define GRAIN 0x1p-20 /* values are multiples of it, so integers know them exactly */
#define BLOCK 1000

typedef __int128 wide;

struct exact {
	int64_t n;
	wide r, rr, t, tt, tr; /* sums of values in grains and of times in microseconds, and of their products */
};

/* Far from zero, with a trend that is small against the noise from one record to the next. */
static void make_block(uint64_t *random, struct exact *e, int64_t *t, double *x)
{
	for (int i = 0; i < BLOCK; i++) {
		int64_t r = (INT64_C(1) << 30) + (int64_t)harness_below(random, 1 << 21) + (e->n >> 8);
		int64_t us = e->n * 100 + harness_below(random, 100);

		x[i] = (double)r * GRAIN;
		t[i] = us * 1000;
		e->n++;
		e->r += r;
		e->rr += (wide)r * r;
		e->t += us;
		e->tt += (wide)us * us;
		e->tr += (wide)us * r;
	}
}

static void expect_relative(const char *name, double value, long double model, long double bound)
{
	long double error = fabsl(value / model - 1);

	if (!(error <= bound))
		fail_msg("%s is %.17g and not %.17Lg: off by %.1Le", name, value, model, error);
	print_message("%s is off by %.1Le\n", name, error);
}

static void expect_exact(const struct weir_summary *s, const struct exact *e)
{
	long double n = e->n, mean = e->r / n, mean_t = e->t / n;
	long double rr = (long double)(e->rr - e->r / e->n * e->r) - (e->r % e->n) / n * e->r;
	long double tt = e->tt - mean_t * e->t, tr = e->tr - mean * e->t;

	expect_relative("sum", weir_summary_result(WEIR_SUM, &s[WEIR_SUM]), e->r * (long double)GRAIN, 3e-16L);
	expect_relative("mean", weir_summary_result(WEIR_MEAN, &s[WEIR_MEAN]), mean * GRAIN, 3e-16L);
	expect_relative("rms", weir_summary_result(WEIR_RMS, &s[WEIR_RMS]), sqrtl(e->rr / n) * GRAIN, 1e-15L);
	expect_relative("var", weir_summary_result(WEIR_VAR, &s[WEIR_VAR]), rr / (n - 1) * GRAIN * GRAIN, 1e-11L);
	expect_relative("slope", weir_summary_result(WEIR_SLOPE, &s[WEIR_SLOPE]), tr / tt * GRAIN * 1e6L, 1e-9L);
}

/* One window over the whole stream: rounding does not add up, even over 10^9 records. */
static void long_streams_stay_exact(void **state)
{
	static const enum weir_function functions[] = { WEIR_SUM, WEIR_MEAN, WEIR_RMS, WEIR_VAR, WEIR_SLOPE };
	int64_t n = getenv("WEIR_TEST_LONG") ? 1000000000 : 3000000, t[BLOCK];
	struct weir_summary summary[FUNCTIONS] = { 0 };
	struct exact exact = { 0 };
	uint64_t random = 3;
	double x[BLOCK];

	(void)state;
	while (exact.n < n) {
		make_block(&random, &exact, t, x);
		for (int f = 0; f < 5; f++)
			weir_summary_add(functions[f], &summary[functions[f]],
					 &(struct weir_values){ .t = t, .x = x, .n = BLOCK });
	}
	expect_exact(summary, &exact);
}

/* A window that has slid for as long knows its last records as if it had only begun with them. */
static void long_slides_forget(void **state)
{
	int64_t n = getenv("WEIR_TEST_LONG") ? 1000000000 : 1000000, t[BLOCK], pane = 0;
	struct weir_panes *slid = open_panes(2), *fresh = open_panes(2);
	double x[BLOCK], results[2][FUNCTIONS];
	struct weir_values values[FUNCTIONS];
	struct exact exact = { 0 };
	uint64_t random = 4;

	(void)state;
	give(values, t, x, x, N / 2);
	for (; exact.n < n; pane++) {
		make_block(&random, &exact, t, x);
		/* What a running sum that subtracts would never get rid of. */
		x[0] = pane % 7 ? x[0] : 1e30;
		weir_panes_evict(slid, pane - 1);
		assert_int_equal(weir_panes_add(slid, pane, values), 0);
	}
	weir_panes_evict(slid, pane - 1);
	assert_int_equal(weir_panes_add(fresh, 0, values), 0);
	weir_panes_results(slid, results[0]);
	weir_panes_results(fresh, results[1]);
	assert_memory_equal(results[0], results[1], sizeof(results[0]));
	weir_panes_close(fresh);
	weir_panes_close(slid);
}

#endif

/* A median of two values does not overflow with the greatest, nor lose the least; other quantiles do not either. */
static void quantiles_at_the_ends(void **state)
{
	static const double cases[][4] = {
		{ DBL_MAX, DBL_MAX, 0.5, DBL_MAX },     { -DBL_MAX, -DBL_MAX, 0.5, -DBL_MAX },
		{ -DBL_MAX, DBL_MAX, 0.5, 0 },          { DBL_TRUE_MIN, DBL_TRUE_MIN, 0.5, DBL_TRUE_MIN },
		{ DBL_MAX, DBL_MAX, 0.25, DBL_MAX },    { -DBL_MAX, DBL_MAX, 0.25, -DBL_MAX / 2 },
		{ INFINITY, INFINITY, 0.25, INFINITY }, { DBL_TRUE_MIN, DBL_TRUE_MIN, 0.75, DBL_TRUE_MIN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_order *order;
		double quantile;

		assert_int_equal(weir_order_open(&order, 2), 0);
		weir_order_aim(order, cases[i][2]);
		assert_int_equal(weir_order_push(order, cases[i][0]), 0);
		assert_int_equal(weir_order_push(order, cases[i][1]), 0);
		quantile = weir_order_quantile(order);
		if (quantile != cases[i][3] && !(fabs(quantile - cases[i][3]) <= 1e-15 * fabs(cases[i][3])))
			fail_msg("case %zu: %g", i, quantile);
		weir_order_close(order);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sliding_is_recomputing),  cmocka_unit_test(quantiles_follow_the_model),
#ifdef __SIZEOF_INT128__
		cmocka_unit_test(long_streams_stay_exact), cmocka_unit_test(quantiles_at_the_ends),
		cmocka_unit_test(long_slides_forget),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
