/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a predicate means. Everything that runs one (the user tier, generated eBPF) is tested against weir_predicate_test().
 */
#include "filter/filter.h"
#include "stream/record.h"

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
	case WEIR_PRED_TRUE:
	case WEIR_PRED_FALSE:
		return at->op == WEIR_PRED_TRUE;
	case WEIR_PRED_EVERY:
	case WEIR_PRED_EVERY_TIME:
	case WEIR_PRED_CHANGED:
		return weir_predicate_constant(predicate, schema, at->left) ? -1 : 0;
	default:
		return -1;
	}
}

/* ------------------------------------------------------------ what remembers */

/* state[0]: rows to drop before the next that passes. */
static bool advance_count(const struct weir_predicate_node *node, uint64_t *state)
{
	if (!state[0]) {
		state[0] = (uint64_t)node->lo - 1;
		return true;
	}
	state[0]--;
	return false;
}

/* state[0]: the value in the last row that passed; state[1]: is there one? */
static bool remember(uint64_t *state, int64_t value)
{
	state[0] = (uint64_t)value;
	state[1] = 1;
	return true;
}

/* Unsigned, since the distance of two integers may not fit in a signed one. */
static bool advance_time(const struct weir_predicate_node *node, int64_t t, uint64_t *state)
{
	int64_t last = (int64_t)state[0];

	if (state[1] && (t < last || (uint64_t)t - (uint64_t)last < (uint64_t)node->lo))
		return false;
	return remember(state, t);
}

static bool advance_value(const struct weir_predicate_node *node, int64_t raw, uint64_t *state)
{
	int64_t last = (int64_t)state[0];
	uint64_t distance = raw < last ? (uint64_t)last - (uint64_t)raw : (uint64_t)raw - (uint64_t)last;

	if (state[1] && distance < (uint64_t)node->lo)
		return false;
	return remember(state, raw);
}

bool weir_predicate_advance(const struct weir_predicate_node *node, const struct weir_schema *schema, const void *row,
			    uint64_t *state)
{
	state += node->first;
	switch (node->op) {
	case WEIR_PRED_EVERY:
		return advance_count(node, state);
	case WEIR_PRED_EVERY_TIME:
		return advance_time(node, weir_field_raw(&schema->t, row), state);
	default:
		return advance_value(node, weir_field_raw(&schema->field[node->field], row), state);
	}
}

/* --------------------------------------------------------------- the verdict */

struct test {
	const struct weir_predicate *predicate;
	const struct weir_schema *schema;
	const void *row;
	uint64_t *state;
};

static bool is_between(const struct weir_field *field, int64_t raw, int64_t lo, int64_t hi)
{
	return !less(field, raw, lo) && !less(field, hi, raw);
}

static bool test_set(const struct test *t, const struct weir_predicate_node *at)
{
	const struct weir_field *field = &t->schema->field[at->field];
	const struct weir_range *range = &t->predicate->range[at->first];
	int64_t raw = weir_field_raw(field, t->row);

	for (uint32_t i = 0; i < at->n; i++)
		if (is_between(field, raw, range[i].lo, range[i].hi))
			return true;
	return false;
}

static bool test_bits(const struct test *t, const struct weir_predicate_node *at)
{
	const struct weir_field *field = &t->schema->field[at->field];
	uint64_t key = (uint64_t)weir_field_raw(field, t->row) & UINT64_MAX >> (64 - field->bits);

	return t->predicate->bits[at->first + key / 64] >> key % 64 & 1;
}

/* The raw values with their offsets. False: a row outside of the box. */
static bool read_channels(const struct weir_poly *poly, const struct weir_schema *schema, const void *row, int64_t *u)
{
	for (uint32_t i = 0; i < poly->n_channels; i++) {
		int64_t raw = weir_field_raw(&schema->field[poly->channel[i].field], row);

		if (poly->channel[i].is_bounded && (raw < poly->channel[i].lo || raw > poly->channel[i].hi))
			return false;
		u[i] = raw + poly->channel[i].offset;
	}
	return true;
}

static int64_t sum_terms(const struct weir_poly *poly, const int64_t *u)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < poly->n_terms; i++) {
		int64_t product = poly->term[i].factor;

		for (uint32_t k = 0; k < poly->n_channels; k++)
			for (uint32_t power = poly->term[i].power[k]; power; power--)
				product *= u[k];
		sum += product;
	}
	return sum;
}

bool weir_predicate_poly(const struct weir_predicate *predicate, const struct weir_predicate_node *node,
			 const struct weir_schema *schema, const void *row)
{
	const struct weir_poly *poly = &predicate->poly[node->poly];
	const struct weir_range *range = &predicate->range[node->first];
	int64_t u[WEIR_POLY_CHANNELS_MAX], sum;

	if (!read_channels(poly, schema, row, u))
		return !poly->drops_outside;
	sum = sum_terms(poly, u);
	for (uint32_t i = 0; i < node->n; i++)
		if (sum >= range[i].lo && sum <= range[i].hi)
			return true;
	return false;
}

static bool test(const struct test *t, uint32_t node)
{
	const struct weir_predicate_node *at = &t->predicate->node[node];
	const struct weir_field *field = &t->schema->field[at->field];

	switch (at->op) {
	case WEIR_PRED_RANGE:
		return is_between(field, weir_field_raw(field, t->row), at->lo, at->hi);
	case WEIR_PRED_SET:
		return test_set(t, at);
	case WEIR_PRED_BITS:
		return test_bits(t, at);
	case WEIR_PRED_POLY:
		return weir_predicate_poly(t->predicate, at, t->schema, t->row);
	case WEIR_PRED_AND:
		return test(t, at->left) && test(t, at->right);
	case WEIR_PRED_OR:
		return test(t, at->left) || test(t, at->right);
	case WEIR_PRED_TRUE:
	case WEIR_PRED_FALSE:
		return at->op == WEIR_PRED_TRUE;
	default:
		return test(t, at->left) && weir_predicate_advance(at, t->schema, t->row, t->state);
	}
}

bool weir_predicate_test(const struct weir_predicate *predicate, const struct weir_schema *schema, const void *row,
			 uint64_t *state)
{
	const struct test t = { .predicate = predicate, .schema = schema, .row = row, .state = state };

	return test(&t, predicate->n - 1);
}
