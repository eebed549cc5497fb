/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file input_device.h
 * @brief Input devices (evdev) of this machine: their names, their codes, their state.
 */
#ifndef WEIR_DEVICES_INPUT_DEVICE_H
#define WEIR_DEVICES_INPUT_DEVICE_H

#include "devices/input_state.h"
#include "weir/driver.h"

#define WEIR_INPUT_NAME 128
#define WEIR_INPUT_PATH 256

/** A device that is open. */
struct weir_input_device {
	char title[WEIR_INPUT_PATH]; /**< what the program calls it */
	char path[WEIR_INPUT_PATH];  /**< its device file */
	int fd;                      /**< non-blocking; -1: not open */
};

/**
 * @brief From open(): find the device of the program's target and open it. The target is the device's name, eventN, or a path.
 * @return 0, or what weir_fail_arg() or weir_fail_device() returned. Close also after an error.
 */
int weir_input_device_open(struct weir_input_device *device, struct weir_node *node) WEIR_MUST_CHECK;
void weir_input_device_close(struct weir_input_device *device);

/** @brief Has the device this code? */
bool weir_input_device_has(const struct weir_input_device *device, struct weir_input_code code);

/** @brief Refuse a code that the device does not have, with a list of its codes. @return -EINVAL. */
int weir_input_fail_code(struct weir_node *node, const struct weir_input_device *device, const char *word);

/**
 * @brief Read the state of keys, switches and axes.
 *
 * The kernel removes queued events of keys and switches for that, so that the state is not older than the events that follow.
 * @return 0 or -errno.
 */
int weir_input_device_read(const struct weir_input_device *device, struct weir_input_values *values) WEIR_MUST_CHECK;

/** @brief Tell of each device: its path, its codes, and a program that reads it. */
void weir_input_tell_devices(weir_tell_device *tell, void *context);

#endif
