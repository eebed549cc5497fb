/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A row is a base, that is one which is known to pass or to fail, with one channel set to a bound of one node, or to a neighbour of it. With
 * a passing base an `and` shows each of its comparisons, with a failing one an `or`. Bases are found by walking down the predicate
 * and setting each channel as its node demands.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter/proof_rows.h"
#include "stream/record.h"

#define TRIES 32u
#define EDGES_MAX 1536u /* rows at bounds */
#define OTHERS 384u
#define BASE_TRIES 8u
#define TURNS 16u /* of a bitmap, and of a polynomial: places chosen at random */

static uint64_t roll(struct weir_proof_rows *rows)
{
	rows->dice ^= rows->dice << 13;
	rows->dice ^= rows->dice >> 7;
	rows->dice ^= rows->dice << 17;
	return rows->dice;
}

static uint32_t roll_below(struct weir_proof_rows *rows, uint32_t n)
{
	return (uint32_t)((roll(rows) >> 32) % n);
}

/* ---------------------------------------------------------------- raw values */

/* The bits beside the field stay as they are. */
static void store(const struct weir_field *field, int64_t raw, unsigned char *row)
{
	uint64_t all = UINT64_MAX >> (64 - field->bits) << field->shift, value = 0;
	unsigned char *at = row + field->at;

	for (uint32_t i = 0; i < field->bytes; i++)
		value |= (uint64_t)at[field->is_big_endian ? field->bytes - 1 - i : i] << 8 * i;
	value = (value & ~all) | ((uint64_t)raw << field->shift & all);
	for (uint32_t i = 0; i < field->bytes; i++)
		at[field->is_big_endian ? field->bytes - 1 - i : i] = (unsigned char)(value >> 8 * i);
}

/* Of any magnitude; now and then an end of the range. */
static int64_t any_raw(struct weir_proof_rows *rows, const struct weir_field *field)
{
	int64_t lo, hi, raw = (int64_t)roll(rows) >> roll_below(rows, 64);

	weir_raw_bounds(field, &lo, &hi);
	switch (roll_below(rows, 8)) {
	case 0:
		return lo;
	case 1:
		return hi;
	default:
		return raw;
	}
}

static int64_t raw_within(struct weir_proof_rows *rows, int64_t lo, int64_t hi)
{
	uint64_t span = (uint64_t)hi - (uint64_t)lo;

	switch (roll_below(rows, 4)) {
	case 0:
		return lo;
	case 1:
		return hi;
	default:
		return (int64_t)((uint64_t)lo + (span == UINT64_MAX ? roll(rows) : roll(rows) % (span + 1)));
	}
}

static int64_t raw_beside(struct weir_proof_rows *rows, int64_t lo, int64_t hi)
{
	return (int64_t)(roll_below(rows, 2) ? (uint64_t)lo - 1 : (uint64_t)hi + 1);
}

static const struct weir_field *field_of(const struct weir_proof_rows *rows, const struct weir_predicate_node *node)
{
	return node->op == WEIR_PRED_EVERY_TIME ? &rows->schema->t : &rows->schema->field[node->field];
}

/* -------------------------------------------------- rows that pass, or do not */

static bool has_bit(const struct weir_predicate *predicate, const struct weir_predicate_node *node, uint64_t key)
{
	return predicate->bits[node->first + key / 64] >> key % 64 & 1;
}

static void aim_bits(struct weir_proof_rows *rows, const struct weir_predicate_node *node, bool pass,
		     unsigned char *row)
{
	const struct weir_field *field = field_of(rows, node);
	uint64_t all = UINT64_MAX >> (64 - field->bits), from = roll(rows) & all;

	for (uint64_t i = 0; i <= all; i++) {
		if (has_bit(rows->predicate, node, (from + i) & all) != pass)
			continue;
		store(field, (int64_t)(from + i), row);
		return;
	}
}

static void set_channels(struct weir_proof_rows *rows, const struct weir_poly *poly, unsigned char *row)
{
	for (uint32_t i = 0; i < poly->n_channels; i++) {
		const struct weir_field *field = &rows->schema->field[poly->channel[i].field];

		store(field, any_raw(rows, field), row);
	}
}

static void aim_poly(struct weir_proof_rows *rows, const struct weir_predicate_node *node, bool pass,
		     unsigned char *row)
{
	for (uint32_t tries = 0; tries < TRIES; tries++) {
		if (weir_predicate_poly(rows->predicate, node, rows->schema, row) == pass)
			return;
		set_channels(rows, &rows->predicate->poly[node->poly], row);
	}
}

