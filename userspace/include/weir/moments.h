/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file moments.h
 * @brief For authors of operators that learn: means and covariances of several values, kept up record by record, and what
 * follows from them, least squares and principal directions.
 *
 * Means are distances from the first record and covariances from the means (Welford 1962), both with what rounding took
 * (Knuth's two-sum), so a long stream far from zero loses no digits. With a memory of N records each record counts 1 - 1/N
 * times as much as the next: N is then their effective number.
 */
#ifndef WEIR_MOMENTS_H
#define WEIR_MOMENTS_H

#include <stdint.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_MOMENTS_MAX 32 /**< values in a record */

/** A row of the parameter table: `memory`, which is not given where all records count alike. */
#define WEIR_MOMENTS_PARAM_MEMORY(type, member)   \
	WEIR_P_REAL("memory", type, member, NULL, \
		    "memory in records, older records count less; default: all count equally", .min = 2, .max = 1e15)

struct weir_moments;

/**
 * @param n values in a record, 1 to WEIR_MOMENTS_MAX.
 * @param memory effective number of records, above 1; 0: all.
 * @return 0 or -ENOMEM. Free with weir_moments_close(), which takes NULL.
 */
int weir_moments_open(struct weir_moments **out, uint32_t n, double memory) WEIR_MUST_CHECK;
void weir_moments_close(struct weir_moments *moments);

/** @brief Take in a record of finite values. */
void weir_moments_add(struct weir_moments *moments, const double *x);
/** @brief Records taken in. */
uint64_t weir_moments_count(const struct weir_moments *moments);
double weir_moments_mean(const struct weir_moments *moments, uint32_t i);
/** @brief Covariance of two values, or a variance, divided by the number of records; 0 for one record. */
double weir_moments_covariance(const struct weir_moments *moments, uint32_t i, uint32_t j);

/**
 * @brief Least squares: value 0 from the others, as `x0 = intercept + slope[0] * x1 + slope[1] * x2 …`.
 *
 * A value that is constant, or that those before it determine to within rounding, gets the slope 0: the result is always
 * finite, and what can be known from few records is known.
 * @param slope n - 1 of them. @return the intercept; 0 where there was no record.
 */
double weir_moments_solve(const struct weir_moments *moments, double *slope);

/**
 * @brief Principal directions: eigenvalues of the covariances, the greatest first, and unit eigenvectors (cyclic Jacobi; Golub
 * and Van Loan, section 8.5). Of the two signs that one is taken which makes the component of greatest size positive.
 * @param vector n times n: vector i begins at vector[i * n].
 */
void weir_moments_principal(const struct weir_moments *moments, double *value, double *vector);

#ifdef __cplusplus
}
#endif
#endif
