/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file polynomial.h
 * @brief Conditions on polynomials over several channels, brought down to integers. docs/early-filter.md has the proof.
 *
 *     predicate_poly.c     a comparison: which part of it is the polynomial, and for which of its values it holds
 *     predicate_expand.c   the polynomial as a sum of monomials over integers
 *     predicate_error.c    how far what user space computes may be from it
 *     predicate_box.c      the rows that it can be computed for in 64 bits
 *     predicate_fixed.c    the sum with integer factors, and the bounds that go with them
 *     predicate_real.c     real numbers between doubles
 */
#ifndef WEIR_PUSHDOWN_POLYNOMIAL_H
#define WEIR_PUSHDOWN_POLYNOMIAL_H

#include "pushdown/predicate.h"

/* predicate_real.c -------------------------------------------------------- */

/** A real number, known to lie between two doubles; it is the one double where both are the same. Infinite or NaN: not known. */
struct weir_real {
	double lo, hi;
};

struct weir_real weir_real_of(double x);
struct weir_real weir_real_add(struct weir_real a, struct weir_real b);
struct weir_real weir_real_negate(struct weir_real a);
struct weir_real weir_real_multiply(struct weir_real a, struct weir_real b);
/** @brief By what is not zero. */
struct weir_real weir_real_divide(struct weir_real a, double by);
bool weir_real_is_zero(struct weir_real a);
bool weir_real_is_finite(struct weir_real a);
/** @brief The next greater double: for non-negative results of one rounding, an upper bound of what was rounded. */
double weir_up(double x);

/* predicate_expand.c ------------------------------------------------------ */

#define WEIR_MONOMIALS_MAX (WEIR_POLY_TERMS_MAX + 1) /**< and the constant one */
#define WEIR_DEGREE_MAX 6

struct weir_monomial {
	uint8_t power[WEIR_POLY_CHANNELS_MAX];
	struct weir_real factor;
};

/** The integers u that a polynomial is over: u = raw + offset. */
struct weir_variable {
	int field;
	int64_t offset;  /**< of the field, rounded */
	double fraction; /**< the rest of it */
	int64_t lo, hi;  /**< the box: rows with a u outside of it are not looked at more closely */
	bool is_bounded; /**< some are outside */
};

struct weir_polynomial {
	const struct weir_schema *schema;
	char *why;
	uint32_t n_variables, n;
	int64_t box; /**< how far it goes to either side, where channels go that far */
	struct weir_variable variable[WEIR_POLY_CHANNELS_MAX];
	struct weir_monomial monomial[WEIR_MONOMIALS_MAX];
};

/**
 * @brief Expand a part of a condition, as real numbers, without any rounding: sums, differences and products of channels, and
 * their quotients by constants.
 * @return 0; -ENOTSUP with a reason in out->why, which the caller has set, as `schema`.
 */
int weir_expand(struct weir_polynomial *out, const struct weir_tree_expr *tree);
bool weir_is_constant_term(const struct weir_monomial *monomial);
/** @brief Is it raw(x) where user space computes back the integer itself? */
bool weir_is_raw(const struct weir_schema *schema, const struct weir_tree_expr *tree);

/* predicate_error.c ------------------------------------------------------- */

/** What is known of a value that user space computes for rows within the box. */
struct weir_rounding {
	double size;  /**< its magnitude is not greater */
	double error; /**< nor its distance from the same expression in real numbers */
	int grain;    /**< it is a multiple of 2^grain */
};

/** @brief Bounds for a tree that weir_expand() took. `size` is not finite where it may overflow. */
struct weir_rounding weir_rounding_of(const struct weir_polynomial *polynomial, const struct weir_tree_expr *tree);

/* predicate_box.c --------------------------------------------------------- */

#define WEIR_BOX_LEAST_BITS 8

/** @brief Let the box be all u from -2^bits to 2^bits, `bits` at most 60. False: some channel has nothing there. */
bool weir_box_set(struct weir_polynomial *polynomial, uint32_t bits);
/** @brief Are there rows outside of the box? */
bool weir_box_is_bounded(const struct weir_polynomial *polynomial);
/** @brief The bits of the least box that has all rows, or of the greatest. Sets it. */
uint32_t weir_box_most_bits(struct weir_polynomial *polynomial);
/** @brief No less than this is what user space computes for a row outside of the box; -INFINITY: that is not known. */
double weir_box_least_outside(const struct weir_polynomial *polynomial, const struct weir_tree_expr *tree);

/* predicate_fixed.c ------------------------------------------------------- */

/** Rows outside the box, and those within for which the polynomial is in `range`. */
struct weir_fixed {
	struct weir_poly poly;
	double slack; /**< how far values may be from where they count, in the polynomial's unit; infinite: nothing fits */
	bool is_exact; /**< no row within the box is between */
	uint32_t n;
	struct weir_range range[WEIR_EDGES_MAX / 2 + 1]; /**< as of a WEIR_PRED_POLY node */
};

/** A closed interval of values that user space may compute; infinite at an open end. */
struct weir_interval {
	double from, to;
};

/** @brief Give a polynomial integer factors, and each interval bounds that let pass all that it may hold for. `error` is that
 *  of user space. */
void weir_fix(struct weir_fixed *out, const struct weir_polynomial *polynomial, double error,
	      const struct weir_interval *interval, uint32_t n);

#endif
