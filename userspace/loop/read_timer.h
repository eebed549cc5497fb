/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file read_timer.h
 * @brief When to read a device next that collects rows by itself: by time while rows come, by its descriptor else.
 *
 * A device may wake poll() for each row, also below its watermark. A timer wakes once for a watermark of rows, if the distance of
 * the rows is known. It is measured: from what a read brings, and the time since the read before. A read without rows ends the
 * timer: the device is then waited for, which costs nothing while it is silent.
 *
 * A pure state machine: no I/O, no clock. All times are of one clock that never goes back, in ns.
 */
#ifndef WEIR_LOOP_READ_TIMER_H
#define WEIR_LOOP_READ_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct weir_read_timer_config {
	uint32_t watermark; /**< rows worth a wake-up, at least 2 */
	uint32_t capacity;  /**< rows that the device holds, at least 1; half of them at most are left to come */
	int64_t row_ns;     /**< distance of rows as the device claims it; 0: unknown */
	int64_t latency_ns; /**< longest time that a row waits, at least 1 */
};

struct weir_read_timer {
	struct weir_read_timer_config config;
	double span_ns, rows; /**< measured, older ones with less weight; rows 0: nothing */
	double fastest_ns;    /**< least distance of rows, claimed or measured; 0: none */
	int64_t due_ns;       /**< of the next read; INT64_MAX: when the descriptor is readable */
	int64_t wait_ns;      /**< the time up to that */
	int64_t read_ns;      /**< of the last read with rows */
	bool has_read;
	bool is_first;  /**< the next read by time is the first since the descriptor was readable */
	bool is_sparse; /**< rows came one by one: by time, reads were in vain */
};

void weir_read_timer_init(struct weir_read_timer *timer, const struct weir_read_timer_config *config);

/**
 * @brief The device was emptied, `n` rows came: set when to read next.
 * @param wanted rows of any use from now on, at least 1; fewer than a watermark are waited for no longer than they take.
 */
void weir_read_timer_took(struct weir_read_timer *timer, int64_t now_ns, uint64_t n, uint64_t wanted);

/** @brief Is a time set? Else the descriptor is to be waited for. */
static inline bool weir_read_timer_runs(const struct weir_read_timer *timer)
{
	return timer->due_ns != INT64_MAX;
}

/**
 * @brief The thread is awake at `now_ns`, and would be again at `next_ns`: is it better to read now than to wake up for it? So the
 * reads of several devices come to the same times.
 */
bool weir_read_timer_joins(const struct weir_read_timer *timer, int64_t now_ns, int64_t next_ns);

#endif
