/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What remembers, in the words of struct weir_filter_memory: the same as weir_predicate_advance(), which says what the words
 * mean.
 */
#include <stddef.h>

#include "pushdown/codegen.h"

static int16_t word(const struct weir_predicate_node *node, uint32_t k)
{
	return (int16_t)(offsetof(struct weir_filter_memory, state) + 8u * (node->first + k));
}

static void emit_recall(struct weir_generator *g, const struct weir_predicate_node *node, uint32_t k)
{
	weir_gen_insn(g, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_4, BPF_REG_2, word(node, k), 0);
}

static void emit_keep(struct weir_generator *g, const struct weir_predicate_node *node, uint8_t reg)
{
	weir_gen_insn(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_2, reg, word(node, 0), 0);
}

void weir_gen_every(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *no)
{
	struct weir_label due = { 0 };

	emit_recall(g, node, 0);
	weir_gen_jump(g, &due, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_4, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_4, 0, 0, -1);
	emit_keep(g, node, BPF_REG_4);
	weir_gen_jump(g, no, BPF_JMP | BPF_JA, 0, 0, 0);
	weir_gen_place(g, &due);
	weir_gen_constant(g, BPF_REG_4, node->lo - 1);
	emit_keep(g, node, BPF_REG_4);
}

/* r4: the value in the last row that passed. Without one, it is due. */
static void emit_last(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *due)
{
	emit_recall(g, node, 1);
	weir_gen_jump(g, due, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_4, 0, 0);
	emit_recall(g, node, 0);
}

/* r5 = r3 - r4 */
static void emit_difference(struct weir_generator *g)
{
	weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_5, BPF_REG_3, 0, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_5, BPF_REG_4, 0, 0);
}

/* Unless r5 is as far as it must be, no; else r3 is what is remembered. */
static void emit_due(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *due,
		     struct weir_label *no)
{
	weir_gen_compare(g, BPF_REG_5, BPF_JLT, node->lo, no);
	weir_gen_place(g, due);
	emit_keep(g, node, BPF_REG_3);
	weir_gen_insn(g, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_2, 0, word(node, 1), 1);
}

void weir_gen_every_time(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *no)
{
	struct weir_label due = { 0 };

	weir_gen_load_time(g);
	emit_last(g, node, &due);
	weir_gen_jump(g, no, BPF_JMP | BPF_JSLT | BPF_X, BPF_REG_3, BPF_REG_4, 0);
	emit_difference(g);
	emit_due(g, node, &due, no);
}

void weir_gen_changed(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *no)
{
	struct weir_label due = { 0 }, distance = { 0 };

	weir_gen_load(g, node->field);
	emit_last(g, node, &due);
	emit_difference(g);
	weir_gen_jump(g, &distance, BPF_JMP | BPF_JSGE | BPF_X, BPF_REG_3, BPF_REG_4, 0);
	weir_gen_insn(g, BPF_ALU64 | BPF_NEG, BPF_REG_5, 0, 0, 0);
	weir_gen_place(g, &distance);
	emit_due(g, node, &due, no);
}
