/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file spool_memory.h
 * @brief A place in memory for a spool whose messages need not outlive the process: for a sink without `spool=`.
 */
#ifndef WEIR_SPOOL_SPOOL_MEMORY_H
#define WEIR_SPOOL_SPOOL_MEMORY_H

#include "spool/spool.h"

/** @return 0 or -ENOMEM. Close it after the spool. */
int weir_spool_memory_open(struct weir_spool_io *io) WEIR_MUST_CHECK;
void weir_spool_memory_close(struct weir_spool_io *io);

#endif
