/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/moments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N WEIR_MOMENTS_MAX
#define DEPENDENT 1e-12 /* share of a variance below which what others leave of it is rounding */
#define SWEEPS_MAX 32   /* six or so suffice; this ends what cannot converge */

/* A sum with what rounding took from it. */
struct total {
	double sum, rest;
};

struct weir_moments {
	uint32_t n;
	double keep; /**< weight of the records so far, when one more comes */
	uint64_t count;
	double weight; /**< of all records */
	double origin[N];
	struct total mean[N];
	struct total product[N][N]; /**< of distances from the mean, summed; the lower triangle */
};

int weir_moments_open(struct weir_moments **out, uint32_t n, double memory)
{
	struct weir_moments *moments = *out = calloc(1, sizeof(*moments));

	if (!moments)
		return -ENOMEM;
	moments->n = n;
	moments->keep = memory > 0 ? 1 - 1 / memory : 1;
	return 0;
}

void weir_moments_close(struct weir_moments *moments)
{
	free(moments);
}

static void add(struct total *total, double x)
{
	double sum = total->sum + x;
	double part = sum - total->sum;

	total->rest += (total->sum - (sum - part)) + (x - part);
	total->sum = sum;
}

static void scale(struct total *total, double by)
{
	total->sum *= by;
	total->rest *= by;
}

static double value_of(struct total total)
{
	return total.sum + total.rest;
}

void weir_moments_add(struct weir_moments *moments, const double *x)
{
	double apart[N], share;

	if (!moments->count++)
		memcpy(moments->origin, x, moments->n * sizeof(*x));
	moments->weight = moments->weight * moments->keep + 1;
	share = 1 - 1 / moments->weight;
	for (uint32_t i = 0; i < moments->n; i++) {
		apart[i] = x[i] - moments->origin[i] - value_of(moments->mean[i]);
		add(&moments->mean[i], apart[i] / moments->weight);
		for (uint32_t j = 0; j <= i; j++) {
			if (moments->keep < 1)
				scale(&moments->product[i][j], moments->keep);
			add(&moments->product[i][j], share * apart[i] * apart[j]);
		}
	}
}

uint64_t weir_moments_count(const struct weir_moments *moments)
{
	return moments->count;
}

double weir_moments_mean(const struct weir_moments *moments, uint32_t i)
{
	return moments->origin[i] + value_of(moments->mean[i]);
}

double weir_moments_covariance(const struct weir_moments *moments, uint32_t i, uint32_t j)
{
	struct total product = i >= j ? moments->product[i][j] : moments->product[j][i];

	return moments->count ? value_of(product) / moments->weight : 0;
}

/* ------------------------------------------------------------- least squares */

/* L D L^T of the covariances of all values but the first; d is 0 where a value depends on those before it. */
static void factor(const struct weir_moments *moments, double l[N][N], double *d)
{
	uint32_t n = moments->n - 1;

	for (uint32_t i = 0; i < n; i++) {
		double variance = weir_moments_covariance(moments, i + 1, i + 1), left = variance;

		for (uint32_t j = 0; j < i; j++) {
			double sum = weir_moments_covariance(moments, i + 1, j + 1);

			for (uint32_t k = 0; k < j; k++)
				sum -= l[i][k] * d[k] * l[j][k];
			l[i][j] = d[j] > 0 ? sum / d[j] : 0;
			left -= l[i][j] * l[i][j] * d[j];
		}
		d[i] = left > DEPENDENT * variance ? left : 0;
	}
}

double weir_moments_solve(const struct weir_moments *moments, double *slope)
{
	uint32_t n = moments->n - 1;
	double l[N][N], d[N], intercept;

	factor(moments, l, d);
	for (uint32_t i = 0; i < n; i++) {
		slope[i] = weir_moments_covariance(moments, i + 1, 0);
		for (uint32_t k = 0; k < i; k++)
			slope[i] -= l[i][k] * slope[k];
	}
	for (uint32_t i = 0; i < n; i++)
		slope[i] = d[i] > 0 ? slope[i] / d[i] : 0;
	for (uint32_t i = n; i-- > 0;)
		for (uint32_t k = i + 1; k < n && d[i] > 0; k++)
			slope[i] -= l[k][i] * slope[k];
	intercept = weir_moments_mean(moments, 0);
	for (uint32_t i = 0; i < n; i++)
		intercept -= slope[i] * weir_moments_mean(moments, i + 1);
	return moments->count ? intercept : 0;
}

/* ------------------------------------------------------ principal directions */

/* Turn the plane of axes p and q so that their covariance vanishes. */
static void rotate(uint32_t n, double a[N][N], double v[N][N], uint32_t p, uint32_t q)
{
	double slope = (a[q][q] - a[p][p]) / (2 * a[p][q]);
	double t = (slope < 0 ? -1 : 1) / (fabs(slope) + hypot(slope, 1)), c = 1 / hypot(t, 1), s = t * c;

	for (uint32_t k = 0; k < n; k++) {
		double p_old = a[k][p], q_old = a[k][q];

		a[k][p] = c * p_old - s * q_old;
		a[k][q] = s * p_old + c * q_old;
	}
	for (uint32_t k = 0; k < n; k++) {
		double p_old = a[p][k], q_old = a[q][k];

		a[p][k] = c * p_old - s * q_old;
		a[q][k] = s * p_old + c * q_old;
	}
	for (uint32_t k = 0; k < n; k++) {
		double p_old = v[p][k], q_old = v[q][k];

		v[p][k] = c * p_old - s * q_old;
		v[q][k] = s * p_old + c * q_old;
	}
	a[p][q] = a[q][p] = 0;
}

/* Is that covariance more than rounding leaves behind? */
static bool matters(double a[N][N], uint32_t p, uint32_t q)
{
	return fabs(a[p][q]) > 0x1p-60 * sqrt(fabs(a[p][p])) * sqrt(fabs(a[q][q]));
}

static bool sweep(uint32_t n, double a[N][N], double v[N][N])
{
	bool has_turned = false;

	for (uint32_t p = 0; p < n; p++)
		for (uint32_t q = p + 1; q < n; q++)
			if (matters(a, p, q)) {
				rotate(n, a, v, p, q);
				has_turned = true;
			}
	return has_turned;
}

static void set_sign(double *vector, uint32_t n)
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < n; i++)
		if (fabs(vector[i]) > fabs(vector[most]))
			most = i;
	if (vector[most] >= 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		vector[i] = -vector[i];
}

void weir_moments_principal(const struct weir_moments *moments, double *value, double *vector)
{
	uint32_t n = moments->n;
	double a[N][N], v[N][N] = { 0 };
	bool taken[N] = { false };

	for (uint32_t i = 0; i < n; i++) {
		v[i][i] = 1;
		for (uint32_t j = 0; j < n; j++)
			a[i][j] = weir_moments_covariance(moments, i, j);
	}
	for (uint32_t i = 0; i < SWEEPS_MAX && sweep(n, a, v); i++)
		;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t best = N;

		for (uint32_t k = 0; k < n; k++)
			if (!taken[k] && (best == N || a[k][k] > a[best][best]))
				best = k;
		taken[best] = true;
		value[i] = a[best][best] > 0 ? a[best][best] : 0;
		memcpy(vector + (size_t)i * n, v[best], n * sizeof(*vector));
		set_sign(vector + (size_t)i * n, n);
	}
}
