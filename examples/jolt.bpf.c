/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* weir run 'iio:accel_3d filter=jolt.bpf.o | print': samples with more than 1.5 g, whatever the direction, leave the kernel. */
#include "weir/custom.h"

struct row {
	__s32 accel_x, accel_y, accel_z; /* mg */
	__s64 t;
};

WEIR_FILTER(struct row)
{
	__s64 x = row->accel_x, y = row->accel_y, z = row->accel_z;

	return x * x + y * y + z * z > 1500 * 1500;
}
