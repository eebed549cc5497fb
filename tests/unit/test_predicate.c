/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is pushed down is exactly the condition: derived ranges, generated code and the expression engine give the same
 * answer for every raw value, and what cannot be pushed down says why.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/record.h"
#include "lang/lang.h"
#include "random_filter.h"

#define CONDITIONS 5000
#define ROWS 60 /* each: up to 300 000 pairs */

/* A condition in text, bound to a schema, with what was derived from it. */
struct fixture {
	struct weir_schema schema;
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr;
	struct weir_predicate predicate;
	char why[256];
};

static int derive(struct fixture *f, const char *condition)
{
	struct weir_tree_expr *parsed;

	assert_int_equal(weir_report_open(&f->report, "<test>", condition), 0);
	assert_int_equal(weir_parse_expr(&f->tree, &parsed, f->report), 0);
	if (!parsed || weir_expr_open(&f->expr, parsed, &f->schema, f->report)) {
		weir_report_print(f->report, stderr);
		fail_msg("'%s' is not a condition", condition);
	}
	f->why[0] = 0;
	return weir_predicate_derive(&f->predicate, f->expr, &f->schema, f->why);
}

static void forget(struct fixture *f)
{
	weir_expr_close(f->expr);
	weir_tree_close(f->tree);
	weir_report_close(f->report);
}

/* ------------------------------------------------------------ random conditions */

/* The value of some raw integer, or next to it, or something odd. */
static double random_constant(struct dice *dice, const struct weir_schema *schema, const struct weir_field *field)
{
	static const double odd[] = { 0,        -0.0,      1,   -1,     5e-324,  1e308, -1e308,
				      INFINITY, -INFINITY, NAN, 0x1p63, -0x1p63, 0x1p64 };
	unsigned char row[64];
	double value;

	if (!roll_below(dice, 6))
		return odd[roll_below(dice, sizeof(odd) / sizeof(odd[0]))];
	random_row(dice, schema, NULL, row);
	value = weir_field_physical(field, weir_field_raw(field, row));
	switch (roll_below(dice, 4)) {
	case 0:
		return nextafter(value, INFINITY);
	case 1:
		return nextafter(value, -INFINITY);
	default:
		return value;
	}
}

static void print_constant(double value, FILE *stream)
{
	if (isnan(value))
		fputs("(0/0)", stream);
	else if (isinf(value))
		fputs(value < 0 ? "(-1/0)" : "(1/0)", stream);
	else
		fprintf(stream, "(%.17g)", value);
}

static void print_value(struct dice *dice, const struct weir_field *field, FILE *stream)
{
	/* clang-format off */
	static const char *const wrappers[] = {
		"%s", "%s", "%s", "%s", "(-%s)", "(%s * -2.5)", "(%s / 3)", "(%s + 1e3)", "(7 - %s)", "floor(%s)",
		"round(%s / 0.7)", "raw(%s)", "(-(%s - 0.1) * 1e-3)",
	};
	/* clang-format on */

	fprintf(stream, wrappers[roll_below(dice, sizeof(wrappers) / sizeof(wrappers[0]))], field->name);
}

static void print_comparison(struct dice *dice, const struct weir_schema *schema, FILE *stream)
{
	static const char *const operators[] = { "<", "<=", ">", ">=", "==", "!=" };
	const struct weir_field *field = &schema->field[roll_below(dice, schema->n_fields)];
	uint32_t form = roll_below(dice, 6);

	if (form == 0)
		fputs("between(", stream);
	if (form != 1)
		print_value(dice, field, stream);
	else
		print_constant(random_constant(dice, schema, field), stream);
	fprintf(stream, " %s ", form ? operators[roll_below(dice, 6)] : ",");
	if (form == 1)
		print_value(dice, field, stream);
	else
		print_constant(random_constant(dice, schema, field), stream);
	if (form)
		return;
	fputs(", ", stream);
	print_constant(random_constant(dice, schema, field), stream);
	fputc(')', stream);
}

static void print_condition(struct dice *dice, const struct weir_schema *schema, uint32_t depth, FILE *stream)
{
	if (!depth || !roll_below(dice, 3)) {
		print_comparison(dice, schema, stream);
		return;
	}
	if (!roll_below(dice, 4)) {
		fputs("not (", stream);
		print_condition(dice, schema, depth - 1, stream);
		fputc(')', stream);
		return;
	}
	fputc('(', stream);
	print_condition(dice, schema, depth - 1, stream);
	fputs(roll_below(dice, 2) ? " and " : " or ", stream);
	print_condition(dice, schema, depth - 1, stream);
	fputc(')', stream);
}

static void random_condition(struct dice *dice, const struct weir_schema *schema, char *text, size_t size)
{
	FILE *stream = fmemopen(text, size, "w");

	print_condition(dice, schema, 3, stream);
	fclose(stream);
}

/* Decode, test and compare for ROWS rows. Returns how many passed. */
static uint32_t check_rows(struct fixture *f, struct dice *dice, const char *condition)
{
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n = weir_codegen(&f->predicate, &f->schema, code, WEIR_FILTER_CODE_MAX);
	uint32_t bytes = f->schema.row_bytes, passed = 0;
	unsigned char rows[ROWS * 64];
	uint8_t expected[ROWS];
	struct weir_block *block;

	assert_true(n > 0);
	assert_int_equal(weir_block_open(&block, &f->schema), 0);
	for (uint32_t i = 0; i < ROWS; i++)
		random_row(dice, &f->schema, &f->predicate, rows + i * bytes);
	weir_rows_decode(&f->schema, rows, ROWS, block);
	weir_expr_test(f->expr, block, expected);
	for (uint32_t i = 0; i < ROWS; i++) {
		if (weir_predicate_test(&f->predicate, &f->schema, rows + i * bytes) != expected[i])
			fail_msg("the predicate is not '%s'", condition);
		if (interpret(code, (uint32_t)n, rows + i * bytes, bytes) != expected[i])
			fail_msg("the code is not '%s'", condition);
		passed += expected[i];
	}
	weir_block_close(block);
	return passed;
}

