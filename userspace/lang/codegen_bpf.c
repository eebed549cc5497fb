/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A predicate as eBPF. One pass, forward jumps only, so the verifier walks it once and every jump is taken at most once:
 *
 *   r1  the row, never changed          r0  0 until all has passed
 *   r2  the raw value last loaded       r3  a bound that does not fit 32 bits
 *
 * Each condition is generated with two places to go to, one of which follows anyway and needs no jump. A field is loaded
 * only where r2 does not hold it yet on every path.
 */
#include <errno.h>

#include "core/record.h"
#include "lang/lang.h"

#define NO_FIELD (-1) /* r2 holds nothing of use */

/* A place that is not known yet. The jumps to it form a chain through their offsets, which end at 0. */
struct label {
	uint32_t last; /* 1 + index of the last jump to it; 0: none */
	int loaded;    /* what r2 holds after each of these jumps */
};

struct generator {
	const struct weir_predicate *predicate;
	const struct weir_schema *schema;
	struct bpf_insn *code;
	uint32_t n, room; /* n counts on beyond room, nothing is written there */
	int loaded;       /* the field in r2 */
};

static void emit(struct generator *g, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	if (g->n < g->room)
		g->code[g->n] =
			(struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
	g->n++;
}

static void emit_jump(struct generator *g, struct label *to, uint8_t code, uint8_t dst, uint8_t src, int32_t imm)
{
	to->loaded = !to->last || to->loaded == g->loaded ? g->loaded : NO_FIELD;
	emit(g, code, dst, src, (int16_t)to->last, imm);
	to->last = g->n;
}

/* Every place is also reached from above. */
static void place(struct generator *g, struct label *label)
{
	uint32_t next;

	if (label->last && label->loaded != g->loaded)
		g->loaded = NO_FIELD;
	for (uint32_t jump = label->last; jump && g->n <= g->room; jump = next) {
		next = (uint16_t)g->code[jump - 1].off;
		g->code[jump - 1].off = (int16_t)(g->n - jump);
	}
}

static void emit_byte_order(struct generator *g, const struct weir_field *field)
{
	bool host_is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	if (field->bytes > 1 && field->is_big_endian != host_is_big_endian)
		emit(g, BPF_ALU | BPF_END | (field->is_big_endian ? BPF_TO_BE : BPF_TO_LE), BPF_REG_2, 0, 0,
		     (int32_t)field->bytes * 8);
}

/* As weir_field_raw(): the bits that count go to the top, then down again with or without their sign. */
static void emit_bits(struct generator *g, const struct weir_field *field)
{
	int32_t above = 64 - field->shift - field->bits, unused = 64 - field->bits;

	if (!field->is_signed && !field->shift && field->bits == field->bytes * 8)
		return;
	if (above)
		emit(g, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_2, 0, 0, above);
	if (unused)
		emit(g, BPF_ALU64 | (field->is_signed ? BPF_ARSH : BPF_RSH) | BPF_K, BPF_REG_2, 0, 0, unused);
}

static void emit_load(struct generator *g, uint16_t index)
{
	static const uint8_t size[] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };
	const struct weir_field *field = &g->schema->field[index];

	if (g->loaded == index)
		return;
	emit(g, BPF_LDX | BPF_MEM | size[field->bytes], BPF_REG_2, BPF_REG_1, (int16_t)field->at, 0);
	emit_byte_order(g, field);
	emit_bits(g, field);
	g->loaded = index;
}

/* Immediates are sign-extended to 64 bits, for unsigned comparisons too. */
static void emit_test(struct generator *g, uint8_t compare, int64_t bound, struct label *to)
{
	if (bound == (int32_t)bound) {
		emit_jump(g, to, BPF_JMP | compare | BPF_K, BPF_REG_2, 0, (int32_t)bound);
		return;
	}
	emit(g, BPF_LD | BPF_IMM | BPF_DW, BPF_REG_3, 0, 0, (int32_t)bound);
	emit(g, 0, 0, 0, 0, (int32_t)(bound >> 32));
	emit_jump(g, to, BPF_JMP | compare | BPF_X, BPF_REG_2, BPF_REG_3, 0);
}

/* A bound at the end of the field's range needs no test. */
static void emit_range(struct generator *g, const struct weir_predicate_node *node, struct label *yes, struct label *no,
		       const struct label *next)
{
	const struct weir_field *field = &g->schema->field[node->field];
	bool is_unsigned = weir_raw_is_unsigned(field), from_below, from_above;
	int64_t lo, hi;

	weir_raw_bounds(field, &lo, &hi);
	from_below = is_unsigned ? (uint64_t)node->lo > (uint64_t)lo : node->lo > lo;
	from_above = is_unsigned ? (uint64_t)node->hi < (uint64_t)hi : node->hi < hi;
	emit_load(g, node->field);
	if (node->lo == node->hi) {
		emit_test(g, next == yes ? BPF_JNE : BPF_JEQ, node->lo, next == yes ? no : yes);
	} else if (next == yes) {
		if (from_below)
			emit_test(g, is_unsigned ? BPF_JLT : BPF_JSLT, node->lo, no);
		if (from_above)
			emit_test(g, is_unsigned ? BPF_JGT : BPF_JSGT, node->hi, no);
	} else if (!from_above) {
		emit_test(g, is_unsigned ? BPF_JGE : BPF_JSGE, node->lo, yes);
	} else {
		if (from_below)
			emit_test(g, is_unsigned ? BPF_JLT : BPF_JSLT, node->lo, no);
		emit_test(g, is_unsigned ? BPF_JLE : BPF_JSLE, node->hi, yes);
	}
}

/* For a node that depends on the row. `next` is the one of yes and no that will be placed right behind. */
static void emit_node(struct generator *g, uint32_t index, struct label *yes, struct label *no,
		      const struct label *next)
{
	const struct weir_predicate_node *node = &g->predicate->node[index];
	struct label middle = { 0 };

	if (node->op == WEIR_PRED_RANGE) {
		emit_range(g, node, yes, no, next);
		return;
	}
	/* A side that is constant is the neutral one: the other would have made the whole constant. */
	if (weir_predicate_constant(g->predicate, g->schema, node->left) >= 0) {
		emit_node(g, node->right, yes, no, next);
		return;
	}
	if (weir_predicate_constant(g->predicate, g->schema, node->right) >= 0) {
		emit_node(g, node->left, yes, no, next);
		return;
	}
	if (node->op == WEIR_PRED_AND)
		emit_node(g, node->left, &middle, no, &middle);
	else
		emit_node(g, node->left, yes, &middle, &middle);
	place(g, &middle);
	emit_node(g, node->right, yes, no, next);
}

int weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
		 uint32_t room)
{
	struct generator g = {
		.predicate = predicate, .schema = schema, .code = code, .room = room, .loaded = NO_FIELD
	};
	int constant = weir_predicate_constant(predicate, schema, predicate->n - 1);
	struct label yes = { 0 }, no = { 0 };

	emit(&g, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, constant > 0);
	if (constant < 0) {
		emit_node(&g, predicate->n - 1, &yes, &no, &yes);
		place(&g, &yes);
		emit(&g, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
		place(&g, &no);
	}
	emit(&g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return g.n > room ? -E2BIG : (int)g.n;
}
