/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr_compile.h
 * @brief What the files that make code share with each other and with nobody else.
 */
#ifndef WEIR_EXPR_EXPR_COMPILE_H
#define WEIR_EXPR_EXPR_COMPILE_H

#include "expr/expr_text.h"

struct weir_compiler;

/* Where a value is while code is being made. */
struct weir_operand {
	bool is_constant, is_truth, is_text;
	bool is_register; /* of this value's own, to be given back */
	uint16_t slot;
	double k;
	struct weir_slice text; /* of a constant */
	uint32_t most;          /* a text has no more bytes */
};

struct weir_compiler {
	/* Makes the code of an operand. `as_truth` chooses for what can be both; the caller has checked the types. */
	struct weir_operand (*value)(struct weir_compiler *c, const struct weir_tree_expr *expr, bool as_truth);
	struct weir_program *program;
	const struct weir_schema *schema;
	struct weir_arena *arena;
	uint16_t *free_slot; /* a stack of registers */
	uint32_t n_free;
	uint16_t loaded[WEIR_FIELDS_MAX]; /* the register with a text field's places; 0: none yet */
	bool failed;
};

/* expr_emit.c */

uint16_t weir_compile_take_slot(struct weir_compiler *c);
void weir_compile_give_back(struct weir_compiler *c, struct weir_operand value);
void weir_compile_emit(struct weir_compiler *c, struct weir_step step);
/* Emit a step whose result goes to a register of its own. */
struct weir_operand weir_compile_emit_value(struct weir_compiler *c, struct weir_step step, bool is_truth);
/* A constant where a loop wants a slot. */
struct weir_operand weir_compile_in_slot(struct weir_compiler *c, struct weir_operand value);
/* Of a step of texts. NULL, and failed, when there is no memory. */
struct weir_text_memory *weir_compile_text_memory(struct weir_compiler *c);
uint16_t weir_compile_column(struct weir_compiler *c, int field);

/* expr_compile_text.c: a text field or literal, a comparison of texts, a function of texts. */
struct weir_operand weir_compile_text_leaf(struct weir_compiler *c, const struct weir_tree_expr *expr);
struct weir_operand weir_compile_text_compare(struct weir_compiler *c, const struct weir_tree_expr *expr);
struct weir_operand weir_compile_text_between(struct weir_compiler *c, const struct weir_tree_expr *expr);
struct weir_operand weir_compile_text_call(struct weir_compiler *c, const struct weir_tree_expr *expr);
struct weir_operand weir_compile_text_choice(struct weir_compiler *c, const struct weir_tree_expr *expr);
#endif
