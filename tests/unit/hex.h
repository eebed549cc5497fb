/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file hex.h
 * @brief Bytes as in "20 03 00".
 */
#ifndef WEIR_TESTS_HEX_H
#define WEIR_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** @brief @return how many bytes there are; `out` has room for them. */
static inline size_t bytes_of(const char *hex, uint8_t *out)
{
	size_t n = 0;
	int used;
	unsigned value;

	for (; sscanf(hex, "%2x%n", &value, &used) == 1; hex += used)
		out[n++] = (uint8_t)value;
	return n;
}

#endif
