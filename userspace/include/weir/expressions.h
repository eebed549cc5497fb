/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expressions.h
 * @brief Expressions among the arguments of a driver, evaluated for the records of a block. Part of weir/driver.h.
 */
#ifndef WEIR_EXPRESSIONS_H
#define WEIR_EXPRESSIONS_H

#include "weir/block.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_expr;

/**
 * @brief Evaluate for each record of a block: out[i] for i < block->n. One thread at a time for one expression.
 *
 * prev() and delta() remember the record before: what an expression is given, through this function and weir_expr_test()
 * together, is one sequence of records, in whatever blocks.
 */
void weir_expr_eval(const struct weir_expr *expr, const struct weir_block *block, double *out);

/** @brief Evaluate a condition: out[i] is 1 where it holds, else 0. NaN compares false, `!=` excepted, as in C. */
void weir_expr_test(const struct weir_expr *expr, const struct weir_block *block, uint8_t *out);

/** @brief Is the result a text? Only an argument whose parameter has takes_text may give one. */
bool weir_expr_is_text(const struct weir_expr *expr);

/** @brief Of a text: bytes of a cell that holds each result, with its zero; at most 4096. */
uint32_t weir_expr_text_bytes(const struct weir_expr *expr);

/** @brief Evaluate a text for each record of a block into cells of `bytes`, which the results fill with zeros behind them. */
void weir_expr_write(const struct weir_expr *expr, const struct weir_block *block, char *cells, uint32_t bytes);

/** @brief Can a record be invalid for it, since a regular expression gives up? */
bool weir_expr_can_fail(const struct weir_expr *expr);

enum weir_fault {
	WEIR_FAULT_INVALID =
		1, /**< the record is invalid: its number is NaN, its condition does not hold, its text is empty */
	WEIR_FAULT_CUT = 2, /**< a text of it was longer than there was room for, and was cut */
};

/**
 * @brief For each record of the block that was evaluated last, its faults, or NULL where there are none.
 *
 * The caller then counts them, as WEIR_LOST_POISON and WEIR_LOST_CUT. Where a driver never asks, the core counts them.
 */
const uint8_t *weir_expr_faults(const struct weir_expr *expr);

/** @brief Is the result a truth value (a comparison, `and`, `or`, `not`)? */
bool weir_expr_is_bool(const struct weir_expr *expr);

/** @brief The unit of its values, such as "m/s^2"; empty when it is not known. Lives as long as the expression. */
const char *weir_expr_unit(const struct weir_expr *expr);

/** @brief The source text, for messages and `weir explain`. Lives as long as the expression. */
const char *weir_expr_text(const struct weir_expr *expr);

#ifdef __cplusplus
}
#endif
#endif
