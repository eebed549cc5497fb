/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows against a model that keeps every record and computes each window from the beginning, in long double. Sizes, steps,
 * times and the cuts of the stream are random.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "weir/aggregate.h"
#include "weir/wall.h"

#define N 3000
#define ALL                                                                                                          \
	"count() as n, sum(x) as sum, mean(x) as mean, var(x) as var, std(x) as std, rms(x) as rms, min(x) as min, " \
	"max(x) as max, range(x) as range, first(x) as first, last(x) as last, median(x) as median, slope(x) as "    \
	"slope, quantile(x, 0.9) as quantile"

struct plan {
	int64_t size, step; /* records or ns */
	bool is_time, partial, whole, is_first;
	int64_t offset; /* of the clock that windows are aligned by */
};

static void say(const struct plan *plan, const char *aggregates, char *chain, size_t bytes)
{
	const char *unit = plan->is_time ? "us" : "";
	int64_t in = plan->is_time ? 1000 : 1;

	snprintf(chain, bytes, "window %lld%s step %lld%s %s%s%s%s", (long long)(plan->size / in), unit,
		 (long long)(plan->step / in), unit, aggregates, plan->partial ? " partial" : "",
		 plan->whole ? " whole" : "", plan->is_first ? " align=first" : "");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sort(double *sorted, const double *x, uint32_t n)
{
	memcpy(sorted, x, n * sizeof(*x));
	qsort(sorted, n, sizeof(*sorted), by_value);
}

static double model_median(const double *sorted, uint32_t n)
{
	return n % 2 ? sorted[n / 2] : sorted[n / 2 - 1] / 2 + sorted[n / 2] / 2;
}

static long double model_quantile(const double *sorted, uint32_t n, long double q)
{
	long double place = q * (n - 1);
	uint32_t below = (uint32_t)place;

	return below == n - 1 ? sorted[below]
			      : sorted[below] + (place - below) * (sorted[below + 1] - (long double)sorted[below]);
}

static long double model_slope(const int64_t *t, const double *x, uint32_t n, long double mean)
{
	long double mean_t = 0, tt = 0, tx = 0;

	for (uint32_t i = 0; i < n; i++)
		mean_t += (long double)(t[i] - t[0]) / n;
	for (uint32_t i = 0; i < n; i++) {
		long double from_t = t[i] - t[0] - mean_t;

		tt += from_t * from_t;
		tx += from_t * (x[i] - mean);
	}
	return tt > 0 ? tx / tt * 1e9L : NAN;
}

/* All aggregates of x[0..n), in the order of ALL; and by `scale` how much rounding each may differ. */
static void model_aggregates(const int64_t *t, const double *x, uint32_t n, long double *result)
{
	long double sum = 0, squares = 0, apart = 0, mean;
	double min = x[0], max = x[0], sorted[N];

	for (uint32_t i = 0; i < n; i++) {
		sum += x[i];
		squares += (long double)x[i] * x[i];
		min = x[i] < min ? x[i] : min;
		max = x[i] > max ? x[i] : max;
	}
	mean = sum / n;
	for (uint32_t i = 0; i < n; i++)
		apart += (x[i] - mean) * (x[i] - mean);
	result[WEIR_COUNT] = n;
	result[WEIR_SUM] = sum;
	result[WEIR_MEAN] = mean;
	result[WEIR_VAR] = n > 1 ? apart / (n - 1) : NAN;
	result[WEIR_STD] = sqrtl(result[WEIR_VAR]);
	result[WEIR_RMS] = sqrtl(squares / n);
	result[WEIR_MIN] = min;
	result[WEIR_MAX] = max;
	result[WEIR_RANGE] = (long double)max - min;
	result[WEIR_FIRST] = x[0];
	result[WEIR_LAST] = x[n - 1];
	sort(sorted, x, n);
	result[WEIR_MEDIAN] = model_median(sorted, n);
	result[WEIR_SLOPE] = model_slope(t, x, n, mean);
	result[WEIR_QUANTILE] = model_quantile(sorted, n, 0.9L);
}

static void expect_close(double value, long double model, double scale, const char *name)
{
	if (isnan(value) && isnan(model))
		return;
	if (!(fabsl(value - model) <= 1e-11L * (fabsl(model) + scale)))
		fail_msg("%s is %.17g and not %.17Lg", name, value, model);
}

static void expect_row(const struct harness *h, uint32_t row, const struct weir_block *in, uint32_t from, uint32_t n)
{
	long double model[WEIR_QUANTILE + 1];
	double scale = 100;

	assert_in_range(row, 0, h->n - 1);
	assert_int_equal(h->value[WEIR_COUNT][row].integer, n);
	model_aggregates(in->t + from, in->column[0].real + from, n, model);
	for (int f = WEIR_SUM; f <= WEIR_QUANTILE; f++) {
		double value = h->value[f][row].real;

		if (f == WEIR_MIN || f == WEIR_MAX || f == WEIR_FIRST || f == WEIR_LAST || f == WEIR_MEDIAN)
			assert_true(value == (double)model[f]);
		else
			expect_close(value, model[f], f == WEIR_SLOPE ? scale * 1e3 : scale, weir_aggregate_words[f]);
	}
}

/* The first record at or after a position: its number by count, its time by time. */
static uint32_t first_at(const struct plan *plan, const struct weir_block *in, int64_t position)
{
	uint32_t i = 0;

	while (i < in->n && (plan->is_time ? in->t[i] : (int64_t)i) < position)
		i++;
	return i;
}

/* Where the windows are counted from: a place far enough before the first record that no window before it has one. */
static int64_t far_before(const struct plan *plan, const struct weir_block *in)
{
	int64_t first = plan->is_time ? in->t[0] : 0, place;

	if (plan->is_first || !plan->is_time)
		return first - (plan->size / plan->step + 2) * plan->step;
	place = first - plan->size - 2 * plan->step + plan->offset;
	return place - ((place % plan->step) + plan->step) % plan->step - plan->offset;
}

/* Does a window of these records come out, that begins at `start`, before the first record or not? */
static bool is_wanted(const struct plan *plan, int64_t start, int64_t first)
{
	return start >= first || plan->partial || (plan->is_time && plan->step >= plan->size && !plan->whole);
}

/* Walk over all windows in the plainest way, and meet each output row at its place. */
static void expect_windows(const struct harness *h, const struct plan *plan, const struct weir_block *in)
{
	int64_t first = plan->is_time ? in->t[0] : 0, last = plan->is_time ? in->t[in->n - 1] : (int64_t)in->n;
	int64_t start = far_before(plan, in);
	uint32_t row = 0, shown = 0, from, to;

	for (; start + plan->size <= last; start += plan->step) {
		from = first_at(plan, in, start);
		to = first_at(plan, in, start + plan->size);
		if (from == to || !is_wanted(plan, start, first))
			continue;
		expect_row(h, row, in, from, to - from);
		assert_int_equal(h->t[row], plan->is_time ? start + plan->size : in->t[to - 1]);
		row++;
		shown = to;
	}
	while (!is_wanted(plan, start, first))
		start += plan->step;
	/* What no window has shown comes out at the end, unless it lies in the gap before the next one. */
	from = first_at(plan, in, start);
	if (in->n > shown && in->n > from && (plan->is_time ? !plan->whole : plan->partial))
		expect_row(h, row++, in, from, in->n - from);
	assert_int_equal(h->n, row);
}

static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, bool is_time)
{
	struct weir_block *memory;
	int64_t t = (int64_t)(harness_random(random) >> 2);
	double level = harness_below(random, 2) ? 0 : 1e3;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "V", 0);
	memory = harness_memory(schema, N);
	for (uint32_t i = 0; i < N; i++) {
		/* Now and then a silence that is longer than most windows. */
		t += is_time && !harness_below(random, 200) ? harness_below(random, 900000000) : 500000;
		t += harness_below(random, 1000000);
		memory->t[i] = t;
		memory->column[0].real[i] = level + harness_uniform(random) * 10;
	}
	return memory;
}

