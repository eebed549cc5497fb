/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file notify.h
 * @brief News for the service manager that has started this process: the datagrams of sd_notify(3), without its library, and
 * the watchdog of sd_watchdog_enabled(3).
 */
#ifndef WEIR_CORE_NOTIFY_H
#define WEIR_CORE_NOTIFY_H

#include <stdint.h>

struct weir_pipeline;

/**
 * @brief Send lines VARIABLE=VALUE to the socket in $NOTIFY_SOCKET. Never waits. Any thread.
 * @return 1: sent; 0: no manager waits for news; -errno: the socket is wrong, full or gone.
 */
int weir_notify(const char *lines);

/** @brief A reload begins: RELOADING=1 with the time of CLOCK_MONOTONIC. As weir_notify(). */
int weir_notify_reloading(void);

/** @brief The time within which the manager expects news of this process, from $WATCHDOG_USEC and $WATCHDOG_PID. ns; 0: none. */
int64_t weir_watchdog_ns(void);

/**
 * @brief Send WATCHDOG=1 four times within that time, from the loop of a run, as long as each agent waits or makes progress. An
 * agent that is at work without an end of its turn keeps the news back; a source without data does not.
 * @return 0, also without a watchdog; -errno.
 */
int weir_watchdog_begin(struct weir_pipeline *pipeline);

#endif
