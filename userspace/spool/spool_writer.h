/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file spool_writer.h @brief The writer's work, for the thread in spool.c. */
#ifndef WEIR_SPOOL_SPOOL_WRITER_H
#define WEIR_SPOOL_SPOOL_WRITER_H

#include "spool/spool_internal.h"

/** @brief When weir_spool_work() has something to sync, CLOCK_MONOTONIC; INT64_MAX: not by time. */
int64_t weir_spool_work_due(const struct weir_spool *spool);
void weir_spool_writer_close(struct weir_spool *spool);

#endif
