/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Conditions on several channels at once: integers in the kernel never drop a record for which the doubles of user space say
 * yes, agree with them where the predicate claims to be exact, and the generated code is the predicate. Rows are chosen to be
 * where it is decided: next to one for which both sides of the comparison are equal.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../common/interpreter.h"
#include "derived.h"
#include "filter/filter_user.h"
#include "pushdown/pushdown.h"
#include "random_condition.h"
#include "stream/record.h"

#define CONDITIONS 4000 /* WEIR_TEST_CONDITIONS in the environment: so many instead */
#define ROWS 60
#define ROW_BYTES 64

struct fixture {
	struct dice dice;
	struct weir_schema schema;
	char text[CONDITION_BYTES];
	struct derived derived;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n_code;
	unsigned char rows[ROWS * ROW_BYTES];
	uint8_t expected[ROWS];
};

struct tally {
	uint32_t conditions, derived, exact;
	uint64_t rows, held, passed, implied_held, implied_passed, implied_rows;
};

/* The row that the condition was made for, with some channels a step or two away from there, or at the ends of a range. */
static void make_rows(struct fixture *f, const unsigned char *at)
{
	for (uint32_t i = 0; i < ROWS; i++) {
		unsigned char *row = f->rows + i * f->schema.row_bytes;

		memcpy(row, at, f->schema.row_bytes);
		for (uint32_t k = 0; k < f->schema.n_fields; k++) {
			const struct weir_field *field = &f->schema.field[k];
			uint64_t raw = (uint64_t)weir_field_raw(field, row);

			if (i && roll_below(&f->dice, 2))
				raw += roll_below(&f->dice, 5) - UINT64_C(2);
			if (!roll_below(&f->dice, 12))
				raw = (uint64_t)random_raw(&f->dice, field);
			if (!roll_below(&f->dice, 20))
				raw = -raw;
			store_raw(field, (int64_t)raw, row);
		}
	}
}

static void compute_expected(struct fixture *f)
{
	struct weir_block *block;

	assert_int_equal(weir_block_open(&block, &f->schema), 0);
	weir_rows_decode(&f->schema, f->rows, ROWS, block);
	weir_expr_test(f->derived.expr, block, f->expected);
	weir_block_close(block);
}

static void check_row(struct fixture *f, uint32_t i, struct tally *tally)
{
	static struct weir_filter_memory memory;
	const unsigned char *row = f->rows + i * f->schema.row_bytes;
	bool passes = weir_predicate_test(&f->derived.predicate, &f->schema, row, NULL);

	if (f->derived.predicate.exact ? passes != f->expected[i] : f->expected[i] && !passes)
		fail_msg("the predicate is not '%s'", f->text);
	memcpy(memory.bits, f->derived.predicate.bits, f->derived.predicate.n_bits * sizeof(memory.bits[0]));
	if (interpret(f->code, (uint32_t)f->n_code, row, f->schema.row_bytes, &memory) != passes)
		fail_msg("the code is not '%s'", f->text);
	tally->rows++;
	tally->held += f->expected[i];
	tally->passed += passes;
	if (f->derived.predicate.exact)
		return;
	tally->implied_rows++;
	tally->implied_held += f->expected[i];
	tally->implied_passed += passes;
}

static void check_user_tier(struct fixture *f)
{
	struct weir_user_filter *user;
	uint32_t bytes = f->schema.row_bytes, n = 0;
	unsigned char copy[sizeof(f->rows)];

	memcpy(copy, f->rows, sizeof(copy));
	assert_int_equal(weir_user_filter_open(&user, &f->derived.predicate, &f->schema), 0);
	assert_true(weir_user_filter_rows(user, copy, ROWS) <= ROWS);
	for (uint32_t i = 0; i < ROWS; i++)
		if (weir_predicate_test(&f->derived.predicate, &f->schema, f->rows + i * bytes, NULL))
			assert_memory_equal(copy + bytes * n++, f->rows + i * bytes, bytes);
	weir_user_filter_close(user);
}

static void check_condition(struct fixture *f, const unsigned char *at, struct tally *tally)
{
	int err = derive(&f->derived, f->text, &f->schema);

	assert_true(!err || (err == -ENOTSUP && *f->derived.why));
	tally->conditions++;
	f->n_code = weir_codegen(&f->derived.predicate, &f->schema, f->code, NULL, WEIR_FILTER_CODE_MAX);
	if (!err && f->n_code > 0) {
		tally->derived++;
		tally->exact += f->derived.predicate.exact;
		make_rows(f, at);
		compute_expected(f);
		for (uint32_t i = 0; i < ROWS; i++)
			check_row(f, i, tally);
		check_user_tier(f);
	}
	forget(&f->derived);
}

/* Numbers as sensors have them, now and then; else anything. */
static void make_schema(struct fixture *f)
{
	static const double scales[] = { 1, 0.01, 0.000598205, 9.80665e-3, -0.25 };

	random_schema(&f->dice, &f->schema);
	if (!roll_below(&f->dice, 3))
		return;
	for (uint32_t i = 0; i < f->schema.n_fields; i++) {
		f->schema.field[i].scale = scales[roll_below(&f->dice, roll_below(&f->dice, 2) ? 5 : 1)];
		f->schema.field[i].offset = roll_below(&f->dice, 4) ? 0 : -273.15;
	}
}