/* Random schemas (any width, shift, sign, byte order; scale negative, zero, denormal, huge), random conditions (wrappers,
 * either order, NaN and infinite constants), random and extreme rows: three ways to the verdict, one answer. */
static void test_exact(void **state)
{
	struct dice dice = { 20 };
	uint32_t derived = 0, passed = 0;

	(void)state;
	for (int i = 0; i < CONDITIONS; i++) {
		struct fixture f;
		char text[4096];
		int err;

		random_schema(&dice, &f.schema);
		random_condition(&dice, &f.schema, text, sizeof(text));
		err = derive(&f, text);
		assert_true(!err || err == -ENOTSUP);
		assert_int_equal(!err, !f.why[0]);
		if (!err)
			passed += check_rows(&f, &dice, text);
		derived += !err;
		forget(&f);
	}
	assert_true(derived * ROWS > 100000);
	assert_in_range(passed, derived * ROWS / 5, derived * ROWS * 4 / 5);
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

/* x and y: 12 bits with a sign; d: a double; u: 64 bits without a sign as an integer; b: a truth value. */
static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	assert_true(weir_schema_add(schema, "x", WEIR_INT, NULL, 8) >= 0);
	assert_true(weir_schema_add(schema, "y", WEIR_INT, NULL, 8) >= 0);
	assert_true(weir_schema_add(schema, "d", WEIR_REAL, NULL, 8) >= 0);
	assert_true(weir_schema_add(schema, "u", WEIR_INT, NULL, 8) >= 0);
	assert_true(weir_schema_add(schema, "b", WEIR_BOOL, NULL, 8) >= 0);
	make_field(&schema->field[0], "x", 8, 0.01, 0);
	make_field(&schema->field[1], "y", 16, -2, 100);
	schema->field[3].is_signed = false;
}

static void check_printed(const char *condition, const char *expected)
{
	struct fixture f;
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	make_schema(&f.schema);
	if (derive(&f, condition))
		fail_msg("'%s': %s", condition, f.why);
	weir_predicate_print(&f.predicate, &f.schema, stream);
	fclose(stream);
	assert_string_equal(text, expected);
	free(text);
	forget(&f);
}

/* Known bounds, by hand: rising and falling scale, each comparison, both orders, `not` by De Morgan, what is always or
 * never true. */
static void test_known_bounds(void **state)
{
	(void)state;
	check_printed("x > 1", "raw(x) in [101, 2047]");
	check_printed("1 >= x", "raw(x) in [-2048, 100]");
	check_printed("y < 0", "raw(y) in [-99, 2047]");
	check_printed("x == 0.05", "raw(x) in [5, 5]");
	check_printed("x == 0.051", "false");
	check_printed("x != 0.05", "(raw(x) in [-2048, 4] or raw(x) in [6, 2047])");
	check_printed("x != -20.48", "raw(x) in [-2047, 2047]");
	check_printed("raw(x) == 5", "raw(x) in [5, 5]");
	check_printed("between(y, -10, 10)", "raw(y) in [-105, -95]");
	check_printed("not (x > 1 or y < 0)", "(raw(x) in [-2048, 100] and raw(y) in [-2048, -100])");
	check_printed("x < 100", "true");
	check_printed("x > 1 and 2 < 1", "(raw(x) in [101, 2047] and false)");
	check_printed("x > 0/0", "false");
	check_printed("not (x > 0/0)", "true");
	check_printed("x != 0/0", "true");
	check_printed("true", "true");
}

static void check_refused(const char *condition, const char *reason)
{
	struct fixture f;

	make_schema(&f.schema);
	assert_int_equal(derive(&f, condition), -ENOTSUP);
	if (!strstr(f.why, reason))
		fail_msg("'%s': %s", condition, f.why);
	forget(&f);
}

/* What is not pushed down names what stands in the way. */
static void test_refused(void **state)
{
	(void)state;
	check_refused("sqrt(x) > 1", "the condition uses 'sqrt'; only comparisons of one channel with a constant");
	check_refused("x > 1 and abs(y) > 2", "uses 'abs'");
	check_refused("x * x > 1", "uses '*'");
	check_refused("1 / x > 1", "uses '/'");
	check_refused("x + y > 1", "more than one channel");
	check_refused("x > y", "channel on both sides");
	check_refused("t > 5", "the time");
	check_refused("d > 1", "'d' is a floating-point value");
	check_refused("u > 1", "'u' is an unsigned integer of 64 bits");
	check_refused("b == true", "'b' is not a number");
	check_refused("b", "uses 'b'");
	check_refused("between(x, y, 2)", "'between' has a channel as a bound");
	check_refused("x * 1e308 * 1e308 > 1", "overflows");
}

/* A condition with more comparisons than a predicate has nodes is refused, not cut. */
static void test_too_long(void **state)
{
	struct fixture f;
	char text[1024] = "x > 0";

	(void)state;
	make_schema(&f.schema);
	for (int i = 0; i < WEIR_PREDICATE_NODES_MAX / 2; i++)
		sprintf(text + strlen(text), " or x > %d", i);
	assert_int_equal(derive(&f, text), -ENOTSUP);
	assert_non_null(strstr(f.why, "too many comparisons"));
	forget(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_known_bounds),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
