/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr.h
 * @brief Expressions: bound to a schema, and run over blocks. weir/driver.h has what drivers ask of them.
 */
#ifndef WEIR_EXPR_EXPR_H
#define WEIR_EXPR_EXPR_H

#include "expr/expr_tree.h"

/**
 * @brief Bind an expression to a schema and compile it to a register program over blocks.
 * @return 0 and *out; -EINVAL after reports (unknown field with suggestion, wrong type, …). Free with weir_expr_close().
 */
int weir_expr_open(struct weir_expr **out, const struct weir_tree_expr *tree, const struct weir_schema *schema,
		   struct weir_report *report) WEIR_MUST_CHECK;
void weir_expr_close(struct weir_expr *expr);
extern const struct weir_expr_ops weir_expr_ops;
/** @brief Has it been asked for the hour of a time that is no date? The thread that evaluates it. */
bool weir_expr_met_undated(const struct weir_expr *expr);
/** @brief The records that were invalid, or whose text was cut, since the last time. The thread that evaluates it. */
void weir_expr_take_faults(const struct weir_expr *expr, uint64_t *invalid, uint64_t *cut);
/** @brief The tree that it was made from; lives as long as the expression. */
const struct weir_tree_expr *weir_expr_tree(const struct weir_expr *expr);
/**
 * @brief Does a value depend on more than its own record (prev, delta)?
 *
 * Then it must see every record, in order, and each once. No part of a condition with such a value in it may be decided
 * earlier: `x > 1 and prev(x) < 1` is not the same behind a filter `x > 1`. And evaluating it on records that were made up to
 * learn something of it changes what it says of the next ones.
 */
bool weir_expr_is_stateful(const struct weir_expr *expr);

#endif
