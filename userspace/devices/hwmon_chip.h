/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file hwmon_chip.h
 * @brief The chips of Linux's hardware monitoring (hwmon), their names and channels. All of it is read from sysfs.
 *
 * The files of a channel and the units of their values: Documentation/hwmon/sysfs-interface.rst. `hwmonN` depends on the order in
 * which drivers come up. The names that persist are the label, and the place on the bus: `sht3x@1-0044`.
 */
#ifndef WEIR_DEVICES_HWMON_CHIP_H
#define WEIR_DEVICES_HWMON_CHIP_H

#include <stdint.h>

#include "devices/sysfs.h"
#include "weir/driver.h"

#define WEIR_HWMON_DIR "/sys/class/hwmon"
#define WEIR_HWMON_NAME 64      /**< bytes of a name with its zero */
#define WEIR_HWMON_MAX 128      /**< chips of a machine */
#define WEIR_HWMON_CHANNELS 128 /**< channels of a chip; more are ignored */

struct weir_hwmon_channel {
	char id[32];                 /**< "temp1" */
	char file[40];               /**< "temp1_input" */
	char label[WEIR_HWMON_NAME]; /**< of the file "temp1_label"; empty: none */
};

struct weir_hwmon_chip {
	char id[24];                     /**< "hwmon3" */
	char name[WEIR_HWMON_NAME];      /**< "sht3x" */
	char label[WEIR_HWMON_NAME];     /**< of the device tree; empty: none */
	char address[WEIR_HWMON_NAME];   /**< its parent's name on the bus, "1-0044"; empty: it has no parent */
	char title[2 * WEIR_HWMON_NAME]; /**< the shortest of its names that no other chip has */
	char dir[WEIR_SYSFS_PATH];       /**< the directory with its files */
	struct weir_hwmon_channel channel[WEIR_HWMON_CHANNELS];
	uint32_t n_channels;
};

/** @brief Read one chip from its directory. @return 0, or -errno: there is no such directory. */
int weir_hwmon_read_chip(const char *dir, struct weir_hwmon_chip *chip) WEIR_MUST_CHECK;

/**
 * @brief Read all chips below `root`, which is WEIR_HWMON_DIR but for tests, and give each its title.
 * @return how many, 0 also where there is no such directory; -ENOMEM. Free `*chips`.
 */
int weir_hwmon_read_chips(const char *root, struct weir_hwmon_chip **chips) WEIR_MUST_CHECK;

/**
 * @brief Find the chip that a word means: hwmonN, N, name, label, address, name@address.
 * @return its index; -ENOENT; -ENOTUNIQ.
 */
int weir_hwmon_find_chip(const struct weir_hwmon_chip *chips, int n, const char *word);

/**
 * @brief Find the channel that a word means: an id, a file such as "temp1_max", a label, or the type where the chip has one channel
 * of it.
 * @param file set to the file to read; bytes of `file` are sizeof(((struct weir_hwmon_channel *)0)->file).
 * @return the channel's index; -ENOENT; -ENOTUNIQ.
 */
int weir_hwmon_find_channel(const struct weir_hwmon_chip *chip, const char *word, char *file);

/** What the values of a file are. */
struct weir_hwmon_quantity {
	const char *unit;   /**< empty: none */
	double least, most; /**< that the quantity can have */
};

/** @brief The quantity of a file: "temp1_max" is in m°C, "temp1_alarm" has no unit. */
struct weir_hwmon_quantity weir_hwmon_quantity(const char *file);

#endif
