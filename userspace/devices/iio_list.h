/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_list.h
 * @brief What `weir list devices` says of IIO devices.
 */
#ifndef WEIR_DEVICES_IIO_LIST_H
#define WEIR_DEVICES_IIO_LIST_H

#include "devices/iio_device.h"

/** @brief Tell of each sensor: names that stay, channels, rates, triggers, and a program that reads it. */
void weir_iio_tell_devices(weir_tell_device *tell, void *context);

/** @brief The same of the devices below another root than that of this machine. */
void weir_iio_tell_devices_of(const char *root, weir_tell_device *tell, void *context);

#endif
