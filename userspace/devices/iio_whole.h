/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_whole.h
 * @brief Which channels to capture so that the times of the wanted ones are right.
 *
 * Many drivers push whole scans, of all channels or of a fixed group, whatever is enabled; the kernel cuts them. Up to
 * Linux 6.16 it then takes the timestamp from behind the last wanted channel, not from behind the last that was pushed. sysfs does
 * not show which drivers do so. A set of channels to which none can be added is a whole scan of any driver, and is never cut.
 */
#ifndef WEIR_DEVICES_IIO_WHOLE_H
#define WEIR_DEVICES_IIO_WHOLE_H

#include "devices/iio_device.h"

/** @brief Does a kernel of this release ("6.12.94+deb13-amd64") cut scans at the wrong place? */
bool weir_iio_release_cuts_wrong(const char *release);

/**
 * @brief Which channels have to come along with the `n` picked ones.
 *
 * Where the device's buffer is free, this is tried: channels are enabled until the driver takes no more, and everything is put
 * back. The buffer's file is held meanwhile, so that no other program sets the device up.
 * @param along for each channel of the device.
 */
void weir_iio_whole_scan(const struct weir_iio_device *device, const struct weir_iio_pick *pick, uint32_t n,
			 bool *along);

#endif
