// SPDX-License-Identifier: GPL-2.0-only
/*
 * Samples that the kernel's FIFO for one IIO buffer refused: iio_store_to_kfifo(buffer, data) returns -EBUSY when it is full,
 * and nothing else counts that.
 *
 * By fexit, which sees argument and result at once; or by a kprobe that notes who is storing into our buffer, and a kretprobe
 * that looks at the result. One buffer has one pusher at a time. What the pusher does in between, or what interrupts it, may
 * store into other buffers: those are nested and return first.
 *
 * Which buffer is ours is learnt as in inline.bpf.c.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "weir/overflow.h"

char LICENSE[] SEC("license") = "GPL";

struct weir_overflow_state state;

static __always_inline int learn(__u64 buffer)
{
	struct bpf_pidns_info self = {};

	if (bpf_get_ns_current_pid_tgid(state.pidns_device, state.pidns_inode, &self, sizeof(self)))
		return 0;
	if (self.pid == state.learner)
		state.buffer = buffer;
	return 0;
}

static __always_inline int count(int result)
{
	state.seen++;
	if (result < 0)
		state.lost++;
	return 0;
}

SEC("fentry")
int fentry_learn(void *context)
{
	__u64 buffer = 0;

	bpf_get_func_arg(context, 0, &buffer);
	return learn(buffer);
}

SEC("kprobe")
int kprobe_learn(struct pt_regs *context)
{
	return learn(PT_REGS_PARM1(context));
}

SEC("fexit")
int fexit_store(void *context)
{
	__u64 buffer = 0, result = 0;

	bpf_get_func_arg(context, 0, &buffer);
	if (!buffer || buffer != state.buffer)
		return 0;
	bpf_get_func_ret(context, &result);
	return count((int)result);
}

SEC("kprobe")
int kprobe_store(struct pt_regs *context)
{
	__u64 buffer = PT_REGS_PARM1(context), self = bpf_get_current_task();

	if (buffer && buffer == state.buffer) {
		state.storing = self;
		state.nested = 0;
	} else if (state.storing == self) {
		state.nested++;
	}
	return 0;
}

SEC("kretprobe")
int kretprobe_store(struct pt_regs *context)
{
	if (state.storing != bpf_get_current_task())
		return 0;
	if (state.nested) {
		state.nested--;
		return 0;
	}
	state.storing = 0;
	return count((int)PT_REGS_RC(context));
}
