/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Edges of a GPIO line: which of them pass, decided by the same text in the kernel (bpf/gpio.bpf.c) and in user space, and
 * what the two share. Fixed widths only; every size is asserted.
 */
#ifndef WEIR_BPF_GPIO_H
#define WEIR_BPF_GPIO_H

#include <linux/gpio.h>
#include <linux/types.h>

#define WEIR_PULSE_RISING 1u
#define WEIR_PULSE_FALLING 2u
#define WEIR_PULSE_OUT_MAX 2 /* edges that one edge can bring to pass */

/* Constant while it is in use. */
struct weir_pulse_rule {
	__u64 glitch_ns;         /* an edge passes when the line has then kept its level for so long; 0: at once */
	__u64 least_ns, most_ns; /* of a pulse: from a rising edge to the falling one after it */
	__u32 has_width; /* is least_ns <= width <= most_ns demanded? Then an edge that ends no such pulse is dropped */
	__u32 edges;     /* of those that are left, which make a record: WEIR_PULSE_… */
};

/*
 * The memory of it. All but `held` is written by whoever pushes edges, one at a time. `held` is the number of an edge that
 * waits to be decided: the pusher sets it, and either the pusher (the next edge decides) or one other thread (time
 * decides) takes it away, whoever is first.
 */
struct weir_pulse_memory {
	__u64 held; /* as `mine`; 0: none waits, or it was taken */
	__u64 mine; /* number of `edge`, never 0, never the same again; 0: none */
	__u32 stable; /* the level that the line had for long enough, as the edge to it: GPIO_V2_LINE_EVENT_…; 0: not known */
	__u32 has_rise;
	struct gpio_v2_line_event edge; /* undecided */
	struct gpio_v2_line_event rise; /* begins a pulse, if has_rise */
};

static inline __attribute__((always_inline)) __u32 weir_pulse_select(const struct weir_pulse_rule *rule,
								     const struct gpio_v2_line_event *edge,
								     struct gpio_v2_line_event *out, __u32 n)
{
	if (n < WEIR_PULSE_OUT_MAX && (rule->edges & edge->id)) {
		out[n] = *edge;
		n++;
	}
	return n;
}

/* An edge that is no glitch: is its pulse of the right width? Returns how many edges pass. */
static inline __attribute__((always_inline)) __u32 weir_pulse_settle(struct weir_pulse_memory *memory,
								     const struct weir_pulse_rule *rule,
								     const struct gpio_v2_line_event *edge,
								     struct gpio_v2_line_event *out)
{
	__u64 width = edge->timestamp_ns - memory->rise.timestamp_ns;
	__u32 n = 0;

	memory->stable = edge->id;
	if (!rule->has_width)
		return weir_pulse_select(rule, edge, out, 0);
	if (edge->id == GPIO_V2_LINE_EVENT_RISING_EDGE) {
		memory->rise = *edge;
		memory->has_rise = 1;
		return 0;
	}
	if (memory->has_rise && width >= rule->least_ns && width <= rule->most_ns) {
		n = weir_pulse_select(rule, &memory->rise, out, 0);
		n = weir_pulse_select(rule, edge, out, n);
	}
	memory->has_rise = 0;
	return n;
}

/* Has the line kept its level from `edge` until then? Signed, because a wall clock may be set back. */
static inline __attribute__((always_inline)) int
weir_pulse_lasted(const struct weir_pulse_rule *rule, const struct gpio_v2_line_event *edge, __u64 until_ns)
{
	return (__s64)(until_ns - edge->timestamp_ns) >= (__s64)rule->glitch_ns;
}

/* The edge that waits, if any, is decided by one that comes at `until_ns`. */
static inline __attribute__((always_inline)) __u32 weir_pulse_decide(struct weir_pulse_memory *memory,
								     const struct weir_pulse_rule *rule, __u64 until_ns,
								     struct gpio_v2_line_event *out)
{
	__u64 mine = memory->mine;
	__u32 n = 0;

