/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/aggregate.h"

/** The greatest or the least of the last `size` values. */
struct extreme {
	double *lap; /**< before `at` the values of this lap; from `at` on the extremes of the ends of the lap before */
	double best; /**< of this lap */
};

struct weir_moving {
	enum weir_function function;
	uint32_t size, at; /**< at: values of this lap */
	struct extreme greatest, least;
	double other[WEIR_BLOCK_MAX]; /**< WEIR_RANGE: the least */
};

bool weir_function_moves(enum weir_function function)
{
	return function == WEIR_MIN || function == WEIR_MAX || function == WEIR_RANGE;
}

/* What every value beats, or is equal to. */
static double worst(bool greatest)
{
	return greatest ? -INFINITY : INFINITY;
}

static int open_extreme(struct extreme *extreme, bool greatest, uint32_t size)
{
	extreme->lap = malloc((size + 1) * sizeof(double));
	if (!extreme->lap)
		return -ENOMEM;
	for (uint32_t i = 0; i <= size; i++)
		extreme->lap[i] = worst(greatest);
	extreme->best = worst(greatest);
	return 0;
}

int weir_moving_open(struct weir_moving **out, enum weir_function function, uint32_t size)
{
	struct weir_moving *moving = *out = calloc(1, sizeof(*moving));
	int err = 0;

	if (!moving)
		return -ENOMEM;
	moving->function = function;
	moving->size = size;
	if (function != WEIR_MIN)
		err = open_extreme(&moving->greatest, true, size);
	if (!err && function != WEIR_MAX)
		err = open_extreme(&moving->least, false, size);
	if (!err)
		return 0;
	weir_moving_close(moving);
	*out = NULL;
	return err;
}

void weir_moving_close(struct weir_moving *moving)
{
	if (!moving)
		return;
	free(moving->greatest.lap);
	free(moving->least.lap);
	free(moving);
}

/* Of equals the earlier; a NaN is never let out again. */
static inline double better(bool greatest, double earlier, double later)
{
	return (greatest ? later > earlier : later < earlier) || later != later ? later : earlier;
}

/* The same where `later` is no NaN: a single instruction, which matters because each result waits for the one before. */
static inline double better_number(bool greatest, double earlier, double later)
{
	return (greatest ? later > earlier : later < earlier) ? later : earlier;
}

static bool has_nan(const double *x, uint32_t n)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++)
		any |= x[i] != x[i];
	return any;
}

/* The lap is complete: its values become the extremes of its ends. The one behind the last stays. */
static inline void turn(struct extreme *extreme, bool greatest, uint32_t size)
{
	double best = worst(greatest), *lap = extreme->lap;

	if (has_nan(lap, size))
		for (uint32_t i = size; i-- > 0;)
			lap[i] = best = better(greatest, lap[i], best);
	else
		for (uint32_t i = size; i-- > 0;)
			lap[i] = best = better_number(greatest, lap[i], best);
	extreme->best = worst(greatest);
}

/* Up to the end of this lap: first the extremes of the lap so far, then what is better, they or the end of the lap before. */
static inline void run(struct extreme *extreme, bool greatest, double *lap, const double *x, double *result, uint32_t n)
{
	double best = extreme->best;

	if (has_nan(x, n))
		for (uint32_t i = 0; i < n; i++)
			result[i] = best = better(greatest, best, x[i]);
	else
		for (uint32_t i = 0; i < n; i++)
			result[i] = best = better_number(greatest, best, x[i]);
	extreme->best = best;
	for (uint32_t i = 0; i < n; i++)
		result[i] = better(greatest, lap[i + 1], result[i]);
	for (uint32_t i = 0; i < n; i++)
		lap[i] = x[i];
}

static inline void slide(struct extreme *extreme, bool greatest, uint32_t size, uint32_t at, const double *x,
			 double *result, uint32_t n)
{
	while (n) {
		uint32_t now = n < size - at ? n : size - at;

		run(extreme, greatest, extreme->lap + at, x, result, now);
		at += now;
		if (at == size) {
			turn(extreme, greatest, size);
			at = 0;
		}
		x += now;
		result += now;
		n -= now;
	}
}

void weir_moving_results(struct weir_moving *moving, const double *x, double *result, uint32_t n)
{
	bool both = moving->function == WEIR_RANGE;
	double *least = both ? moving->other : result;

	if (moving->greatest.lap)
		slide(&moving->greatest, true, moving->size, moving->at, x, result, n);
	if (moving->least.lap)
		slide(&moving->least, false, moving->size, moving->at, x, least, n);
	for (uint32_t i = 0; both && i < n; i++)
		result[i] -= least[i];
	moving->at = (uint32_t)(((uint64_t)moving->at + n) % moving->size);
}
