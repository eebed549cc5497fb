/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A predicate as eBPF. One pass, forward jumps only, so the verifier walks it once and every jump is taken at most once.
 * Each condition is generated with two places to go to, one of which follows anyway and needs no jump. A field is loaded
 * only where its register does not hold it yet on every path.
 */
#include <errno.h>

#include "pushdown/codegen.h"

static void emit_node(struct weir_generator *g, uint32_t index, struct weir_exits exits);

static bool is_constant(const struct weir_generator *g, uint32_t index)
{
	return weir_predicate_constant(g->predicate, g->schema, index) >= 0;
}

static void emit_pair(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits exits)
{
	struct weir_label middle = { 0 };
	struct weir_exits left = exits;

	left.next = &middle;
	if (node->op == WEIR_PRED_AND)
		left.yes = &middle;
	else
		left.no = &middle;
	emit_node(g, node->left, left);
	weir_gen_place(g, &middle);
	emit_node(g, node->right, exits);
}

/* What is asked of the rows before this node sees them. A constant there is true, or the whole would be constant. */
static void emit_reached(struct weir_generator *g, uint32_t left, struct weir_label *no)
{
	struct weir_label reached = { 0 };

	if (is_constant(g, left))
		return;
	emit_node(g, left, (struct weir_exits){ .yes = &reached, .no = no, .next = &reached });
	weir_gen_place(g, &reached);
}

static void emit_memory(struct weir_generator *g, uint32_t index, struct weir_exits exits)
{
	const struct weir_predicate_node *node = &g->predicate->node[index];

	emit_reached(g, node->left, exits.no);
	g->node = (uint16_t)index;
	if (node->op == WEIR_PRED_EVERY)
		weir_gen_every(g, node, exits.no);
	else if (node->op == WEIR_PRED_EVERY_TIME)
		weir_gen_every_time(g, node, exits.no);
	else
		weir_gen_changed(g, node, exits.no);
	if (exits.next != exits.yes)
		weir_gen_jump(g, exits.yes, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* For a node that depends on the row. */
static void emit_node(struct weir_generator *g, uint32_t index, struct weir_exits exits)
{
	const struct weir_predicate_node *node = &g->predicate->node[index];

	g->node = (uint16_t)index;
	switch (node->op) {
	case WEIR_PRED_RANGE:
		weir_gen_range(g, node, exits);
		break;
	case WEIR_PRED_SET:
		weir_gen_set(g, node, exits);
		break;
	case WEIR_PRED_BITS:
		weir_gen_bits(g, node, exits);
		break;
	case WEIR_PRED_POLY:
		weir_gen_poly(g, node, exits);
		break;
	case WEIR_PRED_AND:
	case WEIR_PRED_OR:
		/* A side that is constant is the neutral one: the other would have made the whole constant. */
		if (is_constant(g, node->left))
			emit_node(g, node->right, exits);
		else if (is_constant(g, node->right))
			emit_node(g, node->left, exits);
		else
			emit_pair(g, node, exits);
		break;
	default:
		emit_memory(g, index, exits);
	}
}

static int generate(struct weir_generator *g)
{
	uint32_t root = g->predicate->n - 1;
	int constant = weir_predicate_constant(g->predicate, g->schema, root);
	struct weir_label yes = { 0 }, no = { 0 };

	g->node = (uint16_t)root;
	weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, constant > 0);
	if (constant < 0) {
		emit_node(g, root, (struct weir_exits){ .yes = &yes, .no = &no, .next = &yes });
		weir_gen_place(g, &yes);
		g->node = (uint16_t)root;
		weir_gen_insn(g, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
		weir_gen_place(g, &no);
	}
	weir_gen_insn(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return g->n > g->room ? -E2BIG : (int)g->n;
}

int weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
		 uint16_t *origin, uint32_t room)
{
	struct weir_generator g = { .predicate = predicate,
				    .schema = schema,
				    .code = code,
				    .origin = origin,
				    .room = room,
				    .loaded = WEIR_NOT_LOADED };

	return generate(&g);
}
