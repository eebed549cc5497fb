/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a condition over physical values to ranges of raw integers.
 *
 * Nothing is solved. A comparison of a channel with a constant, seen as a function of the channel's raw integer, is a step:
 * decoding and each wrapper that is let through are monotonic, rounding included. So its two ends tell which way it goes and
 * bisection finds the place, and because each probe is a row that is decoded and tested as user space would, scale, sign,
 * offset, rounding, infinities and NaN in the constant need no thought of their own. `not` is kept off the tests: it takes
 * the complement of the set that was found.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"
#include "lang/lang.h"

#define WHY_MAX 256
#define RULE "only comparisons of one channel with a constant are pushed down"

/* What a subtree depends on: a field's index, or one of these. */
enum { NOTHING = -1, TOO_MUCH = -2 };

/* A set of raw values. Keys count from the field's least value, so that signed and unsigned fields look the same. */
struct interval {
	bool is_empty;
	uint64_t lo, hi;
};

struct derivation {
	struct weir_predicate *out;
	const struct weir_schema *schema;
	struct weir_report *report; /* never shown */
	struct weir_block *block;
	char *why;
	unsigned char row[WEIR_ROW_MAX]; /* zero but for the field that is probed */
};

static int WEIR_PRINTF(2, 3) refuse(struct derivation *d, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(d->why, WHY_MAX, format, arguments);
	va_end(arguments);
	return -ENOTSUP;
}

/* ------------------------------------------------------------- what may pass */

static int depends_on(const struct weir_tree_expr *tree)
{
	int on = tree->op == WEIR_E_FIELD ? tree->field : NOTHING;

	if (tree->op == WEIR_E_FIELD && tree->field < 0)
		return TOO_MUCH;
	for (uint32_t i = 0; i < tree->n; i++) {
		int other = depends_on(tree->argument[i]);

		if (on == NOTHING)
			on = other;
		else if (other != NOTHING && other != on)
			return TOO_MUCH;
	}
	return on;
}

static bool is_constant(const struct weir_tree_expr *tree)
{
	return depends_on(tree) == NOTHING;
}

static bool is_call(const struct weir_tree_expr *tree, const char *name)
{
	return tree->op == WEIR_E_CALL && !strcmp(tree->name, name);
}

/* NULL when the value rises or falls with its field all the way, else the operation that may not. */
static const struct weir_tree_expr *not_monotonic(const struct weir_tree_expr *tree)
{
	switch (tree->op) {
	case WEIR_E_FIELD:
		return NULL;
	case WEIR_E_NEG:
		return not_monotonic(tree->argument[0]);
	case WEIR_E_ADD:
	case WEIR_E_SUB:
	case WEIR_E_MUL:
		if (is_constant(tree->argument[0]))
			return not_monotonic(tree->argument[1]);
		return is_constant(tree->argument[1]) ? not_monotonic(tree->argument[0]) : tree;
	case WEIR_E_DIV:
		return is_constant(tree->argument[1]) ? not_monotonic(tree->argument[0]) : tree;
	default:
		if (tree->n == 1 && (is_call(tree, "raw") || is_call(tree, "floor") || is_call(tree, "round")))
			return not_monotonic(tree->argument[0]);
		return tree;
	}
}

static const char *word_of(const struct weir_tree_expr *tree)
{
	static const char *const sign[] = {
		[WEIR_E_NEG] = "-", [WEIR_E_NOT] = "not", [WEIR_E_ADD] = "+", [WEIR_E_SUB] = "-",   [WEIR_E_MUL] = "*",
		[WEIR_E_DIV] = "/", [WEIR_E_MOD] = "%",   [WEIR_E_LT] = "<",  [WEIR_E_LE] = "<=",   [WEIR_E_GT] = ">",
		[WEIR_E_GE] = ">=", [WEIR_E_EQ] = "==",   [WEIR_E_NE] = "!=", [WEIR_E_AND] = "and", [WEIR_E_OR] = "or",
	};

	return tree->name ? tree->name : sign[tree->op];
}

