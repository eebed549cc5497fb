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
enum weir_fit { WEIR_FIT_NONE, WEIR_FIT_SUFFIX, WEIR_FIT_WHOLE };

/**
 * @brief Does `word` mean the channel `id` ("accel_x", "voltage0", "voltage1-voltage2")?
 *
 * Whole: the id, with or without "in_", with `_` for `-` because a `-` cannot be in a name of the language. Suffix: what
 * follows the id's last `_` ("x"), or its index ("0").
 */
enum weir_fit weir_iio_fit_channel(const char *id, const char *word);

/** @brief The field's name for a channel: its id with every character that a name cannot have replaced by `_`. */
void weir_iio_field_name(const char *id, char *name, size_t size);

/** @brief Does `word` mean the device with this id ("iio:device3"), name and label (either may be NULL)? An index fits too. */
bool weir_iio_fits_device(const char *id, const char *name, const char *label, const char *word);

/** @brief The unit of a channel's physical value, after IIO's ABI document; "" where it has none. */
const char *weir_iio_unit(const char *id);

/**
 * @brief The rate nearest to `hz` that a device offers.
 * @param available the text of a `…_available` attribute: "12.5 25 50" or "[least step most]".
 * @param text the rate as one writes it to the device: for a list, exactly as the list has it.
 * @return 0; -EINVAL: no rate could be read from `available`.
 */
int weir_iio_nearest_rate(const char *available, double hz, char *text, size_t size);

#endif
