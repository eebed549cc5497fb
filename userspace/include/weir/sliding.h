/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file sliding.h
 * @brief For authors of operators: the sum of the last N values, at a fixed cost for each, without drift.
 *
 * Nothing is ever subtracted. Values come in laps of N; the window is what has come of this lap and the end of the lap before,
 * and when a lap is complete the sums of its ends are made, from the last value backwards. So the error of a result is that
 * of at most two compensated sums of N values, however long the stream is, and what a glitch did leaves with the glitch.
 */
#ifndef WEIR_SLIDING_H
#define WEIR_SLIDING_H

#include <stdint.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_SLIDING_MAX (1u << 20) /**< values in a window, 8 bytes each */

/** A window of `size` values. The author of an operator reads nothing in it. */
struct weir_sliding {
	uint32_t size, at; /**< at: values of this lap */
	uint32_t n;        /**< values in the window */
	double sum, rest;  /**< of this lap; rest: what rounding took from sum */
	double *lap;       /**< before `at` the values of this lap; from `at` on sums of the ends of the lap before */
};

/** @param size 1 to WEIR_SLIDING_MAX. @return 0 or -ENOMEM. Free with weir_sliding_close(), which takes a zeroed one too. */
int weir_sliding_open(struct weir_sliding *sliding, uint32_t size) WEIR_MUST_CHECK;
void weir_sliding_close(struct weir_sliding *sliding);

/** @brief For each of `n` values: the mean of it and those before it in the window, fewer than `size` at the start. */
void weir_sliding_means(struct weir_sliding *sliding, const double *x, double *mean, uint32_t n);

#ifdef __cplusplus
}
#endif
#endif
