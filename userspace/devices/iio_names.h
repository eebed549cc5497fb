/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_names.h
 * @brief What words in a program mean which IIO device, channel or rate. No library, no device: text alone.
 */
#ifndef WEIR_DEVICES_IIO_NAMES_H
#define WEIR_DEVICES_IIO_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/** How well a word fits; a better fit makes worse ones of no account. */
enum weir_fit {
	WEIR_FIT_NONE,
	WEIR_FIT_BEGINNING,         /**< what an ID begins with: "current" of current_shunt, "voltage" of voltage0 */
	WEIR_FIT_DIFFERENCE_SUFFIX, /**< "1" of voltage0-voltage1 */
	WEIR_FIT_SUFFIX,            /**< "x" of accel_x, "1" of voltage1, "supply" of voltage0_supply */
	WEIR_FIT_WHOLE,             /**< the ID or the label, with `_` for what cannot be in a name */
	WEIR_FIT_LABEL,             /**< the label itself */
	WEIR_FIT_EXACT,             /**< the ID itself */
};

/**
 * @brief Does `word` mean the channel `id` ("accel_x", "voltage0", "voltage1-voltage2") with this label (may be empty)?
 *
 * A word may have sysfs's "in_" or "out_" before it.
 */
enum weir_fit weir_iio_fit_channel(const char *id, const char *label, const char *word);

/**
 * @brief Cut the attribute off a word that is a file of sysfs: "in_voltage0_raw" becomes "in_voltage0".
 * @return "raw", "input", or "" where the word names no attribute.
 */
const char *weir_iio_split_attribute(const char *word, char *channel, size_t size);

/** @brief The field's name for a channel: its id with every character that a name cannot have replaced by `_`. */
void weir_iio_field_name(const char *id, char *name, size_t size);

/** The names of a device. Empty where it has none. */
struct weir_iio_names {
	const char *id;      /**< "iio:device3" */
	const char *name;    /**< its driver's word for the chip, which may stand for a family: "ads1015" */
	const char *chip;    /**< its bus's word for the chip: "ads1115" */
	const char *label;   /**< the device tree's word for this one */
	const char *address; /**< its parent's name on the bus: "1-0048", "spi0.0" */
};

/**
 * @brief Does `word` mean this device? An ID, its number, a name, label or address, and one of the first two
 * with @ADDRESS fit.
 */
bool weir_iio_fits_device(const struct weir_iio_names *names, const char *word);

/** @brief The unit of a channel's physical value, after IIO's ABI document; "" where it has none. */
const char *weir_iio_unit(const char *id);

/**
 * @brief The rate nearest to `hz` that a device offers.
 * @param available the text of a `…_available` attribute: "12.5 25 50" or "[least step most]".
 * @param text the rate as one writes it to the device: for a list, exactly as the list has it.
 * @return 0; -EINVAL: no rate could be read from `available`.
 */
int weir_iio_nearest_rate(const char *available, double hz, char *text, size_t size);

/** @brief A rate as the kernel reads numbers: no exponent, to the millionth. */
void weir_iio_print_rate(double hz, char *text, size_t size);

#endif
