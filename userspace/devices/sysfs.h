/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file sysfs.h
 * @brief Attributes of sysfs and configfs: one line of text each, and settings that can be taken back.
 */
#ifndef WEIR_DEVICES_SYSFS_H
#define WEIR_DEVICES_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define WEIR_SYSFS_PATH 256  /**< bytes of a path with its zero */
#define WEIR_SYSFS_TEXT 4096 /**< bytes of a value with its zero: as much as the kernel gives */

/**
 * @brief Read `dir`/`name` without its newline; what does not fit is cut.
 * @return 0 or -errno; on error `text` is empty.
 */
int weir_sysfs_read(const char *dir, const char *name, char *text, size_t size);

/** @brief Read a number. @return 0; -EINVAL: not a number; -errno. `*out` is 0 on error. */
int weir_sysfs_number(const char *dir, const char *name, double *out);

/** @brief Write `text` and a newline, as echo does: some attributes take an empty value only so. @return 0 or -errno. */
int weir_sysfs_write(const char *dir, const char *name, const char *text);

/** @brief Does the attribute exist? */
bool weir_sysfs_has(const char *dir, const char *name);

/** What was there before. Starts zeroed. */
struct weir_sysfs_undo {
	struct weir_sysfs_change *last;
};

/** @brief Write an attribute unless it reads as `text` already, and remember what it was. @return 0, -ENOMEM or -errno. */
int weir_sysfs_set(struct weir_sysfs_undo *undo, const char *dir, const char *name, const char *text);

/** @brief Put everything back, the last change first. An attribute that is gone or refuses is left alone. */
void weir_sysfs_restore(struct weir_sysfs_undo *undo);

#endif
