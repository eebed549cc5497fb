/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file whole.h
 * @brief From a double to an integer. A cast of a double that the integer cannot hold is undefined in C; lrint() and its like give any
 * number then.
 */
#ifndef WEIR_WHOLE_H
#define WEIR_WHOLE_H

#include <math.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief The nearest integer. What is out of range is the nearest end of it, NaN is 0. */
static inline int64_t weir_whole(double value)
{
	if (!(value < 0x1p63))
		return value >= 0x1p63 ? INT64_MAX : 0;
	return value < -0x1p63 ? INT64_MIN : llrint(value);
}

/** @brief The same for a count: 0 to INT64_MAX. */
static inline uint64_t weir_whole_count(double value)
{
	return value > 0 ? (uint64_t)weir_whole(value) : 0;
}

#ifdef __cplusplus
}
#endif
#endif
