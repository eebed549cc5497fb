/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file condense.h
 * @brief For authors of operators with a parameter `aggregates`: what a program wants to know of the records that are gathered.
 *
 * The operator decides which records belong together and when they come out; this makes the fields, evaluates the expressions
 * and computes the results. All on the operator's thread.
 */
#ifndef WEIR_CONDENSE_H
#define WEIR_CONDENSE_H

#include "weir/operands.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_condenser;

/** How much is gathered at one time. */
struct weir_gathering {
	uint32_t panes;       /**< see weir_panes_open() */
	uint32_t records;     /**< most records that a median can hold */
	const char *argument; /**< which to blame when no median can hold them all; NULL: they may be fewer */
	uint32_t
		moving; /**< windows have so many records and move by one: see weir_condenser_moves(); 0: they do not */
	struct weir_leaving leaving;
};

/**
 * @brief From open(): append a field to `out` for each aggregate, and take memory. weir_out(node) must become
 * `out`, as it does in open().
 * @return 0; -EINVAL after a report; -ENOMEM. *out_condenser is to be closed in any case.
 */
int weir_condenser_open(struct weir_condenser **out_condenser, struct weir_node *node,
			const struct weir_bindings *aggregates, struct weir_schema *out,
			const struct weir_gathering *gathering) WEIR_MUST_CHECK;
/** @brief Takes NULL. */
void weir_condenser_close(struct weir_condenser *condenser);

/** @brief Evaluate the expressions for a block, of which weir_condenser_add() then takes records. */
void weir_condenser_look(struct weir_condenser *condenser, const struct weir_block *in);
/** @brief Take in `n` records of that block from record `from` on, into the pane that begins at `start`: the newest, or a new one
 *  after it. @return 0, or -errno after a report. */
int weir_condenser_add(struct weir_condenser *condenser, int64_t start, const struct weir_block *in, uint32_t from,
		       uint32_t n) WEIR_MUST_CHECK;
/** @brief Are windows that move by one computed without panes? Where each of the functions can be; then weir_condenser_move() is
 *  all that is to be called between look and close. */
bool weir_condenser_moves(const struct weir_condenser *condenser);
/** @brief Take in all of that block; each record but the first `skip` of them ends a window and gives a record. Result as of
 *  weir_emit(). */
int weir_condenser_move(struct weir_condenser *condenser, const struct weir_block *in, uint32_t skip) WEIR_MUST_CHECK;

/** @brief Forget the panes that begin before `start`. */
void weir_condenser_evict(struct weir_condenser *condenser, int64_t start);
/** @brief Is there no record? */
bool weir_condenser_is_empty(const struct weir_condenser *condenser);
/** @brief Make a record of all that is kept, at time `t`. Result as of weir_emit(). */
int weir_condenser_show(struct weir_condenser *condenser, int64_t t) WEIR_MUST_CHECK;
/** @brief Hand downstream what was made. Result as of weir_emit(). */
int weir_condenser_emit(struct weir_condenser *condenser) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
