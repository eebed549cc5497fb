/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A polynomial in 64 bits, the same as weir_predicate_poly(). Channels are kept in registers of their own, which a subprogram
 * may use as it likes: the kernel saves the caller's.
 */
#include "pushdown/codegen.h"

_Static_assert(WEIR_POLY_CHANNELS_MAX <= 4, "r6 to r9");

static uint8_t register_of(uint32_t channel)
{
	return (uint8_t)(BPF_REG_6 + channel);
}

static void emit_offset(struct weir_generator *g, uint8_t reg, int64_t offset)
{
	if (offset == (int32_t)offset) {
		if (offset)
			weir_gen_insn(g, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, (int32_t)offset);
		return;
	}
	weir_gen_constant(g, BPF_REG_4, offset);
	weir_gen_insn(g, BPF_ALU64 | BPF_ADD | BPF_X, reg, BPF_REG_4, 0, 0);
}

/* Signed even where the field is not: what is beyond the signed is outside of the box. */
static void emit_box(struct weir_generator *g, const struct weir_field *field, int64_t lo, int64_t hi,
		     struct weir_label *outside)
{
	int64_t least, most;

	weir_raw_bounds(field, &least, &most);
	if (lo > least || weir_raw_is_unsigned(field))
		weir_gen_compare(g, BPF_REG_3, BPF_JSLT, lo, outside);
	if (hi < most || weir_raw_is_unsigned(field))
		weir_gen_compare(g, BPF_REG_3, BPF_JSGT, hi, outside);
}

static void emit_channel(struct weir_generator *g, const struct weir_poly *poly, uint32_t i, struct weir_label *outside)
{
	uint16_t field = poly->channel[i].field;

	weir_gen_load(g, field);
	if (poly->channel[i].is_bounded)
		emit_box(g, &g->schema->field[field], poly->channel[i].lo, poly->channel[i].hi, outside);
	weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_X, register_of(i), BPF_REG_3, 0, 0);
	emit_offset(g, register_of(i), poly->channel[i].offset);
}

static void emit_factor(struct weir_generator *g, uint8_t reg, int64_t factor)
{
	if (factor == (int32_t)factor)
		weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, (int32_t)factor);
	else
		weir_gen_constant(g, reg, factor);
}

static void emit_term(struct weir_generator *g, const struct weir_poly *poly, uint32_t term, uint8_t reg)
{
	bool has_begun = poly->term[term].factor != 1;

	if (has_begun)
		emit_factor(g, reg, poly->term[term].factor);
	for (uint32_t i = 0; i < poly->n_channels; i++)
		for (uint32_t power = poly->term[term].power[i]; power; power--) {
			weir_gen_insn(g, BPF_ALU64 | (has_begun ? BPF_MUL : BPF_MOV) | BPF_X, reg, register_of(i), 0,
				      0);
			has_begun = true;
		}
}

void weir_gen_poly(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits exits)
{
	static const struct weir_field sum = { .bits = 64, .is_signed = true };
	const struct weir_poly *poly = &g->predicate->poly[node->poly];

	for (uint32_t i = 0; i < poly->n_channels; i++)
		emit_channel(g, poly, i, poly->drops_outside ? exits.no : exits.yes);
	if (!node->n) {
		if (exits.next != exits.no)
			weir_gen_jump(g, exits.no, BPF_JMP | BPF_JA, 0, 0, 0);
		return;
	}
	emit_term(g, poly, 0, BPF_REG_5);
	for (uint32_t i = 1; i < poly->n_terms; i++) {
		emit_term(g, poly, i, BPF_REG_4);
		weir_gen_insn(g, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_5, BPF_REG_4, 0, 0);
	}
	weir_gen_ranges(g, BPF_REG_5, &sum, node, exits);
}
