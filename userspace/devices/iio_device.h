/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_device.h
 * @brief The IIO devices of a machine, their names, and which one a word of a program means.
 *
 * All of it is read from sysfs. `iio:deviceN` depends on the order in which drivers came up; the name of the chip is not
 * unique when there are two of a kind. The names that stay are the label, and the place on the bus: `ads1115@1-0048`.
 */
#ifndef WEIR_DEVICES_IIO_DEVICE_H
#define WEIR_DEVICES_IIO_DEVICE_H

#include <sys/types.h>

#include "core/access.h"
#include "devices/iio_channel.h"
#include "devices/sysfs.h"
#include "weir/driver.h"

#define WEIR_IIO_DIR "/sys/bus/iio/devices"
#define WEIR_IIO_STABLE_MAX 6 /**< names of a device that stay */
#define WEIR_IIO_NAME_MAX 64  /**< bytes of a device's name with its zero */

struct weir_iio_device {
	int number;                        /**< N of iio:deviceN */
	char id[24];                       /**< iio:deviceN */
	char name[WEIR_IIO_NAME_MAX];      /**< its driver's word for the chip; empty: none */
	char chip[WEIR_IIO_NAME_MAX];      /**< its bus's word for it, which names the very chip; empty: none */
	char label[WEIR_IIO_NAME_MAX];     /**< empty: none */
	char address[WEIR_IIO_NAME_MAX];   /**< its parent's name on the bus, "1-0048"; empty: it has no parent */
	char title[2 * WEIR_IIO_NAME_MAX]; /**< what messages call it: the shortest of its names that no other has */
	char dir[WEIR_SYSFS_PATH];         /**< its directory in sysfs */
	char path[WEIR_SYSFS_PATH];        /**< the same without symbolic links, which says where it is plugged in */
	ino_t inode;                       /**< of that directory: another device of the same number has another */
	struct weir_iio_channel *channel;  /**< owned */
	uint32_t n_channels;
};

/** All of a machine. */
struct weir_iio_devices {
	struct weir_iio_device *device; /**< owned */
	uint32_t n;
};

/** A channel that the program wants, under the name that its field shall have. */
struct weir_iio_pick {
	const struct weir_iio_channel *channel;
	char field[WEIR_NAME_MAX];
	const char *attribute; /**< "raw" or "input" where the program spells it out; else "" */
};

/**
 * @brief Read the devices below `root`, which is WEIR_IIO_DIR but for tests, and their channels. Triggers are none.
 * @return 0, or -ENOMEM. No directory: no devices. Close also after an error.
 */
int weir_iio_devices_read(const char *root, struct weir_iio_devices *out) WEIR_MUST_CHECK;
void weir_iio_devices_close(struct weir_iio_devices *devices);

/**
 * @brief Find the device that a word means: one of the names of weir_iio_fits_device(), or a path in sysfs, of the device or of
 * its parent.
 * @return its index; -ENOENT: none; -ENOTUNIQ: several.
 */
int weir_iio_find_device(const struct weir_iio_devices *devices, const char *word);

/**
 * @brief The names of a device that stay, and that no other device has: CHIP@ADDRESS, NAME@ADDRESS, the label, the
 * names, ADDRESS.
 * @return how many; where there are none, one: iio:deviceN.
 */
uint32_t weir_iio_stable_names(const struct weir_iio_devices *devices, uint32_t which,
			       char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX]);

/**
 * @brief Find the channel that a word means, among those that are `usable`.
 * @return its index; -ENOENT; -ENOTUNIQ.
 */
int weir_iio_find_channel(const struct weir_iio_device *device, const char *word,
			  bool (*usable)(const struct weir_iio_channel *channel));

/** @brief The timestamp of the scan, or NULL. */
const struct weir_iio_channel *weir_iio_timestamp(const struct weir_iio_device *device);

/* These say through the node what is wrong. */

/**
 * @brief Find a device by a word.
 * @return 0; -ENOENT, -ENOTUNIQ, … after weir_fail_arg() or weir_fail_device(). Close with weir_iio_device_close(), also
 * after an error; a zeroed one may be closed.
 */
int weir_iio_device_open(struct weir_iio_device *out, struct weir_node *node, const char *word) WEIR_MUST_CHECK;
void weir_iio_device_close(struct weir_iio_device *device);

/** @brief Is it still there, and still the same? 0, or what weir_fail_device() returned. */
int weir_iio_device_alive(const struct weir_iio_device *device, struct weir_node *node);

/**
 * @brief The channels that the node's brackets name, or all that are `usable`.
 * @param pick room for WEIR_FIELDS_MAX.
 * @return how many; -EINVAL after weir_fail_arg().
 */
int weir_iio_pick_channels(const struct weir_iio_device *device, struct weir_node *node,
			   bool (*usable)(const struct weir_iio_channel *channel), struct weir_iio_pick *pick);

#endif
