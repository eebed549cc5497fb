/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: it has a name in it that weir's own programs have too. */
#include "weir/custom.h"

struct row {
	__s64 t;
	__s16 a;
	__u16 b;
	__u8 _rest[4];
};

int memory;

WEIR_FILTER(struct row)
{
	return row->a > memory;
}
