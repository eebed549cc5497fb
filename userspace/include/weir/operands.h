/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file operands.h
 * @brief For condense.c: the values of a block that aggregates work on.
 *
 * Some aggregates count each record's share of what happens between two records. That share belongs to the later record, so the results
 * of windows add up to that of the whole stream. For them the record before a block is carried into it: see struct weir_carry.
 */
#ifndef WEIR_OPERANDS_H
#define WEIR_OPERANDS_H

#include "weir/aggregate.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The record before: its time and value. Zeroed, there is none. */
struct weir_carry {
	bool is_there;
	int64_t t;
	double x; /**< WEIR_CROSSINGS: the last that is not 0 */
};

/** What is left out. */
struct weir_leaving {
	bool skips_nan;  /**< values that are NaN; else they make shares on both sides of them NaN */
	int64_t hole_ns; /**< integrals do not count the time between two records that are further apart */
};

/**
 * @brief Shares of `n` records in the sums of WEIR_INTEGRAL, WEIR_TMEAN, WEIR_INCREASE, WEIR_RATE and WEIR_CROSSINGS.
 *
 * A record that is older than the one before, by at most the hole, has no share and is not carried; NaN stays NaN.
 * @param share WEIR_INTEGRAL and WEIR_TMEAN: area of the trapezoid from the record before, times ns; WEIR_INCREASE and WEIR_RATE: the
 * difference, or the value itself where it is less than before (the counter began again at 0); WEIR_CROSSINGS: 1 where the sign is
 * another than that of the last value other than 0.
 * @param ns WEIR_TMEAN and WEIR_RATE: the time since the record before; NULL for the others.
 */
void weir_carry_on(enum weir_function function, struct weir_carry *carry, const struct weir_leaving *leaving,
		   const int64_t *t, const double *x, double *share, double *ns, uint32_t n);

struct weir_operands;

/** @return 0 or -ENOMEM. Free with weir_operands_close(), which takes NULL. */
int weir_operands_open(struct weir_operands **out, const struct weir_bindings *aggregates,
		       const struct weir_leaving *leaving) WEIR_MUST_CHECK;
void weir_operands_close(struct weir_operands *operands);
/** @brief The function that panes compute for aggregate `i`. */
enum weir_function weir_operands_function(const struct weir_operands *operands, uint32_t i);
/** @brief Evaluate the expressions for a block. Blocks come in their order, each once. */
void weir_operands_look(struct weir_operands *operands, const struct weir_block *in);
/** @brief The x of aggregate `i`, for each record of that block. */
const double *weir_operands_column(const struct weir_operands *operands, uint32_t i);
/** @brief Of that block, `n` records from record `from` on, for each aggregate; until the next call. */
const struct weir_values *weir_operands_take(struct weir_operands *operands, const struct weir_block *in, uint32_t from,
					     uint32_t n);

#ifdef __cplusplus
}
#endif
#endif
