/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bell.h
 * @brief A doorbell: a 32-bit word that one thread sleeps on and others count up. Works between processes.
 *
 *     sleeper  seen = load(bell); announce; look; weir_bell_wait(bell, seen, …); look again
 *     waker    make something to see; if announced, weir_bell_ring(bell)
 */
#ifndef WEIR_STREAM_BELL_H
#define WEIR_STREAM_BELL_H

#include <stdatomic.h>
#include <stdint.h>

/**
 * @brief Sleep unless the bell has been rung since it read `seen`.
 * @param deadline_ns CLOCK_MONOTONIC; INT64_MAX: none.
 * @return -ETIMEDOUT, or 0: perhaps rung, look again.
 */
int weir_bell_wait(_Atomic uint32_t *bell, uint32_t seen, int64_t deadline_ns);

/** @brief Wake whoever sleeps on it. Async-signal-safe but for errno. */
void weir_bell_ring(_Atomic uint32_t *bell);

#endif
