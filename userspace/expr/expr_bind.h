/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr_bind.h
 * @brief What the files that bind share with each other and with nobody else.
 */
#ifndef WEIR_EXPR_EXPR_BIND_H
#define WEIR_EXPR_EXPR_BIND_H

#include "expr/expr_internal.h"

struct weir_binder {
	const struct weir_schema *schema;
	struct weir_arena *arena;
	struct weir_report *report;
	uint32_t terms; /* `in` makes several of one */
};

/* expr_check_text.c: report. False. */
bool weir_bind_wrong(struct weir_binder *b, struct weir_span where, const char *hint, const char *format, ...)
	WEIR_PRINTF(4, 5);

/* expr_check.c: do the operands, which are bound, fit? False after a report. */
bool weir_bind_check(struct weir_binder *b, struct weir_tree_expr *expr);

/* The same of a function that takes texts, and of a comparison of one. */
bool weir_bind_check_arguments(struct weir_binder *b, const struct weir_tree_expr *expr);
bool weir_bind_check_comparison(struct weir_binder *b, const struct weir_tree_expr *expr);
bool weir_bind_check_number(struct weir_binder *b, const struct weir_tree_expr *expr, const char *what);
bool weir_bind_check_truth(struct weir_binder *b, const struct weir_tree_expr *expr, const char *what);

#endif
