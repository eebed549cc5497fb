/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_internal.h
 * @brief What the files with libbpf share: bpf.c prepares and judges a load, bpf_batch.c and bpf_inline.c each own a
 * program, bpf_custom.c owns what a user compiled.
 */
#ifndef WEIR_FILTER_BPF_INTERNAL_H
#define WEIR_FILTER_BPF_INTERNAL_H

#include "filter/bpf.h"
#include "filter/bpf_library.h"

#define WEIR_LOG_BYTES (1u << 20)

/** One attempt to load a program, on one thread. */
struct weir_bpf_load {
	const struct weir_filter_config *config;
	char *log;    /**< of the verifier, WEIR_LOG_BYTES */
	void *object; /**< our program and the custom filter as one; NULL: there is none */
	size_t object_bytes;
};

/** @brief From here to weir_bpf_end() libbpf loads for us. @return 0; -EINVAL, -E2BIG: no proper verdict; -ENOMEM. Call
 *  weir_bpf_end() whatever it returns. */
int weir_bpf_begin(struct weir_bpf_load *load, const struct weir_filter_config *config, char *why) WEIR_MUST_CHECK;
void weir_bpf_end(struct weir_bpf_load *load);

/** @brief On this thread, libbpf prints nothing: what goes wrong is told in other words. */
void weir_bpf_hush(bool hush);

/** @brief Open a skeleton that was created but not opened yet, with the custom filter linked to it if there is one. */
int weir_bpf_open_skeleton(struct weir_bpf_load *load, struct bpf_object_skeleton *skeleton, char *why) WEIR_MUST_CHECK;
/** @brief Load it. Before, what the verdict reads besides rows is put into `memory`, the map's initial content. */
int weir_bpf_load_skeleton(struct weir_bpf_load *load, struct bpf_object_skeleton *skeleton,
			   struct weir_filter_memory *memory, char *why) WEIR_MUST_CHECK;

/** @brief Is the verdict in a program that was loaded? Of a program with a hole. @return 0; -WEIR_DISPROVED, -errno, with `why`. */
int weir_bpf_check(const struct weir_bpf_load *load, const struct bpf_program *program, char *why) WEIR_MUST_CHECK;

/** @brief Say what did not work, and why. @return err. */
int weir_bpf_refuse(int err, char *why, const char *what);

/** @brief Make one object of ours and the custom one. @return 0 and *out, from malloc(); -errno. */
int weir_custom_link(const struct weir_custom *custom, const void *ours, size_t bytes, void **out,
		     size_t *out_bytes) WEIR_MUST_CHECK;
/** @brief Is the filter's function in a program that was loaded? */
bool weir_custom_is_in(const struct weir_custom *custom, const struct bpf_insn *insn, size_t n);
/** @brief Keep the end of the verifier's log, where it says what it refuses. @return false: it has not come as far as a verdict. */
bool weir_custom_refuse(struct weir_custom *custom, const char *log);
/** @brief Keep what another process has found out about it. */
void weir_custom_take_over(struct weir_custom *custom, const char *refusal, const char *misfit);
/** @brief Keep why the object does not fit to ours. */
void weir_custom_reject(struct weir_custom *custom, const char *why);

#endif
