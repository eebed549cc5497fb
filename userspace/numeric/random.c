/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/random.h"

#include <string.h>

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t weir_random_next(uint64_t *state)
{
	return mix(*state += GOLDEN);
}

uint64_t weir_random_below(uint64_t *state, uint64_t n)
{
	return weir_random_scale(weir_random_next(state), n);
}

double weir_random_share(uint64_t *state)
{
	return (double)(weir_random_next(state) >> 11) * 0x1p-53;
}

uint64_t weir_hash(const void *bytes, size_t n)
{
	const char *at = bytes;
	uint64_t hash = mix(n + GOLDEN), word;

	for (; n >= sizeof(word); n -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = mix((hash ^ word) + GOLDEN);
	}
	word = 0;
	memcpy(&word, at, n);
	return mix((hash ^ word) + GOLDEN);
}
