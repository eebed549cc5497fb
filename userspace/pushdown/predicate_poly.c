/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A condition on a polynomial over several channels. What is around the polynomial, as in sqrt(x*x + y*y) >= 3, is a
 * condition on one number; it is solved by the same bisection as one on a channel, for a channel that can have every finite
 * double as its value. So what is left are intervals of doubles, and those are bounds for the polynomial.
 *
 * 64 bits do not hold the squares of 32, so rows may be looked at only within a box: what is outside passes. A smaller box has
 * finer bounds, so there may be several, one within the other, of which each must let a row pass.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pushdown/polynomial.h"

#define BOXES_MAX 3
#define FINER 256 /* what a smaller box must be to be worth its code */

/* The name of the number that stands for the polynomial. */
#define VALUE "value"

struct several {
	struct weir_derivation *d;
	const char *word;         /* of the condition, for messages */
	char why[WEIR_WHY_BYTES]; /* not: d->why still tells of another part, if this one is exact */
	struct weir_arena arena;
	const struct weir_tree_expr *subject; /* the polynomial in the condition */
	struct weir_tree_expr difference;     /* the subject of a comparison of two */
	struct weir_tree_expr *test;          /* the condition, on the number in its place */
	struct weir_polynomial polynomial;
	struct weir_interval interval[WEIR_EDGES_MAX / 2 + 1], snapped[WEIR_EDGES_MAX / 2 + 1];
	uint32_t n;
	struct weir_derivation around; /* on the number */
	struct weir_schema number;
	struct weir_fixed fixed;
};

/* ---------------------------------------------------------------- the subject */

/* raw() is about its own field, whatever the value that is put into its place. */
static const struct weir_tree_expr *only_variable_argument(const struct weir_tree_expr *tree)
{
	const struct weir_tree_expr *found = NULL;

	if (tree->op == WEIR_E_CALL && tree->function == WEIR_F_RAW)
		return NULL;
	for (uint32_t i = 0; i < tree->n; i++) {
		if (weir_is_constant(tree->argument[i]))
			continue;
		if (found)
			return NULL;
		found = tree->argument[i];
	}
	return found;
}

static struct weir_tree_expr *make_value(struct several *s, const struct weir_tree_expr *like)
{
	struct weir_tree_expr *value = weir_arena_take(&s->arena, sizeof(*value));

	if (value)
		*value = (struct weir_tree_expr){ .op = WEIR_E_FIELD,
						  .where = like->where,
						  .unit = like->unit,
						  .is_bound = true,
						  .name = VALUE,
						  .function = -1 };
	return value;
}

/* A copy of the tree, but for the subject, which is on the way of the one argument that is not constant. */
static struct weir_tree_expr *replace(struct several *s, const struct weir_tree_expr *tree)
{
	struct weir_tree_expr *copy = weir_arena_take(&s->arena, sizeof(*copy));
	struct weir_tree_expr **argument = weir_arena_take(&s->arena, tree->n * sizeof(struct weir_tree_expr *));

	if (tree == s->subject)
		return make_value(s, tree);
	if (!copy || !argument)
		return NULL;
	*copy = *tree;
	copy->argument = argument;
	for (uint32_t i = 0; i < tree->n; i++) {
		argument[i] = tree->argument[i];
		if (!weir_is_constant(tree->argument[i]))
			argument[i] = replace(s, tree->argument[i]);
		if (!argument[i])
			return NULL;
	}
	return copy;
}

static bool is_comparison(const struct weir_tree_expr *tree)
{
	return tree->op >= WEIR_E_LT && tree->op <= WEIR_E_NE;
}

/* a < b is a - b < 0 in doubles as well: of two that differ, gradual underflow leaves a difference. */
static int compare_two(struct several *s, const struct weir_tree_expr *tree)
{
	struct weir_tree_expr *zero = weir_arena_take(&s->arena, sizeof(*zero));
	struct weir_tree_expr **argument = weir_arena_take(&s->arena, 2 * sizeof(struct weir_tree_expr *));

	s->difference = *tree;
	s->difference.op = WEIR_E_SUB;
	s->difference.unit = NULL;
	s->subject = &s->difference;
	s->test = weir_arena_take(&s->arena, sizeof(*s->test));
	if (!zero || !argument || !s->test)
		return -ENOMEM;
	*zero = (struct weir_tree_expr){ .op = WEIR_E_NUMBER, .is_bound = true, .function = -1, .field = -1 };
	argument[0] = make_value(s, &s->difference);
	argument[1] = zero;
	*s->test = *tree;
	s->test->argument = argument;
	return argument[0] ? weir_expand(&s->polynomial, s->subject) : -ENOMEM;
}

