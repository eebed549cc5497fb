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

#define WEIR_IIO_TRIGGER_NAME 64

/** A decision of open(), carried out by start(). Zeroed: the device keeps what it has. */
struct weir_iio_trigger {
	char name[WEIR_IIO_TRIGGER_NAME]; /**< to be set; empty: leave the device's as it is */
	char dir[WEIR_SYSFS_PATH];        /**< in sysfs; empty: none, or yet to be made */
	bool make;     /**< a timer is to be made; one of our own name that is there may have gone by then */
	bool is_own;   /**< its name is the one that weir gives to this device's timer */
	bool is_held;  /**< start() has made it, or taken over what a weir that was killed left */
	bool is_timer; /**< it paces the device: the rate is set on it */
};

/**
 * @brief Decide from the arguments and what the device has. Changes nothing.
 * @param trigger NULL: not given. @param rate_hz 0: not given.
 * @return 0, or -errno after a message.
 */
int weir_iio_trigger_plan(struct weir_iio_trigger *out, const struct weir_iio_device *device, struct weir_node *node,
			  const char *trigger, double rate_hz) WEIR_MUST_CHECK;

/** @brief Make it if need be, and attach it. The device's buffer must be off. @return 0, or -errno after a message. */
int weir_iio_trigger_start(struct weir_iio_trigger *trigger, const struct weir_iio_device *device,
			   struct weir_node *node, struct weir_sysfs_undo *undo) WEIR_MUST_CHECK;

/**
 * @brief Remove it if start() made it or took it over, and no device has it any more. After the device's own trigger has been
 * restored.
 *
 * Whoever was only planning, or was refused by start(), must leave a running weir its timer: the kernel lets the directory of a
 * timer be removed while a device is paced by it, frees the timer, and follows the pointer when the device is switched off
 * (drivers/iio/trigger/iio-trig-hrtimer.c, 6.12).
 */
void weir_iio_trigger_close(struct weir_iio_trigger *trigger);

#endif
