/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "weir/raster.h"
#include "weir/whole.h"

#define SECOND_NS UINT64_C(1000000000)

struct weir_raster weir_raster_of(double hz)
{
	struct weir_raster raster = { .period_ns = weir_whole((double)SECOND_NS / hz) };

	if (hz >= 1 && hz == floor(hz))
		raster.hz = weir_whole_count(hz);
	return raster;
}

int64_t weir_raster_at(const struct weir_raster *raster, uint64_t i)
{
	/* Whole seconds first: the rest is below 1e9 * 1e9 and does not overflow. */
	if (raster->hz)
		return (int64_t)(i / raster->hz * SECOND_NS + i % raster->hz * SECOND_NS / raster->hz);
	return (int64_t)i * raster->period_ns;
}