/* From the outside inward, up to the first that is a polynomial. */
static int find_subject(struct several *s, const struct weir_tree_expr *tree)
{
	s->subject = only_variable_argument(tree);
	while (s->subject && weir_expand(&s->polynomial, s->subject))
		s->subject = only_variable_argument(s->subject);
	if (!s->subject)
		return -ENOTSUP;
	s->test = replace(s, tree);
	return s->test ? 0 : -ENOMEM;
}

/* -------------------------------------------------------------- the intervals */

static int solve_around(struct several *s, struct weir_keys *keys)
{
	struct weir_derivation *around = &s->around;
	int err;

	weir_schema_init(&s->number, WEIR_CLOCK_NOMINAL);
	if (weir_schema_add(&s->number, VALUE, WEIR_REAL, "", 8) < 0)
		return -ENOMEM;
	*around = (struct weir_derivation){ .schema = &s->number, .why = s->why };
	err = weir_probe_open(&around->probe, &s->number);
	if (!err) {
		weir_probe_choose(&around->probe, 0);
		err = weir_solve(around, s->test, keys);
	}
	weir_probe_close(&around->probe);
	return err;
}

static void keep_intervals(struct several *s, const struct weir_keys *keys)
{
	if (keys->starts_inside)
		s->interval[s->n++] = (struct weir_interval){ -INFINITY, INFINITY };
	for (uint32_t edge = 0; edge < keys->n; edge++) {
		bool enters = (edge % 2 == 0) != keys->starts_inside;

		if (enters)
			s->interval[s->n++] = (struct weir_interval){ weir_double_of_key(keys->edge[edge]), INFINITY };
		else
			s->interval[s->n - 1].to = weir_double_of_key(keys->edge[edge] - 1);
	}
}

/* ------------------------------------------------------------------- the bounds */

/* The least multiple of a power of two that is not below x. */
static double round_up(double x, int grain)
{
	double step = ldexp(1, grain);

	if (!(fabs(x) < ldexp(1, grain + 53)))
		return x;
	if (fabs(x) < step)
		return x > 0 ? step : 0;
	return ceil(x / step) * step;
}

/* Where values are not rounded, there are none between the multiples: more than 0 is at least one. */
static void snap(struct several *s, const struct weir_rounding *rounding)
{
	for (uint32_t i = 0; i < s->n; i++) {
		s->snapped[i] = s->interval[i];
		if (rounding->error > 0)
			continue;
		s->snapped[i].from = round_up(s->interval[i].from, rounding->grain);
		s->snapped[i].to = -round_up(-s->interval[i].to, rounding->grain);
	}
}

/* False where nothing can be said within this box. */
static bool fix(struct several *s, uint32_t bits)
{
	struct weir_rounding rounding;

	if (!weir_box_set(&s->polynomial, bits))
		return false;
	rounding = weir_rounding_of(&s->polynomial, s->subject);
	if (!(rounding.size < 0x1p1000) || !isfinite(rounding.error))
		return false;
	snap(s, &rounding);
	weir_fix(&s->fixed, &s->polynomial, rounding.error, s->snapped, s->n);
	return isfinite(s->fixed.slack);
}

/* ------------------------------------------------------------------- as nodes */

static int add_constant(struct several *s, struct weir_predicate_node node, bool holds)
{
	node.op = holds ? WEIR_PRED_TRUE : WEIR_PRED_FALSE;
	return weir_predicate_add(s->d->out, node, s->d->why);
}

/* Are all rows outside of the box alike? 1: the condition holds for them; 0: for none; -1: that is not known. */
static int outside(struct several *s)
{
	double least = weir_box_least_outside(&s->polynomial, s->subject);
	struct weir_interval last = { -INFINITY, -INFINITY }; /* nothing */

	if (s->n)
		last = s->interval[s->n - 1];
	if (!(least > -INFINITY))
		return -1;
	if (last.to < least)
		return 0;
	return last.from <= least && last.to == INFINITY ? 1 : -1;
}

static bool is_everything(const struct weir_fixed *fixed)
{
	return fixed->n == 1 && fixed->range[0].lo == INT64_MIN && fixed->range[0].hi == INT64_MAX;
}

