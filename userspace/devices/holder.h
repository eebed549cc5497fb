/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file holder.h
 * @brief Who has a device open, so that "busy" can name the one to ask.
 */
#ifndef WEIR_DEVICES_HOLDER_H
#define WEIR_DEVICES_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * @brief Name a process, this one excepted, that has `path` open: "iiod, process 812".
 * @return false when none could be seen: those of other users show only to root.
 */
bool weir_holder(const char *path, char *text, size_t size);

#endif
