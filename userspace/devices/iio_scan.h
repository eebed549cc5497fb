/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_scan.h
 * @brief Where IIO puts each channel of a scan, and so a row's schema. No library, no device: arithmetic alone.
 */
#ifndef WEIR_DEVICES_IIO_SCAN_H
#define WEIR_DEVICES_IIO_SCAN_H

#include "weir/driver.h"

/** A channel of a scan, as its `scan_elements` attributes describe it. */
struct weir_iio_element {
	char name[WEIR_NAME_MAX]; /**< of its field */
	char unit[WEIR_UNIT_MAX];
	bool shown; /**< false: captured because the driver always pushes it, but no field */
	long index; /**< `_index`: the order in a scan */
	/* `_type`: [be|le]:[s|u|f]bits/storage[Xrepeat]>>shift */
	uint32_t bits, storage, shift, repeat;
	bool is_signed, is_big_endian;
	bool is_float; /**< IEEE 754, of 32 or 64 bits */
	double scale, offset;
};

/**
 * @brief Lay out a scan as the IIO core does (iio_compute_scan_bytes()): by index, each element aligned to its own size
 * (an array counts as one element), the timestamp last, the whole a multiple of the largest.
 *
 * Fields come in the order of `element`, an element that repeats as NAME_0, NAME_1, …
 *
 * @param timestamp the timestamp's element; must be 64 bits wide.
 * @return 0; -E2BIG: more than WEIR_FIELDS_MAX fields or WEIR_ROW_MAX bytes; -EINVAL: a storage size that IIO does not have.
 */
int weir_iio_layout(struct weir_schema *out, enum weir_clock clock, const struct weir_iio_element *element, uint32_t n,
		    const struct weir_iio_element *timestamp);

#endif
