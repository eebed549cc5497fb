/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr_model.h"
#include "../common/dice.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lang/lang.h"

static struct dice dice = { 42 };

uint32_t below(uint32_t n)
{
	return roll_below(&dice, n);
}

void model_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_REALTIME);
	weir_schema_add(schema, "x", WEIR_REAL, "", 8);
	weir_schema_add(schema, "y", WEIR_REAL, "", 8);
	weir_schema_add(schema, "s", WEIR_REAL, "", 8);
	weir_schema_add(schema, "i", WEIR_INT, "", 8);
	weir_schema_add(schema, "b", WEIR_BOOL, "", 8);
	weir_schema_add(schema, "label", WEIR_TEXT, "", 16);
	weir_schema_add(schema, "v", WEIR_REAL, "mV", 8);
	schema->field[S].scale = 0.0095788;
	schema->field[S].offset = -12.5;
}

double random_double(void)
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

struct weir_expr *open_expr(const char *text, const struct weir_schema *schema, unsigned *errors)
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
	{ "abs", 1, false },      { "sqrt", 1, false },    { "round", 1, false },  { "floor", 1, false },
	{ "ceil", 1, false },     { "exp", 1, false },     { "log", 1, false },    { "sin", 1, false },
	{ "cos", 1, false },      { "isnan", 1, true },    { "atan2", 2, false },  { "pow", 2, false },
	{ "min", 3, false },      { "max", 2, false },     { "between", 3, true }, { "bit", 2, true },
	{ "log10", 1, false },    { "log2", 1, false },    { "tan", 1, false },    { "asin", 1, false },
	{ "acos", 1, false },     { "atan", 1, false },    { "hypot", 2, false },  { "sign", 1, false },
	{ "coalesce", 2, false }, { "prev", 1, false },    { "delta", 1, false },  { "hour", 1, false },
	{ "minute", 1, false },   { "weekday", 1, false },
};
enum { FIRST_SPECIAL = 25, PREV = 25, DELTA, HOUR };

/* Units of voltage, and what a number in them is in millivolts: times one, by the other. */
static const struct {
	const char *name;
	double times, by;
} volts[] = {
	{ "mV", 1, 1 }, { "V", 1e3, 1 }, { "uV", 1, 1e3 }, { "\316\274V", 1, 1e3 }, { "kV", 1e6, 1 }, { "", 1, 1 },
};

enum node_kind { NUMBER, TRUTH, FIELD, RAW, NEGATE, NOT, BINARY, CALL, TRUTHS_EQUAL, VOLTS };

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

static bool is_constant(const struct node *node)
{
	if (node->kind == FIELD || node->kind == RAW)
		return false;
	for (unsigned k = 0; k < 3; k++)
		if (node->arg[k] && !is_constant(node->arg[k]))
			return false;
	return true;
}

static struct node *call(int which, struct node *first)
{
	struct node *node = make(CALL);

	node->which = which;
	node->arg[0] = first;
	return node;
}

static struct node *leaf(enum node_kind kind, int which)
{
	struct node *node = make(kind);

	node->which = which;
	node->number = below(100000) / 8.0;
	return node;
}

/* Something in millivolts, with numbers in all units. The left operand never is a number alone, as numbers of which none
 * meets a field go by the base unit. */
static struct node *random_volts(int depth)
{
	static const int functions[] = { 0, 2, 3, 4, PREV, DELTA };
	struct node *node;

	if (depth == 0 || below(5) == 0)
		return leaf(FIELD, V);
	if (below(3) == 0)
		return call(functions[below(6)], random_volts(depth - 1));
	if (below(3) == 0) {
		node = make(NEGATE);
		node->arg[0] = random_volts(depth - 1);
		return node;
	}
	node = make(BINARY);
	node->which = below(4) == 0 ? 12 : 8 + (int)below(4);
	node->arg[0] = random_volts(depth - 1);
	if (node->which == 10 || node->which == 11)
		node->arg[1] = leaf(NUMBER, 0);
	else
		node->arg[1] = below(2) ? leaf(VOLTS, (int)below(6)) : random_volts(depth - 1);
	return node;
}

static struct node *random_volts_compared(int depth)
{
	struct node *node = make(BINARY);

	node->which = 2 + (int)below(6);
	node->arg[0] = random_volts(depth - 1);
	node->arg[1] = below(3) ? leaf(VOLTS, (int)below(6)) : random_volts(depth - 1);
	return node;
}

/* prev(), delta(): of anything but a number. The times of day: of the time. */
static struct node *random_special(int depth)
{
	int which = FIRST_SPECIAL + (int)below(5);
	struct node *of = which < HOUR ? random_number(depth - 1) : leaf(FIELD, -1);

	return call(which, is_constant(of) ? leaf(FIELD, X) : of);
}

struct node *random_truth(int depth)
{
	struct node *node;

