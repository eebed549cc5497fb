/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/sliding.h"

#include <errno.h>
#include <stdlib.h>

int weir_sliding_open(struct weir_sliding *sliding, uint32_t size)
{
	*sliding = (struct weir_sliding){ .size = size, .lap = calloc(size + 1, sizeof(double)) };
	return sliding->lap ? 0 : -ENOMEM;
}

void weir_sliding_close(struct weir_sliding *sliding)
{
	free(sliding->lap);
}

/* Knuth's two-sum: what rounding took from the sum goes to the rest. */
static inline void add(double *sum, double *rest, double x)
{
	double whole = *sum + x;
	double part = whole - *sum;

	*rest += (*sum - (whole - part)) + (x - part);
	*sum = whole;
}

/* The lap is complete: its values become the sums of its ends. The one behind the last stays 0. */
static void turn(struct weir_sliding *sliding)
{
	double sum = 0, rest = 0;

	for (uint32_t i = sliding->size; i-- > 0;) {
		add(&sum, &rest, sliding->lap[i]);
		sliding->lap[i] = sum + rest;
	}
	sliding->at = 0;
	sliding->sum = sliding->rest = 0;
}

/* Up to the end of this lap. */
static void run(struct weir_sliding *sliding, const double *x, double *mean, uint32_t n)
{
	double sum = sliding->sum, rest = sliding->rest, *lap = sliding->lap + sliding->at;
	bool is_full = sliding->n == sliding->size;

	for (uint32_t i = 0; i < n; i++) {
		double value = x[i];

		add(&sum, &rest, value);
		lap[i] = value;
		mean[i] = (sum + (rest + lap[i + 1])) / (is_full ? sliding->size : sliding->n + i + 1);
	}
	sliding->sum = sum;
	sliding->rest = rest;
	sliding->at += n;
	if (!is_full)
		sliding->n += n;
}

void weir_sliding_means(struct weir_sliding *sliding, const double *x, double *mean, uint32_t n)
{
	while (n) {
		uint32_t room = sliding->size - sliding->at, now = n < room ? n : room;

		run(sliding, x, mean, now);
		if (sliding->at == sliding->size)
			turn(sliding);
		x += now;
		mean += now;
		n -= now;
	}
}