static void aim_leaf(struct weir_proof_rows *rows, const struct weir_predicate_node *node, bool pass,
		     unsigned char *row)
{
	int64_t lo = node->lo, hi = node->hi;

	if (node->op == WEIR_PRED_BITS) {
		aim_bits(rows, node, pass, row);
		return;
	}
	if (node->op == WEIR_PRED_POLY) {
		aim_poly(rows, node, pass, row);
		return;
	}
	if (node->op == WEIR_PRED_SET) {
		const struct weir_range *range = &rows->predicate->range[node->first + roll_below(rows, node->n)];

		lo = range->lo;
		hi = range->hi;
	}
	store(field_of(rows, node), pass ? raw_within(rows, lo, hi) : raw_beside(rows, lo, hi), row);
}

/* Set channels so that this node is likely to give `pass`. */
static void aim(struct weir_proof_rows *rows, uint32_t index, bool pass, unsigned char *row)
{
	const struct weir_predicate_node *node = &rows->predicate->node[index];

	switch (node->op) {
	case WEIR_PRED_AND:
	case WEIR_PRED_OR:
		/* One side is enough for an `and` to fail and for an `or` to pass. */
		if (pass == (node->op == WEIR_PRED_AND)) {
			aim(rows, node->left, pass, row);
			aim(rows, node->right, pass, row);
		} else {
			aim(rows, roll_below(rows, 2) ? node->left : node->right, pass, row);
		}
		break;
	case WEIR_PRED_EVERY:
	case WEIR_PRED_EVERY_TIME:
	case WEIR_PRED_CHANGED:
		aim(rows, node->left, pass, row);
		break;
	case WEIR_PRED_TRUE:
	case WEIR_PRED_FALSE:
		break;
	default:
		aim_leaf(rows, node, pass, row);
	}
}

static void make_random(struct weir_proof_rows *rows, unsigned char *row)
{
	for (uint32_t i = 0; i < rows->schema->row_bytes; i++)
		row[i] = (unsigned char)roll(rows);
	for (uint32_t i = 0; i < rows->schema->n_fields; i++)
		if (!rows->schema->field[i].is_float && rows->schema->field[i].kind != WEIR_TEXT)
			store(&rows->schema->field[i], any_raw(rows, &rows->schema->field[i]), row);
}

/* As if nothing had passed before: then what remembers lets a row pass. */
static bool passes_first(const struct weir_proof_rows *rows, const unsigned char *row)
{
	uint64_t state[WEIR_STATE_WORDS] = { 0 };

	return weir_predicate_test(rows->predicate, rows->schema, row, state);
}

static void find_bases(struct weir_proof_rows *rows, unsigned char *row)
{
	uint32_t bytes = rows->schema->row_bytes;

	for (uint32_t i = 0; i < 4 * WEIR_PROOF_BASES; i++) {
		bool pass;

		make_random(rows, row);
		aim(rows, rows->predicate->n - 1, i % 2, row);
		pass = passes_first(rows, row);
		if (rows->n_bases[pass] < WEIR_PROOF_BASES)
			memcpy(rows->base[pass] + (size_t)rows->n_bases[pass]++ * bytes, row, bytes);
	}
}

/* ------------------------------------------------------------------ at bounds */

/* How many bounds are tried of a node, each with its two neighbours, in a passing and a failing row. */
static uint32_t count_bounds(const struct weir_predicate_node *node)
{
	switch (node->op) {
	case WEIR_PRED_RANGE:
	case WEIR_PRED_CHANGED:
		return 2;
	case WEIR_PRED_SET:
		return 2u * node->n;
	case WEIR_PRED_BITS:
	case WEIR_PRED_POLY:
		return TURNS;
	case WEIR_PRED_EVERY_TIME:
		return 1;
	default:
		return 0;
	}
}

static int64_t bits_bound(struct weir_proof_rows *rows, const struct weir_predicate_node *node)
{
	uint64_t all = UINT64_MAX >> (64 - field_of(rows, node)->bits), key = roll(rows) & all;
	bool first = has_bit(rows->predicate, node, key);

	for (uint64_t i = 1; i <= all; i++)
		if (has_bit(rows->predicate, node, (key + i) & all) != first)
			return (int64_t)(key + i);
	return (int64_t)key;
}

static uint64_t distance(int64_t a, int64_t b)
{
	return a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
}

