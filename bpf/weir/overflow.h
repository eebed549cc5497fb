/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* What overflow.bpf.c shares with user space. Fixed widths only; the size is asserted. */
#ifndef WEIR_BPF_OVERFLOW_H
#define WEIR_BPF_OVERFLOW_H

#include <linux/types.h>

struct weir_overflow_state {
	__u64 buffer;                    /* kernel address of our struct iio_buffer; 0: not learnt */
	__u64 seen, lost;                /* samples that came to it; that its FIFO refused */
	__u64 pidns_device, pidns_inode; /* in: the pid namespace of `learner` */
	__u64 storing;                   /* kprobe: the task that is storing into our buffer; 0: none */
	__u32 nested;                    /* kprobe: calls for other buffers on top of that */
	__u32 learner;                   /* in: its call of the learning hook tells which buffer is ours */
};

_Static_assert(sizeof(struct weir_overflow_state) == 56, "shared with user space");

#endif
