/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expressions: units, integers, the record before and the time of day, each against what is known to be right. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "expr/expr_internal.h"
#include "expr_model.h"

static double value_of(const char *text, const struct weir_schema *schema, const struct weir_block *block)
{
	unsigned errors;
	struct weir_expr *expr = open_expr(text, schema, &errors);
	double out[WEIR_BLOCK_MAX];

	if (!expr)
		fail_msg("'%s' is refused", text);
	weir_expr_eval(expr, block, out);
	weir_expr_close(expr);
	return out[block->n - 1];
}

/* Each unit that sensors have, under its names, is so much of another; all were looked up, none is computed here. */
static void test_units(void **state)
{
	static const struct {
		const char *unit, *text;
		double number; /* of the unit, with which the field is compared */
	} cases[] = {
		{ "m/s^2", "12m/s^2", 12 },
		{ "m/s^2", "500mm/s^2", 0.5 },
		{ "m\302\260C", "30C", 30000 },
		{ "m\302\260C", "-30.5\302\260C", -30500 },
		{ "\302\260C", "1500m\302\260C", 1.5 },
		{ "mV", "1.2V", 1200 },
		{ "mV", "500mV", 500 },
		{ "mV", "250uV", 0.25 },
		{ "mV", "250\302\265V", 0.25 },
		{ "V", "1.5kV", 1500 },
		{ "mA", "2A", 2000 },
		{ "mW", "1.5W", 1500 },
		{ "J", "1kWh", 3600000 },
		{ "lx", "20lx", 20 },
		{ "lx", "2klx", 2000 },
		{ "kPa", "1013hPa", 101.3 },
		{ "kPa", "1bar", 100 },
		{ "m%", "50%", 50000 },
		{ "%", "50%", 50 },
		{ "rad", "180deg", 3.141592653589793 },
		{ "deg", "90deg", 90 },
		{ "deg", "90\302\260", 90 },
		{ "rad/s", "360deg/s", 6.283185307179586 },
		{ "G", "50uT", 0.5 },
		{ "nF", "10uF", 10000 },
		{ "Ohm", "4kOhm", 4000 },
		{ "S/m", "100uS/cm", 0.01 },
		{ "m", "20cm", 0.2 },
		{ "m/s", "36km/h", 10 },
		{ "ug/m^3", "1mg/m^3", 1000 },
		{ "ug/m^3", "35\316\274g/m^3", 35 },
		{ "K", "5000K", 5000 },
		{ "ns", "5m", 3e11 },
		{ "s", "2h", 7200 },
		{ "kHz", "5Hz", 0.005 },
		{ "", "5ms", 0.005 },
		{ "", "50%", 50 },
		{ "", "7%4", 3 },
		{ "", "7 % 4", 3 },
	};
	struct weir_schema schema;
	struct weir_block *block;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];

		weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
		weir_schema_add(&schema, "q", WEIR_REAL, cases[i].unit, 8);
		assert_int_equal(weir_block_open(&block, &schema), 0);
		block->n = 1;
		block->column[0].real[0] = cases[i].number;
		snprintf(text, sizeof(text), "q == %s and not q != %s", cases[i].text, cases[i].text);
		if (!value_of(text, &schema, block))
			fail_msg("%s: %.17g is not %s", text, cases[i].number, cases[i].unit);
		weir_block_close(block);
	}
}

