/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is pushed down is exactly the condition: derived ranges, generated code and the expression engine give the same
 * answer for every raw value, and what cannot be pushed down says why.
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
#include "lang/lang.h"
#include "pushdown/pushdown.h"
#include "random_condition.h"
#include "stream/record.h"

#ifdef __SANITIZE_THREAD__
#define CONDITIONS 500 /* all on one thread: the other builds do the rest */
#else
#define CONDITIONS 5000
#endif
#define ROWS 60 /* each: up to 300 000 pairs */

struct fixture {
	struct weir_schema schema;
	struct derived derived;
};

/* ------------------------------------------------------------ random conditions */

struct tally {
	uint32_t derived, exact, passed, spared;
};

static void check_row(const struct fixture *f, const struct bpf_insn *code, int n, const unsigned char *row,
		      bool expected, struct tally *tally, const char *condition)
{
	bool passes = weir_predicate_test(&f->derived.predicate, &f->schema, row, NULL);
	static struct weir_filter_memory memory;

	if (f->derived.predicate.exact ? passes != expected : expected && !passes)
		fail_msg("the predicate is not '%s'", condition);
	memcpy(memory.bits, f->derived.predicate.bits, f->derived.predicate.n_bits * sizeof(memory.bits[0]));
	if (interpret(code, (uint32_t)n, row, f->schema.row_bytes, &memory) != passes)
		fail_msg("the code is not '%s'", condition);
	tally->passed += passes;
	tally->spared += !f->derived.predicate.exact && !passes;
}

/* Decode, test and compare for ROWS rows. */
static void check_rows(struct fixture *f, struct dice *dice, struct tally *tally, const char *condition)
{
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n = weir_codegen(&f->derived.predicate, &f->schema, code, NULL, WEIR_FILTER_CODE_MAX);
	uint32_t bytes = f->schema.row_bytes;
	unsigned char rows[ROWS * 64];
	uint8_t expected[ROWS];
	struct weir_block *block;

	assert_true(n > 0);
	assert_int_equal(weir_block_open(&block, &f->schema), 0);
	for (uint32_t i = 0; i < ROWS; i++)
		random_row(dice, &f->schema, &f->derived.predicate, rows + i * bytes);
	weir_rows_decode(&f->schema, rows, ROWS, block);
	weir_expr_test(f->derived.expr, block, expected);
	for (uint32_t i = 0; i < ROWS; i++)
		check_row(f, code, n, rows + i * bytes, expected[i], tally, condition);
	weir_block_close(block);
	tally->derived++;
	tally->exact += f->derived.predicate.exact;
}

/*
 * Random schemas (any width, shift, sign, byte order; scale negative, zero, denormal, huge), random conditions (functions,
 * either order, several channels, NaN and infinite constants), random and extreme rows: three ways to the verdict, one
 * answer. Where the predicate is only implied, it never drops what the condition holds for.
 */
static void test_sound(void **state)
{
	static struct fixture f;
	struct dice dice = { 20 };
	struct tally tally = { 0 };

	(void)state;
	for (int i = 0; i < CONDITIONS; i++) {
		static char text[CONDITION_BYTES];
		int err;

		random_schema(&dice, &f.schema);
		random_condition(&dice, &f.schema, text);
		err = derive(&f.derived, text, &f.schema);
		assert_true(!err || err == -ENOTSUP);
		assert_int_equal(!err && f.derived.predicate.exact, !f.derived.why[0]);
		if (!err)
			check_rows(&f, &dice, &tally, text);
		forget(&f.derived);
	}
	/* Every kind of result is there, and neither answer is rare. */
	assert_true(tally.derived * ROWS > CONDITIONS * 20);
	assert_in_range(tally.exact, tally.derived / 2, tally.derived * 49 / 50);
	assert_in_range(tally.passed, tally.derived * ROWS / 5, tally.derived * ROWS * 4 / 5);
	assert_true(tally.spared > 1000);
}

/* ------------------------------------------------------------- single conditions */

