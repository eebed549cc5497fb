// SPDX-License-Identifier: GPL-2.0-only
/*
 * The inline tier: see each scan at the moment at which IIO stores it, hand only those that pass to user space.
 *
 * The hook is iio_store_to_kfifo(buffer, data), the last step of iio_push_to_buffers(): there the scan has been demuxed,
 * so it is laid out as this buffer's reader was told. At iio_push_to_buffers() itself it still has the layout of the
 * driver's own scan mask, which may be wider than what was asked for and which user space cannot see.
 *
 * Which buffer is ours is learnt, not computed, so no kernel structure need be known and no BTF is needed: user space reads
 * the device's buffer/data_available once, which calls iio_kfifo_buf_data_available(buffer) on that very thread. Both
 * functions are static but only ever called through a table, so the compiler can neither inline nor rename them.
 *
 * Each hook exists as fentry and as kprobe; user space loads one pair. Nothing can keep a scan out of the kfifo: that one is
 * made as short as possible and left unread.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "verdict.h"

struct pt_regs;

char LICENSE[] SEC("license") = "GPL";

const volatile struct weir_filter_knobs knobs = { .row_bytes = 8 };

struct weir_inline_state state;
struct weir_filter_memory memory;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before load */
} passing SEC(".maps");

/* A program does not preempt itself on one CPU (the kernel skips the second run and counts it), so one row each is enough. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 8); /* set before load */
} scratch SEC(".maps");

/* A scan that user space makes up, to see before the hook is used that the verdict is right. */
unsigned char trial[WEIR_TRIAL_BYTES] __attribute__((aligned(8)));

static __always_inline int learn(__u64 buffer)
{
	struct bpf_pidns_info self = {};

	if (bpf_get_ns_current_pid_tgid(knobs.pidns_device, knobs.pidns_inode, &self, sizeof(self)))
		return 0;
	if (self.pid == knobs.thread)
		state.buffer = buffer;
	return 0;
}

/* Dropped samples carry the time all the same. Last, so that whoever sees the time finds all that passed before. */
static __always_inline void pass_time(void *row)
{
	volatile struct weir_inline_state *shared = &state;
	__s64 before = shared->time, now;

	if (!knobs.has_time)
		return;
	now = *(const __s64 *)(row + knobs.time_at);
	if (now <= before)
		return;
	shared->time = now;
	/* An empty sample, once. If it finds no space, the reader is awake and will see the time. */
	if (before <= shared->wanted && now > shared->wanted)
		bpf_ringbuf_output(&passing, row, 0, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void inspect(void *row, const void *data)
{
	__u32 bytes = knobs.row_bytes;

	if (bpf_probe_read_kernel(row, bytes, data)) {
		state.lost++;
		return;
	}
	if (weir_passes(knobs.custom, row, &memory)) {
		/* Default flags: the reader is woken when it has caught up, and left alone while it is behind. */
		if (bpf_ringbuf_output(&passing, row, bytes, 0))
			state.lost++;
		else
			state.passed++;
	}
	pass_time(row);
}

static __always_inline int push(__u64 buffer, __u64 data)
{
	__u32 zero = 0;
	void *row;

	if (!state.active || buffer != state.buffer || (knobs.limit && state.seen >= knobs.limit))
		return 0;
	row = bpf_map_lookup_elem(&scratch, &zero);
	if (!row)
		return 0;
	state.seen++;
	inspect(row, (const void *)data);
	/* An empty sample says that the limit is reached. If it finds no space, the reader is awake and will see the count. */
	if (knobs.limit && state.seen == knobs.limit)
		bpf_ringbuf_output(&passing, row, 0, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* bpf_get_func_arg() because the verifier refuses to load a `const void *` argument from the context. */
static __always_inline __u64 argument(void *context, __u32 index)
{
	__u64 value = 0;

	bpf_get_func_arg(context, index, &value);
	return value;
}

SEC("weir/fentry/learn")
int fentry_learn(void *context)
{
	return learn(argument(context, 0));
}

SEC("weir/fentry/push")
int fentry_push(void *context)
{
	return push(argument(context, 0), argument(context, 1));
}

SEC("weir/kprobe/learn")
int kprobe_learn(struct pt_regs *context)
{
	return learn(PT_REGS_PARM1(context));
}

SEC("weir/kprobe/push")
int kprobe_push(struct pt_regs *context)
{
	return push(PT_REGS_PARM1(context), PT_REGS_PARM2(context));
}

/* The same instructions in a program that BPF_PROG_RUN runs. */
SEC("weir/prove")
int prove(void *context)
{
	return push(state.buffer, (__u64)(unsigned long)trial);
}
