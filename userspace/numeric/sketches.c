/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/random.h"
#include "weir/sketches.h"

/* ------------------------------------------------------------ distinct values */

struct weir_distinct {
	uint32_t bits;
	uint8_t rank[]; /**< by the hash's first bits: most zeros, plus one, that the rest began with */
};

int weir_distinct_open(struct weir_distinct **out, uint32_t bits)
{
	*out = calloc(1, sizeof(**out) + (UINT64_C(1) << bits));
	if (!*out)
		return -ENOMEM;
	(*out)->bits = bits;
	return 0;
}

void weir_distinct_close(struct weir_distinct *distinct)
{
	free(distinct);
}

void weir_distinct_add(struct weir_distinct *distinct, uint64_t hash)
{
	uint64_t rest = hash << distinct->bits;
	uint8_t *rank = &distinct->rank[hash >> (64 - distinct->bits)];
	uint8_t found = (uint8_t)(rest ? (uint32_t)__builtin_clzll(rest) + 1 : 64 - distinct->bits + 1);

	if (found > *rank)
		*rank = found;
}

/* x + x^2 + 2 x^4 + 4 x^8 …: what empty registers say. */
static double sigma(double x)
{
	double sum = x, before, weight = 1;

	if (x == 1)
		return INFINITY;
	do {
		before = sum;
		x *= x;
		sum += x * weight;
		weight *= 2;
	} while (sum != before);
	return sum;
}

/* The same for registers that can grow no more. */
static double tau(double x)
{
	double sum = 1 - x, before, weight = 1;

	if (x == 0 || x == 1)
		return 0;
	do {
		before = sum;
		x = sqrt(x);
		weight /= 2;
		sum -= (1 - x) * (1 - x) * weight;
	} while (sum != before);
	return sum / 3;
}

double weir_distinct_estimate(const struct weir_distinct *distinct)
{
	uint32_t registers = 1u << distinct->bits, last = 64 - distinct->bits, count[65] = { 0 };
	double m = registers, sum;

	for (uint32_t i = 0; i < registers; i++)
		count[distinct->rank[i]]++;
	sum = m * tau(1 - count[last + 1] / m);
	for (uint32_t rank = last; rank >= 1; rank--)
		sum = (sum + count[rank]) / 2;
	sum += m * sigma(count[0] / m);
	return m * m / (2 * M_LN2 * sum);
}

/* --------------------------------------------------------------- Bloom filter */

struct weir_bloom {
	uint64_t bits;
	uint32_t hashes;
	uint64_t word[];
};

int weir_bloom_open(struct weir_bloom **out, uint64_t capacity, double error)
{
	double bits = ceil(-(double)capacity * log(error) / (M_LN2 * M_LN2)) + 1;
	uint64_t words = (uint64_t)bits / 64 + 1;

	*out = calloc(1, sizeof(**out) + words * sizeof((*out)->word[0]));
	if (!*out)
		return -ENOMEM;
	(*out)->bits = words * 64;
	(*out)->hashes = (uint32_t)fmax(1, round(-log2(error)));
	return 0;
}

void weir_bloom_close(struct weir_bloom *bloom)
{
	free(bloom);
}

bool weir_bloom_add(struct weir_bloom *bloom, uint64_t hash)
{
	bool seen = true;

	for (uint32_t i = 0; i < bloom->hashes; i++) {
		uint64_t at = weir_random_scale(weir_random_next(&hash), bloom->bits), bit = UINT64_C(1) << at % 64;

		seen &= (bloom->word[at / 64] & bit) != 0;
		bloom->word[at / 64] |= bit;
	}
	return seen;
}

/* ----------------------------------------------------------------- count-min */

#define ROWS_MAX 64

struct weir_tally {
	uint64_t width;
	uint32_t rows;
	uint64_t count[]; /**< by row, then by hash */
};

int weir_tally_open(struct weir_tally **out, double error, double doubt)
{
	uint64_t width = (uint64_t)ceil(M_E / error);
	uint32_t rows = (uint32_t)fmin(ROWS_MAX, fmax(1, ceil(-log(doubt))));

	*out = calloc(1, sizeof(**out) + width * rows * sizeof((*out)->count[0]));
	if (!*out)
		return -ENOMEM;
	(*out)->width = width;
	(*out)->rows = rows;
	return 0;
}

void weir_tally_close(struct weir_tally *tally)
{
	free(tally);
}

uint64_t weir_tally_add(struct weir_tally *tally, uint64_t hash)
{
	uint64_t *cell[ROWS_MAX], least = UINT64_MAX;

	for (uint32_t row = 0; row < tally->rows; row++) {
		cell[row] = tally->count + row * tally->width +
			    weir_random_scale(weir_random_next(&hash), tally->width);
		if (*cell[row] < least)
			least = *cell[row];
	}
	for (uint32_t row = 0; row < tally->rows; row++)
		if (*cell[row] == least)
			++*cell[row];
	return least + 1;
}
