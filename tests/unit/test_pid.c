/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PID controller, alone and around a simulated plant. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* Records with the fields x and set, a millisecond apart. */
static struct weir_block *make_records(struct weir_schema *schema, uint32_t n, double x, double set)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "set", WEIR_REAL, "", 0);
	memory = harness_memory(schema, n);
	for (uint32_t k = 0; k < n; k++) {
		memory->column[0].real[k] = x;
		memory->column[1].real[k] = set;
	}
	return memory;
}

static double last_out(const struct harness *h)
{
	return h->value[0][h->n - 1].real;
}

/* Push one record, and return what the controller says to it. */
static double step(struct harness *h, struct weir_block *memory, uint32_t k)
{
	struct weir_block one;

	weir_block_slice(&one, memory, k, 1);
	assert_int_equal(harness_push(h, &one), 0);
	return last_out(h);
}

/* Around a plant that leaks and lags, at irregular times: it arrives at the set point without an offset and stays. */
static void it_settles(void **state)
{
	uint64_t random = 1;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 4000, 0, 20);
	double plant = 5, drive = 0;
	int64_t t = 0;
	struct harness h;

	(void)state;
	assert_true(harness_open(&h, "pid x set=set kp=3 ki=0.5 kd=0.2 min=0 max=100 tau=50ms", &schema));
	for (uint32_t k = 0; k < 4000; k++) {
		int64_t dt = 1000000 + harness_below(&random, 60000000);

		t += dt;
		plant += (drive - (plant - 5)) * ((double)dt * 1e-9 / 2);
		memory->t[k] = t;
		memory->column[0].real[k] = plant;
		drive = step(&h, memory, k);
		assert_true(drive >= 0 && drive <= 100);
		if (k > 3000)
			assert_true(fabs(plant - 20) < 0.01);
	}
	harness_close(&h);
	harness_memory_free(memory);
}

/* A constant error gives kp * e at once and ki * e for every second, however the seconds are cut into records. */
static void terms_do_not_depend_on_the_rate(void **state)
{
	static const uint32_t counts[] = { 2, 11, 1001 };
	struct weir_schema schema;

	(void)state;
	for (int c = 0; c < 3; c++) {
		struct weir_block *memory = make_records(&schema, counts[c], 7, 10);
		struct harness h;

		for (uint32_t k = 0; k < counts[c]; k++)
			memory->t[k] = INT64_C(2000000000) * k / (counts[c] - 1);
		harness_run(&h, "pid x set=set kp=2 ki=0.5 kd=9", memory, 10, 1);
		assert_true(h.value[0][0].real == 6);
		assert_true(fabs(last_out(&h) - (6 + 0.5 * 3 * 2)) < 1e-12);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* After an hour at the bound the output leaves it with the first record behind the set point: nothing has wound up. */
static void it_does_not_wind_up(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 3602, 0, 10);
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < 3602; k++)
		memory->t[k] = INT64_C(1000000000) * k;
	memory->column[0].real[3601] = 10.5;
	harness_run(&h, "pid x set=10 kp=1 ki=2 min=0 max=15", memory, 100, 1);
	assert_true(h.value[0][3600].real == 15);
	assert_true(last_out(&h) < 5);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Moving the set point gives no derivative; a moving measurement gives one against its direction. */
static void derivative_is_of_the_measurement(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 3, 1, 1);
	struct harness h;

	(void)state;
	memory->column[1].real[1] = 100;
	memory->column[0].real[2] = 1.5;
	harness_run(&h, "pid x set=set kd=2", memory, 1, 1);
	assert_true(h.value[0][0].real == 0);
	assert_true(h.value[0][1].real == 0);
	assert_true(fabs(h.value[0][2].real + 2 * 0.5 / 1e-3) < 1e-9);
	harness_close(&h);
	harness_memory_free(memory);
}

/* With `start` the first output is that and the next is close by, whatever the error is. */
static void it_starts_without_a_bump(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 3, 0, 10);
	struct harness h;

	(void)state;
	harness_run(&h, "pid x set=set kp=50 ki=1 min=0 max=100 start=30", memory, 1, 1);
	assert_true(h.value[0][0].real == 30);
	assert_true(fabs(h.value[0][1].real - 30.01) < 1e-9);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A measurement or a set point that is no number gives NaN; then it goes on from where it was, without a leap or a kick. */
