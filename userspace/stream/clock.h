/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file clock.h
 * @brief Facts about the clocks that times of records are of.
 */
#ifndef WEIR_STREAM_CLOCK_H
#define WEIR_STREAM_CLOCK_H

#include "weir/block.h"
#include "weir/driver.h"

/** @brief What the user calls it. Times of clocks of one name can be compared. */
const char *weir_clock_name(enum weir_clock clock);
/** @brief Does it go on when no records come? */
bool weir_clock_is_live(enum weir_clock clock);

#endif