static int check_field(struct derivation *d, int index)
{
	const struct weir_field *field = &d->schema->field[index];

	if (field->is_float)
		return refuse(d, "'%s' is a floating-point value, and a filter in the kernel sees integers",
			      field->name);
	if (field->kind != WEIR_REAL && field->kind != WEIR_INT)
		return refuse(d, "'%s' is not a number; " RULE, field->name);
	/* As an integer column it would wrap to negative values half way. */
	if (field->kind == WEIR_INT && weir_raw_is_unsigned(field))
		return refuse(d, "'%s' is an unsigned integer of 64 bits, which wraps", field->name);
	return 0;
}

/* The field that this comparison's `value` rises or falls with, or -ENOTSUP. */
static int check_value(struct derivation *d, const struct weir_tree_expr *value)
{
	const struct weir_tree_expr *culprit = not_monotonic(value);
	int on = depends_on(value), err;

	if (on == TOO_MUCH)
		return refuse(d, "a comparison has the time or more than one channel in it; " RULE);
	err = check_field(d, on);
	if (err)
		return err;
	return culprit ? refuse(d, "the condition uses '%s'; " RULE, word_of(culprit)) : on;
}

/* --------------------------------------------------------------- what passes */

static uint64_t span_of(const struct weir_field *field)
{
	return UINT64_MAX >> (64 - field->bits);
}

static int64_t raw_of(const struct weir_field *field, uint64_t key)
{
	int64_t lo, hi;

	weir_raw_bounds(field, &lo, &hi);
	return (int64_t)((uint64_t)lo + key);
}

/* The opposite of weir_field_raw(). */
static void store(const struct weir_field *field, int64_t raw, unsigned char *row)
{
	uint64_t value = ((uint64_t)raw & span_of(field)) << field->shift;

	for (uint32_t i = 0; i < field->bytes; i++) {
		row[field->at + (field->is_big_endian ? field->bytes - 1 - i : i)] = (unsigned char)value;
		value >>= 8;
	}
}

static void decode(struct derivation *d, const struct weir_field *field, uint64_t key)
{
	store(field, raw_of(field, key), d->row);
	weir_rows_decode(d->schema, d->row, 1, d->block);
	store(field, 0, d->row);
}

static bool holds(struct derivation *d, const struct weir_expr *expr, const struct weir_field *field, uint64_t key)
{
	uint8_t passes;

	decode(d, field, key);
	weir_expr_test(expr, d->block, &passes);
	return passes;
}

static int open_expr(struct derivation *d, struct weir_expr **out, const struct weir_tree_expr *tree)
{
	return weir_expr_open(out, tree, d->schema, d->report) ? refuse(d, "the condition cannot be taken apart") : 0;
}

/* An infinity on the way could meet another one and give NaN, which is neither above nor below. */
static int check_finite(struct derivation *d, const struct weir_tree_expr *value, const struct weir_field *field)
{
	struct weir_expr *expr;
	double at_lo, at_hi;
	int err;

	if (value->op == WEIR_E_FIELD)
		return 0;
	err = open_expr(d, &expr, value);
	if (err)
		return err;
	decode(d, field, 0);
	weir_expr_eval(expr, d->block, &at_lo);
	decode(d, field, span_of(field));
	weir_expr_eval(expr, d->block, &at_hi);
	weir_expr_close(expr);
	if (!isfinite(at_lo) || !isfinite(at_hi))
		return refuse(d, "'%s' overflows within the range of the channel", word_of(value));
	return 0;
}

/* Where a test that flips at most once holds. */
static void bisect(struct derivation *d, const struct weir_expr *expr, const struct weir_field *field,
		   struct interval *out)
{
	uint64_t low = 0, high = span_of(field);
	bool at_low = holds(d, expr, field, low), at_high = holds(d, expr, field, high);

	*out = (struct interval){ .is_empty = !at_low && !at_high, .lo = low, .hi = high };
	if (at_low == at_high)
		return;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (holds(d, expr, field, middle) == at_low)
			low = middle;
		else
			high = middle;
	}
	if (at_low)
		out->hi = low;
	else
		out->lo = high;
}

