/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdict: a subprogram that user space fills in before load; see WEIR_HOLE_INSNS. As compiled it drops every row.
 *
 * It must stay a call (noinline) with its arguments in r1 and r2, and the compiler must believe that its body is opaque. A naked
 * function would say the same shorter, but clang 14 then leaves arguments nameless and the kernel refuses the BTF, which
 * bpf_loop() callbacks need.
 */
#ifndef WEIR_BPF_VERDICT_H
#define WEIR_BPF_VERDICT_H

#include "weir/filter_shared.h"

#define WEIR_TEXT_(x) #x
#define WEIR_TEXT(x) WEIR_TEXT_(x)

/* The mark is two instructions; `r0 = 0` and the compiler's own `exit` are the last two. */
/* clang-format off */
#define WEIR_HOLE                                              \
	"r0 = " WEIR_TEXT(WEIR_HOLE_MARK) " ll\n"              \
	".rept " WEIR_TEXT(WEIR_HOLE_INSNS) " - 4\n"           \
	"goto +0\n"                                            \
	".endr\n"                                              \
	"r0 = 0\n"
/* clang-format on */

static __noinline __u64 weir_verdict(const void *row, struct weir_filter_memory *memory)
{
	register const void *r1 asm("r1") = row;
	register struct weir_filter_memory *r2 asm("r2") = memory;
	register __u64 r0 asm("r0");

	asm volatile(WEIR_HOLE : "=r"(r0), "+r"(r1), "+r"(r2) : : "r3", "r4", "r5", "memory");
	return r0;
}

/* A custom filter is linked in place of this one. Where there is none, the kernel finds `custom` to be 0 and takes the call away. */
int weir_custom(const void *row);
__hidden __weak __noinline int weir_custom(const void *row)
{
	return row != NULL;
}

/* In the order of the program: the filter belongs to the source, the verdict to the stages behind it. */
static __always_inline int weir_passes(__u32 custom, const void *row, struct weir_filter_memory *memory)
{
	if (custom && !weir_custom(row))
		return 0;
	return weir_verdict(row, memory) != 0;
}

#endif
