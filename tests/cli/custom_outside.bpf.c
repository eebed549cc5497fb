/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: reads behind the row, which the kernel must refuse. */
#include "weir/custom.h"

struct row {
	__s64 t;
	__s16 a;
	__u16 b;
	__u8 _rest[4];
};

WEIR_FILTER(struct row)
{
	return row[1].a > 1000;
}
