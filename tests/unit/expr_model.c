/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr_model.h"

#include <math.h>
#include <string.h>

static uint64_t seed = 42;

uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

void model_schema(struct weir_schema *schema)
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
	{ "abs", 1, false },  { "sqrt", 1, false }, { "round", 1, false },  { "floor", 1, false },
	{ "ceil", 1, false }, { "exp", 1, false },  { "log", 1, false },    { "sin", 1, false },
	{ "cos", 1, false },  { "isnan", 1, true }, { "atan2", 2, false },  { "pow", 2, false },
	{ "min", 3, false },  { "max", 2, false },  { "between", 3, true }, { "bit", 2, true },
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

struct node *random_truth(int depth)
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

void forget_nodes(void)
{
	used = 0;
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
		return node->which < I ? block->column[node->which].real[k]
				       : (double)block->column[node->which].integer[k];
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
