/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file random.h
 * @brief For drivers: reproducible random numbers and hashes. Not for secrets.
 */
#ifndef WEIR_RANDOM_H
#define WEIR_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @brief The next of a sequence that begins anywhere: splitmix64 (Steele, Lea, Flood 2014). */
uint64_t weir_random_next(uint64_t *state);
/** @brief Uniform in [0, n), n from 1 on; each value to within n / 2^64 as likely as the others. */
uint64_t weir_random_below(uint64_t *state, uint64_t n);
/** @brief 64 random bits as a number in [0, n), just as uniform: the upper half of their product with n. */
static inline uint64_t weir_random_scale(uint64_t bits, uint64_t n)
{
#ifdef __SIZEOF_INT128__
	return (uint64_t)((unsigned __int128)bits * n >> 64);
#else
	uint64_t low = (bits & UINT32_MAX) * (n & UINT32_MAX), one = (bits >> 32) * (n & UINT32_MAX) + (low >> 32),
		 other = (bits & UINT32_MAX) * (n >> 32) + (one & UINT32_MAX);

	return (bits >> 32) * (n >> 32) + (one >> 32) + (other >> 32);
#endif
}
/** @brief Uniform in [0, 1). */
double weir_random_share(uint64_t *state);

/** @brief 64 well-mixed bits of some bytes, the same on every machine of the same byte order. */
uint64_t weir_hash(const void *bytes, size_t n);

#ifdef __cplusplus
}
#endif
#endif