	if (!mine)
		return 0;
	memory->mine = 0;
	/* Who took it has passed on what it brought; the memory is still to follow. */
	if (__sync_val_compare_and_swap(&memory->held, mine, 0) != mine)
		weir_pulse_settle(memory, rule, &memory->edge, out);
	else if (weir_pulse_lasted(rule, &memory->edge, until_ns))
		n = weir_pulse_settle(memory, rule, &memory->edge, out);
	return n;
}

/*
 * The next edge of the line, in the kernel's order. Returns how many edges pass now, in out[0..n); none is written beyond
 * WEIR_PULSE_OUT_MAX.
 *
 * Two edges to the same level are one: the kernel reads the level after the interrupt, so a very short pulse shows as two
 * edges to where it ended.
 */
static inline __attribute__((always_inline)) __u32 weir_pulse_push(struct weir_pulse_memory *memory,
								   const struct weir_pulse_rule *rule,
								   const struct gpio_v2_line_event *edge,
								   struct gpio_v2_line_event *out)
{
	__u32 n = weir_pulse_decide(memory, rule, edge->timestamp_ns, out);

	if (memory->stable == edge->id)
		return n;
	if (!rule->glitch_ns)
		return weir_pulse_settle(memory, rule, edge, out);
	if (!memory->stable)
		memory->stable = GPIO_V2_LINE_EVENT_RISING_EDGE + GPIO_V2_LINE_EVENT_FALLING_EDGE - edge->id;
	memory->edge = *edge;
	memory->mine = 1ULL << 32 | edge->line_seqno;
	/* An exchange, because it orders: whoever sees the number sees the edge. */
	(void)__sync_lock_test_and_set(&memory->held, memory->mine);
	return n;
}

/*
 * Nobody pushed an edge, and it is `until_ns` by the clock that stamps them: take the edge that waits, if it has lasted. By
 * the pusher itself or by one other thread. Returns how many edges pass now.
 */
static inline __attribute__((always_inline)) __u32 weir_pulse_take(struct weir_pulse_memory *memory,
								   const struct weir_pulse_rule *rule, __u64 until_ns,
								   struct gpio_v2_line_event *out)
{
	__u64 held = __sync_val_compare_and_swap(&memory->held, 0, 0);
	struct weir_pulse_memory copy = *memory;

	/* What was copied while the pusher was writing is of no use, and then the number has changed. */
	if (!held || !weir_pulse_lasted(rule, &copy.edge, until_ns) ||
	    __sync_val_compare_and_swap(&memory->held, held, 0) != held)
		return 0;
	return weir_pulse_settle(&copy, rule, &copy.edge, out);
}

/* Shared by gpio.bpf.c and user space. */
struct weir_gpio_state {
	__u64 line;                      /* kernel address of our line; 0: not learnt */
	__u64 request;                   /* of our request; 0: not learnt */
	__u64 edges;                     /* count: interrupts of our line */
	__u64 passed;                    /* filter: edges that passed; those that user space took not counted */
	__u64 lost;                      /* filter: edges that were not seen, or that found the BPF ring buffer full */
	__u64 pidns_device, pidns_inode; /* in: the pid namespace of `learner` */
	__u32 learner;                   /* in: the line that this thread requests is ours; 0: none */
	__u32 worker;                    /* the thread that is handling our line's interrupt */
	__u32 awake;                     /* filter: user space knows that an edge waits */
	__u32 last_seqno;                /* filter: of the line's last edge */
	__u32 first;                     /* filter: the direction of the line's first edge, as its id; 0: none came */
	__u32 reserved;
	struct weir_pulse_memory pulse;
};

struct weir_gpio_knobs {
	struct weir_pulse_rule rule;
	__u32 only_count; /* what passes is counted, not handed over */
	__u32 reserved;
};

_Static_assert(sizeof(struct gpio_v2_line_event) == 48, "a row");
_Static_assert(sizeof(struct weir_pulse_rule) == 32, "shared with user space");
_Static_assert(sizeof(struct weir_pulse_memory) == 120, "shared with user space");
_Static_assert(sizeof(struct weir_gpio_knobs) == 40, "shared with user space");
_Static_assert(sizeof(struct weir_gpio_state) == 200, "shared with user space");

#endif
