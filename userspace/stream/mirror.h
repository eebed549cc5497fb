/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file mirror.h
 * @brief Memory that is mapped twice in a row, so that what crosses its end is contiguous.
 */
#ifndef WEIR_STREAM_MIRROR_H
#define WEIR_STREAM_MIRROR_H

#include <stddef.h>
#include <sys/types.h>

#include "weir/driver.h"

/**
 * @brief Map `bytes` (whole pages) of `fd` twice, the second mapping right behind the first.
 * @param fd shared memory of that size; -1: make a memfd that lives as long as the mapping.
 * @return 0; -errno of memfd_create, ftruncate or mmap.
 */
int weir_mirror_map(void **out, size_t bytes, int fd) WEIR_MUST_CHECK;
/** @brief The same for a part of `fd` that begins at byte `at`, of whole pages, with the protection of mmap(2). -errno of mmap. */
int weir_mirror_map_at(void **out, size_t bytes, int fd, off_t at, int protection) WEIR_MUST_CHECK;
void weir_mirror_unmap(void *memory, size_t bytes);

#endif
