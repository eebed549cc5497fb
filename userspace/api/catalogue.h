/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file catalogue.h
 * @brief The chips of sensors/catalogue, which also explains the members.
 */
#ifndef WEIR_API_CATALOGUE_H
#define WEIR_API_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

/** One chip. A member that the catalogue leaves out is NULL. */
struct weir_chip {
	const char *group, *chip, *title, *words, *subsystem, *driver, *sysfs, *config, *attach, *bus, *channels, *read,
		*since, *kernels, *instead, *note, *program;
};

extern const struct weir_chip weir_catalogue[];
extern const size_t weir_n_catalogue;

/** @brief Find a chip by its name or one of its words, in any case, with or without hyphens. @return NULL: there is none. */
const struct weir_chip *weir_catalogue_find(const char *word);

/** @brief Is the word a part of the chip's name, title, words, channels, driver, subsystem or group, in any case? */
bool weir_catalogue_has(const struct weir_chip *chip, const char *word);

/** @brief Is it a word of such a list, of which "28-*" stands for all that begin so? */
bool weir_catalogue_lists(const char *list, const char *word);

/** @brief The chip that a device name in a program means, such as "hwmon" and "sht3x@1-0044". @return NULL: none, or several. */
const struct weir_chip *weir_catalogue_of_device(const char *subsystem, const char *device);

#endif
