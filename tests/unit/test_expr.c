/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expressions: what the compiled form computes, against a walk over the tree that knows nothing of blocks. */
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

static void fill(struct weir_block *block, uint32_t n)
{
	const struct weir_field *s = &block->schema->field[S];

	block->n = n;
	for (uint32_t k = 0; k < n; k++) {
		block->t[k] = (int64_t)(((uint64_t)below(UINT32_MAX) << 32) | below(UINT32_MAX)) >> below(60);
		block->column[X].real[k] = random_double();
		block->column[Y].real[k] = random_double();
		block->column[S].real[k] = ((double)((int32_t)below(UINT32_MAX)) + s->offset) * s->scale;
		block->column[I].integer[k] = (int64_t)(((uint64_t)below(UINT32_MAX) << 32) |
							(below(2) ? UINT32_MAX : below(UINT32_MAX))) >>
					      below(60);
		block->column[V].real[k] = random_double();
		block->column[B].integer[k] = below(2);
	}
}

/* The same bits, where any NaN is as good as another: which one comes out is the processor's choice. */
static bool is_same(double a, double b)
{
	return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof(a));
}

/* Compute `block` in slices that are cut at random; some are empty. */
static void run_in_slices(const struct weir_expr *expr, const struct weir_block *block, double *out, uint8_t *truth)
{
	struct weir_block slice;

	for (uint32_t from = 0, n; from < block->n; from += n) {
		n = below(4) ? below(block->n - from + 1) : below(2);
		weir_block_slice(&slice, block, from, n);
		if (out)
			weir_expr_eval(expr, &slice, out + from);
		else
			weir_expr_test(expr, &slice, truth + from);
	}
}

static void expect_same(const char *text, const struct weir_expr *expr, const struct weir_expr *condition,
			const struct node *node, const struct weir_block *block)
{
	double out[WEIR_BLOCK_MAX];
	uint8_t truth[WEIR_BLOCK_MAX];

	run_in_slices(expr, block, out, NULL);
	run_in_slices(condition, block, NULL, truth);
	for (uint32_t k = 0; k < block->n; k++) {
		double expected = walk(node, block, k);

		if (!is_same(out[k], expected))
			fail_msg("%s: record %u is %.17g and not %.17g", text, k, out[k], expected);
		if (truth[k] != (expected != 0))
			fail_msg("%s: record %u tests %u", text, k, truth[k]);
	}
}

/* Printed, parsed, compiled and run over blocks of every length, a random expression gives what the walk gives, to the bit,
 * wherever one block ends and the next begins. Each of eval and test has an expression of its own, for some remember. */
static void test_random(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;

	(void)state;
	model_schema(&schema);
	/* Random sums would add times to squares of times, which are refused: see test_units. */
	schema.t.unit[0] = 0;
	assert_int_equal(weir_block_open(&block, &schema), 0);
	for (int round = 0; round < 3000; round++) {
		bool is_truth = below(2);
		struct node *node;
		struct weir_expr *expr, *condition;
		unsigned errors;
		char text[65536] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");

		forget_nodes();
		node = is_truth ? random_truth(4) : random_number(4);
		print_node(out, node);
		fclose(out);
		expr = open_expr(text, &schema, &errors);
		if (!expr)
			fail_msg("%s is refused", text);
		condition = open_expr(text, &schema, &errors);
		fill(block, round % 20 == 0 ? WEIR_BLOCK_MAX : below(40));
		expect_same(text, expr, condition, node, block);
		if (is_truth)
			assert_true(weir_expr_is_bool(expr));
		assert_string_equal(weir_expr_text(expr), text);
		weir_expr_close(condition);
		weir_expr_close(expr);
	}
	weir_block_close(block);
}

/* raw() gives back the very integer, for every integer that a 32-bit channel can have and a wide range of scales. */
static void test_raw(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;
	struct weir_expr *expr;
	unsigned errors;
	double out[WEIR_BLOCK_MAX];
	int32_t raw[WEIR_BLOCK_MAX];

	(void)state;
	model_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	for (int round = 0; round < 500; round++) {
		schema.field[S].scale = (below(2) ? 1 : -1) * exp((double)below(60) - 30) * (1 + below(1000) / 1000.0);
		schema.field[S].offset = below(2) ? 0 : ((double)below(2000001) - 1e6) / (1 + below(7));
		expr = open_expr("raw(s)", &schema, &errors);
		block->n = WEIR_BLOCK_MAX;
		for (uint32_t k = 0; k < block->n; k++) {
			raw[k] = k == 0 ? INT32_MIN : k == 1 ? INT32_MAX : (int32_t)(below(UINT32_MAX) + below(2));
			block->column[S].real[k] = ((double)raw[k] + schema.field[S].offset) * schema.field[S].scale;
		}
		weir_expr_eval(expr, block, out);
		for (uint32_t k = 0; k < block->n; k++)
			assert_true(out[k] == raw[k]);
		weir_expr_close(expr);
	}
	weir_block_close(block);
}