static void make_field(struct weir_field *field, const char *name, uint32_t at, double scale, double offset)
{
	*field = (struct weir_field){ .kind = WEIR_REAL,
				      .at = at,
				      .bytes = 2,
				      .bits = 12,
				      .shift = 4,
				      .is_signed = true,
				      .scale = scale,
				      .offset = offset };
	strcpy(field->name, name);
}

/* x and y: 12 bits with a sign; w and v: 32 bits with a sign, in hundredths; d: a double; u: 64 bits without a sign as an
 * integer; b: a truth value of 64 bits; l: one of a bit. */
static void make_schema(struct weir_schema *schema)
{
	static const char *const names[] = { "x", "y", "w", "v", "d", "u", "b", "l" };
	static const enum weir_kind kinds[] = { WEIR_INT,  WEIR_INT, WEIR_REAL, WEIR_REAL,
						WEIR_REAL, WEIR_INT, WEIR_BOOL, WEIR_BOOL };

	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < 8; i++)
		assert_true(weir_schema_add(schema, names[i], kinds[i], NULL, 8) >= 0);
	make_field(&schema->field[0], "x", 8, 0.01, 0);
	make_field(&schema->field[1], "y", 16, -2, 100);
	for (uint32_t i = 2; i < 4; i++) {
		make_field(&schema->field[i], names[i], 8 + 8 * i, 0.01, 0);
		schema->field[i].bytes = 4;
		schema->field[i].bits = 32;
		schema->field[i].shift = 0;
	}
	schema->field[5].is_signed = false;
	schema->field[7].bits = 1;
	schema->field[7].is_signed = false;
}

static void check_printed(const char *condition, const char *expected, bool is_exact)
{
	struct weir_schema schema;

	make_schema(&schema);
	expect_derived(condition, &schema, expected, is_exact);
}

/* Known bounds, by hand: rising and falling scale, each comparison, both orders, `not` by De Morgan, what is always or
 * never true. */
static void test_known_bounds(void **state)
{
	(void)state;
	check_printed("x > 1", "raw(x) in [101, 2047]", true);
	check_printed("1 >= x", "raw(x) in [-2048, 100]", true);
	check_printed("y < 0", "raw(y) in [-99, 2047]", true);
	check_printed("x == 0.05", "raw(x) in [5, 5]", true);
	check_printed("x == 0.051", "false", true);
	check_printed("x != 0.05", "raw(x) in [-2048, 4] or [6, 2047]", true);
	check_printed("x != -20.48", "raw(x) in [-2047, 2047]", true);
	check_printed("raw(x) == 5", "raw(x) in [5, 5]", true);
	check_printed("between(y, -10, 10)", "raw(y) in [-105, -95]", true);
	check_printed("not (x > 1 or y < 0)", "(raw(x) in [-2048, 100] and raw(y) in [-2048, -100])", true);
	check_printed("x < 100", "true", true);
	check_printed("x > 1 and 2 < 1", "false", true);
	check_printed("x > 0/0", "false", true);
	check_printed("not (x > 0/0)", "true", true);
	check_printed("x != 0/0", "true", true);
	check_printed("true", "true", true);
	check_printed("l", "raw(l) in [1, 1]", true);
}

/* Few raw values: any function at all. */
static void test_narrow(void **state)
{
	(void)state;
	check_printed("abs(x) > 20", "raw(x) in [-2048, -2001] or [2001, 2047]", true);
	check_printed("x * x < 0.0102 and x != 0", "raw(x) in [-10, -1] or [1, 10]", true);
	check_printed("1 / x > 1", "raw(x) in [0, 99]", true); /* 1 / 0 is infinite */
	check_printed("raw(x) % 1000 == 0",
		      "raw(x) in [-2000, -2000] or [-1000, -1000] or [0, 0] or [1000, 1000] or 1 more ranges", true);
	check_printed("bit(raw(x), 0)", "raw(x) one of 2048 of 4096 values", true);
	check_printed("pow(x, 3) + sin(x) < exp(x) and log(x) > 1", "raw(x) in [451, 2047]", true);
}

