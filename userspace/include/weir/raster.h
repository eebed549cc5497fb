/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file raster.h
 * @brief For sources that make their own times: record i of a rate, without drift however long the run.
 */
#ifndef WEIR_RASTER_H
#define WEIR_RASTER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Points in time at a constant rate. A whole number of Hz is kept exactly; any other as a period rounded to the ns. */
struct weir_raster {
	uint64_t hz; /**< 0: by period */
	int64_t period_ns;
};

/** @param hz from 1e-9 to 1e9. */
struct weir_raster weir_raster_of(double hz);

/** @brief ns from record 0 to record `i`, rounded down. */
int64_t weir_raster_at(const struct weir_raster *raster, uint64_t i);

#ifdef __cplusplus
}
#endif
#endif
