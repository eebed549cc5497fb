/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: a variable, a constant in memory and a function that is called. The first row passes, then each third. */
#include "weir/custom.h"

struct row {
	__s64 t;
	__s16 a;
	__u16 b;
	__u8 _rest[4];
};

static __u32 seen;
static const volatile __u32 period = 3;

static __attribute__((noinline)) int is_due(__u32 n)
{
	return n % period == 0;
}

WEIR_FILTER(struct row)
{
	return is_due(seen++);
}
