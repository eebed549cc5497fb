/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file released.h
 * @brief What happens to a GPIO line that is released: the driver of its chip decides, a Raspberry Pi's by a module parameter.
 */
#ifndef WEIR_CORE_RELEASED_H
#define WEIR_CORE_RELEASED_H

#include <stdbool.h>
#include <stddef.h>

/**
 * @brief For each driver that owns a chip of this machine: its chips, and what it does with released lines.
 * @param sys "/sys", or a test's directory.
 * @return the number of chips.
 */
unsigned weir_released_lines(const char *sys, char *text, size_t size);

#endif
