/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: it calls a function that nobody has. */
#include "weir/custom.h"

struct row {
	__s64 t;
	__s16 a;
	__u16 b;
	__u8 _rest[4];
};

extern int weir_nowhere(int x);

WEIR_FILTER(struct row)
{
	return weir_nowhere(row->a);
}
