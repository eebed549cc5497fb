/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fit.h
 * @brief For operators that turn measured points into a curve: polynomials by least squares, tables by interpolation.
 */
#ifndef WEIR_FIT_H
#define WEIR_FIT_H

#include <stdint.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_POINTS_MAX 256
#define WEIR_DEGREE_MAX 9

/** A measured value and the true one. */
struct weir_point {
	double x, y;
};

/**
 * A polynomial as a sum of term[k] * p[k](x), where the p are orthogonal over the points that it was fitted to: p[0] = 1 and
 * p[k + 1] = (x - shift[k]) * p[k] - carry[k] * p[k - 1]. So high degrees keep their digits.
 */
struct weir_polynomial {
	uint32_t degree;
	double shift[WEIR_DEGREE_MAX + 1], carry[WEIR_DEGREE_MAX + 1], term[WEIR_DEGREE_MAX + 1];
};

/**
 * @brief Read points written as `0 -> 0.1, 100 -> 98.7`.
 * @param where on failure: the first byte that could not be read.
 * @return how many, at most WEIR_POINTS_MAX; -EINVAL; -E2BIG.
 */
int weir_points_read(struct weir_point points[WEIR_POINTS_MAX], const char *text, const char **where) WEIR_MUST_CHECK;

/** @brief Sort by x. @return 0; -EEXIST when two points have the same x. */
int weir_points_sort(struct weir_point *points, uint32_t n) WEIR_MUST_CHECK;

/**
 * @brief The polynomial of a degree that has the least sum of squared distances to `n` points, by orthogonal
 * polynomials (G. E. Forsythe, Generation and use of orthogonal polynomials for data-fitting with a digital computer, 1957).
 * @return 0; -ERANGE when fewer than degree + 1 of the points differ in x, or their powers overflow.
 */
int weir_polynomial_fit(struct weir_polynomial *out, const struct weir_point *points, uint32_t n,
			uint32_t degree) WEIR_MUST_CHECK;
double weir_polynomial_at(const struct weir_polynomial *polynomial, double x);

/** @brief The straight line between the two sorted points around x; outside, that of the outermost two goes on. `n` from 2. */
double weir_table_at(const struct weir_point *points, uint32_t n, double x);

#ifdef __cplusplus
}
#endif
#endif
