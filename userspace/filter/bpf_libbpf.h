/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_libbpf.h
 * @brief The hooks that libbpf offers per process: the handler that fills verdicts in, and the printer of messages.
 */
#ifndef WEIR_FILTER_BPF_LIBBPF_H
#define WEIR_FILTER_BPF_LIBBPF_H

#include "filter/filter.h"

/** @brief From now on, programs that the calling thread loads get the verdict of `config`, and libbpf's messages are kept.
 *  NULL: neither. The caller keeps `config` valid until then. */
void weir_libbpf_load_for(const struct weir_filter_config *config);
/** @brief libbpf's first message about the last load of the calling thread, one line; `otherwise` if there was none. Valid until
 *  the thread's next load. */
const char *weir_libbpf_message(const char *otherwise);

#endif
