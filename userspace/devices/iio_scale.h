/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_scale.h
 * @brief Scale and offset of channels, as they are now: a gain may be set, by anybody, while samples are taken.
 */
#ifndef WEIR_DEVICES_IIO_SCALE_H
#define WEIR_DEVICES_IIO_SCALE_H

#include "devices/iio_channel.h"

/** Of one channel, or of all that share both attributes. */
struct weir_iio_scale {
	char scale_file[WEIR_IIO_FILE_MAX], offset_file[WEIR_IIO_FILE_MAX]; /**< empty: the channel has none */
	int scale_fd, offset_fd;                                            /**< kept open; -1: none */
	double scale, offset;                                               /**< 1 and 0 where there is no attribute */
	int err; /**< of the last attempt to read them; 0: they are what they were then */
};

struct weir_iio_scales {
	struct weir_iio_scale scale[WEIR_FIELDS_MAX];
	uint32_t n;
};

/**
 * @brief Add those of a channel unless they are there, and read them.
 * @return the index; its `err` says whether they could be read. At most WEIR_FIELDS_MAX channels are added.
 */
uint32_t weir_iio_scales_add(struct weir_iio_scales *scales, const char *dir, const struct weir_iio_channel *channel);

/** @brief Read all of them again. @return has any of them changed? */
bool weir_iio_scales_read(struct weir_iio_scales *scales);

void weir_iio_scales_close(struct weir_iio_scales *scales);

#endif
