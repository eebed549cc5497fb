/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_rate.h
 * @brief The attributes that set how often some channels are sampled: one for each type, each channel, or the whole device.
 */
#ifndef WEIR_DEVICES_IIO_RATE_H
#define WEIR_DEVICES_IIO_RATE_H

#include "devices/iio_device.h"

#define WEIR_IIO_RATES_MAX WEIR_FIELDS_MAX /**< each channel may have its own */

struct weir_iio_rates {
	char dir[WEIR_SYSFS_PATH]; /**< of the device, or of its trigger */
	struct weir_iio_rate {
		char file[WEIR_IIO_FILE_MAX];      /**< in `dir` */
		char available[WEIR_IIO_FILE_MAX]; /**< likewise; empty: the driver lists no rates */
	} rate[WEIR_IIO_RATES_MAX];
	uint32_t n; /**< 0: the rate cannot be set */
};

/** @brief Add the attribute that sets the rate of a channel, unless it is there already or the channel has none. */
void weir_iio_rates_add(struct weir_iio_rates *rates, const char *dir, const struct weir_iio_channel *channel);

/** @brief The one of a trigger. */
void weir_iio_rates_of_trigger(struct weir_iio_rates *rates, const char *dir);

/** @brief The greatest of the rates as they are now; 0: none is told. */
double weir_iio_rates_now(const struct weir_iio_rates *rates);

/**
 * @brief Set each of them to the rate nearest to `hz`, and read all of them back when all are set.
 * @param title what messages call the device.
 * @return 0, after a warning where a rate became another; -errno after a message that has the available rates.
 */
int weir_iio_rates_set(const struct weir_iio_rates *rates, double hz, struct weir_node *node, const char *title,
		       struct weir_sysfs_undo *undo) WEIR_MUST_CHECK;

#endif
