/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PWM output on a directory that looks like /sys/class/pwm/pwmchipN, since no machine of ours has one to test with; and
 * slowpwm.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char chip[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", chip, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static double get(const char *name)
{
	char path[128];
	double value = NAN;
	FILE *file;

	snprintf(path, sizeof(path), "%s/pwm0/%s", chip, name);
	file = fopen(path, "r");
	assert_non_null(file);
	if (fscanf(file, "%lf", &value) != 1)
		value = NAN;
	fclose(file);
	return value;
}

static int set_up(void **state)
{
	char path[128];

	(void)state;
	snprintf(chip, sizeof(chip), "/tmp/weir-pwm-XXXXXX");
	if (!mkdtemp(chip))
		return -1;
	snprintf(path, sizeof(path), "%s/pwm0", chip);
	if (mkdir(path, 0700))
		return -1;
	put("export", "");
	put("pwm0/period", "0");
	put("pwm0/duty_cycle", "0");
	put("pwm0/enable", "0");
	put("pwm0/polarity", "normal");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", chip);
	return system(command);
}

static void open_pwm(struct harness *h, const char *arguments)
{
	struct weir_schema schema;
	char chain[256];

	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	snprintf(chain, sizeof(chain), "pwm:%s/0 %s", chip, arguments);
	assert_true(harness_open(h, chain, &schema));
}

/* Started at its park value, with its period; a share of it is set, limited to 0 and 1; parked. */
static void test_duty(void **state)
{
	struct harness h;
	const struct weir_actuator_ops *ops;

	(void)state;
	open_pwm(&h, "freq=1kHz park=0.25");
	ops = h.last->driver->actuator;
	assert_int_equal(ops->start(h.last), 0);
	assert_int_equal(get("period"), 1000000);
	assert_int_equal(get("duty_cycle"), 250000);
	assert_int_equal(get("enable"), 1);
	assert_int_equal(ops->apply(h.last, 0.5), 0);
	assert_int_equal(get("duty_cycle"), 500000);
	assert_int_equal(ops->apply(h.last, 7), 0);
	assert_int_equal(get("duty_cycle"), 1000000);
	assert_int_equal(ops->park(h.last), 0);
	assert_int_equal(get("duty_cycle") / 10, 25000); /* the file is not cut as an attribute is */
	harness_close(&h);
}

/* A servo's place is between its shortest and its longest pulse; the guard is told the same. */
static void test_servo(void **state)
{
	struct weir_physical what;
	struct harness h;
	int fd;

	(void)state;
	open_pwm(&h, "freq=50Hz pulse_min=1ms pulse_max=2ms park=0.5");
	assert_int_equal(h.last->driver->actuator->describe(h.last, &what, &fd), 0);
	assert_int_equal(get("duty_cycle"), 1500000);
	assert_true(what.is_file && what.n == 1 && what.park[0] == 0.5);
	assert_true(what.add == 1e6 && what.factor == 1e6);
	close(fd);
	harness_close(&h);
}

static void test_refusals(void **state)
{
	struct weir_schema schema;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	harness_expect_refusal("pwm:/no/such/chip/0", &schema, "find the PWM chip");
	harness_expect_refusal("pwm:pwmchip0", &schema, "is not a PWM channel");
	harness_expect_refusal("pwm:0/1 freq=50Hz pulse_min=3ms pulse_max=2ms", &schema, "pulse_max=");
}

/* Of each period on for the share at its start; short clicks are rounded away; not a number comes through. */
static void test_slowpwm(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;
	const int64_t expected_t[] = { 0, 5, 10, 18, 30, 40 };

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(&schema, 45);
	/* Periods of 10 ms: a half, 0.8, 0.05, 1, not a number. */
	for (int i = 0; i < 45; i++)
		memory->column[0].real[i] = i < 10 ? 0.5 : i < 20 ? 0.8 : i < 30 ? 0.05 : i < 40 ? 0.95 : NAN;
	assert_true(harness_open(&h, "slowpwm x period=10ms least=1ms", &schema));
	assert_int_equal(harness_push(&h, memory), 0);
	assert_int_equal(h.n, 6);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(h.t[i], expected_t[i] * 1000000);
		if (i < 5)
			assert_true(h.value[0][i].real == (i % 2 == 0));
	}
	assert_true(isnan(h.value[0][5].real));
	harness_close(&h);
	harness_memory_free(memory);
	harness_expect_refusal("slowpwm x period=10ms least=6ms", &schema, "more than half");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_duty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_servo, set_up, tear_down),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_slowpwm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
