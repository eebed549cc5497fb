/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What the early filter's programs share with user space: the hole that generated code goes into, and the memory that both
 * sides see. Fixed widths only; every size is asserted.
 */
#ifndef WEIR_BPF_FILTER_H
#define WEIR_BPF_FILTER_H

#include <linux/types.h>

/*
 * The hole: a run of WEIR_HOLE_INSNS instructions in the subprogram weir_verdict(), from the 64-bit load of WEIR_HOLE_MARK
 * to its `exit`. User space writes another 64-bit load, a mark of the generated verdict, and the verdict over the end of it,
 * and `goto +0` over the rest, which the kernel removes again. The length never changes, so line and function information
 * stay true. Which of the two marks is in the loaded program tells whether the hole was filled.
 */
#define WEIR_HOLE_INSNS 514
#define WEIR_HOLE_MARK 0x656c6f6872696577 /* "weirhole" */

/*
 * What a verdict reads besides the row: what `every` and `changed` remember, and bitmaps of the raw values that pass. State
 * starts as zeros and is the verdict's own; the bitmaps are written before load.
 */
#define WEIR_STATE_WORDS 16
#define WEIR_BITS_WORDS 4096  /* four channels of 16 bits */
#define WEIR_TRIAL_BYTES 4096 /* WEIR_ROW_MAX */

struct weir_filter_memory {
	__u64 state[WEIR_STATE_WORDS];
	__u64 bits[WEIR_BITS_WORDS];
};

/* Batch: one run over `n` rows of the ring from index `slot`. Written by user space before the run, then by the program. */
struct weir_batch_job {
	__u32 slot;   /* in: ring index of the first row */
	__u32 n;      /* in: rows; counts down */
	__u32 from;   /* ring index of the next row to inspect */
	__u32 to;     /* ring index of the next row to keep */
	__u32 passed; /* out: rows kept */
	__u32 reserved;
};

/* Batch and inline: constants that are set before load, so that the verifier sees them as such. */
struct weir_filter_knobs {
	__u32 row_bytes;
	__u32 capacity;                  /* batch: rows in the ring */
	__u64 limit;                     /* inline: inspect this many rows, then pass none; 0: no limit */
	__u64 pidns_device, pidns_inode; /* inline: the pid namespace of `thread` */
	__u32 thread;                    /* inline: its call of the learning hook tells which buffer is ours */
	__u32 custom;                    /* is a custom filter linked to the program? */
	__u32 time_at;                   /* inline: where in the row its time is */
	__u32 has_time;                  /* inline: it is a plain integer of this machine */
};

/*
 * Inline: written by the program, except `active`. Plain counters are enough: IIO has one pusher at a time for one buffer,
 * because the kfifo behind it has no lock either.
 */
struct weir_inline_state {
	__u64 buffer; /* kernel address of our struct iio_buffer; 0: not learnt */
	__u64 seen;
	__u64 passed;
	__s64 time;   /* of the newest sample seen; all that passed up to it is in the ring buffer. */
	__s64 wanted; /* wake the reader once when `time` passes this; written by user space */
	__u64 lost;   /* passed, but the BPF ring buffer was full or the scan could not be read */
	__u32 active; /* written by user space */
	__u32 reserved;
};

_Static_assert(sizeof(struct weir_filter_memory) == 8 * (WEIR_STATE_WORDS + WEIR_BITS_WORDS), "shared with user space");
_Static_assert(sizeof(struct weir_batch_job) == 24, "shared with user space");
_Static_assert(sizeof(struct weir_filter_knobs) == 48, "shared with user space");
_Static_assert(sizeof(struct weir_inline_state) == 56, "shared with user space");

#endif
