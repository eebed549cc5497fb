/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_channel.h
 * @brief The channels of an IIO device, as the names of its files in sysfs spell them. No library: any directory will do.
 *
 * The kernel names the files of a channel `in_ID_raw`, `in_ID_scale`, `scan_elements/in_ID_en` and so on, where ID is
 * type, index, `-` and the second index of a difference, modifier, extended name: "accel_x", "voltage0-voltage1",
 * "current_shunt". An attribute may also belong to all channels of a type (`in_accel_scale`), of a direction, or of the
 * device.
 */
#ifndef WEIR_DEVICES_IIO_CHANNEL_H
#define WEIR_DEVICES_IIO_CHANNEL_H

#include "devices/iio_scan.h"
#include "devices/sysfs.h"

#define WEIR_IIO_ID_MAX 64   /**< bytes of a channel's ID with its zero */
#define WEIR_IIO_FILE_MAX 96 /**< bytes of the name of an attribute's file with its zero */

struct weir_iio_channel {
	char id[WEIR_IIO_ID_MAX];
	char label[WEIR_IIO_ID_MAX]; /**< empty: none */
	bool is_output;
	bool has_raw, has_input; /**< attributes that hold its value: as a raw number; as a physical one */
	bool is_scanned;         /**< has a place in the scans of the device's first buffer */
	bool is_timestamp;
	struct weir_iio_element element; /**< is_scanned: its place and shape; neither name nor scale nor offset */
};

/**
 * @brief Read the channels of a device: those of the scan by index, then the others in the order of their IDs.
 * @param dir the device's directory.
 * @param out becomes the caller's: free() it, also when there are none.
 * @return 0, -ENOMEM, or -errno of the directory.
 */
int weir_iio_channels_read(const char *dir, struct weir_iio_channel **out, uint32_t *n) WEIR_MUST_CHECK;

/**
 * @brief The file with an attribute of a channel: the channel's own, else that of its type, of its direction, of the device.
 * @return does any of them exist? `file` is relative to `dir`, and empty if none does.
 */
bool weir_iio_channel_file(const char *dir, const struct weir_iio_channel *channel, const char *attribute,
			   char file[WEIR_IIO_FILE_MAX]);

/**
 * @brief Read a `_type` attribute, "[be|le]:[s|u|f]bits/storage[Xrepeat]>>shift", into an element.
 * @return false: it is none.
 */
bool weir_iio_parse_type(const char *text, struct weir_iio_element *element);

/**
 * @brief A number from a channel's attribute.
 * @return 0; -ENOENT, and `*out` as it was: the channel has no such attribute; -EINVAL: not a number; -errno of the read.
 */
int weir_iio_channel_number(const char *dir, const struct weir_iio_channel *channel, const char *attribute,
			    double *out);

/** @brief An input channel of the scan, the timestamp excepted. */
bool weir_iio_is_scanned(const struct weir_iio_channel *channel);

/** @brief An input channel with a value in sysfs. */
bool weir_iio_is_readable(const struct weir_iio_channel *channel);

#endif