	if (depth == 0 || below(6) == 0) {
		node = make(below(2) ? FIELD : TRUTH);
		node->which = B;
		node->number = below(2);
		return node;
	}
	switch (below(7)) {
	case 6:
		return random_volts_compared(depth);
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
			node->arg[k] = binary[node->which].takes_truth ? random_truth(depth - 1)
								       : random_number(depth - 1);
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

struct node *random_number(int depth)
{
	struct node *node;

	if (depth == 0 || below(5) == 0)
		return random_leaf();
	switch (below(6)) {
	case 5:
		return random_special(depth);
	case 0:
		node = make(NEGATE);
		node->arg[0] = random_number(depth - 1);
		return node;
	case 1:
		node = make(CALL);
		do
			node->which = (int)below(FIRST_SPECIAL);
		while (function[node->which].gives_truth);
		for (unsigned k = 0; k < function[node->which].n; k++)
			node->arg[k] = random_number(depth - 1);
		return node;
	default:
		node = make(BINARY);
		node->which = 8 + (int)below(5);
		/* A condition counts as 0 or 1. */
		for (int k = 0; k < 2; k++)
			node->arg[k] = below(8) ? random_number(depth - 1) : random_truth(depth - 1);
		return node;
	}
}

void forget_nodes(void)
{
	used = 0;
}

static const char *const field_names[] = { "x", "y", "s", "i", "b", "label", "v" };

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
	case VOLTS:
		fprintf(out, "%.17g%s", node->number, volts[node->which].name);
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

void print_node(FILE *out, const struct node *node)
{
	print(out, node, 0);
}

/* ------------------------------------------------------------ the naive walk */

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

static double difference(int64_t a, int64_t b)
{
	return a >= b ? (double)((uint64_t)a - (uint64_t)b) : -(double)((uint64_t)b - (uint64_t)a);
}

/* Integers are subtracted as such, in which the compiled form is exact as well. */
static double walk_delta(const struct node *node, const struct weir_block *block, uint32_t k)
{
	const int64_t *integer = node->which < 0 ? block->t : block->column[node->which].integer;

	if (!k)
		return NAN;
	if (node->kind == FIELD && (node->which < 0 || node->which == I))
		return difference(integer[k], integer[k - 1]);
	return walk(node, block, k) - walk(node, block, k - 1);
}

static double walk_time_of_day(int which, int64_t t)
{
	time_t second = (time_t)floor((double)(t / 1000000000) + (t % 1000000000 < 0 ? -1 : 0));
	struct tm local;

	if (t < WEIR_FIRST_DATE_NS)
		return NAN;
	localtime_r(&second, &local);
	return which == HOUR ? local.tm_hour : which == HOUR + 1 ? local.tm_min : (local.tm_wday + 6) % 7 + 1;
}

/* Bits of an integer are those of the integer, however large. */
static double walk_bit(const struct node *node, const struct weir_block *block, uint32_t k)
{
	const struct node *x = node->arg[0];
	unsigned n = (unsigned)node->arg[1]->number;
	double value;

	if (x->kind == FIELD && (x->which < 0 || x->which == I))
		return (double)((uint64_t)(x->which < 0 ? block->t : block->column[I].integer)[k] >> n & 1);
	value = walk(x, block, k);
	return value >= -0x1p63 && value < 0x1p63 ? (double)((uint64_t)(int64_t)value >> n & 1) : 0;
}

static double walk_special(const struct node *node, const struct weir_block *block, uint32_t k)
{
	switch (node->which) {
	case PREV:
		return k ? walk(node->arg[0], block, k - 1) : NAN;
	case DELTA:
		return walk_delta(node->arg[0], block, k);
	default:
		return walk_time_of_day(node->which, block->t[k]);
	}
}

static double walk_new_call(int which, const double *a)
{
	switch (which) {
	case 16:
		return log10(a[0]);
	case 17:
		return log2(a[0]);
	case 18:
		return tan(a[0]);
	case 19:
		return asin(a[0]);
	case 20:
		return acos(a[0]);
	case 21:
		return atan(a[0]);
	case 22:
		return hypot(a[0], a[1]);
	case 23:
		return a[0] > 0 ? 1 : a[0] < 0 ? -1 : a[0];
	default:
		return isnan(a[0]) ? a[1] : a[0];
	}
}

static double walk_call(const struct node *node, const struct weir_block *block, uint32_t k)
{
	double a[3] = { 0 };

	if (node->which >= FIRST_SPECIAL)
		return walk_special(node, block, k);

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
	case 15:
		return walk_bit(node, block, k);
	default:
		return walk_new_call(node->which, a);
	}
}

double walk(const struct node *node, const struct weir_block *block, uint32_t k)
{
	const struct weir_field *s = &block->schema->field[S];

	switch (node->kind) {
	case NUMBER:
	case TRUTH:
		return node->number;
	case FIELD:
		if (node->which < 0)
			return (double)block->t[k];
		return node->which == I || node->which == B ? (double)block->column[node->which].integer[k]
							    : block->column[node->which].real[k];
	case VOLTS:
		return node->number * volts[node->which].times / volts[node->which].by;
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
