/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file pace.h
 * @brief When a record of the past is due now, so that records come at the distances that they once had. 
 *
 * Across a hole longer than `gap_ns`, forward or back, nobody waits, and the distances are counted from there on.
 */
#ifndef WEIR_PACE_H
#define WEIR_PACE_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A plain value, zeroed before the first record; clear `has_begun` where no distance counts. */
struct weir_pace {
	bool has_begun;
	int64_t t, due; /**< of the latest record */
};

/**
 * @brief When the record of time `t` is due, of CLOCK_MONOTONIC, which `now` shows. To be asked of each record in turn, of one that is
 * not due yet as often as it takes.
 */
int64_t weir_pace_due(struct weir_pace *pace, struct weir_node *node, int64_t gap_ns, int64_t t, int64_t now);

#ifdef __cplusplus
}
#endif
#endif