static int solve(struct derivation *d, enum weir_expr_op op, struct weir_tree_expr *left, struct weir_tree_expr *right,
		 const struct weir_field *field, struct interval *out)
{
	struct weir_tree_expr *argument[] = { left, right };
	struct weir_tree_expr tree = {
		.op = op, .where = left->where, .function = -1, .field = -1, .n = 2, .argument = argument
	};
	struct weir_expr *expr;
	int err = open_expr(d, &expr, &tree);

	if (err)
		return err;
	bisect(d, expr, field, out);
	weir_expr_close(expr);
	return 0;
}

static void intersect(struct interval *a, const struct interval *b)
{
	if (b->lo > a->lo)
		a->lo = b->lo;
	if (b->hi < a->hi)
		a->hi = b->hi;
	a->is_empty |= b->is_empty || a->lo > a->hi;
}

/* `lo <= value <= hi`; an equality is that with both the same, since values may stand on either side of <= and >=. */
static int solve_between(struct derivation *d, struct weir_tree_expr *value, struct weir_tree_expr *lo,
			 struct weir_tree_expr *hi, const struct weir_field *field, struct interval *out)
{
	struct interval below;
	int err = solve(d, WEIR_E_GE, value, lo, field, out);

	if (!err)
		err = solve(d, WEIR_E_LE, value, hi, field, &below);
	if (!err)
		intersect(out, &below);
	return err;
}

/* ----------------------------------------------------------------- the result */

static int add(struct derivation *d, struct weir_predicate_node node)
{
	if (d->out->n == WEIR_PREDICATE_NODES_MAX)
		return refuse(d, "the condition has too many comparisons");
	d->out->node[d->out->n] = node;
	return (int)d->out->n++;
}

static int add_constant(struct derivation *d, bool holds_always)
{
	return add(d, (struct weir_predicate_node){ .op = holds_always ? WEIR_PRED_TRUE : WEIR_PRED_FALSE });
}

static int add_range(struct derivation *d, int index, uint64_t lo, uint64_t hi)
{
	const struct weir_field *field = &d->schema->field[index];

	return add(d, (struct weir_predicate_node){ .op = WEIR_PRED_RANGE,
						    .field = (uint16_t)index,
						    .lo = raw_of(field, lo),
						    .hi = raw_of(field, hi) });
}

static int add_pair(struct derivation *d, enum weir_predicate_op op, int left, int right)
{
	if (left < 0 || right < 0)
		return left < 0 ? left : right;
	return add(d, (struct weir_predicate_node){ .op = op, .left = (uint16_t)left, .right = (uint16_t)right });
}

static int add_complement(struct derivation *d, int index, const struct interval *set)
{
	uint64_t span = span_of(&d->schema->field[index]);
	int left;

	if (!set->lo)
		return add_range(d, index, set->hi + 1, span);
	left = add_range(d, index, 0, set->lo - 1);
	return set->hi == span ? left : add_pair(d, WEIR_PRED_OR, left, add_range(d, index, set->hi + 1, span));
}

static int add_set(struct derivation *d, int index, const struct interval *set, bool negated)
{
	bool is_full = !set->is_empty && !set->lo && set->hi == span_of(&d->schema->field[index]);

	if (set->is_empty || is_full)
		return add_constant(d, is_full != negated);
	return negated ? add_complement(d, index, set) : add_range(d, index, set->lo, set->hi);
}

/* ------------------------------------------------------------------ the tree */

static int derive_constant(struct derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct weir_expr *expr;
	uint8_t passes;
	int err = open_expr(d, &expr, tree);

	if (err)
		return err;
	weir_rows_decode(d->schema, d->row, 1, d->block);
	weir_expr_test(expr, d->block, &passes);
	weir_expr_close(expr);
	return add_constant(d, passes != negated);
}

static int derive_comparison(struct derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct weir_tree_expr *left = tree->argument[0], *right = tree->argument[1];
	struct weir_tree_expr *value = is_constant(left) ? right : left;
	bool is_equality = tree->op == WEIR_E_EQ || tree->op == WEIR_E_NE;
	struct interval set;
	int index, err;

	if (!is_constant(left) && !is_constant(right))
		return refuse(d, "a comparison has a channel on both sides; " RULE);
	index = check_value(d, value);
	if (index < 0)
		return index;
	err = check_finite(d, value, &d->schema->field[index]);
	if (!err && is_equality)
		err = solve_between(d, left, right, right, &d->schema->field[index], &set);
	else if (!err)
		err = solve(d, tree->op, left, right, &d->schema->field[index], &set);
	return err ? err : add_set(d, index, &set, negated != (tree->op == WEIR_E_NE));
}

