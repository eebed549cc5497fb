/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file aggregate.h
 * @brief For authors of operators that condense many records into one: summaries, order statistics, sliding panes.
 *
 * Summaries are merged and never subtracted from. So nothing drifts however long a stream runs, a NaN leaves with the
 * record that brought it, and the same records give the same bits however they were cut into blocks.
 *
 * NaN: one unusable value among the records makes the result NaN, for every function but count, first and last, and the first
 * argument of max_by and min_by.
 */
#ifndef WEIR_AGGREGATE_H
#define WEIR_AGGREGATE_H

#include <stdint.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a group of values is condensed to, in the order of weir_aggregate_words. */
enum weir_function {
	WEIR_COUNT, /**< records, usable or not */
	WEIR_SUM, /**< compensated: as if added in twice the precision, the records of even number and those of odd number apart */
	WEIR_MEAN,
	WEIR_VAR, /**< of a sample: divides by n - 1; NaN for one record */
	WEIR_STD, /**< its square root */
	WEIR_RMS, /**< sqrt(mean(x * x)) */
	WEIR_MIN,
	WEIR_MAX,
	WEIR_RANGE, /**< max - min */
	WEIR_FIRST,
	WEIR_LAST,
	WEIR_MEDIAN,   /**< the middle one, or the mean of the middle two; by weir_order, not by a summary */
	WEIR_SLOPE,    /**< least squares, per second; NaN where all times are the same */
	WEIR_QUANTILE, /**< of a number from 0 to 1, between the two values around it in proportion; by weir_order */
	/* Sums of shares, which weir_operands makes: each record's share of what happens since the record before it. */
	WEIR_INTEGRAL,  /**< x: areas of trapezoids, in the unit of the values times ns; the result is per s */
	WEIR_TMEAN,     /**< x: the same; y: their ns. NaN where they cover no time */
	WEIR_INCREASE,  /**< x: increases of a counter */
	WEIR_RATE,      /**< x: the same; y: their ns; per second. NaN where they cover no time */
	WEIR_CROSSINGS, /**< x: changes of sign, 0 or 1 */
	WEIR_DISTINCT,  /**< different values; by weir_census, not by a summary */
	WEIR_MODE,      /**< the most frequent value, of equally frequent ones the least; by weir_census */
	WEIR_MAX_BY,    /**< x of the first record with the greatest y */
	WEIR_MIN_BY,    /**< x of the first record with the least y */
	WEIR_CORR,      /**< Pearson's correlation of x and y; NaN where one of them does not vary */
	WEIR_COUNT_IF,  /**< records whose x is not 0. It has no word of its own: `count` with an argument */
};

/** Their names in the language, NULL-terminated: for the `words` of a WEIR_V_AGGREGATES parameter. */
extern const char *const weir_aggregate_words[];
/** Those that take two expressions, for `pairs`, and those that take texts, for `texts`. */
extern const char *const weir_aggregate_pairs[], *const weir_aggregate_texts[];

/* ---------------------------------------------------------------- summaries */

/** All that a function needs to know of any number of records. A plain value; zeroed, it knows of none. */
struct weir_summary {
	uint64_t n;
	union {
		struct {
			double sum[2], rest[2]; /**< of every other record; rest: what rounding took from sum */
		} total;
		struct {
			double origin, mean, squares; /**< mean from origin; sum of squared distances from the mean */
		} spread;
		struct {
			double sum, rest, ns;
		} weighted;
		struct {
			uint64_t n;
		} hits;
		struct {
			double min, max;
		} extreme;
		struct {
			double x, y; /**< NaN after a NaN */
		} by;
		struct {
			double x, y, mean_x, mean_y, xx, yy, xy; /**< means from x and y, the first values */
		} pair;
		struct {
			double first, last;
		} ends;
		struct {
			int64_t t; /**< mean_t is in seconds from here, mean_x from x */
			double x, mean_t, mean_x, tt, tx;
		} trend;
	};
};

/** Records for one function, in their order. */
struct weir_values {
	const int64_t *t;  /**< read by WEIR_SLOPE only */
	const double *x;   /**< not read by WEIR_COUNT. For a text: numbers of cells, from 0 */
	const double *y;   /**< read by functions of two arguments and by weighted ones only */
	const char *cells; /**< a text: its cells */
	uint32_t n;
};

/** @brief Take in records. Not for functions by weir_order or weir_census. */
void weir_summary_add(enum weir_function function, struct weir_summary *summary, const struct weir_values *values);
/** @brief Append to `into` what `later` knows of the records that follow. */
void weir_summary_merge(enum weir_function function, struct weir_summary *into, const struct weir_summary *later);
/** @brief The result; without records 0 for counts and sums, NaN for all others. */
double weir_summary_result(enum weir_function function, const struct weir_summary *summary);
/** @brief The x that the function has chosen, where it chooses one: WEIR_FIRST, WEIR_LAST, WEIR_MAX_BY, WEIR_MIN_BY; else NULL. */
double *weir_summary_choice(enum weir_function function, struct weir_summary *summary);