/* What comes out of an operation is in the unit of what went in, where there is one; a plain number takes that of what it meets. */
static void test_unit_of_result(void **state)
{
	static const struct {
		const char *text, *unit;
		double value; /* where v is 1500 mV, w is 2 W, x is 3, f is in a unit of its own and 4, and the time is 5 s */
	} cases[] = {
		{ "v", "mV", 1500 },
		{ "v + 1", "mV", 1501 },
		{ "1V + v", "mV", 2500 },
		{ "2 * v", "mV", 3000 },
		{ "v / 3", "mV", 500 },
		{ "v / 1V", "", 1.5 },
		{ "3V / v", "", 2 },
		{ "v * v", "", 2250000 },
		{ "v * 2s", "", 3000 },
		{ "max(v, 2V, 7)", "mV", 2000 },
		{ "abs(-v)", "mV", 1500 },
		{ "round(v % 1V)", "mV", 500 },
		{ "v + x", "mV", 1503 },
		{ "x + 500mV", "V", 3.5 },
		{ "sqrt(v)", "", 38.729833462074168839 },
		{ "raw(v)", "", 1500 },
		{ "500mV", "V", 0.5 },
		{ "2 * 500mV + 1V", "V", 2 },
		{ "100ms + 1", "s", 1.1 },
		{ "5s / 1ms", "", 5000 },
		{ "sin(90deg)", "", 1 },
		{ "t", "ns", 5e9 },
		{ "t / 1s", "", 5 },
		{ "t - 1500ms", "ns", 3.5e9 },
		{ "t == 5s", "", 1 },
		{ "t > 4999ms and t < 5001ms", "", 1 },
		{ "f + f", "furlong", 8 },
		{ "f < 5", "", 1 },
		{ "w > v / 1V and w < 2001mW", "", 1 },
		{ "between(v, 1V, 2V)", "", 1 },
		{ "v > 1.4 * 1V and v < 2 * 1V", "", 1 },
	};
	static const char *const wrong[] = { "f > 3V", "f > v", "w == v", "v - w", "min(v, w)", "v > kv", "w % 1s" };
	struct weir_schema schema;
	struct weir_block *block;
	struct weir_expr *expr, *again;
	struct weir_report *report;
	unsigned errors;
	double value;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "v", WEIR_REAL, "mV", 8);
	weir_schema_add(&schema, "w", WEIR_REAL, "W", 8);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 8);
	weir_schema_add(&schema, "f", WEIR_REAL, "furlong", 8);
	weir_schema_add(&schema, "kv", WEIR_REAL, "kV", 8);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	assert_int_equal(weir_report_open(&report, "t", ""), 0);
	*block->t = 5000000000;
	*block->column[0].real = 1500;
	*block->column[1].real = 2;
	*block->column[2].real = 3;
	*block->column[3].real = 4;
	block->n = 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expr = open_expr(cases[i].text, &schema, &errors);
		if (!expr)
			fail_msg("'%s' is refused", cases[i].text);
		/* Once more from what has been bound, as the planner does: nothing is converted twice, nothing is shared. */
		assert_int_equal(weir_expr_open(&again, weir_expr_tree(expr), &schema, report), 0);
		assert_string_equal(weir_expr_unit(expr), cases[i].unit);
		weir_expr_eval(expr, block, &value);
		weir_expr_close(expr);
		if (value != cases[i].value)
			fail_msg("%s is %.17g", cases[i].text, value);
		assert_string_equal(weir_expr_unit(again), cases[i].unit);
		weir_expr_eval(again, block, &value);
		if (value != cases[i].value)
			fail_msg("%s is %.17g when bound again", cases[i].text, value);
		weir_expr_close(again);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (open_expr(wrong[i], &schema, &errors) || errors != 1)
			fail_msg("'%s' is not refused", wrong[i]);
	weir_report_close(report);
	weir_block_close(block);
}

/* All 64 bits of an integer, be it a field or the time, are told apart, also those that a double has no room for. */
static void test_bits(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;

	(void)state;
	model_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	block->n = 1;
	for (unsigned round = 0; round < 20; round++) {
		uint64_t integer = (uint64_t)below(UINT32_MAX) << 33 ^ (uint64_t)below(UINT32_MAX) << 8 ^ below(256);

		block->column[I].integer[0] = block->t[0] = (int64_t)integer;
		for (unsigned n = 0; n < 64; n++) {
			char text[64];

			snprintf(text, sizeof(text), "bit(i, %u) and bit(t, %u)", n, n);
			assert_true(value_of(text, &schema, block) == (double)(integer >> n & 1));
		}
	}
	weir_block_close(block);
}

/* Differences of times are exact where the times themselves are beyond what a double can tell apart. The first record has no
 * past: what is computed from it is NaN, so that no comparison but != holds. */
static void test_past(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;
	struct weir_expr *expr;
	unsigned errors;
	double out[3];
	uint8_t truth[3];

	(void)state;
	model_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	for (uint32_t k = 0; k < 3; k++) {
		block->t[k] = 1700000000123456789 + k * (k == 2 ? 3 : 1);
		block->column[X].real[k] = 7;
	}
	block->n = 3;
	expr = open_expr("delta(t)", &schema, &errors);
	weir_expr_eval(expr, block, out);
	assert_true(isnan(out[0]) && out[1] == 1 && out[2] == 5);
	weir_expr_close(expr);
	expr = open_expr("delta(t) > 4ns", &schema, &errors);
	weir_expr_test(expr, block, truth);
	assert_memory_equal(truth, "\0\0\1", 3);
	weir_expr_close(expr);
	expr = open_expr("x != prev(x)", &schema, &errors);
	weir_expr_test(expr, block, truth);
	assert_memory_equal(truth, "\1\0\0", 3);
	/* What it saw last was in the block before. */
	weir_expr_test(expr, block, truth);
	assert_memory_equal(truth, "\0\0\0", 3);
	weir_expr_close(expr);
	expr = open_expr("x == prev(x) or x <= prev(x)", &schema, &errors);
	weir_expr_test(expr, block, truth);
	assert_memory_equal(truth, "\0\1\1", 3);
	weir_expr_close(expr);
	weir_block_close(block);
}

