/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file setup_parts.h
 * @brief Parts of weir_setup(): the kernel's drivers and the devices of a system, and its config.txt. `root` is the directory of that
 * system, "" for this one.
 */
#ifndef WEIR_API_SETUP_PARTS_H
#define WEIR_API_SETUP_PARTS_H

#include <limits.h>
#include <stdio.h>

#include "api/catalogue.h"

enum weir_setup_driver {
	WEIR_SETUP_NO_DRIVER,  /**< the kernel has none */
	WEIR_SETUP_MODULE,     /**< a file of its modules */
	WEIR_SETUP_BUILT_IN,   /**< a part of the kernel */
	WEIR_SETUP_TOO_OLD,    /**< the driver is there, the chip came later */
	WEIR_SETUP_NOT_NEEDED, /**< none is needed */
	WEIR_SETUP_UNKNOWN     /**< the lists of modules are not there */
};

/** @brief Does the kernel have the driver, by its lists of modules? Nothing is loaded. @param release set to the kernel's release. */
enum weir_setup_driver weir_setup_find_driver(const struct weir_chip *chip, const char *root, char release[NAME_MAX]);

enum weir_setup_device {
	WEIR_SETUP_ABSENT,   /**< no device of that name */
	WEIR_SETUP_DECLARED, /**< the kernel was told of it, no driver took it */
	WEIR_SETUP_BOUND,    /**< a driver has it, so the chip answered */
	WEIR_SETUP_SILENT    /**< sysfs does not show this kind of sensor */
};

/** @brief Is the chip there, by sysfs? The bus is left alone. @param place set to the device. */
enum weir_setup_device weir_setup_find_device(const struct weir_chip *chip, const char *root, char place[NAME_MAX]);

/** A config.txt, and the place of a line in it. */
struct weir_setup_config {
	char path[PATH_MAX]; /**< empty: there is none */
	unsigned line;       /**< of the line itself, from 1; 0: it is not there */
	unsigned near;       /**< of the same overlay with other parameters; 0: none */
	char near_text[128]; /**< that line, cut */
	bool ends_in_all;    /**< lines at the end hold for every model */
	int err;             /**< errno of reading it */
};

/** @brief Look for the line in `given`, or in the config.txt below `root`. */
void weir_setup_read_config(struct weir_setup_config *config, const char *given, const char *root, const char *line);

/**
 * @brief Append the line, atomically; the old file stays as PATH.weir-N.
 * @param backup set to its path.
 * @return 0; -errno, nothing was changed.
 */
int weir_setup_append(const struct weir_setup_config *config, const char *line, char backup[PATH_MAX]);

#endif
