/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Raw values loaded from a row and compared with what a node says. */
#include <stddef.h>

#include "pushdown/codegen.h"

static void emit_byte_order(struct weir_generator *g, const struct weir_field *field)
{
	bool host_is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	if (field->bytes > 1 && field->is_big_endian != host_is_big_endian)
		weir_gen_insn(g, BPF_ALU | BPF_END | (field->is_big_endian ? BPF_TO_BE : BPF_TO_LE), BPF_REG_3, 0, 0,
			      (int32_t)field->bytes * 8);
}

/* As weir_field_raw(): the bits that count go to the top, then down again with or without their sign. */
static void emit_isolate(struct weir_generator *g, const struct weir_field *field)
{
	int32_t above = 64 - field->shift - field->bits, unused = 64 - field->bits;

	if (!field->is_signed && !field->shift && field->bits == field->bytes * 8)
		return;
	if (above)
		weir_gen_insn(g, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_3, 0, 0, above);
	if (unused)
		weir_gen_insn(g, BPF_ALU64 | (field->is_signed ? BPF_ARSH : BPF_RSH) | BPF_K, BPF_REG_3, 0, 0, unused);
}

static void load(struct weir_generator *g, const struct weir_field *field, int what)
{
	static const uint8_t size[] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };

	if (g->loaded == what)
		return;
	weir_gen_insn(g, BPF_LDX | BPF_MEM | size[field->bytes], BPF_REG_3, BPF_REG_1, (int16_t)field->at, 0);
	emit_byte_order(g, field);
	emit_isolate(g, field);
	g->loaded = what;
}

void weir_gen_load(struct weir_generator *g, uint16_t field)
{
	load(g, &g->schema->field[field], field);
}

void weir_gen_load_time(struct weir_generator *g)
{
	load(g, &g->schema->t, WEIR_LOADED_TIME);
}

void weir_gen_constant(struct weir_generator *g, uint8_t reg, int64_t value)
{
	weir_gen_insn(g, BPF_LD | BPF_IMM | BPF_DW, reg, 0, 0, (int32_t)value);
	weir_gen_insn(g, 0, 0, 0, 0, (int32_t)(value >> 32));
}

/* Immediates are sign-extended to 64 bits, for unsigned comparisons too. */
void weir_gen_compare(struct weir_generator *g, uint8_t reg, uint8_t compare, int64_t bound, struct weir_label *to)
{
	if (bound == (int32_t)bound) {
		weir_gen_jump(g, to, BPF_JMP | compare | BPF_K, reg, 0, (int32_t)bound);
		return;
	}
	weir_gen_constant(g, BPF_REG_4, bound);
	weir_gen_jump(g, to, BPF_JMP | compare | BPF_X, reg, BPF_REG_4, 0);
}

/* The comparisons that suit a field's sign. */
struct compares {
	uint8_t lt, le, gt, ge;
};

static struct compares compares_of(const struct weir_field *field)
{
	static const struct compares with_sign = { BPF_JSLT, BPF_JSLE, BPF_JSGT, BPF_JSGE };
	static const struct compares without_sign = { BPF_JLT, BPF_JLE, BPF_JGT, BPF_JGE };

	return weir_raw_is_unsigned(field) ? without_sign : with_sign;
}

/* A bound at the end of the field's range needs no test. */
void weir_gen_range(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits to)
{
	const struct weir_field *field = &g->schema->field[node->field];
	struct compares is = compares_of(field);
	bool from_below, from_above;
	int64_t lo, hi;

	/* Nothing is beyond the ends, so "not at the end" is all that there is to ask. */
	weir_raw_bounds(field, &lo, &hi);
	from_below = weir_raw_is_unsigned(field) ? (uint64_t)node->lo > (uint64_t)lo : node->lo > lo;
	from_above = weir_raw_is_unsigned(field) ? (uint64_t)node->hi < (uint64_t)hi : node->hi < hi;
	weir_gen_load(g, node->field);
	if (node->lo == node->hi) {
		weir_gen_compare(g, BPF_REG_3, to.next == to.yes ? BPF_JNE : BPF_JEQ, node->lo,
				 to.next == to.yes ? to.no : to.yes);
	} else if (to.next == to.yes) {
		if (from_below)
			weir_gen_compare(g, BPF_REG_3, is.lt, node->lo, to.no);
		if (from_above)
			weir_gen_compare(g, BPF_REG_3, is.gt, node->hi, to.no);
	} else if (!from_above) {
		weir_gen_compare(g, BPF_REG_3, is.ge, node->lo, to.yes);
	} else {
		if (from_below)
			weir_gen_compare(g, BPF_REG_3, is.lt, node->lo, to.no);
		weir_gen_compare(g, BPF_REG_3, is.le, node->hi, to.yes);
	}
}