/* --------------------------------------------------------- order statistics */

/** @brief Is it WEIR_MEDIAN or WEIR_QUANTILE? */
bool weir_function_is_ordered(enum weir_function function);
/** @brief Is it WEIR_DISTINCT or WEIR_MODE? By weir/census.h. */
bool weir_function_is_counted(enum weir_function function);

/** A queue of values that knows its median or another quantile: O(log n) to push and to pop. */
struct weir_order;

/**
 * @brief Reserve for at most `capacity` values, 20 bytes each. Memory that was never used is never touched, so a generous
 * bound costs address space only.
 * @return 0 or -ENOMEM. Free with weir_order_close(), which takes NULL.
 */
int weir_order_open(struct weir_order **out, uint32_t capacity) WEIR_MUST_CHECK;
void weir_order_close(struct weir_order *order);
/** @brief Know this quantile, 0 to 1, instead of the median. Before the first value. */
void weir_order_aim(struct weir_order *order, double quantile);
/** @return 0, or -ENOBUFS when it is full: nothing was pushed. */
int weir_order_push(struct weir_order *order, double value) WEIR_MUST_CHECK;
/** @brief Forget the `n` oldest values, or all where there are fewer. */
void weir_order_pop(struct weir_order *order, uint64_t n);
/** @brief The quantile q of n values: at place q * (n - 1) in their order, from 0, and in proportion between two places. NaN
 *  where there is no value, or any NaN. */
double weir_order_quantile(const struct weir_order *order);
/** @brief The same, for an order that was aimed at nothing else. */
double weir_order_median(const struct weir_order *order);

/* -------------------------------------------------------------- sliding panes */

/**
 * @brief A sliding window over panes, the stretches between two edges of windows. Each record is looked at once, each pane
 * is merged a fixed number of times, and a result costs two merges, however long the window is.
 *
 * Panes are kept in two stacks: those of the front know the merge of themselves and all that follow in the front, those of
 * the back are merged as they come. When the front is used up, the back becomes the front.
 */
struct weir_panes;

/**
 * @param function what to compute, `n` of them; copied.
 * @param capacity most panes that hold records at one time.
 * @param median_capacity most records in them, where there is a function by weir_order or weir_census.
 * @return 0 or -ENOMEM. Free with weir_panes_close(), which takes NULL.
 */
int weir_panes_open(struct weir_panes **out, const enum weir_function *function, uint32_t n, uint32_t capacity,
		    uint32_t median_capacity) WEIR_MUST_CHECK;
void weir_panes_close(struct weir_panes *panes);
/** @brief Which quantile function `i`, a WEIR_QUANTILE, is. Before the first record. */
void weir_panes_aim(struct weir_panes *panes, uint32_t i, double quantile);
/** @brief Function `i`, which chooses an x, chooses a text: cells of `bytes`. Before the first record. 0 or -ENOMEM. */
int weir_panes_take_text(struct weir_panes *panes, uint32_t i, uint32_t bytes) WEIR_MUST_CHECK;

/**
 * @brief Add records to the pane that begins at `start`: the newest one, or a new one after it.
 * @param values for each function; they may differ in their number.
 * @return 0, or -ENOBUFS beyond a capacity.
 */
int weir_panes_add(struct weir_panes *panes, int64_t start, const struct weir_values *values) WEIR_MUST_CHECK;
/** @brief Forget all panes that begin before `start`. */
void weir_panes_evict(struct weir_panes *panes, int64_t start);
bool weir_panes_empty(const struct weir_panes *panes);
/** @brief The result of each function over all records that are kept. */
void weir_panes_results(const struct weir_panes *panes, double *result);
/** @brief The text that a result of function `i` stands for: a cell, until the next call; NULL: there is none. */
const char *weir_panes_text(const struct weir_panes *panes, uint32_t i, double result);

/* ------------------------------------------------------ from record to record */

/**
 * @brief The same for a window that moves by one record at a time: a result for each record, the bits of which are those that panes
 * of one record each would give, at a small part of the cost.
 *
 * Values come in laps of the window's size: the window is what has come of this lap and the end of the lap before, and when a lap
 * is complete the extremes of its ends are made, from the last value backwards (van Herk 1992, Gil and Werman 1993).
 */
struct weir_moving;

/** @brief Can weir_moving compute it? WEIR_MIN, WEIR_MAX and WEIR_RANGE. */
bool weir_function_moves(enum weir_function function);

/**
 * @param function one that moves.
 * @param size records in the window, at least 1; 8 bytes each, 16 for WEIR_RANGE.
 * @return 0 or -ENOMEM. Free with weir_moving_close(), which takes NULL.
 */
int weir_moving_open(struct weir_moving **out, enum weir_function function, uint32_t size) WEIR_MUST_CHECK;
void weir_moving_close(struct weir_moving *moving);
/** @brief For each of `n` values, at most WEIR_BLOCK_MAX: the result over it and those before it in the window, fewer at the start. */
void weir_moving_results(struct weir_moving *moving, const double *x, double *result, uint32_t n);

#ifdef __cplusplus
}
#endif
#endif
