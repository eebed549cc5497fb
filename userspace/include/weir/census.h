/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file census.h
 * @brief A queue of values with the number of different ones and the most frequent one: O(log n) to push and to pop.
 *
 * 0 and -0 are one value. A NaN is only counted.
 */
#ifndef WEIR_CENSUS_H
#define WEIR_CENSUS_H

#include <stdint.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_census;

/**
 * @brief Reserve memory for at most `capacity` values, at most 2^30; at most 40 bytes each, untouched before its first use.
 * @return 0 or -ENOMEM. Free with weir_census_close(), which takes NULL.
 */
int weir_census_open(struct weir_census **out, uint32_t capacity) WEIR_MUST_CHECK;
void weir_census_close(struct weir_census *census);
/** @return 0, or -ENOBUFS when it is full: nothing was pushed. */
int weir_census_push(struct weir_census *census, double value) WEIR_MUST_CHECK;
/** @brief Drop the `n` oldest values, or all where there are fewer. */
void weir_census_pop(struct weir_census *census, uint64_t n);
/** @brief How many different values; NaN with a NaN among them, 0 without values. */
double weir_census_distinct(const struct weir_census *census);
/** @brief The most frequent value, the least of equally frequent ones; NaN with a NaN among them and without values. */
double weir_census_mode(const struct weir_census *census);

#ifdef __cplusplus
}
#endif
#endif
