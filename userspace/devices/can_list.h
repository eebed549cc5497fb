/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file can_list.h @brief The CAN interfaces of this machine. All of it is read from sysfs. */
#ifndef WEIR_DEVICES_CAN_LIST_H
#define WEIR_DEVICES_CAN_LIST_H

#include "weir/driver.h"

/** @brief From open(): is there a CAN interface of this name? @return 0, or what weir_fail_arg() or weir_fail_device() returned. */
int weir_can_find(struct weir_node *node, const char *name) WEIR_MUST_CHECK;

/** @brief Tell of each CAN interface. */
void weir_can_tell_devices(weir_tell_device *tell, void *context);

#endif