static void nan_is_bridged(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 6, 4, 5);
	struct harness h;

	(void)state;
	memory->column[0].real[2] = NAN;
	memory->column[1].real[3] = INFINITY;
	memory->t[4] = memory->t[5] - 1000000 + INT64_C(3600000000000);
	memory->t[5] = memory->t[4] + 1000000;
	memory->column[0].real[4] = memory->column[0].real[5] = -20;
	harness_run(&h, "pid x set=set kp=1 ki=1 kd=1 min=-9 max=9 parts", memory, 2, 1);
	assert_true(isnan(h.value[0][2].real) && isnan(h.value[0][3].real) && isnan(h.value[3][3].real));
	assert_true(h.value[0][4].real == h.value[0][1].real);
	assert_true(fabs(h.value[0][5].real - h.value[0][4].real) < 0.03);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A sensor that is gone while the output is at its bound: on its return the integral is what it was and has not wound up. */
static void resuming_at_a_bound_does_not_wind_up(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 4, 30, 20);
	struct harness h;

	(void)state;
	memory->column[0].real[0] = 19;
	memory->column[0].real[2] = NAN;
	harness_run(&h, "pid x set=set kp=10 ki=1 min=0 max=100 start=30 parts", memory, 2, 1);
	assert_true(h.value[3][0].real == 20);
	assert_true(h.value[0][1].real == 0 && h.value[0][3].real == 0);
	assert_true(h.value[3][3].real == h.value[3][1].real);
	assert_true(h.value[3][3].real <= 20);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A controller that cools, with negative terms, is the mirror image of one that heats. */
static void signs_may_be_turned(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 500, 0, 0);
	struct harness heats, cools;
	uint64_t random = 3;

	(void)state;
	for (uint32_t k = 0; k < 500; k++)
		memory->column[0].real[k] = harness_uniform(&random) * 10;
	harness_run(&heats, "pid x set=3 kp=2 ki=9 kd=0.001 min=-20 max=7", memory, 9, 1);
	harness_run(&cools, "pid x set=3 kp=-2 ki=-9 kd=-0.001 min=-7 max=20", memory, 500, 1);
	for (uint32_t k = 0; k < 500; k++)
		assert_true(heats.value[0][k].real == -cools.value[0][k].real);
	harness_close(&cools);
	harness_close(&heats);
	harness_memory_free(memory);
}

/* A slope from before a gap says nothing of the time after it: where the measurement then stands still, so does the output. */
static void a_gap_ends_the_slope(void **state)
{
	static const double x[] = { 0, 1, 2, NAN, 5, 5, 5, 5 };
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 8, 0, 0);
	struct harness h;

	(void)state;
	memcpy(memory->column[0].real, x, sizeof(x));
	harness_run(&h, "pid x set=0 kd=1 tau=1s min=-1000 max=1000", memory, 3, 1);
	assert_true(h.value[0][2].real != 0);
	for (uint32_t k = 4; k < 8; k++)
		assert_true(h.value[0][k].real == h.value[0][2].real);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Times that stand still, go back or leap give no infinite slope and no overflow, and no time counts twice. */
static void wild_times_do_no_harm(void **state)
{
	static const int64_t times[] = { 1000000000, 1000000000, 500000000, 2000000000, INT64_MIN, INT64_MAX };
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 6, 0, 1);
	struct harness h;

	(void)state;
	memcpy(memory->t, times, sizeof(times));
	memory->column[0].real[1] = 0.5;
	harness_run(&h, "pid x set=set ki=1 kd=1 max=10", memory, 6, 1);
	for (uint32_t k = 0; k < 6; k++)
		assert_true(isfinite(h.value[0][k].real));
	assert_true(h.value[0][2].real == 0);
	assert_true(h.value[0][3].real == 1);
	assert_true(h.value[0][5].real == 10);
	harness_close(&h);
	harness_memory_free(memory);
}

/* What makes no sense is refused. */
static void nonsense_is_refused(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, 1, 0, 0);

	(void)state;
	harness_expect_refusal("pid x kp=1", &schema, "'set'");
	harness_expect_refusal("pid x set=1 min=2 max=1", &schema, "below the least");
	harness_expect_refusal("pid x set=1 min=0 max=1 start=3", &schema, "not within");
	harness_expect_refusal("pid x set=q", &schema, "unknown field 'q'");
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_settles),
		cmocka_unit_test(terms_do_not_depend_on_the_rate),
		cmocka_unit_test(it_does_not_wind_up),
		cmocka_unit_test(derivative_is_of_the_measurement),
		cmocka_unit_test(it_starts_without_a_bump),
		cmocka_unit_test(nan_is_bridged),
		cmocka_unit_test(resuming_at_a_bound_does_not_wind_up),
		cmocka_unit_test(signs_may_be_turned),
		cmocka_unit_test(a_gap_ends_the_slope),
		cmocka_unit_test(wild_times_do_no_harm),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
