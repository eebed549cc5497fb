/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a condition on a single channel says of its raw values. Of up to 16 bits all are tried, so the condition may be
 * anything; of more, it must be made of comparisons that bisection can solve. Either way what comes out is exact.
 */
#include <errno.h>
#include <string.h>

#include "pushdown/predicate.h"

/* ------------------------------------------------------------------- as nodes */

static int add_constant(struct weir_derivation *d, struct weir_predicate_node node, bool holds)
{
	node.op = holds ? WEIR_PRED_TRUE : WEIR_PRED_FALSE;
	return weir_predicate_add(d->out, node, d->why);
}

/* Range k of the set. */
static struct weir_range range_of(const struct weir_probe *probe, const struct weir_keys *keys, uint32_t k)
{
	uint32_t edge = 2 * k + !keys->starts_inside; /* behind its last key */
	uint64_t lo = edge ? keys->edge[edge - 1] : 0, hi = edge < keys->n ? keys->edge[edge] - 1 : probe->span;

	return (struct weir_range){ weir_raw_of_key(probe->field, lo), weir_raw_of_key(probe->field, hi) };
}

static int add_ranges(struct weir_derivation *d, struct weir_predicate_node node, const struct weir_keys *keys)
{
	struct weir_predicate *out = d->out;

	node.op = WEIR_PRED_SET;
	node.first = (uint16_t)out->n_ranges;
	node.n = (uint16_t)((keys->n + 1 + keys->starts_inside) / 2);
	if (out->n_ranges + node.n > WEIR_PREDICATE_RANGES_MAX)
		return weir_refuse(d->why, "the condition holds for too many ranges");
	for (uint32_t i = 0; i < node.n; i++)
		out->range[out->n_ranges++] = range_of(&d->probe, keys, i);
	if (node.n > 1)
		return weir_predicate_add(out, node, d->why);
	out->n_ranges = node.first;
	node.op = WEIR_PRED_RANGE;
	node.lo = out->range[node.first].lo;
	node.hi = out->range[node.first].hi;
	return weir_predicate_add(out, node, d->why);
}

static int invert(struct weir_keys *keys, bool wanted)
{
	keys->starts_inside ^= wanted;
	return 0;
}

static int add_keys(struct weir_derivation *d, struct weir_predicate_node node, struct weir_keys *keys, bool negated)
{
	invert(keys, negated);
	return keys->n ? add_ranges(d, node, keys) : add_constant(d, node, keys->starts_inside);
}

/* --------------------------------------------------------- all raw values tried */

