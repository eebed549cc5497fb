/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file spool_disk.h
 * @brief A disk in memory on which the power can be cut: what was not synced is lost, torn or there, sector by sector, at random.
 */
#ifndef SPOOL_DISK_H
#define SPOOL_DISK_H

#include "spool/spool.h"

struct disk;

struct disk *disk_new(uint64_t seed);
void disk_free(struct disk *disk);
struct weir_spool_io disk_io(struct disk *disk);

/** @brief The process is dead: nothing that it still does (in a test it must be closed) changes anything, until cut or kill. */
void disk_stop(struct disk *disk);
/** @brief Cut the power: what is there afterwards is what might be there on a real disk. Descriptors are void. */
void disk_cut(struct disk *disk);
/** @brief Kill the process: everything that was written is there, descriptors are void. */
void disk_kill(struct disk *disk);

/** @brief Bytes that all files together may have; UINT64_MAX: no limit. Beyond: -ENOSPC. */
void disk_limit(struct disk *disk, uint64_t bytes);
/** @brief From now on one operation in `n` fails with -EIO; 0: none. */
void disk_fail(struct disk *disk, uint32_t n);
/** @brief Change some bytes of one of the files at random. @return false: there is nothing to change. */
bool disk_rot(struct disk *disk);
uint64_t disk_bytes(const struct disk *disk);

#endif
