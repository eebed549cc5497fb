/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a predicate means. Everything that runs one (the user tier, generated eBPF) is tested against weir_predicate_test().
 */
#include "core/filter.h"
#include "core/record.h"

bool weir_raw_is_unsigned(const struct weir_field *field)
{
	return !field->is_signed && field->bits == 64;
}

void weir_raw_bounds(const struct weir_field *field, int64_t *lo, int64_t *hi)
{
	uint64_t all = UINT64_MAX >> (64 - field->bits);

	*lo = field->is_signed ? -(int64_t)(all >> 1) - 1 : 0;
	*hi = (int64_t)(field->is_signed ? all >> 1 : all);
}

static bool less(const struct weir_field *field, int64_t a, int64_t b)
{
	return weir_raw_is_unsigned(field) ? (uint64_t)a < (uint64_t)b : a < b;
}

static int range_constant(const struct weir_predicate_node *node, const struct weir_field *field)
{
	int64_t lo, hi;

	weir_raw_bounds(field, &lo, &hi);
	if (less(field, node->hi, node->lo) || less(field, node->hi, lo) || less(field, hi, node->lo))
		return 0;
	return !less(field, lo, node->lo) && !less(field, node->hi, hi) ? 1 : -1;
}

/* `and` is decided by a 0, `or` by a 1; else by what the other side is. */
static int joined(int left, int right, int decisive)
{
	if (left == decisive || right == decisive)
		return decisive;
	return left == right ? left : -1;
}

int weir_predicate_constant(const struct weir_predicate *predicate, const struct weir_schema *schema, uint32_t node)
{
	const struct weir_predicate_node *at = &predicate->node[node];

	switch (at->op) {
	case WEIR_PRED_RANGE:
		return range_constant(at, &schema->field[at->field]);
	case WEIR_PRED_AND:
	case WEIR_PRED_OR:
		return joined(weir_predicate_constant(predicate, schema, at->left),
			      weir_predicate_constant(predicate, schema, at->right), at->op == WEIR_PRED_OR);
	default:
		return at->op == WEIR_PRED_TRUE;
	}
}

static bool test(const struct weir_predicate *predicate, const struct weir_schema *schema, const void *row,
		 uint32_t node)
{
	const struct weir_predicate_node *at = &predicate->node[node];
	int64_t raw;

	switch (at->op) {
	case WEIR_PRED_RANGE:
		raw = weir_field_raw(&schema->field[at->field], row);
		return !less(&schema->field[at->field], raw, at->lo) && !less(&schema->field[at->field], at->hi, raw);
	case WEIR_PRED_AND:
		return test(predicate, schema, row, at->left) && test(predicate, schema, row, at->right);
	case WEIR_PRED_OR:
		return test(predicate, schema, row, at->left) || test(predicate, schema, row, at->right);
	default:
		return at->op == WEIR_PRED_TRUE;
	}
}

bool weir_predicate_test(const struct weir_predicate *predicate, const struct weir_schema *schema, const void *row)
{
	return test(predicate, schema, row, predicate->n - 1);
}
