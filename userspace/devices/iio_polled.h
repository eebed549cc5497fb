/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_polled.h
 * @brief Channels read one by one from sysfs, at a fixed period: for drivers without a buffer. The pulled form of `iio:`.
 *
 * A channel's text holds one number or, a quaternion for example, several: each has its field. Scale and offset are read with each
 * value, so that a gain may be set meanwhile.
 */
#ifndef WEIR_DEVICES_IIO_POLLED_H
#define WEIR_DEVICES_IIO_POLLED_H

#include <stdatomic.h>

#include "devices/iio_device.h"
#include "devices/iio_scale.h"
#include "devices/schedule.h"

struct weir_iio_polled {
	const struct weir_iio_device *device; /**< borrowed */
	struct weir_iio_polled_channel {
		char name[WEIR_NAME_MAX];     /**< in messages */
		char file[WEIR_IIO_FILE_MAX]; /**< attribute in the device's directory */
		int fd;                  /**< kept open, so that a sample costs one system call for each attribute */
		int scale;               /**< index of what makes the raw number physical; -1: it is already */
		uint32_t first, n;       /**< its fields */
		_Atomic uint64_t failed; /**< readings that gave no value */
		_Atomic int err;         /**< why the last of these did not, positive */
		bool has_warned;
		bool is_read; /**< in the present row */
		int failure;  /**< of the last attempt, -errno */
	} channel[WEIR_FIELDS_MAX];
	uint32_t n;
	struct weir_iio_scales scales;
	struct weir_schedule schedule;
	double value[WEIR_FIELDS_MAX]; /**< of the present row, by field; NaN where there is none */
	_Atomic uint64_t again;        /**< attempts that failed and were followed by another */
	uint64_t rows;                 /**< that were due and tried */
	uint32_t failures;             /**< rows without any value, one after the other */
	char how[512];                 /**< which channels failed how often */
};

/** @brief The numbers in the text of an attribute, "11 22 33" or "7.250000 dB". @return how many, at most `max`; 0: it is none. */
uint32_t weir_iio_parse_numbers(const char *text, double *number, uint32_t max);

/** @brief Decide which attributes to read, change nothing. @return 0, or -errno after a message. Close also after an error. */
int weir_iio_polled_open(struct weir_iio_polled *polled, const struct weir_iio_device *device, struct weir_node *node,
			 enum weir_clock clock, struct weir_schema *out) WEIR_MUST_CHECK;

/** @brief Open the attributes; the first row is due now. @return 0, or -errno after a message. */
int weir_iio_polled_start(struct weir_iio_polled *polled, struct weir_node *node, int64_t period_ns,
			  uint32_t retry) WEIR_MUST_CHECK;

/**
 * @brief One row if it is due. May block as long as the device takes.
 *
 * A channel that cannot be read is tried again as often as `retry` says, at even distances within the period; others keep the value
 * that they have. A row's time is that of its last attempt, taken before the attempt's first reading.
 *
 * The fields of a channel that cannot be read are NaN, and the failure is named and counted as lost. A row without any value is left
 * out and counted, as are rows that reading too slowly leaves no time for; after ten such rows one after the other, or
 * when the device is gone, it gives up.
 * @return 1; -EAGAIN with `wait` set; -errno after a message.
 */
int weir_iio_polled_produce(struct weir_iio_polled *polled, struct weir_node *node, struct weir_rows *rows,
			    struct weir_wait *wait);

/** @brief Which channels could not be read, how often and why; NULL: all could. Any thread. */
const char *weir_iio_polled_how(struct weir_iio_polled *polled);

void weir_iio_polled_close(struct weir_iio_polled *polled);

#endif