/* Who must not be computed on records that are made up, or in part, can be asked for. */
static void test_traits(void **state)
{
	static const struct {
		const char *text;
		bool is_stateful, uses_time;
	} cases[] = {
		{ "x > 1 and y < 2", false, false },    { "x > 1 and prev(y) < 2", true, false },
		{ "not isnan(delta(x))", true, false }, { "t > 5s", false, true },
		{ "x > hour(t)", false, true },         { "x > 1 or delta(t) > 1s", true, true },
	};
	struct weir_schema schema;
	unsigned errors;

	(void)state;
	model_schema(&schema);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_expr *expr = open_expr(cases[i].text, &schema, &errors);

		assert_int_equal(weir_expr_is_stateful(expr), cases[i].is_stateful);
		assert_int_equal(weir_expr_uses_time(expr), cases[i].uses_time);
		weir_expr_close(expr);
	}
}

/* A night in which the clock is put back and one in which it is put on, the first of all dates and minutes in any order: local time
 * is what the C library says for each second. What is before the year 2000 is no date. */
static void test_time_of_day(void **state)
{
	static const int64_t from[] = { 1729990800 - 7200, 1711846800 - 7200, 946684800 - 7200, 0, 951782400 };
	struct weir_schema schema;
	struct weir_block *block;
	struct weir_expr *expr;
	unsigned errors;
	double out[WEIR_BLOCK_MAX];

	(void)state;
	model_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	expr = open_expr("(weekday(t) * 100 + hour(t)) * 100 + minute(t)", &schema, &errors);
	block->n = WEIR_BLOCK_MAX;
	for (size_t i = 0; i < 2 * sizeof(from) / sizeof(from[0]); i++) {
		bool in_order = i % 2;

		for (uint32_t k = 0; k < block->n; k++)
			block->t[k] = (from[i / 2] + (in_order ? k * 14 : below(14400))) * 1000000000 +
				      below(1000000000);
		weir_expr_eval(expr, block, out);
		for (uint32_t k = 0; k < block->n; k++) {
			time_t second = (block->t[k] - (block->t[k] < 0 ? 999999999 : 0)) / 1000000000;
			struct tm local;

			if (block->t[k] < WEIR_FIRST_DATE_NS) {
				assert_true(isnan(out[k]));
				continue;
			}
			localtime_r(&second, &local);
			assert_true(out[k] ==
				    ((local.tm_wday ? local.tm_wday : 7) * 100 + local.tm_hour) * 100 + local.tm_min);
		}
	}
	assert_true(weir_expr_met_undated(expr));
	weir_expr_close(expr);
	weir_block_close(block);
}

/* The time of day of a monotonic stream is that of the wall now; a nominal one has none, and says so. */
static void test_time_of_day_by_clock(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;
	unsigned errors;
	time_t before, after;
	double minute;

	(void)state;
	model_schema(&schema);
	schema.clock = WEIR_CLOCK_MONOTONIC;
	assert_int_equal(weir_block_open(&block, &schema), 0);
	block->n = 1;
	before = time(NULL);
	block->t[0] = weir_now(WEIR_CLOCK_MONOTONIC);
	minute = value_of("minute(t)", &schema, block);
	after = time(NULL);
	assert_true(minute == localtime(&before)->tm_min || minute == localtime(&after)->tm_min);
	schema.clock = WEIR_CLOCK_DATED;
	block->t[0] = 1700000000000000000;
	assert_true(value_of("minute(t)", &schema, block) == 13);
	schema.clock = WEIR_CLOCK_NOMINAL;
	assert_null(open_expr("minute(t) == 0", &schema, &errors));
	assert_int_equal(errors, 1);
	weir_block_close(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_unit_of_result),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_past),
		cmocka_unit_test(test_traits),
		cmocka_unit_test(test_time_of_day),
		cmocka_unit_test(test_time_of_day_by_clock),
	};

	/* Summer time begins on the last Sunday of March and ends on that of October, without a file that might be missing. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);

	return cmocka_run_group_tests_name("expr values", tests, NULL, NULL);
}
