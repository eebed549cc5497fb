/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: what is far from zero passes. */
#include "weir/custom.h"

struct row {
	__s64 t;
	__s16 a;
	__u16 b;
	__u8 _rest[4];
};

WEIR_FILTER(struct row)
{
	return row->a > 1000 || row->a < -1000;
}
