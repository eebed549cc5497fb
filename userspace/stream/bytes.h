/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bytes.h
 * @brief Bytes to a descriptor, all of them.
 */
#ifndef WEIR_STREAM_BYTES_H
#define WEIR_STREAM_BYTES_H

#include <stddef.h>

/** @brief As write(2) on a blocking descriptor, until everything is written. @return 0 or -errno; part of it may be written then. */
int weir_bytes_write(int fd, const void *bytes, size_t n);

#endif
