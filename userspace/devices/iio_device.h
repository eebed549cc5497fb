/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_device.h
 * @brief An IIO device of this machine and its channels, found with libiio.
 *
 * libiio says what there is and how it is scaled. It does not move data: its buffers would copy every sample and have a
 * thread's idea of waiting, where weir's loop reads the character device straight into ring memory.
 */
#ifndef WEIR_DEVICES_IIO_DEVICE_H
#define WEIR_DEVICES_IIO_DEVICE_H

#include <sys/types.h>

#include "devices/iio_scan.h"
#include "devices/sysfs.h"
#include "weir/driver.h"

#define WEIR_IIO_DIR "/sys/bus/iio/devices"

struct iio_context;
struct iio_device;
struct iio_channel;

struct weir_iio_device {
	struct iio_context *context; /**< owned */
	const struct iio_device *device;
	int number;                /**< N of iio:deviceN */
	char name[64];             /**< what messages call it: its name where it has one */
	char dir[WEIR_SYSFS_PATH]; /**< its directory in sysfs */
	ino_t inode;               /**< of that directory: another device of the same number has another */
};

/** A channel that the program wants, under the name that its field shall have. */
struct weir_iio_pick {
	const struct iio_channel *channel;
	char field[WEIR_NAME_MAX];
};

/**
 * @brief Find the device that a word means, in any libiio context.
 * @return 0; -ENOENT: none; -ENOTUNIQ: several.
 */
int weir_iio_find_device(const struct iio_context *context, const char *word, const struct iio_device **out);

/**
 * @brief Find the channel that a word means, among those that are `usable`. Its label fits as well as its id.
 * @return 0; -ENOENT; -ENOTUNIQ.
 */
int weir_iio_find_channel(const struct iio_device *device, const char *word,
			  bool (*usable)(const struct iio_channel *channel), const struct iio_channel **out);

/** @brief Tell of each sensor. */
void weir_iio_tell_devices(weir_tell_device *tell, void *context);

/** @brief An input channel of the scan, the timestamp excepted. */
bool weir_iio_is_scanned(const struct iio_channel *channel);

/** @brief The timestamp of the scan, or NULL. */
const struct iio_channel *weir_iio_timestamp(const struct iio_device *device);

/** @brief A channel's place and shape in a scan, with scale, offset and unit. */
void weir_iio_element(const struct iio_channel *channel, struct weir_iio_element *out);

/** @brief A number from a channel's attribute, or `fallback` where it has none. */
double weir_iio_channel_number(const struct iio_channel *channel, const char *attribute, double fallback);

/* These say through the node what is wrong. */

/**
 * @brief Find the device that the node's target names.
 * @return 0; -ENOENT, -ENOTUNIQ, … after weir_fail_arg() or weir_fail_device(). Close with weir_iio_device_close(), also
 * after an error; a zeroed one may be closed.
 */
int weir_iio_device_open(struct weir_iio_device *out, struct weir_node *node) WEIR_MUST_CHECK;
void weir_iio_device_close(struct weir_iio_device *device);

/** @brief Is it still there, and still the same? 0, or what weir_fail_device() returned. */
int weir_iio_device_alive(const struct weir_iio_device *device, struct weir_node *node);

/**
 * @brief The channels that the node's brackets name, or all that are `usable`.
 * @param pick room for WEIR_FIELDS_MAX.
 * @return how many; -EINVAL after weir_fail_arg().
 */
int weir_iio_pick_channels(const struct weir_iio_device *device, struct weir_node *node,
			   bool (*usable)(const struct iio_channel *channel), struct weir_iio_pick *pick);

/**
 * @brief The attribute that sets the device's sampling frequency, as a file of its directory.
 * @return 0 or -ENOENT: it has a fixed rate, or its trigger's.
 */
int weir_iio_rate_attribute(const struct weir_iio_device *device, char *name, size_t size);

#endif
