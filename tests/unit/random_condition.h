/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file random_condition.h
 * @brief Random conditions, and chains of stages that choose records, as text.
 */
#ifndef WEIR_TESTS_RANDOM_CONDITION_H
#define WEIR_TESTS_RANDOM_CONDITION_H

#include "random_filter.h"

#define CONDITION_BYTES 8192

/** `and`, `or`, `not` over comparisons of one or, now and then, several channels, in all sorts of functions, with constants
 *  that are likely to make a difference: values of raw integers and their neighbours, NaN, infinities. */
void random_condition(struct dice *dice, const struct weir_schema *schema, char text[CONDITION_BYTES]);

/** A comparison of a polynomial over up to three channels with about its value for this row, or with another polynomial. */
void random_polynomial(struct dice *dice, const struct weir_schema *schema, const void *row,
		       char text[CONDITION_BYTES]);

/** `where …`, `every …` or `changed …`. */
void random_stage(struct dice *dice, const struct weir_schema *schema, char text[CONDITION_BYTES]);

#endif