/* One channel of the polynomial is moved to where its verdict turns, between two values with different ones. */
static void place_at_turn(struct weir_proof_rows *rows, const struct weir_predicate_node *node, unsigned char *row,
			  int delta)
{
	const struct weir_poly *poly = &rows->predicate->poly[node->poly];
	const struct weir_field *field = &rows->schema->field[poly->channel[roll_below(rows, poly->n_channels)].field];
	bool first = weir_predicate_poly(rows->predicate, node, rows->schema, row), turns = false;
	int64_t a = weir_field_raw(field, row), b = a;

	for (uint32_t tries = 0; tries < TRIES && !turns; tries++) {
		store(field, any_raw(rows, field), row);
		b = weir_field_raw(field, row);
		turns = weir_predicate_poly(rows->predicate, node, rows->schema, row) != first;
	}
	while (turns && distance(a, b) > 1) {
		int64_t middle = a / 2 + b / 2 + (a % 2 + b % 2) / 2;

		store(field, middle, row);
		if (weir_predicate_poly(rows->predicate, node, rows->schema, row) == first)
			a = middle;
		else
			b = middle;
	}
	store(field, (int64_t)((uint64_t)b + (uint64_t)delta), row);
}

/* Of what passed last, `lo` away. */
static int64_t bound_of_memory(const struct weir_proof_rows *rows, const struct weir_predicate_node *node, bool down)
{
	uint64_t last = rows->state[node->first], step = (uint64_t)node->lo;

	return (int64_t)(down ? last - step : last + step);
}

static int64_t bound_of_set(const struct weir_proof_rows *rows, const struct weir_predicate_node *node, uint32_t k)
{
	const struct weir_range *range = &rows->predicate->range[node->first + k / 2];

	return k % 2 ? range->hi : range->lo;
}

static int64_t bound_of(struct weir_proof_rows *rows, const struct weir_predicate_node *node, uint32_t k)
{
	switch (node->op) {
	case WEIR_PRED_RANGE:
		return k ? node->hi : node->lo;
	case WEIR_PRED_SET:
		return bound_of_set(rows, node, k);
	case WEIR_PRED_BITS:
		return bits_bound(rows, node);
	default:
		return bound_of_memory(rows, node, k);
	}
}

static void make_edge(struct weir_proof_rows *rows, const struct weir_predicate_node *node, uint32_t k, int delta,
		      unsigned char *row)
{
	if (node->op == WEIR_PRED_POLY)
		place_at_turn(rows, node, row, delta);
	else
		store(field_of(rows, node), (int64_t)((uint64_t)bound_of(rows, node, k) + (uint64_t)delta), row);
}

static void copy_base(struct weir_proof_rows *rows, bool pass, unsigned char *row)
{
	uint32_t n = rows->n_bases[pass], bytes = rows->schema->row_bytes;

	if (n)
		memcpy(row, rows->base[pass] + (size_t)roll_below(rows, n) * bytes, bytes);
	else
		make_random(rows, row);
}

static const struct weir_predicate_node *find_bound(const struct weir_proof_rows *rows, uint32_t bound, uint32_t *k)
{
	for (uint32_t i = 0; i < rows->predicate->n; i++) {
		uint32_t n = count_bounds(&rows->predicate->node[i]);

		if (bound < n) {
			*k = bound;
			return &rows->predicate->node[i];
		}
		bound -= n;
	}
	*k = 0;
	return NULL;
}

static bool remembers(const struct weir_predicate_node *node)
{
	return node->op == WEIR_PRED_CHANGED || node->op == WEIR_PRED_EVERY_TIME;
}

/* Does the verdict turn at this bound, with the other channels as they are in this row? Destroys the row. */
static bool is_decisive(struct weir_proof_rows *rows, const struct weir_predicate_node *node, uint32_t k,
			unsigned char *row)
{
	unsigned passes = 0;

	for (int delta = -1; delta <= 1; delta++) {
		uint64_t state[WEIR_STATE_WORDS] = { 0 };

		if (remembers(node))
			memcpy(state, rows->state, sizeof(state));
		make_edge(rows, node, k, delta, row);
		passes += weir_predicate_test(rows->predicate, rows->schema, row, state);
	}
	return passes == 1 || passes == 2;
}

/*
 * The channels beside the one at the bound: such that it decides, where a few tries find that. Every fourth bound is tried with
 * all others 0 first: the bound of a polynomial is seldom met exactly by chance.
 */
static void choose_base(struct weir_proof_rows *rows, const struct weir_predicate_node *node, uint32_t k,
			bool begins_with_zero, unsigned char *row)
{
	uint32_t bytes = rows->schema->row_bytes;

	for (uint32_t tries = 0; tries < BASE_TRIES; tries++) {
		copy_base(rows, tries % 2, rows->chosen);
		if (!tries && begins_with_zero)
			memset(rows->chosen, 0, bytes);
		if (tries >= BASE_TRIES / 2)
			aim(rows, rows->predicate->n - 1, roll_below(rows, 2), rows->chosen);
		memcpy(row, rows->chosen, bytes);
		if (is_decisive(rows, node, k, row))
			return;
	}
}