/* What does not depend on a record is one number after binding, units and all; the kernel filter counts on that. */
static void test_folding(void **state)
{
	static const struct {
		const char *text;
		double number;
	} cases[] = {
		{ "2*3 + 4", 10 },
		{ "-5", -5 },
		{ "10ms * 2", 0.02 },
		{ "1kHz", 1000 },
		{ "min(3, 1, 2)", 1 },
		{ "sqrt(2) < 2", 1 },
		{ "not true", 0 },
		{ "2 == 2 and 1 > 2", 0 },
		{ "7 % 4", 3 },
		{ "bit(5, 2)", 1 },
		{ "pow(2, 10)", 1024 },
		{ "between(2, 1, 3)", 1 },
		{ "1 - 2 - 3", -4 },
		{ "2 - -3", 5 },
		{ "8 / 4 / 2", 1 },
		{ "(1 < 2) == (3 < 4)", 1 },
		{ "not 1 > 2 and true", 1 },
		{ "0x10 + 0", 16 },
		{ "isnan(0/0)", 1 },
		{ "round(-2.5)", -3 },
		{ "500mV", 0.5 },
		{ "100ms + 5s", 5.1 },
		{ "5s / 1ms", 5000 },
		{ "(2 > 1) + (3 > 1)", 2 },
		{ "-(2 > 1) * 3", -3 },
		{ "sqrt(4 > 1)", 1 },
		{ "log10(1000)", 3 },
		{ "log2(8)", 3 },
		{ "hypot(3, 4)", 5 },
		{ "sign(-3) + sign(0) + sign(7)", 0 },
		{ "atan(1) * 4 == pi()", 1 },
		{ "round(tan(1) * 1e6)", 1557408 },
		{ "asin(1) + acos(1) == pi() / 2", 1 },
		{ "if(2 > 1, 5, 6)", 5 },
		{ "coalesce(0/0, 7, 8)", 7 },
		{ "3 in (1, 2, 3)", 1 },
		{ "3 not in (1, 2, 3)", 0 },
		{ "2 between 1 and 3 and true", 1 },
		{ "2 NOT BETWEEN 1 AND 3 OR false", 0 },
		{ "0/0 in (1, 0/0)", 0 },
		{ "'a' < 'b' and 'B' < 'a' and 'a' < 'aa'", 1 },
		{ "length('\303\244\377')", 2 },
		{ "number(' 1e3 ')", 1000 },
		{ "isnan(number('1x')) and isnan(number(''))", 1 },
		{ "upper('stra\303\237e') == 'STRA\303\237E'", 1 },
		{ "format('%05.1f|%%', 2.25) == '002.2|%'", 1 },
		{ "format('%d', 2.5) == '3' and format('%d', 1e20) == '100000000000000000000'", 1 },
		{ "format('%d', 0/0) == 'nan' and format('%.2f', -(0/0)) == 'nan'", 1 },
		{ "extract('id=42;', 'id=([0-9]+)') == '42'", 1 },
		{ "matches('K\303\274che', '^\\w+$') and not matches('a', '^b')", 1 },
		{ "500mV in (0.5V, 1V)", 1 },
	};
	struct weir_schema schema;
	unsigned errors;

	(void)state;
	model_schema(&schema);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_expr *expr = open_expr(cases[i].text, &schema, &errors);

		assert_non_null(expr);
		assert_int_equal(weir_expr_tree(expr)->op, WEIR_E_NUMBER);
		assert_true(weir_expr_tree(expr)->number == cases[i].number);
		weir_expr_close(expr);
	}
}

/* Fields are found: by index, with `t` apart; a field alone is told as one. */
static void test_binding(void **state)
{
	struct weir_schema schema;
	struct weir_expr *expr;
	unsigned errors;

	(void)state;
	model_schema(&schema);
	expr = open_expr("x + raw(s)", &schema, &errors);
	assert_int_equal(weir_expr_tree(expr)->argument[0]->field, X);
	assert_int_equal(weir_expr_tree(expr)->argument[1]->field, S);
	assert_false(weir_expr_is_bool(expr));
	weir_expr_close(expr);
	expr = open_expr("b", &schema, &errors);
	assert_int_equal(weir_expr_tree(expr)->field, B);
	assert_true(weir_expr_is_bool(expr));
	weir_expr_close(expr);
	expr = open_expr("t", &schema, &errors);
	assert_int_equal(weir_expr_tree(expr)->field, WEIR_FIELD_TIME);
	weir_expr_close(expr);
}

