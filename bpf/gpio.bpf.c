// SPDX-License-Identifier: GPL-2.0-only
/*
 * Edges of one GPIO line, counted or filtered where they arise. Two uses, each with hooks of its own:
 *
 *   count    edge_irq_handler(irq, line), in the interrupt itself. The thread behind it, which makes events, merges edges
 *            that come faster than it runs; here none is merged.
 *   filter   linereq_put_event(request, event): the whole event, on its way into the request's FIFO. What passes goes through
 *            a BPF ring buffer; the FIFO is made as short as possible and left unread.
 *
 * Which line is ours is learnt, not computed, so no kernel structure need be known and no BTF is needed: while user space
 * requests the line, request_threaded_irq() is called on that very thread with the line as its last argument. It is
 * also the argument of the interrupt's handler and of its thread, and what that thread then calls linereq_put_event()
 * with is our request. All but linereq_put_event() are exported, or static and only called through a pointer, so the compiler
 * can neither inline nor rename them; that one it may, and then there is no filter here.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "weir/gpio.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct weir_gpio_knobs knobs = { .rule = { .edges = WEIR_PULSE_RISING | WEIR_PULSE_FALLING } };

struct weir_gpio_state state;

/* An edge that user space makes up, to see before the hook is used that it is treated as in user space. */
struct gpio_v2_line_event trial;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before load */
} passing SEC(".maps");

static __always_inline int learn(__u64 line)
{
	struct bpf_pidns_info self = {};

	if (!state.learner || state.line ||
	    bpf_get_ns_current_pid_tgid(state.pidns_device, state.pidns_inode, &self, sizeof(self)))
		return 0;
	if (self.pid == state.learner)
		state.line = line;
	return 0;
}

/* Atomic only for the reader's sake: an interrupt does not run beside itself. */
static __always_inline int count(__u64 line)
{
	if (line && line == state.line)
		__sync_fetch_and_add(&state.edges, 1);
	return 0;
}

/* A thread that serves several lines, as those of chips on slow buses do, may leave ours for another. */
static __always_inline int begin(__u64 line)
{
	__u32 self = (__u32)bpf_get_current_pid_tgid();

	if (state.request)
		return 0;
	if (line && line == state.line)
		state.worker = self;
	else if (state.worker == self)
		state.worker = 0;
	return 0;
}

static __always_inline int is_ours(__u64 request)
{
	if (!state.request && state.worker && state.worker == (__u32)bpf_get_current_pid_tgid())
		state.request = request;
	return state.request && state.request == request;
}

static __always_inline void hand_over(const struct gpio_v2_line_event *edge)
{
	state.passed++;
	if (!knobs.only_count && bpf_ringbuf_output(&passing, (void *)edge, sizeof(*edge), 0))
		state.lost++;
}

/* Somebody must look when the time of the edge that now waits is over: an empty sample says so. */
static __always_inline void nudge(void)
{
	if (knobs.only_count || !state.pulse.held || __sync_val_compare_and_swap(&state.awake, 0, 1))
		return;
	bpf_ringbuf_output(&passing, &state.pulse.held, 0, BPF_RB_FORCE_WAKEUP);
}

static __always_inline int put(__u64 request, __u64 event)
{
	struct gpio_v2_line_event edge, out[WEIR_PULSE_OUT_MAX];
	struct weir_pulse_rule rule = knobs.rule;
	__u32 n;

	if (!is_ours(request))
		return 0;
	if (bpf_probe_read_kernel(&edge, sizeof(edge), (const void *)event))
		return 0;
	state.lost += edge.line_seqno - 1 - state.last_seqno;
	state.last_seqno = edge.line_seqno;
	if (!state.first)
		state.first = edge.id;
	n = weir_pulse_push(&state.pulse, &rule, &edge, out);
	if (n > 0)
		hand_over(&out[0]);
	if (n > 1)
		hand_over(&out[1]);
	nudge();
	return 0;
}

static __always_inline __u64 argument(void *context, __u32 index)
{
	__u64 value = 0;

	bpf_get_func_arg(context, index, &value);
	return value;
}

#if defined(__TARGET_ARCH_x86)
#define SIXTH(context) ((context)->r9)
#elif defined(__TARGET_ARCH_arm)
#define SIXTH(context) 0 /* it is on the stack; a program of 32 bits has no kprobes, see bpf_hook.c */
#else
#define SIXTH(context) (((struct user_pt_regs *)(context))->regs[5])
#endif

SEC("fentry")
int fentry_learn(void *context)
{
	return learn(argument(context, 5));
}

SEC("fentry")
int fentry_count(void *context)
{
	return count(argument(context, 1));
}

SEC("fentry")
int fentry_begin(void *context)
{
	return begin(argument(context, 1));
}

SEC("fentry")
int fentry_put(void *context)
{
	return put(argument(context, 0), argument(context, 1));
}

SEC("kprobe")
int kprobe_learn(struct pt_regs *context)
{
	return learn(SIXTH(context));
}

SEC("kprobe")
int kprobe_count(struct pt_regs *context)
{
	return count(PT_REGS_PARM2(context));
}

SEC("kprobe")
int kprobe_begin(struct pt_regs *context)
{
	return begin(PT_REGS_PARM2(context));
}

SEC("kprobe")
int kprobe_put(struct pt_regs *context)
{
	return put(PT_REGS_PARM1(context), PT_REGS_PARM2(context));
}

/* For BPF_PROG_RUN. */
SEC("raw_tp")
int prove(void *context)
{
	return put(state.request, (__u64)(unsigned long)&trial);
}
