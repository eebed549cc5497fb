/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instructions, and jumps to places that are not known yet. */
#include "pushdown/codegen.h"

void weir_gen_insn(struct weir_generator *g, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	if (g->n < g->room) {
		g->code[g->n] =
			(struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
		if (g->origin)
			g->origin[g->n] = g->node;
	}
	g->n++;
}

void weir_gen_jump(struct weir_generator *g, struct weir_label *to, uint8_t code, uint8_t dst, uint8_t src, int32_t imm)
{
	to->loaded = !to->last || to->loaded == g->loaded ? g->loaded : WEIR_NOT_LOADED;
	weir_gen_insn(g, code, dst, src, (int16_t)to->last, imm);
	to->last = g->n;
}

void weir_gen_place(struct weir_generator *g, struct weir_label *label)
{
	uint32_t next;

	if (label->last && label->loaded != g->loaded)
		g->loaded = WEIR_NOT_LOADED;
	for (uint32_t jump = label->last; jump && g->n <= g->room; jump = next) {
		next = (uint16_t)g->code[jump - 1].off;
		g->code[jump - 1].off = (int16_t)(g->n - jump);
	}
}
