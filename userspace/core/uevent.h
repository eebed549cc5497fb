/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file uevent.h
 * @brief The kernel's own word that a device has gone: poll() on a removed IIO device may never return.
 */
#ifndef WEIR_CORE_UEVENT_H
#define WEIR_CORE_UEVENT_H

#include <stdbool.h>

/** @return a non-blocking descriptor that becomes readable on device events, or -errno. Close with close(). */
int weir_uevent_open(void);
/** @brief Read all pending events; was any of them a removal? Also true when events were lost. */
bool weir_uevent_removed(int fd);

#endif