/* Each of these is refused, with as many messages as there are mistakes. */
static void test_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned errors;
	} cases[] = {
		{ "z", 1 },
		{ "x + q1 * q2", 2 },
		{ "x and y", 2 },
		{ "not x", 1 },
		{ "x < y < 3", 1 },
		{ "x = 3", 1 },
		{ "x && y", 1 },
		{ "(x > 1) < 2", 1 },
		{ "(x > 1) == y", 1 },
		{ "label == 3", 1 },
		{ "sqr(x)", 1 },
		{ "sqrt(x, y)", 1 },
		{ "sqrt", 1 },
		{ "raw(x + 1)", 1 },
		{ "bit(x, y)", 1 },
		{ "bit(x, 64)", 1 },
		{ "bit(x, 3mA)", 1 },
		{ "", 1 },
		{ "(x", 1 },
		{ "x +", 1 },
		{ "x)", 1 },
		{ "f(", 1 },
		{ "'a", 1 },
		{ "'a' + 1", 1 },
		{ "label in ('a', 3, x)", 2 },
		{ "z1 in (1, z2)", 2 },
		{ "x between 1", 1 },
		{ "x in 3", 1 },
		{ "x not 3", 1 },
		{ "x in (1) in (2)", 1 },
		{ "lower(x)", 1 },
		{ "matches(label, label)", 1 },
		{ "matches(label, '(')", 1 },
		{ "extract(label, 'a')", 1 },
		{ "format('%s', x)", 1 },
		{ "if(x, 1, 2)", 1 },
		{ "if(b, 1, label)", 1 },
		{ "coalesce(label, 1)", 1 },
		{ "pi(3)", 1 },
		{ "``", 1 },
		{ "`x", 1 },
		{ "x ** 2", 1 },
		{ "!b", 1 },
		{ "min(x)", 1 },
		{ "x y", 1 },
		{ "and", 1 },
		{ "x > 3q", 1 },
		{ "raw(t)", 1 },
		{ "prev(3)", 1 },
		{ "delta(2 * 3)", 1 },
		{ "hour(x)", 1 },
		{ "hour(t + 1h)", 1 },
		{ "minute(3)", 1 },
		{ "v > 3A", 1 },
		{ "v > t", 1 },
		{ "v + 3s > 2A", 1 },
		{ "v + 3s > 2A and t > 5V", 2 },
		{ "between(v, 1V, 2m/s^2)", 1 },
		{ "1V < 2s", 1 },
		{ "abs(v) > 3m/s^2", 1 },
		{ "x > 3q", 1 },
		{ "x > 5V2", 1 },
	};
	struct weir_schema schema;

	(void)state;
	model_schema(&schema);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned errors;

		if (open_expr(cases[i].text, &schema, &errors) || errors != cases[i].errors)
			fail_msg("'%s': %u errors", cases[i].text, errors);
	}
}

/* Repeat a text until it is long. */
static char *repeat(const char *head, const char *body, unsigned n, const char *tail)
{
	size_t length = strlen(body);
	char *text = malloc(strlen(head) + n * length + strlen(tail) + 1);
	char *end = stpcpy(text, head);

	for (unsigned i = 0; i < n; i++)
		end = stpcpy(end, body);
	strcpy(end, tail);
	return text;
}

/* However deep or long, an expression is computed or refused; it never exhausts the stack. */
static void test_limits(void **state)
{
	static const struct {
		const char *head, *body, *tail;
		unsigned n;
		bool is_good;
	} cases[] = {
		{ "", "(", "x", 100000, false },    { "", "-", "x", 100000, false },
		{ "", "not ", "b", 100000, false }, { "", "sqrt(", "x", 100000, false },
		{ "x", "+x", "", 100000, false },   { "x", "+x", "", 400, true },
		{ "min(x", ",y", ")", 800, true },  { "min(x", ",y", ")", 100000, false },
		{ "", "-", "x", 60, true },         { "", "9", "", 100000, false },
		{ "0.", "9", "", 100000, true },    { "", "a", "", 100000, false },
	};
	struct weir_schema schema;

	(void)state;
	model_schema(&schema);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = repeat(cases[i].head, cases[i].body, cases[i].n, cases[i].tail);
		unsigned errors;
		struct weir_expr *expr = open_expr(text, &schema, &errors);

		if (!expr == cases[i].is_good || errors > 1)
			fail_msg("case %zu: %u errors", i, errors);
		weir_expr_close(expr);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),  cmocka_unit_test(test_raw),     cmocka_unit_test(test_folding),
		cmocka_unit_test(test_binding), cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
	};

	/* Summer time begins on the last Sunday of March and ends on that of October, without a file that might be missing. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);

	return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
