/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf.h
 * @brief The programs in bpf/, loaded with a generated verdict in them. For filter.c; libbpf is in bpf*.c alone.
 *
 * Whether something works is found by doing it. Every call that fails puts one phrase into `why`: what did not work, and
 * what would mend it.
 */
#ifndef WEIR_FILTER_BPF_H
#define WEIR_FILTER_BPF_H

#include <sys/types.h>

#include "filter/filter.h"

#define WEIR_WHY_MAX 256

/* rights ------------------------------------------------------------------ */

/** @brief Start the loader (bpf_loader.h), unless it runs. Before any thread. 0 or -errno.
 *  @param serve weir_loader_serve(), which the forked process calls. */
int weir_loader_start(void (*serve)(int socket, pid_t parent)) WEIR_MUST_CHECK;
/** @brief In the forked process: be the loader of `parent`, until that ends, and exit. */
void weir_loader_serve(int socket, pid_t parent);
/** @brief Can a loaded program be run, and looked at, with the capabilities of now? */
bool weir_bpf_runs_unprivileged(void);

/* batch: rows in the ring's own memory ------------------------------------ */

struct weir_bpf_batch;

/** @param capacity rows of the ring. @return 0; -EINVAL: rows are not a multiple of 8 bytes; -EPERM, -ENOSYS, … */
int weir_bpf_batch_open(struct weir_bpf_batch **out, const struct weir_filter_config *config, uint32_t capacity,
			char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;
void weir_bpf_batch_close(struct weir_bpf_batch *batch);
/** @brief The array map that is the ring's memory. */
int weir_bpf_batch_fd(const struct weir_bpf_batch *batch);
/** @brief What the verdict remembers: WEIR_STATE_WORDS words of the program's memory. */
uint64_t *weir_bpf_batch_state(const struct weir_bpf_batch *batch);
/** @brief Filter `n` rows from ring index `slot`. @return rows kept, or -errno. */
int weir_bpf_batch_run(struct weir_bpf_batch *batch, uint32_t slot, uint32_t n);

/* inline: a hook at the moment a scan is stored ---------------------------- */

enum weir_hook { WEIR_HOOK_FENTRY, WEIR_HOOK_KPROBE };

struct weir_bpf_inline;

/** @brief Load, attach and find out which buffer is ours; samples pass from weir_bpf_inline_arm() on. */
int weir_bpf_inline_open(struct weir_bpf_inline **out, const struct weir_filter_config *config, enum weir_hook hook,
			 char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;
void weir_bpf_inline_close(struct weir_bpf_inline *tap);
/** @brief Would it work here? Loads, attaches, and takes all away again; without a device (-1) it cannot see whether the hooks
 *  are ever called. @return 0; -EPERM, -EACCES, -ENOENT (no kfifo in this kernel yet), -ENOSYS, -ENODEV (they are not
 *  called), … with `why`. */
int weir_bpf_inline_try(const struct weir_filter_config *config, enum weir_hook hook,
			char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;
void weir_bpf_inline_arm(struct weir_bpf_inline *tap);
/** @brief Nothing passes any more; what has passed can still be consumed. The hook itself goes with close, when the device
 *  is quiet: taking it away rewrites the code of a function that is better not running. */
void weir_bpf_inline_disarm(struct weir_bpf_inline *tap);
uint64_t *weir_bpf_inline_state(const struct weir_bpf_inline *tap);
/** @brief Readable when samples passed. */
int weir_bpf_inline_fd(const struct weir_bpf_inline *tap);
/** @brief Move what passed into the ring and commit it. @return rows moved, or -errno. */
int weir_bpf_inline_consume(struct weir_bpf_inline *tap, struct weir_ring *ring);
int64_t weir_bpf_inline_time(const struct weir_bpf_inline *tap);
void weir_bpf_inline_want_time(struct weir_bpf_inline *tap, int64_t t_ns);
void weir_bpf_inline_counts(const struct weir_bpf_inline *tap, struct weir_filter_counts *counts);

#endif
