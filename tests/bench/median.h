/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WEIR_BENCH_MEDIAN_H
#define WEIR_BENCH_MEDIAN_H

#include <stdlib.h>

static int median_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of @n samples, which it sorts. */
static double median(double *sample, size_t n)
{
	qsort(sample, n, sizeof(*sample), median_compare);
	return sample[n / 2];
}

#endif