static int derive_between(struct derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct weir_tree_expr **argument = tree->argument;
	struct interval set;
	int index, err;

	if (!is_constant(argument[1]) || !is_constant(argument[2]))
		return refuse(d, "'between' has a channel as a bound; " RULE);
	index = check_value(d, argument[0]);
	if (index < 0)
		return index;
	err = check_finite(d, argument[0], &d->schema->field[index]);
	if (!err)
		err = solve_between(d, argument[0], argument[1], argument[2], &d->schema->field[index], &set);
	return err ? err : add_set(d, index, &set, negated);
}

/* The index of the node that stands for `tree`, or for its opposite; -ENOTSUP. */
static int derive(struct derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	int left;

	if (is_constant(tree))
		return derive_constant(d, tree, negated);
	switch (tree->op) {
	case WEIR_E_NOT:
		return derive(d, tree->argument[0], !negated);
	case WEIR_E_AND:
	case WEIR_E_OR:
		left = derive(d, tree->argument[0], negated);
		if (left < 0)
			return left;
		return add_pair(d, (tree->op == WEIR_E_AND) != negated ? WEIR_PRED_AND : WEIR_PRED_OR, left,
				derive(d, tree->argument[1], negated));
	case WEIR_E_LT:
	case WEIR_E_LE:
	case WEIR_E_GT:
	case WEIR_E_GE:
	case WEIR_E_EQ:
	case WEIR_E_NE:
		return derive_comparison(d, tree, negated);
	default:
		if (is_call(tree, "between") && tree->n == 3)
			return derive_between(d, tree, negated);
		return refuse(d, "the condition uses '%s'; " RULE, word_of(tree));
	}
}

static int open_and_derive(struct derivation *d, const struct weir_expr *condition)
{
	int status = weir_block_open(&d->block, d->schema);

	if (status)
		return status;
	status = weir_report_open(&d->report, "", "");
	if (status)
		goto close_block;
	status = derive(d, weir_expr_tree(condition), false);
	weir_report_close(d->report);
close_block:
	weir_block_close(d->block);
	return status;
}

int weir_predicate_derive(struct weir_predicate *out, const struct weir_expr *condition,
			  const struct weir_schema *schema, char why[WHY_MAX])
{
	struct derivation *d = calloc(1, sizeof(*d));
	int status = -ENOMEM;

	why[0] = 0;
	out->n = 0;
	if (d) {
		d->out = out;
		d->schema = schema;
		d->why = why;
		status = open_and_derive(d, condition);
	}
	if (status == -ENOMEM)
		snprintf(why, WHY_MAX, "%s", strerror(ENOMEM));
	free(d);
	return status < 0 ? status : 0;
}

/* ------------------------------------------------------------------ in words */

static void print_node(const struct weir_predicate *predicate, const struct weir_schema *schema, uint32_t index,
		       FILE *stream)
{
	const struct weir_predicate_node *node = &predicate->node[index];
	const struct weir_field *field = &schema->field[node->field];

	switch (node->op) {
	case WEIR_PRED_RANGE:
		if (weir_raw_is_unsigned(field))
			fprintf(stream, "raw(%s) in [%" PRIu64 ", %" PRIu64 "]", field->name, (uint64_t)node->lo,
				(uint64_t)node->hi);
		else
			fprintf(stream, "raw(%s) in [%" PRId64 ", %" PRId64 "]", field->name, node->lo, node->hi);
		break;
	case WEIR_PRED_AND:
	case WEIR_PRED_OR:
		fputc('(', stream);
		print_node(predicate, schema, node->left, stream);
		fputs(node->op == WEIR_PRED_AND ? " and " : " or ", stream);
		print_node(predicate, schema, node->right, stream);
		fputc(')', stream);
		break;
	default:
		fputs(node->op == WEIR_PRED_TRUE ? "true" : "false", stream);
	}
}

void weir_predicate_print(const struct weir_predicate *predicate, const struct weir_schema *schema, FILE *stream)
{
	print_node(predicate, schema, predicate->n - 1, stream);
}
