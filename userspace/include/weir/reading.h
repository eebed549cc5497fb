/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file reading.h
 * @brief Which files this process reads: a sink that empties or continues one of them would destroy what is still to be read, or read
 * for ever what it writes.
 */
#ifndef WEIR_READING_H
#define WEIR_READING_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_reading;

/** @brief A source reads `fd` from now on. @return for weir_reading_end(); NULL: it is no regular file. */
struct weir_reading *weir_reading_begin(int fd);
/** @brief It is done; takes NULL. */
void weir_reading_end(struct weir_reading *reading);
/** @brief Does a source of this process read the file that `fd` is? */
bool weir_is_read(int fd);

#ifdef __cplusplus
}
#endif
#endif
