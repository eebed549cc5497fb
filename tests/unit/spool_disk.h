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
/** @brief The same, as a user's share of a disk: beyond it is -EDQUOT. */
void disk_quota(struct disk *disk, uint64_t bytes);
/** @brief From now on one operation in `n` fails with -EIO; 0: none. */
void disk_fail(struct disk *disk, uint32_t n);
/** @brief The operation that is the `operation`th from now on fails with `error`; 0: the process dies there, and nothing that
 *  it still does changes anything, until cut or kill. */
void disk_fail_at(struct disk *disk, uint64_t operation, int error);
uint64_t disk_operations(const struct disk *disk);
bool disk_is_dead(const struct disk *disk);
/** @brief From now on whatever would change something fails with `error`; 0: nothing does. */
void disk_refuse(struct disk *disk, int error);
/** @brief From now on whatever would change something does not come back; false: it does, and so does what hangs. */
void disk_hang(struct disk *disk, bool hangs);
/** @brief Until something hangs. */
void disk_await_hanging(struct disk *disk);
/** @brief Change `n` bytes of a segment, counted from 0 for the oldest. @return false: there is no such file. */
bool disk_damage(struct disk *disk, uint32_t segment, uint64_t at, uint64_t n);
/** @brief `n` bytes of a segment, counted likewise, can never again be read. */
void disk_break(struct disk *disk, uint32_t segment, uint64_t at, uint64_t n);
/** @brief Change some bytes of one of the files at random. @return false: there is nothing to change. */
bool disk_rot(struct disk *disk);
uint64_t disk_bytes(const struct disk *disk);

#endif
