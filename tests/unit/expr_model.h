/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr_model.h
 * @brief A second opinion on expressions: random ones, their text, and what they are worth by a walk over the tree that knows
 * nothing of blocks, steps or registers.
 */
#ifndef WEIR_TESTS_EXPR_MODEL_H
#define WEIR_TESTS_EXPR_MODEL_H

#include <stdio.h>

#include "weir/driver.h"

/** The fields of the schema: x, y, s, i, b, label, v. */
enum { X, Y, S, I, B, LABEL, V };

/**
 * Parse, bind and compile. NULL where that is refused; a message then says why, else there is none: `errors` is how many.
 */
struct weir_expr *open_expr(const char *text, const struct weir_schema *schema, unsigned *errors);

struct node;

uint32_t below(uint32_t n); /**< a random number, the same sequence in each run */
double random_double(void); /**< often a special one: zeros, infinities, NaN, extremes */

/** x, y: numbers; s: from raw integers; i: integer; b: truth value; label: text; v: millivolts. Of the realtime clock. */
void model_schema(struct weir_schema *schema);

/** Expressions that are at most `depth` operations deep. They last until the next forget_nodes(). */
struct node *random_number(int depth);
struct node *random_truth(int depth);
void forget_nodes(void);

/** With no more parentheses than the precedence asks for, except now and then. */
void print_node(FILE *out, const struct node *node);
/** The value for record `k` of a block, before whose first record there was none; a condition is 0 or 1. */
double walk(const struct node *node, const struct weir_block *block, uint32_t k);

#endif
