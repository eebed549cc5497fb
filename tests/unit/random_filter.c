/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pushdown/pushdown.h"
#include "random_filter.h"

static double random_scale(struct dice *dice)
{
	static const double scales[] = {
		1, 1, -1, 0.000598205, 9.80665e-3, -0.25, 0, 5e-324, 3e-310, 1e300, -1e300, 100
	};

	return scales[roll_below(dice, sizeof(scales) / sizeof(scales[0]))];
}

static double random_offset(struct dice *dice)
{
	static const double offsets[] = { 0, 0, 0, -273.15, 0.5, 1e12, -4096, 9.007199254740993e15 };

	return offsets[roll_below(dice, sizeof(offsets) / sizeof(offsets[0]))];
}

static struct weir_field random_field(struct dice *dice, uint32_t index, uint32_t *at)
{
	uint32_t bytes = 1u << roll_below(dice, 4);
	struct weir_field field = { .bytes = bytes, .at = (*at + bytes - 1) / bytes * bytes };

	/* Whole words are what most devices have. */
	field.bits = roll_below(dice, 2) ? (uint8_t)(8 * bytes) : (uint8_t)(1 + roll_below(dice, 8 * bytes));
	field.shift = (uint8_t)roll_below(dice, 8 * bytes - field.bits + 1);
	field.is_signed = roll_below(dice, 2);
	field.is_big_endian = roll_below(dice, 2);
	field.scale = random_scale(dice);
	field.offset = random_offset(dice);
	field.kind = roll_below(dice, 8) ? WEIR_REAL : WEIR_INT;
	snprintf(field.name, sizeof(field.name), "c%u", index);
	*at = field.at + bytes;
	return field;
}

void random_schema(struct dice *dice, struct weir_schema *schema)
{
	uint32_t at = 0;

	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	schema->n_fields = 1 + roll_below(dice, 6);
	for (uint32_t i = 0; i < schema->n_fields; i++)
		schema->field[i] = random_field(dice, i, &at);
	schema->t.at = (at + 7) / 8 * 8;
	schema->row_bytes = schema->t.at + 8;
}

int64_t random_raw(struct dice *dice, const struct weir_field *field)
{
	uint64_t span = UINT64_MAX >> (64 - field->bits), key = roll(dice) & span;
	int64_t lo, hi;

	switch (roll_below(dice, 8)) {
	case 0:
		key = 0;
		break;
	case 1:
		key = span;
		break;
	case 2:
		key = span / 2 + roll_below(dice, 2);
		break;
	case 3:
		key = roll_below(dice, 4) & span;
		break;
	case 4:
		key = span - (roll_below(dice, 4) & span);
		break;
	}
	weir_raw_bounds(field, &lo, &hi);
	return (int64_t)((uint64_t)lo + key);
}

static bool is_below(const struct weir_field *field, int64_t a, int64_t b)
{
	return weir_raw_is_unsigned(field) ? (uint64_t)a < (uint64_t)b : a < b;
}

static struct weir_predicate_node random_range(struct dice *dice, const struct weir_field *field, uint16_t index)
{
	struct weir_predicate_node leaf = { .op = WEIR_PRED_RANGE, .field = index };

	leaf.lo = random_raw(dice, field);
	leaf.hi = roll_below(dice, 4) ? random_raw(dice, field) : leaf.lo;
	/* Empty ranges are legal and rare. */
	if (roll_below(dice, 10) && is_below(field, leaf.hi, leaf.lo)) {
		int64_t lo = leaf.hi;

		leaf.hi = leaf.lo;
		leaf.lo = lo;
	}
	return leaf;
}

/* Is there a gap between the last of the ranges and this? */
static bool is_beyond(const struct weir_field *field, const struct weir_range *range, uint32_t n, int64_t lo)
{
	return !n || (is_below(field, range[n - 1].hi, lo) && (uint64_t)lo - (uint64_t)range[n - 1].hi > 1);
}

/* Ranges that go up and do not touch, from random edges. At least two, or none are added. */
static struct weir_predicate_node random_set(struct dice *dice, const struct weir_field *field, uint16_t index,
					     struct weir_predicate *predicate)
{
	struct weir_predicate_node leaf = { .op = WEIR_PRED_SET,
					    .field = index,
					    .first = (uint16_t)predicate->n_ranges };
	struct weir_range *range = &predicate->range[leaf.first];

	for (uint32_t tries = roll_below(dice, 20); tries && leaf.first + leaf.n < WEIR_PREDICATE_RANGES_MAX; tries--) {
		struct weir_predicate_node one = random_range(dice, field, index);

		if (is_below(field, one.hi, one.lo) || !is_beyond(field, range, leaf.n, one.lo))
			continue;
		range[leaf.n++] = (struct weir_range){ one.lo, one.hi };
	}
	if (leaf.n < 2)
		return random_range(dice, field, index);
	leaf.lo = range[0].lo;
	leaf.hi = range[leaf.n - 1].hi;
	predicate->n_ranges += leaf.n;
	return leaf;
}

/* The first value always passes and the last never. */
static struct weir_predicate_node random_bits(struct dice *dice, const struct weir_field *field, uint16_t index,
					      struct weir_predicate *predicate)
{
	struct weir_predicate_node leaf = { .op = WEIR_PRED_BITS,
					    .field = index,
					    .first = (uint16_t)predicate->n_bits };
	uint32_t last = field->bits > 16 ? 0 : UINT32_MAX >> (32 - field->bits), words = last / 64 + 1;
	uint64_t *bits = &predicate->bits[leaf.first];

