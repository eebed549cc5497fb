/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outward rounding without touching the rounding mode: the error of a sum is computed exactly (Knuth's TwoSum), that of a
 * product by fma(). So what is exact stays a single double, which is how exact conditions are recognised.
 */
#include <math.h>

#include "pushdown/polynomial.h"

/* Below, the error of a product may itself be rounded. */
#define TINY 0x1p-900

double weir_up(double x)
{
	return nextafter(x, INFINITY);
}

/* `error` is what the rounded result is short of the truth. */
static struct weir_real enclose(double rounded, double error)
{
	if (!isfinite(rounded))
		return (struct weir_real){ -INFINITY, INFINITY };
	return (struct weir_real){ error < 0 ? nextafter(rounded, -INFINITY) : rounded,
				   error > 0 ? nextafter(rounded, INFINITY) : rounded };
}

static struct weir_real around(double rounded)
{
	if (!isfinite(rounded))
		return (struct weir_real){ -INFINITY, INFINITY };
	return (struct weir_real){ nextafter(rounded, -INFINITY), nextafter(rounded, INFINITY) };
}

static struct weir_real add(double a, double b)
{
	double sum = a + b, of_b = sum - a;

	return enclose(sum, (a - (sum - of_b)) + (b - of_b));
}

static struct weir_real multiply(double a, double b)
{
	double product = a * b;

	if (a != 0 && b != 0 && !(fabs(product) >= TINY))
		return around(product);
	return enclose(product, fma(a, b, -product));
}

static struct weir_real divide(double a, double by)
{
	double quotient = a / by;

	if (a != 0 && (!(fabs(a) >= TINY) || !(fabs(quotient) >= TINY) || fma(quotient, by, -a) != 0))
		return around(quotient);
	return (struct weir_real){ quotient, quotient };
}

static struct weir_real join(struct weir_real a, struct weir_real b)
{
	return (struct weir_real){ fmin(a.lo, b.lo), fmax(a.hi, b.hi) };
}

struct weir_real weir_real_of(double x)
{
	return (struct weir_real){ x, x };
}

struct weir_real weir_real_add(struct weir_real a, struct weir_real b)
{
	return (struct weir_real){ add(a.lo, b.lo).lo, add(a.hi, b.hi).hi };
}

struct weir_real weir_real_negate(struct weir_real a)
{
	return (struct weir_real){ -a.hi, -a.lo };
}

struct weir_real weir_real_multiply(struct weir_real a, struct weir_real b)
{
	return join(join(multiply(a.lo, b.lo), multiply(a.lo, b.hi)), join(multiply(a.hi, b.lo), multiply(a.hi, b.hi)));
}

struct weir_real weir_real_divide(struct weir_real a, double by)
{
	return join(divide(a.lo, by), divide(a.hi, by));
}

bool weir_real_is_zero(struct weir_real a)
{
	return a.lo == 0 && a.hi == 0;
}

bool weir_real_is_finite(struct weir_real a)
{
	return isfinite(a.lo) && isfinite(a.hi);
}
