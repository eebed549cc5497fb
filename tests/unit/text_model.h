/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file text_model.h
 * @brief A second opinion on texts: random expressions, their text, and what they are worth by loops over single characters.
 */
#ifndef WEIR_TESTS_TEXT_MODEL_H
#define WEIR_TESTS_TEXT_MODEL_H

#include <stdio.h>

#include "expr_model.h"

#define TEXT_MOST 4096

struct text {
	char byte[TEXT_MOST];
	uint32_t n;
};

struct text_node;

/** The fields of the schema: a and b, texts of 16 and 40 bytes, and x, a number. */
void text_schema(struct weir_schema *schema);
/** A random text of at most `most` bytes: letters of several alphabets, blanks, digits, commas, and bytes that are not UTF-8. */
void random_text(struct text *out, uint32_t most);

/** Random expressions, until the next forget_texts(). */
struct text_node *random_text_expr(int depth);
struct text_node *random_text_condition(int depth);
void forget_texts(void);
void print_text_node(FILE *out, const struct text_node *node);

/** The text for record `k`. */
void walk_text(const struct text_node *node, const struct weir_block *block, uint32_t k, struct text *out);
/** The condition, 0 or 1. */
int walk_text_condition(const struct text_node *node, const struct weir_block *block, uint32_t k);

#endif