static struct plan random_plan(uint64_t *random)
{
	struct plan plan = { .is_time = harness_below(random, 2), .partial = harness_below(random, 2) };
	uint32_t most = harness_below(random, 3) ? 50 : 1000;

	plan.size = 1 + harness_below(random, most);
	plan.step = harness_below(random, 3) ? 1 + harness_below(random, most) : plan.size;
	if (plan.is_time) {
		plan.size *= 1000000;
		plan.step *= 1000000;
		plan.is_first = !harness_below(random, 3);
		plan.whole = !plan.partial && harness_below(random, 2);
		plan.offset = harness_below(random, 2) ? (int64_t)harness_random(random) >> 3 : 0;
	}
	return plan;
}

/* Every aggregate of every window is what computing it alone gives, for windows of all shapes; and the cuts change no bit. */
static void windows_follow_the_model(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct plan plan = random_plan(&random);
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random, plan.is_time);
		struct weir_wall *wall = weir_wall_open();
		struct harness h;
		char chain[512];

		weir_wall_add(wall, &(struct weir_wall_offset){ INT64_MIN, plan.offset });
		schema.wall = wall;
		say(&plan, ALL, chain, sizeof(chain));
		harness_run_cut(&h, chain, memory, &random);
		expect_windows(&h, &plan, memory);
		harness_close(&h);
		weir_wall_close(wall);
		harness_memory_free(memory);
	}
}