	if (field->bits > 16 || leaf.first + words > WEIR_BITS_WORDS)
		return random_set(dice, field, index, predicate);
	for (uint32_t i = 0; i < words; i++)
		bits[i] = roll(dice);
	if (last < 63)
		bits[0] &= (UINT64_C(2) << last) - 1;
	bits[0] |= 1;
	bits[last / 64] &= ~(UINT64_C(1) << last % 64);
	predicate->n_bits += words;
	return leaf;
}

static struct weir_predicate_node random_leaf(struct dice *dice, const struct weir_schema *schema,
					      struct weir_predicate *predicate)
{
	uint16_t index = (uint16_t)roll_below(dice, schema->n_fields);
	const struct weir_field *field = &schema->field[index];

	switch (roll_below(dice, 20)) {
	case 0:
		return (struct weir_predicate_node){ .op = roll_below(dice, 2) ? WEIR_PRED_TRUE : WEIR_PRED_FALSE };
	case 1:
	case 2:
	case 3:
		return random_set(dice, field, index, predicate);
	case 4:
	case 5:
		return random_bits(dice, field, index, predicate);
	default:
		return random_range(dice, field, index);
	}
}

/* Leaves and joins in the order of a postfix expression, so children come first. */
void random_predicate(struct dice *dice, const struct weir_schema *schema, uint32_t ranges,
		      struct weir_predicate *predicate)
{
	uint16_t open[WEIR_PREDICATE_NODES_MAX];
	uint32_t n_open = 0, leaves = 1 + roll_below(dice, ranges);

	weir_predicate_init(predicate);
	predicate->n = 0;
	while (leaves || n_open > 1) {
		struct weir_predicate_node *node = &predicate->node[predicate->n];

		if (leaves && (n_open < 2 || roll_below(dice, 2))) {
			*node = random_leaf(dice, schema, predicate);
			leaves--;
		} else {
			*node = (struct weir_predicate_node){ .op = roll_below(dice, 2) ? WEIR_PRED_AND
											: WEIR_PRED_OR };
			node->right = open[--n_open];
			node->left = open[--n_open];
		}
		open[n_open++] = (uint16_t)predicate->n++;
	}
}

static struct weir_predicate_node random_memory(struct dice *dice, const struct weir_schema *schema,
						const struct weir_predicate *predicate)
{
	static const enum weir_predicate_op ops[] = { WEIR_PRED_EVERY, WEIR_PRED_EVERY_TIME, WEIR_PRED_CHANGED };
	struct weir_predicate_node node = { .op = ops[roll_below(dice, 3)], .left = (uint16_t)(predicate->n - 1) };

	node.first = (uint16_t)predicate->n_state;
	node.field = (uint16_t)roll_below(dice, schema->n_fields);
	node.lo = (int64_t)(1 + roll(dice) % (UINT64_C(1) << roll_below(dice, node.op == WEIR_PRED_EVERY ? 3 : 63)));
	return node;
}

void remember(struct dice *dice, const struct weir_schema *schema, struct weir_predicate *predicate)
{
	for (uint32_t n = roll_below(dice, 4); n && predicate->n + 3 < WEIR_PREDICATE_NODES_MAX; n--) {
		struct weir_predicate_node node = random_memory(dice, schema, predicate);

		predicate->n_state += node.op == WEIR_PRED_EVERY ? 1 : 2;
		predicate->node[predicate->n++] = node;
		if (roll_below(dice, 2))
			continue;
		predicate->node[predicate->n] = random_leaf(dice, schema, predicate);
		predicate->node[predicate->n + 1] = (struct weir_predicate_node){ .op = WEIR_PRED_AND,
										  .left = (uint16_t)(predicate->n - 1),
										  .right = (uint16_t)predicate->n };
		predicate->n += 2;
	}
}

void store_raw(const struct weir_field *field, int64_t raw, void *row)
{
	unsigned char *at = (unsigned char *)row + field->at;
	uint64_t value = ((uint64_t)raw & UINT64_MAX >> (64 - field->bits)) << field->shift;

	for (uint32_t i = 0; i < field->bytes; i++)
		at[field->is_big_endian ? field->bytes - 1 - i : i] = (unsigned char)(value >> 8 * i);
}

static void set_field(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate,
		      void *row)
{
	const struct weir_field *field = &schema->field[roll_below(dice, schema->n_fields)];
	int64_t raw = random_raw(dice, field);

	if (predicate && roll_below(dice, 4)) {
		const struct weir_predicate_node *node = &predicate->node[roll_below(dice, predicate->n)];

		field = &schema->field[node->field];
		raw = (int64_t)((uint64_t)(roll_below(dice, 2) ? node->lo : node->hi) + roll_below(dice, 3) - 1);
	}
	store_raw(field, raw, row);
}

void random_row(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate, void *row)
{
	for (uint32_t i = 0; i < schema->row_bytes; i++)
		((unsigned char *)row)[i] = (unsigned char)roll(dice);
	for (uint32_t n = roll_below(dice, 2 * schema->n_fields + 1); n; n--)
		set_field(dice, schema, predicate, row);
}
