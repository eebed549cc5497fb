/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file capabilities.h
 * @brief The capabilities of the calling thread: masks with a bit for each CAP_….
 */
#ifndef WEIR_FILTER_CAPABILITIES_H
#define WEIR_FILTER_CAPABILITIES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif
#define WEIR_CAPABILITY(cap) (UINT64_C(1) << (cap))

/** @brief Those in effect. */
uint64_t weir_capabilities(void);
/** @brief Give up all but these, for good; also for programs that are started. 0 or -errno. Before any thread. */
int weir_capabilities_keep(uint64_t mask);
/** @brief Of those that are permitted, have these in effect and no others. 0 or -errno. */
int weir_capabilities_set_effective(uint64_t mask);

#endif
