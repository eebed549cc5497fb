/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file iio_trigger.h
 * @brief What makes an IIO device take a sample: a trigger that exists, or a timer made for it.
 *
 * Through sysfs and configfs, not libiio: its picture of the triggers is as old as its context, so it would not know the
 * one that was just made.
 */
#ifndef WEIR_DEVICES_IIO_TRIGGER_H
#define WEIR_DEVICES_IIO_TRIGGER_H

#include "devices/iio_device.h"

/** A decision of open(), carried out by start(). Zeroed: the device keeps what it has. */
struct weir_iio_trigger {
	char name[64];             /**< to be set; empty: leave the device's as it is */
	char dir[WEIR_SYSFS_PATH]; /**< in sysfs; empty: none, or yet to be made */
	bool make;                 /**< a timer is to be made */
	bool is_ours;              /**< it was made by weir: remove it at the end */
	bool is_timer;             /**< it paces the device: the rate is set on it */
};

/**
 * @brief Decide from `trigger=`, `rate=` and what the device has. Changes nothing.
 * @return 0, or -errno after a message.
 */
int weir_iio_trigger_plan(struct weir_iio_trigger *out, const struct weir_iio_device *device,
			  struct weir_node *node) WEIR_MUST_CHECK;

/** @brief Make it if need be, and attach it. The device's buffer must be off. @return 0, or -errno after a message. */
int weir_iio_trigger_start(struct weir_iio_trigger *trigger, const struct weir_iio_device *device,
			   struct weir_node *node, struct weir_sysfs_undo *undo) WEIR_MUST_CHECK;

/** @brief Remove it if it is weir's own. After the device's own trigger has been restored. */
void weir_iio_trigger_close(struct weir_iio_trigger *trigger);

#endif
