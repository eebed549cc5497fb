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

#include <cmocka.h>

#include "core/record.h"
#include "lang/lang.h"

enum { X, Y, S, I, B, LABEL, N_FIELDS };

static uint64_t seed = 42;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* x, y: doubles; s: from raw integers; i: integer; b: truth value; label: text. */
static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 8);
	weir_schema_add(schema, "y", WEIR_REAL, "", 8);
	weir_schema_add(schema, "s", WEIR_REAL, "m/s^2", 8);
	weir_schema_add(schema, "i", WEIR_INT, "", 8);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 8);
	weir_schema_add(schema, "label", WEIR_TEXT, "", 16);
	schema->field[S].scale = 0.0095788;
	schema->field[S].offset = -12.5;
}

static double random_double(void)
{
	static const double special[] = { 0.0, -0.0, 1, -1, 2, 0.5, INFINITY, -INFINITY, NAN, 1e308, 5e-324, 3, 100 };
	uint64_t bits;
	double number;

	if (below(2))
		return special[below(sizeof(special) / sizeof(special[0]))];
	if (below(2))
		return ((double)below(20001) - 10000) / 100;
	bits = (uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX);
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static void fill(struct weir_block *block, uint32_t n)
{
	const struct weir_field *s = &block->schema->field[S];

	block->n = n;
	for (uint32_t k = 0; k < n; k++) {
		block->t[k] = (int64_t)(((uint64_t)below(UINT32_MAX) << 32) | below(UINT32_MAX)) >> below(60);
		block->column[X].real[k] = random_double();
		block->column[Y].real[k] = random_double();
		block->column[S].real[k] = ((double)((int32_t)below(UINT32_MAX)) + s->offset) * s->scale;
		block->column[I].integer[k] = (int64_t)below(UINT32_MAX) - (1 << 30);
		block->column[B].integer[k] = below(2);
	}
}

/* ------------------------------------------------- random trees and their text */

static const struct {
	const char *text;
	int level; /* of binding: a looser operand needs parentheses */
	bool takes_truth, gives_truth;
} binary[] = {
	{ "or", 1, true, true },  { "and", 2, true, true }, { "<", 4, false, true },  { "<=", 4, false, true },
	{ ">", 4, false, true },  { ">=", 4, false, true }, { "==", 4, false, true }, { "!=", 4, false, true },
	{ "+", 5, false, false }, { "-", 5, false, false }, { "*", 6, false, false }, { "/", 6, false, false },
	{ "%", 6, false, false },
};

static const struct {
	const char *name;
	unsigned n;
	bool gives_truth;
} function[] = {
	{ "abs", 1, false },   { "sqrt", 1, false }, { "round", 1, false }, { "floor", 1, false }, { "ceil", 1, false },
	{ "exp", 1, false },   { "log", 1, false },  { "sin", 1, false },   { "cos", 1, false },   { "isnan", 1, true },
	{ "atan2", 2, false }, { "pow", 2, false },  { "min", 3, false },   { "max", 2, false },   { "between", 3, true },
	{ "bit", 2, true },
};

enum node_kind { NUMBER, TRUTH, FIELD, RAW, NEGATE, NOT, BINARY, CALL, TRUTHS_EQUAL };

struct node {
	enum node_kind kind;
	double number;
	int which; /* field, operator or function */
	struct node *arg[3];
};

static struct node pool[4096];
static unsigned used;

static struct node *make(enum node_kind kind)
{
	struct node *node = &pool[used++];

	*node = (struct node){ .kind = kind };
	return node;
}

static struct node *random_number(int depth);

static struct node *random_truth(int depth)
{
	struct node *node;

	if (depth == 0 || below(6) == 0) {
		node = make(below(2) ? FIELD : TRUTH);
		node->which = B;
		node->number = below(2);
		return node;
	}
	switch (below(6)) {
	case 0:
		node = make(NOT);
		node->arg[0] = random_truth(depth - 1);
		return node;
	case 1:
		node = make(TRUTHS_EQUAL);
		node->which = 6 + (int)below(2);
		/* `not` makes sure that these are no numbers. */
		node->arg[0] = make(NOT);
		node->arg[0]->arg[0] = random_truth(depth - 1);
		node->arg[1] = random_truth(depth - 1);
		return node;
	case 2:
		node = make(CALL);
		node->which = below(2) ? 9 : 14;
		for (unsigned k = 0; k < function[node->which].n; k++)
			node->arg[k] = random_number(depth - 1);
		return node;
	case 3:
		node = make(CALL);
		node->which = 15;
		node->arg[0] = random_number(depth - 1);
		node->arg[1] = make(NUMBER);
		node->arg[1]->number = below(64);
		return node;
	default:
		node = make(BINARY);
		node->which = (int)below(8);
		for (int k = 0; k < 2; k++)
			node->arg[k] = binary[node->which].takes_truth ? random_truth(depth - 1) : random_number(depth - 1);
		return node;
	}
}

static struct node *random_leaf(void)
{
	static const int fields[] = { X, Y, S, I, B, -1 };
	struct node *node = make((enum node_kind)(below(5) == 0 ? RAW : below(3) == 0 ? NUMBER : FIELD));

	do
		node->number = fabs(random_double());
	while (!isfinite(node->number));
	node->which = fields[below(node->kind == RAW ? 5 : 6)];
	if (node->kind == RAW)
		node->which = S;
	return node;
}

static struct node *random_number(int depth)
{
	struct node *node;

	if (depth == 0 || below(5) == 0)
		return random_leaf();
	switch (below(5)) {
	case 0:
		node = make(NEGATE);
		node->arg[0] = random_number(depth - 1);
		return node;
	case 1:
		node = make(CALL);
		do
			node->which = (int)below(sizeof(function) / sizeof(function[0]));
		while (function[node->which].gives_truth);
		for (unsigned k = 0; k < function[node->which].n; k++)
			node->arg[k] = random_number(depth - 1);
		return node;
	default:
		node = make(BINARY);
		node->which = 8 + (int)below(5);
		node->arg[0] = random_number(depth - 1);
		node->arg[1] = random_number(depth - 1);
		return node;
	}
}

static const char *const field_names[] = { "x", "y", "s", "i", "b" };

static int level_of(const struct node *node)
{
	switch (node->kind) {
	case BINARY:
	case TRUTHS_EQUAL:
		return binary[node->which].level;
	case NOT:
		return 3;
	case NEGATE:
		return 7;
	default:
		return 9;
	}
}

/* With no more parentheses than the precedence asks for, except now and then. */
static void print(FILE *out, const struct node *node, int least)
{
	int level = level_of(node);
	bool enclosed = level < least || below(8) == 0;

	if (enclosed)
		fputc('(', out);
	switch (node->kind) {
	case NUMBER:
		fprintf(out, "%.17g", node->number);
		break;
	case TRUTH:
		fputs(node->number ? "true" : "false", out);
		break;
	case FIELD:
		fputs(node->which < 0 ? "t" : field_names[node->which], out);
		break;
	case RAW:
		fprintf(out, "raw(%s)", field_names[node->which]);
		break;
	case NEGATE:
		fputc('-', out);
		print(out, node->arg[0], 7);
		break;
	case NOT:
		fputs("not ", out);
		print(out, node->arg[0], 3);
		break;
	case BINARY:
	case TRUTHS_EQUAL:
		print(out, node->arg[0], level == 4 ? 5 : level);
		fprintf(out, " %s ", binary[node->which].text);
		print(out, node->arg[1], level + 1);
		break;
	case CALL:
		fprintf(out, "%s(", function[node->which].name);
		for (unsigned k = 0; k < function[node->which].n; k++) {
			fputs(k ? ", " : "", out);
			print(out, node->arg[k], 0);
		}
		fputc(')', out);
		break;
	}
	if (enclosed)
		fputc(')', out);
}

/* ------------------------------------------------------------ the naive walk */

static double walk(const struct node *node, const struct weir_block *block, uint32_t k);

static double walk_binary(const struct node *node, double a, double b)
{
	switch (node->which) {
	case 0:
		return a != 0 || b != 0;
	case 1:
		return a != 0 && b != 0;
	case 2:
		return a < b;
	case 3:
		return a <= b;
	case 4:
		return a > b;
	case 5:
		return a >= b;
	case 6:
		return a == b;
	case 7:
		return a != b;
	case 8:
		return a + b;
	case 9:
		return a - b;
	case 10:
		return a * b;
	case 11:
		return a / b;
	default:
		return fmod(a, b);
	}
}

static double least(double a, double b)
{
	if (isnan(a) || isnan(b))
		return NAN;
	return a < b ? a : b;
}

static double walk_call(const struct node *node, const struct weir_block *block, uint32_t k)
{
	double a[3] = { 0 };

	for (unsigned n = 0; n < function[node->which].n; n++)
		a[n] = walk(node->arg[n], block, k);
	switch (node->which) {
	case 0:
		return fabs(a[0]);
	case 1:
		return sqrt(a[0]);
	case 2:
		return round(a[0]);
	case 3:
		return floor(a[0]);
	case 4:
		return ceil(a[0]);
	case 5:
		return exp(a[0]);
	case 6:
		return log(a[0]);
	case 7:
		return sin(a[0]);
	case 8:
		return cos(a[0]);
	case 9:
		return isnan(a[0]) != 0;
	case 10:
		return atan2(a[0], a[1]);
	case 11:
		return pow(a[0], a[1]);
	case 12:
		return least(least(a[0], a[1]), a[2]);
	case 13:
		return isnan(a[0]) || isnan(a[1]) ? NAN : a[0] > a[1] ? a[0] : a[1];
	case 14:
		return a[1] <= a[0] && a[0] <= a[2];
	default:
		return a[0] >= -0x1p63 && a[0] < 0x1p63 ? (double)((uint64_t)(int64_t)a[0] >> (int)a[1] & 1) : 0;
	}
}

static double walk(const struct node *node, const struct weir_block *block, uint32_t k)
{
	const struct weir_field *s = &block->schema->field[S];

	switch (node->kind) {
	case NUMBER:
	case TRUTH:
		return node->number;
	case FIELD:
		if (node->which < 0)
			return (double)block->t[k];
		return node->which < I ? block->column[node->which].real[k] : (double)block->column[node->which].integer[k];
	case RAW:
		return round(block->column[S].real[k] / s->scale - s->offset);
	case NEGATE:
		return -walk(node->arg[0], block, k);
	case NOT:
		return walk(node->arg[0], block, k) == 0;
	case BINARY:
	case TRUTHS_EQUAL:
		return walk_binary(node, walk(node->arg[0], block, k), walk(node->arg[1], block, k));
	default:
		return walk_call(node, block, k);
	}
}

/* -------------------------------------------------------------------- tests */

static struct weir_expr *open_expr(const char *text, const struct weir_schema *schema, unsigned *errors)
{
	struct weir_tree_expr *tree_expr;
	struct weir_report *report;
	struct weir_tree *tree;
	struct weir_expr *expr = NULL;

	assert_int_equal(weir_report_open(&report, "t", text), 0);
	if (!weir_parse_expr(&tree, &tree_expr, report)) {
		int err = weir_expr_open(&expr, tree_expr, schema, report);

		assert_true(err == 0 || err == -EINVAL);
	}
	weir_tree_close(tree);
	*errors = weir_report_count(report);
	assert_true(!*errors == !!expr);
	weir_report_close(report);
	return expr;
}

/* The same bits, where any NaN is as good as another: which one comes out is the processor's choice. */
static bool is_same(double a, double b)
{
	return (isnan(a) && isnan(b)) || !memcmp(&a, &b, sizeof(a));
}

static void expect_same(const char *text, const struct weir_expr *expr, const struct node *node,
			const struct weir_block *block)
{
	double out[WEIR_BLOCK_MAX];
	uint8_t truth[WEIR_BLOCK_MAX];

	weir_expr_eval(expr, block, out);
	weir_expr_test(expr, block, truth);
	for (uint32_t k = 0; k < block->n; k++) {
		double expected = walk(node, block, k);

		if (!is_same(out[k], expected))
			fail_msg("%s: record %u is %.17g and not %.17g", text, k, out[k], expected);
		if (truth[k] != (expected != 0))
			fail_msg("%s: record %u tests %u", text, k, truth[k]);
	}
}

/* Printed, parsed, compiled and run over blocks of every length, a random expression gives what the walk gives, to the bit. */
static void test_random(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;

	(void)state;
	make_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	for (int round = 0; round < 3000; round++) {
		bool is_truth = below(2);
		struct node *node;
		struct weir_expr *expr;
		unsigned errors;
		char text[65536] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");

		used = 0;
		node = is_truth ? random_truth(4) : random_number(4);
		print(out, node, 0);
		fclose(out);
		expr = open_expr(text, &schema, &errors);
		if (!expr)
			fail_msg("%s is refused", text);
		fill(block, round % 20 == 0 ? WEIR_BLOCK_MAX : below(40));
		expect_same(text, expr, node, block);
		if (is_truth)
			assert_true(weir_expr_is_bool(expr));
		assert_string_equal(weir_expr_text(expr), text);
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
	make_schema(&schema);
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
		{ "2*3 + 4", 10 },	    { "-5", -5 },	     { "10ms * 2", 0.02 },   { "1kHz", 1000 },
		{ "min(3, 1, 2)", 1 },	    { "sqrt(2) < 2", 1 },    { "not true", 0 },	     { "2 == 2 and 1 > 2", 0 },
		{ "7 % 4", 3 },		    { "bit(5, 2)", 1 },	     { "pow(2, 10)", 1024 }, { "between(2, 1, 3)", 1 },
		{ "1 - 2 - 3", -4 },	    { "2 - -3", 5 },	     { "8 / 4 / 2", 1 },     { "(1 < 2) == (3 < 4)", 1 },
		{ "not 1 > 2 and true", 1 }, { "0x10 + 0", 16 },     { "isnan(0/0)", 1 },    { "round(-2.5)", -3 },
	};
	struct weir_schema schema;
	unsigned errors;

	(void)state;
	make_schema(&schema);
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
	make_schema(&schema);
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
		{ "z", 1 },		{ "x + q1 * q2", 2 },	{ "x and y", 2 },	 { "not x", 1 },
		{ "x < y < 3", 1 },	{ "x = 3", 1 },		{ "x && y", 1 },	 { "(x > 1) + 2", 1 },
		{ "(x > 1) == y", 1 },	{ "label == 3", 1 },	{ "sqr(x)", 1 },	 { "sqrt(x, y)", 1 },
		{ "sqrt", 1 },		{ "raw(x + 1)", 1 },	{ "bit(x, y)", 1 },	 { "bit(x, 64)", 1 },
		{ "", 1 },		{ "(x", 1 },		{ "x +", 1 },		 { "x)", 1 },
		{ "f(", 1 },		{ "'a'", 1 },		{ "x ** 2", 1 },	 { "!b", 1 },
		{ "min(x)", 1 },	{ "x y", 1 },		{ "sqrt(x > 1)", 1 },	 { "and", 1 },
		{ "x > 3q", 1 },	{ "raw(t)", 1 },
	};
	struct weir_schema schema;

	(void)state;
	make_schema(&schema);
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
		{ "", "(", "x", 100000, false },     { "", "-", "x", 100000, false },	   { "", "not ", "b", 100000, false },
		{ "", "sqrt(", "x", 100000, false }, { "x", "+x", "", 100000, false },	   { "x", "+x", "", 400, true },
		{ "min(x", ",y", ")", 800, true },   { "min(x", ",y", ")", 100000, false }, { "", "-", "x", 60, true },
		{ "", "9", "", 100000, false },	     { "0.", "9", "", 100000, true },	   { "", "a", "", 100000, false },
	};
	struct weir_schema schema;

	(void)state;
	make_schema(&schema);
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
		cmocka_unit_test(test_random),	cmocka_unit_test(test_raw),	cmocka_unit_test(test_folding),
		cmocka_unit_test(test_binding), cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