/* Many: by bisection, piece by piece. */
static void test_wide(void **state)
{
	(void)state;
	check_printed("abs(w) > 100", "raw(w) in [-2147483648, -10001] or [10001, 2147483647]", true);
	check_printed("abs(abs(w) - 5) <= 1", "raw(w) in [-600, -400] or [400, 600]", true);
	check_printed("sqrt(w - 1) > 2", "raw(w) in [501, 2147483647]", true);
	check_printed("not (sqrt(w - 1) > 2)", "raw(w) in [-2147483648, 500]", true);
	check_printed("isnan(sqrt(w - 1))", "raw(w) in [-2147483648, 99]", true);
	check_printed("min(w, 7) > 5", "raw(w) in [501, 2147483647]", true);
	check_printed("min(w, 7) > 7", "false", true);
	check_printed("w * w <= 4", "raw(w) in [-200, 200]", true);
	check_printed("w + floor(w) >= 3", "raw(w) in [200, 2147483647]", true);
	check_printed("w > 10 - w", "raw(w) in [501, 2147483647]", true);
	check_printed("w > 1 and (w < 2 or w == 5)", "raw(w) in [101, 199] or [500, 500]", true);
}

/* Of an `and` the one side that can be had; of an `or` both or nothing. */
static void test_implied(void **state)
{
	(void)state;
	check_printed("x > 1 and exp(w * v) > 3", "raw(x) in [101, 2047]", false);
	check_printed("x + exp(y) > 1 and w > 1", "raw(w) in [101, 2147483647]", false);
	check_printed("not (x <= 1 or w > exp(v))", "raw(x) in [101, 2047]", false);
	check_printed("w > 1 and w % 3 == 0", "raw(w) in [101, 2147483647]", false);
	check_printed("(x > 1 and w > log(v)) or y < 0", "(raw(x) in [101, 2047] or raw(y) in [-99, 2047])", false);
	check_printed("u > 1", "(raw(u) not in [0, 9007199254740992] or raw(u) >= 2)", false);
	check_printed("x > 1 and t > 5", "raw(x) in [101, 2047]", false);
}

static void check_refused(const char *condition, const char *reason)
{
	static struct fixture f;

	make_schema(&f.schema);
	if (derive(&f.derived, condition, &f.schema) != -ENOTSUP)
		fail_msg("'%s' is not refused", condition);
	if (!strstr(f.derived.why, reason))
		fail_msg("'%s': %s", condition, f.derived.why);
	forget(&f.derived);
}

/* What is not pushed down names what stands in the way. */
static void test_refused(void **state)
{
	(void)state;
	check_refused("w % 3 == 0", "the condition uses '%' of 'w', which has more than 16 bits");
	check_refused("x > 1 or exp(w) > 2", "uses 'exp'");
	check_refused("bit(raw(w), 3)", "uses 'bit'");
	check_refused("1 / w > 1", "divides by what is not a constant");
	check_refused("w - floor(w) > 0.5", "the operands of '-' pull in different directions");
	check_refused("w * 1e308 * 1e308 > 1", "overflows");
	check_refused("x + exp(y) > 1", "'exp' and several channels are in one value");
	check_refused("x > exp(y) or x > 1", "several channels");
	check_refused("t > 5", "'>' has the time in it");
	check_refused("d > 1", "'d' is a floating-point value");
	check_refused("b == true", "'b' is a truth value of more than 16 bits");
	check_refused("x < 100 and w > exp(v)", "several channels"); /* what could be pushed down is always true */
	check_refused("x > 1 and delta(y) > 2", "depends on the record before");
	check_refused("prev(x) > 1", "depends on the record before");
}

/* A condition with more parts than a predicate has nodes is refused, not cut. */
static void test_too_long(void **state)
{
	static struct fixture f;
	char text[1024] = "x > 0";

	(void)state;
	make_schema(&f.schema);
	for (int i = 0; i < WEIR_PREDICATE_NODES_MAX / 2; i++)
		sprintf(text + strlen(text), " or %s > %d", i % 2 ? "x" : "w", i);
	assert_int_equal(derive(&f.derived, text, &f.schema), -ENOTSUP);
	assert_non_null(strstr(f.derived.why, "too many parts"));
	forget(&f.derived);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),    cmocka_unit_test(test_known_bounds), cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_wide),     cmocka_unit_test(test_implied),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