static void set_bits(struct weir_derivation *d, uint64_t *bits, uint64_t key, uint32_t n, const uint8_t *passes,
		     bool negated)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t bit = (uint64_t)weir_raw_of_key(d->probe.field, key + i) & d->probe.span;

		if (passes[i] != negated)
			bits[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

/* Too many ranges for comparisons. */
static int add_bits(struct weir_derivation *d, struct weir_predicate_node node, const struct weir_expr *expr,
		    bool negated)
{
	struct weir_predicate *out = d->out;
	uint32_t words = (uint32_t)(d->probe.span / 64) + 1;
	uint8_t passes[WEIR_BLOCK_MAX];

	if (out->n_bits + words > WEIR_BITS_WORDS)
		return weir_refuse(d->why, "the condition holds for too many ranges");
	node.op = WEIR_PRED_BITS;
	node.first = (uint16_t)out->n_bits;
	memset(&out->bits[node.first], 0, words * sizeof(out->bits[0]));
	for (uint64_t key = 0; key <= d->probe.span; key += WEIR_BLOCK_MAX) {
		uint64_t left = d->probe.span - key + 1;
		uint32_t n = left < WEIR_BLOCK_MAX ? (uint32_t)left : WEIR_BLOCK_MAX;

		weir_probe_test_many(&d->probe, expr, key, n, passes);
		set_bits(d, &out->bits[node.first], key, n, passes, negated);
	}
	out->n_bits += words;
	return weir_predicate_add(out, node, d->why);
}

static int try_all(struct weir_derivation *d, const struct weir_expr *expr, struct weir_keys *out)
{
	uint8_t passes[WEIR_BLOCK_MAX];

	for (uint64_t key = 0; key <= d->probe.span; key += WEIR_BLOCK_MAX) {
		uint64_t left = d->probe.span - key + 1;
		uint32_t n = left < WEIR_BLOCK_MAX ? (uint32_t)left : WEIR_BLOCK_MAX;

		weir_probe_test_many(&d->probe, expr, key, n, passes);
		for (uint32_t i = 0; i < n; i++)
			if (weir_keys_append(out, key + i, passes[i]))
				return -E2BIG;
	}
	return 0;
}

static int derive_narrow(struct weir_derivation *d, const struct weir_tree_expr *tree, struct weir_predicate_node node,
			 bool negated)
{
	struct weir_keys keys;
	struct weir_expr *expr;
	int status = weir_probe_compile(&d->probe, &expr, tree);

	if (status)
		return status == -ENOMEM ? status : weir_refuse(d->why, "the condition cannot be taken apart");
	if (try_all(d, expr, &keys))
		status = add_bits(d, node, expr, negated);
	else
		status = add_keys(d, node, &keys, negated);
	weir_expr_close(expr);
	return status;
}

/* ------------------------------------------------------------------ bisection */

static int combine(struct weir_derivation *d, struct weir_keys *out, const struct weir_keys *a,
		   const struct weir_keys *b, bool both)
{
	if (weir_keys_combine(out, a, b, both))
		return weir_refuse(d->why, "the condition holds for too many ranges");
	return 0;
}

static int solve_pair(struct weir_derivation *d, const struct weir_tree_expr *tree, struct weir_keys *out)
{
	struct weir_keys left, right;
	int err = weir_solve(d, tree->argument[0], &left);

	if (!err)
		err = weir_solve(d, tree->argument[1], &right);
	return err ? err : combine(d, out, &left, &right, tree->op == WEIR_E_AND);
}

/* lo <= value <= hi */
static int solve_between(struct weir_derivation *d, struct weir_tree_expr *value, struct weir_tree_expr *lo,
			 struct weir_tree_expr *hi, struct weir_keys *out)
{
	struct weir_keys above, below;
	int err = weir_solve_comparison(d, WEIR_E_GE, value, lo, &above);

	if (!err)
		err = weir_solve_comparison(d, WEIR_E_LE, value, hi, &below);
	return err ? err : combine(d, out, &above, &below, true);
}

static int solve_constant(struct weir_derivation *d, const struct weir_tree_expr *tree, struct weir_keys *out)
{
	struct weir_expr *expr;
	int err = weir_probe_compile(&d->probe, &expr, tree);

	if (err)
		return err;
	err = weir_keys_append(out, 0, weir_probe_test(&d->probe, expr, 0));
	weir_expr_close(expr);
	return err;
}

static int solve_call(struct weir_derivation *d, const struct weir_tree_expr *tree, struct weir_keys *out)
{
	if (tree->op == WEIR_E_CALL && !strcmp(tree->name, "between"))
		return solve_between(d, tree->argument[0], tree->argument[1], tree->argument[2], out);
	if (tree->op == WEIR_E_CALL && !strcmp(tree->name, "isnan"))
		return weir_solve_truth(d, tree, out);
	return weir_refuse(d->why, "the condition uses '%s' of '%s', which has more than %d bits", weir_word_of(tree),
			   d->probe.field->name, WEIR_NARROW_BITS);
}

int weir_solve(struct weir_derivation *d, const struct weir_tree_expr *tree, struct weir_keys *out)
{
	int err;

	if (weir_is_constant(tree))
		return solve_constant(d, tree, out);
	switch (tree->op) {
	case WEIR_E_NOT:
		err = weir_solve(d, tree->argument[0], out);
		return err ? err : invert(out, true);
	case WEIR_E_AND:
	case WEIR_E_OR:
		return solve_pair(d, tree, out);
	case WEIR_E_EQ:
	case WEIR_E_NE:
		/* Values may stand on either side of <= and >=, so an equality is both. */
		err = solve_between(d, tree->argument[0], tree->argument[1], tree->argument[1], out);
		return err ? err : invert(out, tree->op == WEIR_E_NE);
	case WEIR_E_LT:
	case WEIR_E_LE:
	case WEIR_E_GT:
	case WEIR_E_GE:
		return weir_solve_comparison(d, tree->op, tree->argument[0], tree->argument[1], out);
	default:
		return solve_call(d, tree, out);
	}
}

static int check_field(const struct weir_derivation *d)
{
	const struct weir_field *field = d->probe.field;

	if (field->is_float)
		return weir_refuse(d->why, "'%s' is a floating-point value, and a filter in the kernel sees integers",
				   field->name);
	if (field->bits <= WEIR_NARROW_BITS)
		return 0;
	if (field->kind == WEIR_BOOL)
		return weir_refuse(d->why, "'%s' is a truth value of more than %d bits", field->name, WEIR_NARROW_BITS);
	/* As an integer column it would wrap to negative values half way. */
	if (field->kind == WEIR_INT && weir_raw_is_unsigned(field))
		return weir_refuse(d->why, "'%s' is an unsigned integer of 64 bits, which wraps", field->name);
	return 0;
}

int weir_derive_field(struct weir_derivation *d, const struct weir_tree_expr *tree, bool negated)
{
	struct weir_predicate_node node = { .field = (uint16_t)d->probe.index, .where = tree->where };
	struct weir_keys keys;
	int err = check_field(d);

	if (err)
		return err;
	if (d->probe.field->bits <= WEIR_NARROW_BITS)
		return derive_narrow(d, tree, node, negated);
	err = weir_solve(d, tree, &keys);
	return err ? err : add_keys(d, node, &keys, negated);
}
