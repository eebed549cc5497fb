/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * A filter of your own, for `iio:DEVICE filter=FILE.bpf.o`: a C function that sees each raw row inside the kernel and says
 * whether it passes (not 0) or is dropped (0).
 *
 *     #include "weir/custom.h"
 *
 *     struct row {
 *             __s32 accel_x, accel_y, accel_z;
 *             __s64 t;
 *     };
 *
 *     WEIR_FILTER(struct row)
 *     {
 *             return row->accel_x > 100;
 *     }
 *
 *     clang -g -O2 -target bpf -mcpu=v3 -I…/bpf -c jolt.bpf.c -o jolt.bpf.o
 *
 * The row is as the device delivers it: integers, not yet scaled, in the device's byte order. Members have the names of the
 * stream's fields; `t` is the time in ns; a name that begins with `_` is padding. -g is needed, because weir compares the
 * structure with the stream's rows: a wrong one is refused, and the message shows the right one.
 *
 * A field whose bits do not fill its storage, such as `le:s12/16>>4`, is the whole storage here; WEIR_BITS takes the bits out.
 * One of another byte order is declared as __be16, __be32 or __be64; bpf_ntohs() and so on of <bpf/bpf_endian.h> turn it.
 *
 * Static variables, maps and the helpers of a program that may run on any thread can be used; a variable is one for all rows
 * of this source, which are seen one at a time and in their order. It starts anew with each run. The filter becomes a part of
 * weir's own program, so it is under the GPL.
 */
#ifndef WEIR_BPF_CUSTOM_H
#define WEIR_BPF_CUSTOM_H

#include <linux/types.h>

/* The signed value of `bits` bits above the lowest `shift` ones. */
#define WEIR_BITS(value, bits, shift) ((__s64)((__u64)(value) << (64 - (bits) - (shift))) >> (64 - (bits)))

/* The function is called by weir's program and so has to be global to the linker, but not to the kernel. */
#define WEIR_FILTER(type)                                                              \
	const volatile type weir_row = {};                                             \
	static inline __attribute__((always_inline)) int weir_filter(const type *row); \
	int weir_custom(const void *row);                                              \
	__attribute__((visibility("hidden"))) int weir_custom(const void *row)         \
	{                                                                              \
		return weir_filter(row) != 0;                                          \
	}                                                                              \
	static inline __attribute__((always_inline)) int weir_filter(const type *row)

#endif
