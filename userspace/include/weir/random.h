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
/** @brief Uniform in [0, 1). */
double weir_random_share(uint64_t *state);

/** @brief 64 well-mixed bits of some bytes, the same on every machine of the same byte order. */
uint64_t weir_hash(const void *bytes, size_t n);

#ifdef __cplusplus
}
#endif
#endif