static int add_poly(struct several *s, struct weir_predicate_node node)
{
	struct weir_predicate *out = s->d->out;
	const struct weir_fixed *fixed = &s->fixed;

	/* Within the box and outside alike. */
	if (is_everything(fixed) && !fixed->poly.drops_outside)
		return add_constant(s, node, true);
	if (!fixed->n && (fixed->poly.drops_outside || !weir_box_is_bounded(&s->polynomial)))
		return add_constant(s, node, false);
	if (out->n_polys == WEIR_PREDICATE_POLYS_MAX || out->n_ranges + fixed->n > WEIR_PREDICATE_RANGES_MAX)
		return weir_refuse(s->d->why, "the condition has too many parts");
	node.op = WEIR_PRED_POLY;
	node.poly = (uint16_t)out->n_polys;
	node.first = (uint16_t)out->n_ranges;
	node.n = (uint16_t)fixed->n;
	node.field = (uint16_t)s->polynomial.variable[0].field;
	out->poly[out->n_polys++] = fixed->poly;
	memcpy(&out->range[out->n_ranges], fixed->range, fixed->n * sizeof(fixed->range[0]));
	out->n_ranges += fixed->n;
	return weir_predicate_add(out, node, s->d->why);
}

/* This box, and those before it. */
static int add_box(struct several *s, struct weir_predicate_node node, int before)
{
	int index = add_poly(s, node);

	if (index < 0 || before < 0)
		return index;
	node.op = WEIR_PRED_AND;
	node.left = (uint16_t)before;
	node.right = (uint16_t)index;
	return weir_predicate_add(s->d->out, node, s->d->why);
}

/* What one step of a channel changes, in the most sensitive of the terms: nothing finer is needed. */
static double resolution(const struct weir_polynomial *p)
{
	double least = INFINITY;

	for (uint32_t i = 0; i < p->n; i++)
		if (!weir_is_constant_term(&p->monomial[i]))
			least = fmin(least, fmax(fabs(p->monomial[i].factor.lo), fabs(p->monomial[i].factor.hi)));
	return least;
}

/* One box that decides all: what is within is told exactly, what is outside is alike. -ENOENT: there is none. */
static int add_deciding_box(struct several *s, struct weir_predicate_node node)
{
	int verdict = 1;

	for (uint32_t bits = weir_box_most_bits(&s->polynomial); bits >= WEIR_BOX_LEAST_BITS && verdict >= 0; bits--) {
		bool fits = fix(s, bits);

		verdict = weir_box_is_bounded(&s->polynomial) ? outside(s) : 1;
		if (!fits || !s->fixed.is_exact || verdict < 0)
			continue;
		s->fixed.poly.drops_outside = !verdict;
		return add_poly(s, node);
	}
	return -ENOENT;
}

/* From the largest box down. One within which everything passes is of no use, unless it is all there is. */
static int add_boxes(struct several *s, struct weir_predicate_node node)
{
	double slack = INFINITY, enough = resolution(&s->polynomial);
	bool is_exact = false;
	int index = -1;

	for (uint32_t bits = weir_box_most_bits(&s->polynomial), n = 0; bits >= WEIR_BOX_LEAST_BITS; bits--) {
		if (!fix(s, bits) || !(s->fixed.slack < slack / FINER))
			continue;
		is_exact = s->fixed.is_exact;
		if (is_everything(&s->fixed) && !is_exact && s->fixed.slack >= enough)
			continue;
		slack = s->fixed.slack;
		index = add_box(s, node, index);
		if (index < 0)
			return index;
		if (is_exact || ++n == BOXES_MAX || slack < enough)
			break;
	}
	if (index < 0)
		return weir_refuse(s->d->why,
				   "the polynomial in '%s' cannot be distinguished from its bounds in 64 bits",
				   s->word);
	s->d->exact = false;
	(void)weir_refuse(s->d->why, "the polynomial in '%s' is only as exact as 64 bits are", s->word);
	return index;
}

static int derive(struct several *s, const struct weir_tree_expr *tree, bool negated)
{
	struct weir_predicate_node node = { .where = tree->where };
	struct weir_keys keys;
	int err;

	s->polynomial.schema = s->d->schema;
	s->polynomial.why = s->why;
	if (is_comparison(tree) && !weir_is_constant(tree->argument[0]) && !weir_is_constant(tree->argument[1]))
		err = compare_two(s, tree);
	else
		err = find_subject(s, tree);
	if (!err)
		err = solve_around(s, &keys);
	if (err == -ENOTSUP && !*s->why)
		(void)weir_refuse(s->why, "'%s' has several channels in it, in more than one of its values", s->word);
	if (err == -ENOTSUP)
		return weir_refuse(s->d->why, "%s", s->why);
	if (err)
		return err;
	keys.starts_inside ^= negated;
	keep_intervals(s, &keys);
	err = add_deciding_box(s, node);
	return err == -ENOENT ? add_boxes(s, node) : err;
}

int weir_derive_polynomial(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct several *s = calloc(1, sizeof(*s));
	int status = -ENOMEM;

	if (s) {
		s->d = d;
		s->word = weir_word_of(tree);
		status = derive(s, tree, negated);
		weir_arena_release(&s->arena);
	}
	free(s);
	return status;
}
