/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_hook.h
 * @brief Programs of bpf/ that hook kernel functions: choosing between fentry and kprobe, attaching, and saying what failed.
 * For core/bpf_*.c alone.
 */
#ifndef WEIR_CORE_BPF_HOOK_H
#define WEIR_CORE_BPF_HOOK_H

#include "core/bpf_internal.h"

/** One body at one function, as a program for either kind of hook. A kind that it does not have is NULL. */
struct weir_hook_point {
	const char *function;
	struct bpf_program *fentry, *kprobe;
	bool at_return; /**< they are an fexit and a kretprobe */
};

/** @brief May this kind be used? WEIR_INLINE_HOOK=fentry or kprobe leaves the other one out, for tests. */
bool weir_hook_is_wanted(enum weir_hook hook);
/** @brief "fentry", "kprobe". */
const char *weir_hook_name(enum weir_hook hook);

/** @brief Between opening and loading an object: load only what this kind of hook needs. 0, or -errno and `why`. */
int weir_hook_choose(const struct weir_hook_point *point, uint32_t n, enum weir_hook hook,
		     char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;
/** @brief The same for a point that is not used this time. */
void weir_hook_leave_out(const struct weir_hook_point *point);

/** @brief Attach. A point without a program of this kind gives 0 and a NULL link. Free with bpf_link__destroy(). */
int weir_hook_attach(struct bpf_link **out, const struct weir_hook_point *point, enum weir_hook hook,
		     char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;

/** @brief Say why an object was not loaded. @return `err`. */
int weir_hook_refuse_load(int err, char why[WEIR_WHY_MAX]);

/** @brief How a kernel names this process's pid namespace, for bpf_get_ns_current_pid_tgid(). 0 or -errno. */
int weir_hook_pidns(uint64_t *device, uint64_t *inode) WEIR_MUST_CHECK;

#endif