/* Edge number `index` of all: below each bound, at it, above it. */
static void make_edge_at(struct weir_proof_rows *rows, uint32_t index, unsigned char *row)
{
	uint32_t k;
	const struct weir_predicate_node *node = find_bound(rows, index / 3, &k);

	if (index % 3 == 0)
		choose_base(rows, node, k, index / 3 % 4 == 0, row);
	memcpy(row, rows->chosen, rows->schema->row_bytes);
	make_edge(rows, node, k, (int)(index % 3) - 1, row);
}

/* Several channels at bounds of theirs. */
static void make_corner(struct weir_proof_rows *rows, unsigned char *row)
{
	copy_base(rows, roll_below(rows, 2), row);
	for (uint32_t n = 1 + roll_below(rows, 4); n; n--) {
		uint32_t k;
		const struct weir_predicate_node *node = find_bound(rows, roll_below(rows, rows->n_bounds), &k);

		make_edge(rows, node, k, (int)roll_below(rows, 3) - 1, row);
	}
}

/* -------------------------------------------------------------------- in turn */

int weir_proof_rows_open(struct weir_proof_rows *rows, const struct weir_predicate *predicate,
			 const struct weir_schema *schema)
{
	/* Zeroed, so that the same rows are tried in each process. */
	unsigned char *row = calloc(1, schema->row_bytes);

	*rows = (struct weir_proof_rows){ .predicate = predicate,
					  .schema = schema,
					  .dice = UINT64_C(0x9e3779b97f4a7c15) };
	rows->base[0] = calloc(2 * (size_t)WEIR_PROOF_BASES + 1, schema->row_bytes);
	if (row && rows->base[0]) {
		rows->base[1] = rows->base[0] + (size_t)WEIR_PROOF_BASES * schema->row_bytes;
		rows->chosen = rows->base[1] + (size_t)WEIR_PROOF_BASES * schema->row_bytes;
		find_bases(rows, row);
	}
	for (uint32_t i = 0; i < predicate->n; i++)
		rows->n_bounds += count_bounds(&predicate->node[i]);
	free(row);
	return row && rows->base[0] ? 0 : -ENOMEM;
}

void weir_proof_rows_close(struct weir_proof_rows *rows)
{
	free(rows->base[0]);
}

static void seed_value(struct weir_proof_rows *rows, const struct weir_predicate_node *node)
{
	unsigned char row[sizeof(uint64_t)] __attribute__((aligned(8))) = { 0 };
	struct weir_field field = *field_of(rows, node);

	field.at = 0;
	store(&field, any_raw(rows, &field), row);
	rows->state[node->first] = (uint64_t)weir_field_raw(&field, row);
	rows->state[node->first + 1] = roll_below(rows, 2);
}

/* `every` is near its end; `changed` and `every TIME` have a value of any magnitude. */
void weir_proof_rows_seed(struct weir_proof_rows *rows)
{
	for (uint32_t i = 0; i < rows->predicate->n; i++) {
		const struct weir_predicate_node *node = &rows->predicate->node[i];

		if (node->op == WEIR_PRED_EVERY)
			rows->state[node->first] = node->lo > 2 ? roll_below(rows, 3) : 0;
		else if (node->op == WEIR_PRED_CHANGED || node->op == WEIR_PRED_EVERY_TIME)
			seed_value(rows, node);
	}
}

uint32_t weir_proof_rows_wanted(const struct weir_proof_rows *rows)
{
	uint32_t edges = 2 * 3 * rows->n_bounds;

	return (edges < EDGES_MAX ? edges : EDGES_MAX) + OTHERS;
}

/* First each bound twice, unless they are too many: then some of them. */
void weir_proof_rows_make(struct weir_proof_rows *rows, unsigned char *row)
{
	uint32_t index = rows->made++, n_edges = 3 * rows->n_bounds;

	if (index < 2 * n_edges && index < EDGES_MAX) {
		if (index % 3 == 0)
			rows->bound = 2 * n_edges <= EDGES_MAX ? index / 3 % rows->n_bounds
							       : roll_below(rows, rows->n_bounds);
		make_edge_at(rows, 3 * rows->bound + index % 3, row);
	} else if (rows->n_bounds && roll_below(rows, 4)) {
		make_corner(rows, row);
	} else {
		make_random(rows, row);
		if (roll_below(rows, 2))
			aim(rows, rows->predicate->n - 1, roll_below(rows, 2), row);
	}
}
