/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_polled.h
 * @brief Channels read one by one from sysfs, at a fixed period: for drivers without a buffer. The pulled form of `iio:`.
 */
#ifndef WEIR_DEVICES_IIO_POLLED_H
#define WEIR_DEVICES_IIO_POLLED_H

#include "devices/iio_device.h"

struct weir_iio_polled {
	const struct weir_iio_device *device; /**< borrowed */
	struct weir_iio_polled_channel {
		char file[64]; /**< attribute in the device's directory */
		bool is_raw;   /**< an integer that scale and offset make physical; else already physical */
		int fd;        /**< kept open, so that a sample costs one system call for each channel */
	} channel[WEIR_FIELDS_MAX];
	uint32_t n;
	int64_t period_ns;
	int64_t next_ns;   /**< CLOCK_MONOTONIC: when the next row is due */
	uint32_t failures; /**< rows that failed one after the other */
};

/** @brief Decide which attributes to read, change nothing. @return 0, or -errno after a message. */
int weir_iio_polled_open(struct weir_iio_polled *polled, const struct weir_iio_device *device, struct weir_node *node,
			 struct weir_schema *out) WEIR_MUST_CHECK;

/** @brief Open the attributes; the first row is due now. @return 0, or -errno after a message. */
int weir_iio_polled_start(struct weir_iio_polled *polled, struct weir_node *node) WEIR_MUST_CHECK;

/**
 * @brief One row if it is due; its time is taken before the first channel is read. May block as long as the device takes.
 *
 * A row of which a channel cannot be read is left out and counted, as are rows that reading too slowly leaves no time for;
 * after ten such failures in a row, or when the device is gone, it gives up.
 * @return 1; -EAGAIN with `wait` set; -errno after a message.
 */
int weir_iio_polled_produce(struct weir_iio_polled *polled, struct weir_node *node, void *row, struct weir_wait *wait);

void weir_iio_polled_close(struct weir_iio_polled *polled);

#endif
