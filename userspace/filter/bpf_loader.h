/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_loader.h
 * @brief The loader: a process that keeps the right to load eBPF when the pipeline's process gives it up, so that filters can be loaded
 * again when a program is read again.
 *
 * It is forked before any thread. It answers requests that are one packet each, of a fixed size, by loading in a child process and passing
 * the descriptors. It ends with the pipeline: by the signal for the parent's death, and by the end of the socket.
 */
#ifndef WEIR_FILTER_BPF_LOADER_H
#define WEIR_FILTER_BPF_LOADER_H

#include <sys/types.h>

#include "filter/bpf_loaded.h"

/** A custom filter's object must not change after it has been checked. */
#define WEIR_LOADER_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/**
 * @brief Load, by the loader if there is one, and attach what is to be attached.
 * @return 0; -errno with `why`. Call weir_bpf_loaded_close() whatever it returns.
 */
int weir_bpf_get(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order,
		 char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;

#endif
