/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file paced.h
 * @brief Sources that wait for time alone: slow ones share threads, together with the chains that read them.
 */
#ifndef WEIR_PACED_H
#define WEIR_PACED_H

#include "weir/driver.h"

/**
 * @brief From open() of a pulled source: its produce() never names a descriptor to wait for, and makes at most `rate_hz` rows per second.
 *
 * A source of at most 1 kHz then shares a thread with others, unless it feeds an output, or `--threads` is given. Its driver has neither
 * finish() nor conclude(), and its stop() changes nothing that produce() uses, or is NULL. Any rate > 0, in Hz; INFINITY: no such source.
 */
void weir_is_paced(struct weir_node *node, double rate_hz);

#endif
