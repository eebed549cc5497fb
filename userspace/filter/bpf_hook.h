/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_hook.h
 * @brief Programs of bpf/ that hook kernel functions: choosing between fentry and kprobe, attaching, learning which device is
 * ours, and saying what failed. For filter/bpf_*.c alone.
 */
#ifndef WEIR_FILTER_BPF_HOOK_H
#define WEIR_FILTER_BPF_HOOK_H

#include "filter/bpf_internal.h"

/** Where IIO stores a sample, and what a thread calls by reading how many are in the buffer. */
#define WEIR_STORE_FUNCTION "iio_store_to_kfifo"
#define WEIR_LEARN_FUNCTION "iio_kfifo_buf_data_available"

/** One body at one function, as a program for either kind of hook. A kind that it does not have is NULL. */
struct weir_hook_point {
	const char *function;
	struct bpf_program *fentry, *kprobe;
	bool at_return; /**< they are an fexit and a kretprobe */
};

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

/** @brief Try fentry, then kprobe, until `attempt` succeeds. `why` has the reasons of all that failed. 0 or -errno. */
int weir_hook_try_each(int (*attempt)(void *context, enum weir_hook hook, char *why), void *context,
		       char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;

/** @brief Say why a function was not hooked. @return `err`. */
int weir_hook_refuse(int err, const char *function, char why[WEIR_WHY_MAX]);
/** @brief Say why an object was not loaded. @return `err`. */
int weir_hook_refuse_load(int err, char why[WEIR_WHY_MAX]);

/** @brief How a kernel names this process's pid namespace, for bpf_get_ns_current_pid_tgid(). 0 or -errno. */
int weir_hook_pidns(uint64_t *device, uint64_t *inode) WEIR_MUST_CHECK;

/**
 * @brief Make the kernel call WEIR_LEARN_FUNCTION on this thread, with the buffer of an IIO device.
 * @param learnt where a program that hooks it writes the address.
 * @param why says why not.
 * @return 0; -ENODEV: nothing was written, so the hook does not run or the buffer is no kfifo; -errno when the device's attribute cannot be read.
 */
int weir_hook_show_buffer(int iio_device, const uint64_t *learnt, char why[WEIR_WHY_MAX]) WEIR_MUST_CHECK;

#endif