/* Records that lie far from zero and hardly differ keep their variance: nothing is subtracted that was added before. */
static void variance_is_stable(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 1000);
	for (int i = 0; i < 1000; i++)
		memory->column[0].real[i] = 1e9 + i % 2;
	harness_run(&h, "window 100 step 1 var(x) as v, sum(x) as s", memory, 64, 1);
	assert_int_equal(h.n, 901);
	for (uint32_t i = 0; i < h.n; i++) {
		assert_true(fabs(h.value[0][i].real - 25.0 / 99) < 1e-9);
		assert_true(h.value[1][i].real == 1e11 + 50);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* Great values that cancel leave the small ones whole, and an overflowing square does not spoil what follows. */
static void sums_are_compensated(void **state)
{
	static const double values[] = { 1e16, 1, -1e16, 1, 1e200, 1, 1, 1 };
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 8);
	memcpy(memory->column[0].real, values, sizeof(values));
	harness_run(&h, "window 4 sum(x) as s, rms(x) as r, mean(x) as m", memory, 8, 1);
	assert_int_equal(h.n, 2);
	assert_true(h.value[0][0].real == 2);
	assert_true(isinf(h.value[1][1].real));
	assert_true(h.value[2][1].real == 2.5e199);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A NaN makes its windows NaN, and leaves with them; count, first and last are as they are. */
static void nan_stays_in_its_windows(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 100);
	for (int i = 0; i < 100; i++)
		memory->column[0].real[i] = i == 50 ? NAN : i;
	harness_run(&h, "window 10 step 1 " ALL, memory, 7, 1);
	assert_int_equal(h.n, 91);
	for (uint32_t row = 0; row < h.n; row++) {
		bool has_nan = row >= 41 && row <= 50;

		assert_int_equal(h.value[WEIR_COUNT][row].integer, 10);
		for (int f = WEIR_SUM; f <= WEIR_QUANTILE; f++)
			if (f != WEIR_FIRST && f != WEIR_LAST && isnan(h.value[f][row].real) != has_nan)
				fail_msg("%s of window %u", weir_aggregate_words[f], row);
		assert_int_equal(isnan(h.value[WEIR_FIRST][row].real), row == 50);
		assert_int_equal(isnan(h.value[WEIR_LAST][row].real), row == 41);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* Numbers that a sloppy comparison would confuse: zeros of both signs, infinities, NaN, and many that are equal. */
static double tricky(uint64_t *random)
{
	static const double special[] = { 0.0, -0.0, INFINITY, -INFINITY, NAN };
	uint32_t throw = harness_below(random, 100);

	return throw < 5 ? special[throw] : harness_below(random, 40) - 20.0;
}

static struct weir_block *make_tricky(struct weir_schema *schema, uint64_t *random, uint32_t n)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(schema, n);
	for (uint32_t i = 0; i < n; i++)
		memory->column[0].real[i] = tricky(random);
	return memory;
}

/* Windows that move by one record have a way of their own: without count(), which needs panes, the extremes are the same to the bit,
 * from the first record to what the end of a short stream shows, however it is cut. */
static void moving_windows_are_those_of_panes(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (int round = 0; round < 100; round++) {
		uint32_t size = 1 + harness_below(&random, round % 2 ? 12 : 700), n = 1 + harness_below(&random, N);
		const char *partial = harness_below(&random, 2) ? " partial" : "";
		struct harness moving, panes;
		struct weir_schema schema;
		struct weir_block *memory = make_tricky(&schema, &random, round % 5 ? n : 1 + n % size);
		char chain[128];

		snprintf(chain, sizeof(chain), "window %u step 1 min(x), max(x), range(x)%s", size, partial);
		harness_run(&moving, chain, memory, 1 + harness_below(&random, WEIR_BLOCK_MAX), random);
		snprintf(chain, sizeof(chain), "window %u step 1 min(x), max(x), range(x), count()%s", size, partial);
		harness_run(&panes, chain, memory, WEIR_BLOCK_MAX, random);
		assert_int_equal(moving.n, panes.n);
		assert_memory_equal(moving.t, panes.t, moving.n * sizeof(*moving.t));
		for (int i = 0; i < 3; i++)
			assert_memory_equal(moving.value[i], panes.value[i], moving.n * sizeof(**moving.value));
		harness_close(&panes);
		harness_close(&moving);
		harness_memory_free(memory);
	}
}

/* A window of records comes out in the push that brings its last record; a window of time with the first one after it. */
static void windows_are_not_late(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory, block;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 20);
	assert_true(harness_open(&h, "window 10 mean(x) as m", &schema));
	for (uint32_t i = 0; i < 20; i++) {
		weir_block_slice(&block, memory, i, 1);
		assert_int_equal(harness_push(&h, &block), 0);
		assert_int_equal(h.n, (i + 1) / 10);
	}
	harness_close(&h);
	assert_true(harness_open(&h, "window 10ms mean(x) as m", &schema));
	for (uint32_t i = 0; i < 20; i++) {
		weir_block_slice(&block, memory, i, 1);
		assert_int_equal(harness_push(&h, &block), 0);
		assert_int_equal(h.n, i / 10);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A record older than the last edge is counted and left out; one within the newest pane is taken. */
static void late_records_are_counted(void **state)
{
	static const int64_t ms[] = { 100, 105, 103, 112, 109, 111, 125 };
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 7);
	for (int i = 0; i < 7; i++)
		memory->t[i] = ms[i] * 1000000;
	harness_run(&h, "window 10ms count() as n", memory, 7, 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.value[0][0].integer, 3);
	assert_int_equal(h.value[0][1].integer, 2);
	assert_int_equal(h.value[0][2].integer, 1);
	assert_int_equal(h.t[2], 130000000);
	assert_int_equal(atomic_load(&h.first->lost[WEIR_LOST_LATE]), 1);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A silence of years between two records costs no more than a short one. */
static void long_silence_is_crossed(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 2);
	memory->t[1] = INT64_C(1000000000) * 86400 * 365 * 30;
	harness_run(&h, "window 1ms step 1us count() as n", memory, 2, 1);
	/* The first window, the 1000 - 1 that the first record is not in, and the flush of the one that has the second. */
	assert_int_equal(h.n, 2);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A median that would need more memory than its bound says so, and leaves nothing out in silence. */
static void median_is_bounded(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;
	int err = 0;

	(void)state;
	memory = harness_numbers(&schema, WEIR_BLOCK_MAX);
	assert_true(harness_open(&h, "window 1h median(x) as m", &schema));
	for (int i = 0; i < 1025 && !err; i++)
		err = harness_push(&h, memory);
	assert_int_equal(err, -ENOBUFS);
	harness_expect_error(&h, "more than 1048576 records");
	harness_close(&h);
	harness_memory_free(memory);
}

/* Output fields have the unit that follows from the input's. */
static void units_follow(void **state)
{
	uint64_t random = 1;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, false);
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "window 10 " ALL, &schema));
	assert_string_equal(h.schema.field[WEIR_COUNT].unit, "");
	assert_int_equal(h.schema.field[WEIR_COUNT].kind, WEIR_INT);
	assert_string_equal(h.schema.field[WEIR_MEAN].unit, "V");
	assert_string_equal(h.schema.field[WEIR_VAR].unit, "");
	assert_string_equal(h.schema.field[WEIR_SLOPE].unit, "V/s");
	harness_close(&h);
	harness_memory_free(memory);
}

