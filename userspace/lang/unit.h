/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file unit.h
 * @brief Units: of what they are, and by what number one becomes another.
 *
 * The lexer asks which unit follows a number, the expression compiler which one a field has.
 */
#ifndef WEIR_LANG_UNIT_H
#define WEIR_LANG_UNIT_H

#include "lang/lang.h"

/** One of it is `times / divided_by` of its dimension's base unit. They are two, as 1e-3 is no double and a thousand is. */
struct weir_unit {
	const char *name;
	enum weir_dimension dimension;
	double times, divided_by;
};

/** @brief The unit that begins right there, as behind a number, and its length; NULL when there is none. */
const struct weir_unit *weir_unit_written(const char *text, uint32_t *length);
/** @brief The written unit that a wrong one was most likely meant to be; NULL when none is near. */
const char *weir_unit_nearest(const char *text, uint32_t length);
/**
 * @brief The unit of a field, by the text of its schema. Other than in numbers `m` is the metre.
 * @return NULL when the field has none, or one that is not in the table; the text tells which.
 */
const struct weir_unit *weir_unit_of_field(const char *text);
/** @brief The base unit of its dimension; the unit itself where it has none. */
const struct weir_unit *weir_unit_base(const struct weir_unit *unit);
/** @brief Can values of the one be computed with values of the other, be it after weir_unit_convert()? */
bool weir_unit_same_dimension(const struct weir_unit *a, const struct weir_unit *b);
/** @brief Are they the same, under whichever names? */
bool weir_unit_same(const struct weir_unit *a, const struct weir_unit *b);
/** @brief The number in another unit of the same dimension. */
double weir_unit_convert(double number, const struct weir_unit *from, const struct weir_unit *to);

#endif
