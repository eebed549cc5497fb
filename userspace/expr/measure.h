/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file measure.h
 * @brief What a product of values measures: exponents of base dimensions, and a factor.
 *
 * A value times its factor is the quantity in base units. A field whose unit is not known is a letter of its own, which only itself cancels.
 *
 * A number with a unit is a part of a product as well, and stands in the unit of the product's field of the same kind, in ns beside
 * `delta(t)`, whichever comes first; without such a field, in the base unit. So the value of a product does not depend on the order of
 * its factors.
 */
#ifndef WEIR_EXPR_MEASURE_H
#define WEIR_EXPR_MEASURE_H

#include "expr/unit.h"
#include "weir/driver.h"

enum weir_base {
	WEIR_BASE_SECOND,
	WEIR_BASE_METRE,
	WEIR_BASE_AMPERE,
	WEIR_BASE_VOLT, /**< in place of the kilogram, which no unit of the table needs */
	WEIR_BASE_RADIAN,
	WEIR_BASE_BYTE,
	WEIR_BASE_CELSIUS,
	WEIR_BASE_KELVIN,
	WEIR_BASE_LUX,
	WEIR_BASE_PERCENT,
	WEIR_BASE_MASS_CONCENTRATION,
	WEIR_BASES,
};

/** times / divided_by; two numbers, as in struct weir_unit. */
struct weir_factor {
	double times, divided_by;
};

/** What a product has of one dimension of the table. */
struct weir_share {
	bool has_field;           /**< in `scale`; of several that with the least */
	int16_t numbers;          /**< exponent of the numbers with a unit, which are in `scale` */
	struct weir_factor scale; /**< without a field: the base unit */
};

struct weir_measure {
	int16_t power[WEIR_BASES];
	int16_t letter[WEIR_FIELDS_MAX]; /**< exponents of fields whose unit the language does not know */
	uint64_t named;                  /**< bit set: that letter is a unit's name, and so it is known */
	bool is_opaque;                  /**< nothing is known of a part of it */
	struct weir_factor factor;
	struct weir_share share[WEIR_DIM_OTHER];
};

/** @brief Of a unit of the table; `is_field`: a value in it, and not a number. */
void weir_measure_of(struct weir_measure *out, const struct weir_unit *unit, bool is_field);
/** @brief Of a field whose unit the language does not know: `letter` is its own, or, `is_named`, its unit's. */
void weir_measure_letter(struct weir_measure *out, uint32_t letter, bool is_named);
/** @brief Of a value of which nothing is known. */
void weir_measure_opaque(struct weir_measure *out);
/** @brief Of a plain number, and of what has cancelled. */
void weir_measure_plain(struct weir_measure *out);

/**
 * @brief out = a * b, or a / b with `sign` -1.
 * @param fix_a by what the value of a must be multiplied before, because its numbers are in another unit by now; so fix_b.
 */
void weir_measure_multiply(struct weir_measure *out, const struct weir_measure *a, const struct weir_measure *b,
			   int sign, struct weir_factor *fix_a, struct weir_factor *fix_b);

/** @brief Is all of it known, and is it something? Then it can be added only to its like. */
bool weir_measure_is_firm(const struct weir_measure *measure);
/** @brief Do the exponents agree, letters included? */
bool weir_measure_alike(const struct weir_measure *a, const struct weir_measure *b);
/** @brief Have all base dimensions cancelled? Letters may be left. */
bool weir_measure_is_pure(const struct weir_measure *measure);
/** @brief Has everything cancelled, and each dimension's numbers by themselves? */
bool weir_measure_is_plain(const struct weir_measure *measure);
/** @brief As a value by itself, whatever it is a product of. */
void weir_measure_close(struct weir_measure *measure);

bool weir_factor_is_one(struct weir_factor factor);
bool weir_factor_same(struct weir_factor a, struct weir_factor b);
struct weir_factor weir_factor_quotient(struct weir_factor a, struct weir_factor b);
/** @brief The number times the factor, with one rounding where it is a power of ten. */
double weir_factor_apply(double number, struct weir_factor factor);

#endif
