/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file random_filter.h
 * @brief Random schemas, predicates and rows: what the tests of the early filter share.
 */
#ifndef WEIR_TESTS_RANDOM_FILTER_H
#define WEIR_TESTS_RANDOM_FILTER_H

#include "../common/dice.h"
#include "lang/lang.h"

#define RANDOM_ROW_BYTES 128 /**< the longest row: a device may give all of its channels, also those not asked for */

/** Up to six integer channels of any width, shift, sign, byte order, scale and offset, aligned as IIO aligns them. Rows are
 *  a multiple of 8 bytes with the time in the last 8. */
void random_schema(struct dice *dice, struct weir_schema *schema);

/** A predicate of up to `ranges` ranges, sets and bitmaps, joined at random; bounds are biased towards the ends of a field's range. */
void random_predicate(struct dice *dice, const struct weir_schema *schema, uint32_t ranges,
		      struct weir_predicate *predicate);

/** Put up to three of `every` and `changed` behind it, some with a further test behind them. */
void remember(struct dice *dice, const struct weir_schema *schema, struct weir_predicate *predicate);

/** Random bits; then some fields are set to the ends of their range or next to a bound of the predicate (may be NULL). */
void random_row(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate, void *row);

/** A raw value that is likely to be where mistakes are: the ends, next to them, next to the middle. */
int64_t random_raw(struct dice *dice, const struct weir_field *field);

/** Write a raw value into a row: the opposite of weir_field_raw(). */
void store_raw(const struct weir_field *field, int64_t raw, void *row);

#endif
