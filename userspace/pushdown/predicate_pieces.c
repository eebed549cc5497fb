/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Comparisons of a channel that has too many raw values to try them all. docs/early-filter.md has the argument in full; here
 * is its frame.
 *
 * A piece is a run of keys on which every part of the expression seen so far is either NaN throughout, or never NaN and weakly
 * monotonic in the key, in the arithmetic that is really done: rounding is monotonic, so what is monotonic in real numbers
 * stays so. Each operation either keeps that, or keeps it once pieces are cut where an operand changes its sign, or is
 * refused. Operands must be finite, which their values at the ends of each piece show: then no operation let through here can
 * give NaN except sqrt() of what is negative, and that is a piece of its own.
 *
 * A comparison of two such values, of which one rises where the other falls or stays, flips at most once on each piece.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "pushdown/predicate.h"

#define PIECES_MAX 32

struct pieces {
	struct weir_derivation *d;
	uint32_t n;
	uint64_t start[PIECES_MAX];
};

static int cut(struct pieces *p, struct weir_tree_expr *tree);

static uint64_t last_of(const struct pieces *p, uint32_t i)
{
	return i + 1 < p->n ? p->start[i + 1] - 1 : p->d->probe.span;
}

static int compile(struct pieces *p, struct weir_expr **out, const struct weir_tree_expr *tree)
{
	int err = weir_probe_compile(&p->d->probe, out, tree);

	return err && err != -ENOMEM ? weir_refuse(p->d->why, "the condition cannot be taken apart") : err;
}

/* Where, between two keys, a test that flips at most once does so: the first key of the other side. False: nowhere. */
static bool find_flip(struct weir_probe *probe, const struct weir_expr *test, uint64_t low, uint64_t high,
		      uint64_t *flip)
{
	bool at_low = weir_probe_test(probe, test, low);

	if (weir_probe_test(probe, test, high) == at_low)
		return false;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (weir_probe_test(probe, test, middle) == at_low)
			low = middle;
		else
			high = middle;
	}
	*flip = high;
	return true;
}

static struct weir_tree_expr make_comparison(enum weir_expr_op op, struct weir_tree_expr *argument[2])
{
	return (struct weir_tree_expr){ .op = op, .function = -1, .field = -1, .n = 2, .argument = argument };
}

/* ------------------------------------------------------------------- cutting */

static int insert(struct pieces *p, uint32_t at, uint64_t start)
{
	if (p->n == PIECES_MAX)
		return weir_refuse(p->d->why, "the condition bends too often");
	memmove(&p->start[at + 1], &p->start[at], (p->n - at) * sizeof(p->start[0]));
	p->start[at] = start;
	p->n++;
	return 0;
}

static int cut_at_flips(struct pieces *p, const struct weir_expr *test)
{
	int err = 0;

	for (uint32_t i = 0; i < p->n && !err; i++) {
		uint64_t flip;

		if (find_flip(&p->d->probe, test, p->start[i], last_of(p, i), &flip))
			err = insert(p, ++i, flip);
	}
	return err;
}

/* Afterwards the value is below zero all over a piece, or nowhere on it. */
static int cut_at_zero(struct pieces *p, struct weir_tree_expr *tree)
{
	struct weir_tree_expr zero = { .op = WEIR_E_NUMBER, .function = -1, .field = -1 };
	struct weir_tree_expr comparison = make_comparison(WEIR_E_GE, (struct weir_tree_expr *[]){ tree, &zero });
	struct weir_expr *test;
	int err;

	if (weir_is_constant(tree))
		return 0;
	err = compile(p, &test, &comparison);
	if (err)
		return err;
	err = cut_at_flips(p, test);
	weir_expr_close(test);
	return err;
}

/* ------------------------------------------------------------------ operands */

static bool is_sound(double at_first, double at_last)
{
	return isnan(at_first) ? isnan(at_last) : isfinite(at_first) && isfinite(at_last);
}

static int check_finite(struct pieces *p, const struct weir_tree_expr *tree)
{
	struct weir_probe *probe = &p->d->probe;
	struct weir_expr *expr;
	bool good = true;
	int err = compile(p, &expr, tree);

	if (err)
		return err;
	for (uint32_t i = 0; i < p->n && good; i++)
		good = is_sound(weir_probe_eval(probe, expr, p->start[i]), weir_probe_eval(probe, expr, last_of(p, i)));
	weir_expr_close(expr);
	return good ? 0 : weir_refuse(p->d->why, "'%s' overflows within the range of the channel", weir_word_of(tree));
}

static int cut_operands(struct pieces *p, const struct weir_tree_expr *tree)
{
	int err = 0;

	for (uint32_t i = 0; i < tree->n && !err; i++) {
		if (!weir_is_constant(tree->argument[i]))
			err = cut(p, tree->argument[i]);
		if (!err)
			err = check_finite(p, tree->argument[i]);
	}
	return err;
}

/* Of a value, or of its magnitude where the sign does not change: 1 rises, -1 falls, 0 stays over the piece. */
static int direction(struct weir_probe *probe, const struct weir_expr *expr, uint64_t first, uint64_t last,
		     bool magnitude)
{
	double from = weir_probe_eval(probe, expr, first), to = weir_probe_eval(probe, expr, last);

	if (magnitude) {
		from = fabs(from);
		to = fabs(to);
	}
	return (to > from) - (to < from);
}

struct directions {
	int of[PIECES_MAX]; /* of all operands together */
	bool clash;
};

static void add_direction(struct directions *sum, uint32_t piece, int direction)
{
	if (direction && sum->of[piece] == -direction)
		sum->clash = true;
	if (direction)
		sum->of[piece] = direction;
}

