/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file unit.h
 * @brief Units: of what they are, and by what number one becomes another.
 *
 * The lexer asks which unit follows a number, the expression compiler which one a field has.
 */
#ifndef WEIR_EXPR_UNIT_H
#define WEIR_EXPR_UNIT_H

#include "weir/driver.h"

/** What a unit measures, and its base unit. Arguments are of the first four. */
enum weir_dimension {
	WEIR_DIM_NONE,
	WEIR_DIM_TIME, /**< s */
	WEIR_DIM_RATE, /**< Hz */
	WEIR_DIM_SIZE, /**< bytes */
	WEIR_DIM_LENGTH,
	WEIR_DIM_VELOCITY,
	WEIR_DIM_ACCELERATION,
	WEIR_DIM_ANGLE, /**< rad */
	WEIR_DIM_ANGULAR_VELOCITY,
	WEIR_DIM_VOLTAGE,
	WEIR_DIM_CURRENT,
	WEIR_DIM_POWER,
	WEIR_DIM_ENERGY,
	WEIR_DIM_RESISTANCE,
	WEIR_DIM_CAPACITANCE,
	WEIR_DIM_CONDUCTIVITY, /**< S/m */
	WEIR_DIM_MAGNETIC,     /**< T */
	WEIR_DIM_CELSIUS,      /**< not one with kelvin: differences and points would need to be told apart */
	WEIR_DIM_KELVIN,
	WEIR_DIM_ILLUMINANCE,
	WEIR_DIM_PRESSURE,           /**< Pa */
	WEIR_DIM_PERCENTAGE,         /**< % */
	WEIR_DIM_MASS_CONCENTRATION, /**< ug/m^3 */
	WEIR_DIM_OTHER, /**< a field's unit that the language does not know; equal names are the same one */
};

struct weir_measure;

/** One of it is `times / divided_by` of its dimension's base unit. They are two, as 1e-3 is no double and a thousand is. */
struct weir_unit {
	const char *name;
	enum weir_dimension dimension;
	double times, divided_by;
	const struct weir_measure *measure; /**< of a product; NULL: it is in the table */
};

/** @brief The unit that begins right there, as behind a number, and its length; NULL when there is none. */
const struct weir_unit *weir_unit_written(const char *text, uint32_t *length);
/** @brief Is it the week, which is no unit of fields and of expressions? */
bool weir_unit_is_week(const struct weir_unit *unit);
/** @brief The written unit that a wrong one was most likely meant to be; NULL when none is near. */
const char *weir_unit_nearest(const char *text, uint32_t length);
/**
 * @brief The unit of a field, by the text of its schema. Other than in numbers `m` is the metre.
 * @return NULL when the field has none, or one that is not in the table; the text tells which.
 */
const struct weir_unit *weir_unit_of_field(const char *text);
/** @brief The base unit of its dimension; the unit itself where it has none. */
const struct weir_unit *weir_unit_base(const struct weir_unit *unit);
/** @brief The unit of the table that is so much of the base dimensions; NULL: none. */
const struct weir_unit *weir_unit_of_measure(const struct weir_measure *measure);
/** @brief The number in another unit of the same dimension. */
double weir_unit_convert(double number, const struct weir_unit *from, const struct weir_unit *to);

#endif