/*
 * A set as the raw values at which being in it changes, and a binary search for the part between two of them in which the
 * value lies: parts and edges are counted from below, edge k is the first value of part k + 1.
 */
struct search {
	const struct weir_range *range;
	uint8_t reg;
	struct compares is;
	struct weir_exits to;
	bool starts_inside; /* part 0 does */
};

static int64_t edge(const struct search *s, uint32_t k)
{
	const struct weir_range *range = &s->range[(k + s->starts_inside) / 2];

	return (k + s->starts_inside) % 2 ? (int64_t)((uint64_t)range->hi + 1) : range->lo;
}

static struct weir_label *exit_of(const struct search *s, uint32_t part)
{
	return part % 2 != s->starts_inside ? s->to.yes : s->to.no;
}

/* Between the parts `from` and `to`. Only behind the very last instruction nothing need jump to what follows. */
static void search(struct weir_generator *g, const struct search *s, uint32_t from, uint32_t to, bool is_last)
{
	uint32_t middle = from + (to - from) / 2;
	struct weir_label right = { 0 };

	if (from == to) {
		if (!is_last || exit_of(s, from) != s->to.next)
			weir_gen_jump(g, exit_of(s, from), BPF_JMP | BPF_JA, 0, 0, 0);
	} else if (middle == from) {
		weir_gen_compare(g, s->reg, s->is.lt, edge(s, middle), exit_of(s, from));
		search(g, s, from + 1, to, is_last);
	} else if (middle + 1 == to) {
		weir_gen_compare(g, s->reg, s->is.ge, edge(s, middle), exit_of(s, to));
		search(g, s, from, middle, is_last);
	} else {
		weir_gen_compare(g, s->reg, s->is.ge, edge(s, middle), &right);
		search(g, s, from, middle, false);
		weir_gen_place(g, &right);
		search(g, s, middle + 1, to, is_last);
	}
}

void weir_gen_ranges(struct weir_generator *g, uint8_t reg, const struct weir_field *field,
		     const struct weir_predicate_node *node, struct weir_exits to)
{
	const struct weir_range *range = &g->predicate->range[node->first];
	struct search s = { .range = range, .reg = reg, .is = compares_of(field), .to = to };
	uint32_t n_edges = 2u * node->n;
	int64_t lo, hi;

	weir_raw_bounds(field, &lo, &hi);
	s.starts_inside = range[0].lo == lo;
	n_edges -= s.starts_inside + (range[node->n - 1].hi == hi);
	search(g, &s, 0, n_edges, true);
}

void weir_gen_set(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits to)
{
	weir_gen_load(g, node->field);
	weir_gen_ranges(g, BPF_REG_3, &g->schema->field[node->field], node, to);
}

/* The byte of the bitmap that has the value's bit, then that bit. The mask tells the verifier that it is within. */
void weir_gen_bits(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits to)
{
	const struct weir_field *field = &g->schema->field[node->field];
	int32_t mask = (int32_t)(UINT32_MAX >> (32 - field->bits));
	int32_t at = (int32_t)(offsetof(struct weir_filter_memory, bits) + 8u * node->first);

	weir_gen_load(g, node->field);
	weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_4, BPF_REG_3, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_4, 0, 0, mask);
	weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_5, BPF_REG_4, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_5, 0, 0, 3);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		weir_gen_insn(g, BPF_ALU64 | BPF_XOR | BPF_K, BPF_REG_5, 0, 0, 7);
	weir_gen_insn(g, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_5, BPF_REG_2, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_5, 0, 0, at);
	weir_gen_insn(g, BPF_LDX | BPF_MEM | BPF_B, BPF_REG_5, BPF_REG_5, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_4, 0, 0, 7);
	weir_gen_insn(g, BPF_ALU64 | BPF_RSH | BPF_X, BPF_REG_5, BPF_REG_4, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_5, 0, 0, 1);
	if (to.next == to.yes)
		weir_gen_jump(g, to.no, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_5, 0, 0);
	else
		weir_gen_jump(g, to.yes, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0);
}