/* What makes no sense is refused with a word on what does. */
static void nonsense_is_refused(void **state)
{
	uint64_t random = 1;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, false);

	(void)state;
	harness_expect_refusal("window 0 mean(x) as m", &schema, "cannot be zero");
	harness_expect_refusal("window 1s step 10 mean(x) as m", &schema, "both as durations");
	harness_expect_refusal("window 1h step 1us mean(x) as m", &schema, "use a longer step");
	harness_expect_refusal("window 10 mean(x) as m, max(x) as m", &schema, "'m'");
	harness_expect_refusal("window 2000000 median(x) as m", &schema, "at most 1048576");
	harness_expect_refusal("window 2000000 quantile(x, 0.1) as q", &schema, "at most 1048576");
	harness_expect_refusal("window 10 quantile(x) as q", &schema, "between 0 and 1");
	harness_expect_refusal("window 10 quantile(x, 1.5) as q", &schema, "between 0 and 1");
	harness_expect_refusal("window 10 quantile(x, x) as q", &schema, "expected a number");
	harness_expect_refusal("window 10 quantile(x, 5ms) as q", &schema, "expected a number");
	harness_expect_refusal("window 10 mean(x, 2) as m", &schema, "nothing more");
	harness_memory_free(memory);
}

/* Panes keep what rounding has taken from each of them: 1e16 + 1 + 1 - 1e16 is 2. */
static void panes_keep_what_rounding_took(void **state)
{
	static const double x[] = { 1e16, 0, 1, 0, 1, 0, -1e16, 0 };
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 8);
	struct harness h;

	(void)state;
	memcpy(memory->column[0].real, x, sizeof(x));
	harness_run(&h, "window 8 step 4 sum(x) as s", memory, 8, 1);
	assert_true(h.n >= 1);
	assert_true(h.value[0][0].real == 2);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A window that shows nothing new comes out up to `gap` after the newest record, and not a step later. */
static void windows_end_after_the_gap(void **state)
{
	static const int64_t times[] = { 0, 35, 400 };
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 3);
	struct harness h;

	(void)state;
	for (int i = 0; i < 3; i++)
		memory->t[i] = times[i] * 1000000;
	harness_run(&h, "window 40ms step 10ms count() as n gap=15ms", memory, 3, 1);
	assert_int_equal(h.t[0], 40000000);
	assert_int_equal(h.t[1], 50000000);
	assert_true(h.t[2] > 400000000);
	harness_close(&h);
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_follow_the_model),
		cmocka_unit_test(variance_is_stable),
		cmocka_unit_test(sums_are_compensated),
		cmocka_unit_test(nan_stays_in_its_windows),
		cmocka_unit_test(moving_windows_are_those_of_panes),
		cmocka_unit_test(windows_are_not_late),
		cmocka_unit_test(late_records_are_counted),
		cmocka_unit_test(long_silence_is_crossed),
		cmocka_unit_test(median_is_bounded),
		cmocka_unit_test(units_follow),
		cmocka_unit_test(panes_keep_what_rounding_took),
		cmocka_unit_test(windows_end_after_the_gap),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