/* Half of the rows have small values in wide channels, as most sensors do. */
static void make_row(struct fixture *f, unsigned char *row)
{
	random_row(&f->dice, &f->schema, NULL, row);
	if (roll_below(&f->dice, 2))
		return;
	for (uint32_t i = 0; i < f->schema.n_fields; i++)
		store_raw(&f->schema.field[i], (int64_t)roll_below(&f->dice, 2000) - 1000, row);
}

static void test_sound(void **state)
{
	static struct fixture f = { .dice = { 41 } };
	const char *wanted = getenv("WEIR_TEST_CONDITIONS");
	uint32_t conditions = wanted ? (uint32_t)strtoul(wanted, NULL, 10) : CONDITIONS;
	struct tally tally = { 0 };

	(void)state;
	for (uint32_t i = 0; i < conditions; i++) {
		unsigned char row[ROW_BYTES];

		make_schema(&f);
		make_row(&f, row);
		random_polynomial(&f.dice, &f.schema, row, f.text);
		check_condition(&f, row, &tally);
	}
	print_message("%u conditions, %u derived, %u exact; of %llu rows %llu held and %llu passed; "
		      "where implied, of %llu rows %llu held and %llu passed\n",
		      tally.conditions, tally.derived, tally.exact, (unsigned long long)tally.rows,
		      (unsigned long long)tally.held, (unsigned long long)tally.passed,
		      (unsigned long long)tally.implied_rows, (unsigned long long)tally.implied_held,
		      (unsigned long long)tally.implied_passed);
	/* Most can be pushed down, of either kind, and neither answer is rare. */
	assert_true(tally.rows > 100000 || conditions != CONDITIONS);
	assert_true(tally.derived > tally.conditions / 2);
	assert_in_range(tally.exact, tally.derived / 4, tally.derived * 9 / 10);
	assert_in_range(tally.held, tally.rows / 5, tally.rows * 4 / 5);
}

/* ------------------------------------------------------------- single conditions */

static void set_field(struct weir_schema *schema, const char *name, uint8_t bits, double scale, double offset)
{
	int index = weir_schema_add(schema, name, WEIR_REAL, "", 8);

	assert_true(index >= 0);
	schema->field[index].is_float = false;
	schema->field[index].is_signed = true;
	schema->field[index].bits = bits;
	schema->field[index].scale = scale;
	schema->field[index].offset = offset;
}

static void check_printed(const char *condition, const char *expected, bool is_exact)
{
	struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	set_field(&schema, "x", 16, 0.01, 0);
	set_field(&schema, "y", 16, 0.01, 0);
	set_field(&schema, "n", 16, 1, 0);
	set_field(&schema, "m", 16, 1, 3);
	set_field(&schema, "w", 32, 0.01, 0);
	set_field(&schema, "v", 32, 0.01, 0);
	set_field(&schema, "h", 64, 1, 0);
	expect_derived(condition, &schema, expected, is_exact);
}

/* Bounds by hand. Whole numbers, and scales that all channels share, are exact; where doubles do not say clearly what side
 * of the bound a row is on, it passes. */
static void test_known_bounds(void **state)
{
	(void)state;
	check_printed("n * n + m * m > 4", "(raw(n)*raw(n) + (raw(m) + 3)*(raw(m) + 3) >= 5)", true);
	check_printed("n > m", "(raw(n) - (raw(m) + 3) >= 1)", true);
	check_printed("n == m", "(raw(n) - (raw(m) + 3) >= 0 and <= 0)", true);
	check_printed("not (n / 4 + m / 2 < 3)", "(raw(n) + 2*(raw(m) + 3) >= 12)", true);
	check_printed("raw(n) * raw(m) <= 9", "(raw(n)*(raw(m) + 3) - 3*raw(n) <= 9)", true);
	check_printed("n * n + m * m > -1", "true", true);
	check_printed("n * n + m * m < 0", "false", true);
	check_printed("abs(n - m) > 2.5", "(raw(n) - (raw(m) + 3) <= -3 or >= 3)", true);
	check_printed("sqrt(x * x + y * y) >= 3.0001", "(raw(x)*raw(x) + raw(y)*raw(y) >= 90007)", true);
	check_printed("sqrt(x * x + y * y) < 3", "(raw(x)*raw(x) + raw(y)*raw(y) <= 90000)", false);
	check_printed("between(x + y, 0.001, 0.029)", "(raw(x) + raw(y) >= 1 and <= 2)", true);
}

/* Squares of 32 bits do not fit. Far out they are all large, so that one box decides; elsewhere rows outside pass. */
static void test_boxes(void **state)
{
	(void)state;
	check_printed("sqrt(w * w + v * v) > 0.1001",
		      "(raw(w) not in [-8388608, 8388608] or raw(v) not in [-8388608, 8388608] or "
		      "raw(w)*raw(w) + raw(v)*raw(v) >= 101)",
		      true);
	check_printed("w * w + v * v < 1.00005",
		      "(raw(w) in [-16777216, 16777216] and raw(v) in [-16777216, 16777216] and "
		      "raw(w)*raw(w) + raw(v)*raw(v) <= 10000)",
		      true);
	check_printed("w * v > 100.00005",
		      "((raw(w) not in [-1073741824, 1073741824] or raw(v) not in [-1073741824, 1073741824] or "
		      "raw(w)*raw(v) >= 999361) and "
		      "(raw(w) not in [-33554432, 33554432] or raw(v) not in [-33554432, 33554432] or "
		      "raw(w)*raw(v) >= 1000000))",
		      false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_known_bounds),
		cmocka_unit_test(test_boxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
