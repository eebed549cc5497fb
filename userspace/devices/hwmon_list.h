/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file hwmon_list.h
 * @brief hwmon chips for people: `weir list devices`, the chip that a program names, and messages about wrong names.
 */
#ifndef WEIR_DEVICES_HWMON_LIST_H
#define WEIR_DEVICES_HWMON_LIST_H

#include "devices/hwmon_chip.h"

/** @brief Tell of each chip with a channel: names, channels with units, and a program that reads it. */
void weir_hwmon_tell_devices(weir_tell_device *tell, void *context);

/** @brief The same of the chips below another root than that of this machine. */
void weir_hwmon_tell_devices_of(const char *root, weir_tell_device *tell, void *context);

/**
 * @brief From open(): the chip of a program's target, a name or the path of a directory.
 * @return 0, -ENOMEM, or what weir_fail_arg() or weir_fail_device() returned.
 */
int weir_hwmon_choose_chip(struct weir_node *node, const char *word, struct weir_hwmon_chip *out) WEIR_MUST_CHECK;

/** @brief Refuse a channel, with the list of those that there are. @param err of weir_hwmon_find_channel(). @return -EINVAL. */
int weir_hwmon_fail_channel(struct weir_node *node, const struct weir_hwmon_chip *chip, const char *word, int err);

#endif