static int add_directions(struct pieces *p, struct directions *sum, const struct weir_tree_expr *operand, bool opposite,
			  bool magnitude)
{
	struct weir_probe *probe = &p->d->probe;
	struct weir_expr *expr;
	int err;

	if (weir_is_constant(operand))
		return 0;
	err = compile(p, &expr, operand);
	if (err)
		return err;
	for (uint32_t i = 0; i < p->n; i++) {
		int way = direction(probe, expr, p->start[i], last_of(p, i), magnitude);

		add_direction(sum, i, opposite ? -way : way);
	}
	weir_expr_close(expr);
	return 0;
}

/* All operands must go one way: the second the other way where it is subtracted from, or compared with, the first. */
static int check_directions(struct pieces *p, const struct weir_tree_expr *tree, bool opposite, bool magnitude)
{
	struct directions sum = { 0 };
	int err = 0;

	for (uint32_t i = 0; i < tree->n && !err; i++)
		err = add_directions(p, &sum, tree->argument[i], opposite && i, magnitude);
	if (!err && sum.clash)
		err = weir_refuse(p->d->why, "the operands of '%s' pull in different directions", weir_word_of(tree));
	return err;
}

/* ---------------------------------------------------------------- operations */

static int cut_product(struct pieces *p, const struct weir_tree_expr *tree)
{
	int err = 0;

	for (uint32_t i = 0; i < tree->n && !err; i++)
		err = cut_at_zero(p, tree->argument[i]);
	return err ? err : check_directions(p, tree, false, true);
}

static int cut_quotient(struct pieces *p, const struct weir_tree_expr *tree)
{
	const struct weir_tree_expr *divisor = tree->argument[1];

	if (divisor->op == WEIR_E_NUMBER && divisor->number != 0)
		return 0;
	return weir_refuse(p->d->why, "the condition divides by what is not a constant, or by zero");
}

static bool is_call(const struct weir_tree_expr *tree, const char *name)
{
	return tree->op == WEIR_E_CALL && !strcmp(tree->name, name);
}

static int cut_call(struct pieces *p, const struct weir_tree_expr *tree)
{
	const struct weir_field *field = p->d->probe.field;

	if (is_call(tree, "floor") || is_call(tree, "ceil") || is_call(tree, "round"))
		return 0;
	if (is_call(tree, "abs") || is_call(tree, "sqrt"))
		return cut_at_zero(p, tree->argument[0]);
	if (is_call(tree, "min") || is_call(tree, "max"))
		return check_directions(p, tree, false, false);
	/* A division by the scale. */
	if (is_call(tree, "raw") && isfinite(field->scale) && field->scale != 0)
		return 0;
	return weir_refuse(
		p->d->why,
		"the condition uses '%s' of '%s', which has more than %d bits; only what rises or falls with it "
		"can be pushed down",
		weir_word_of(tree), field->name, WEIR_NARROW_BITS);
}

/* Make pieces on which the value of the tree, too, rises or falls or is NaN throughout. */
static int cut(struct pieces *p, struct weir_tree_expr *tree)
{
	int err = tree->op == WEIR_E_FIELD ? 0 : cut_operands(p, tree);

	if (err)
		return err;
	switch (tree->op) {
	case WEIR_E_FIELD:
	case WEIR_E_NEG:
		return 0;
	case WEIR_E_ADD:
	case WEIR_E_SUB:
		return check_directions(p, tree, tree->op == WEIR_E_SUB, false);
	case WEIR_E_MUL:
		return cut_product(p, tree);
	case WEIR_E_DIV:
		return cut_quotient(p, tree);
	default:
		return cut_call(p, tree);
	}
}

/* ------------------------------------------------------------------- solving */

static int collect(struct pieces *p, const struct weir_expr *test, struct weir_keys *out)
{
	struct weir_probe *probe = &p->d->probe;
	int err = 0;

	for (uint32_t i = 0; i < p->n && !err; i++) {
		bool inside = weir_probe_test(probe, test, p->start[i]);
		uint64_t flip;

		err = weir_keys_append(out, p->start[i], inside);
		if (!err && find_flip(probe, test, p->start[i], last_of(p, i), &flip))
			err = weir_keys_append(out, flip, !inside);
	}
	return err ? weir_refuse(p->d->why, "the condition holds for too many ranges of the channel") : 0;
}

static int collect_tree(struct pieces *p, const struct weir_tree_expr *tree, struct weir_keys *out)
{
	struct weir_expr *test;
	int err = compile(p, &test, tree);

	if (err)
		return err;
	err = collect(p, test, out);
	weir_expr_close(test);
	return err;
}

int weir_solve_comparison(struct weir_derivation *d, enum weir_expr_op op, struct weir_tree_expr *left,
			  struct weir_tree_expr *right, struct weir_keys *out)
{
	struct pieces p = { .d = d, .n = 1 };
	struct weir_tree_expr tree = make_comparison(op, (struct weir_tree_expr *[]){ left, right });
	int err = weir_is_constant(left) ? 0 : cut(&p, left);

	if (!err && !weir_is_constant(right))
		err = cut(&p, right);
	if (!err)
		err = check_directions(&p, &tree, true, false);
	return err ? err : collect_tree(&p, &tree, out);
}

int weir_solve_truth(struct weir_derivation *d, const struct weir_tree_expr *call, struct weir_keys *out)
{
	struct pieces p = { .d = d, .n = 1 };
	int err = cut(&p, call->argument[0]);

	return err ? err : collect_tree(&p, call, out);
}
