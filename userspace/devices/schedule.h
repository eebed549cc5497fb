/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file schedule.h
 * @brief When a polled device is read: at a period, and again within it after a failure. Pure arithmetic: no I/O, no clock.
 *
 * Rows are due on an absolute grid. The attempts of one row are at equal distances within its period, so the last of them begins
 * before the next row is due.
 */
#ifndef WEIR_DEVICES_SCHEDULE_H
#define WEIR_DEVICES_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR_RETRY_MAX 100 /**< further attempts for one row */

struct weir_schedule {
	int64_t period_ns; /**< > 0 */
	uint32_t retry;    /**< further attempts for one row, 0 to WEIR_RETRY_MAX */
	uint32_t attempt;  /**< of the present row, from 0 */
	int64_t due_ns;    /**< CLOCK_MONOTONIC: when the present row was or is due */
	int64_t next_ns;   /**< CLOCK_MONOTONIC: when the next attempt is due */
};

/** @brief The first row is due at `now_ns`. */
void weir_schedule_begin(struct weir_schedule *schedule, int64_t now_ns, int64_t period_ns, uint32_t retry);

/**
 * @brief Is an attempt due?
 * @param missed rows that found no time, because reading took longer than a period; they are skipped. 0 where none is due.
 */
bool weir_schedule_is_due(struct weir_schedule *schedule, int64_t now_ns, uint64_t *missed);

/** @brief The attempt failed. @return true: there is another one, at next_ns; false: it was the last of its row. */
bool weir_schedule_again(struct weir_schedule *schedule);

/** @brief The row is over, read or lost: the next one is due at next_ns. */
void weir_schedule_done(struct weir_schedule *schedule);

#endif
