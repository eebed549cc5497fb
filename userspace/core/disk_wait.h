/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file disk_wait.h @brief Is a thread of this process waiting for a disk? */
#ifndef WEIR_CORE_DISK_WAIT_H
#define WEIR_CORE_DISK_WAIT_H

#include <stdbool.h>

/**
 * @brief Whether a thread of this process sleeps uninterruptibly, which is how the kernel waits for a disk: state D of
 * /proc/self/task/TID/stat, proc_pid_stat(5). A thread that waits for a peer, a pipe or another thread is in state S.
 * @return false also where /proc cannot be read. Any thread.
 */
bool weir_disk_is_awaited(void);

#endif
