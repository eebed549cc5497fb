/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file sketches.h
 * @brief For authors of operators: what can be known of very many values in a little memory that never grows.
 *
 * Keys are bytes, values are known by weir_hash() of them. None of these allocates after its open.
 */
#ifndef WEIR_SKETCHES_H
#define WEIR_SKETCHES_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- heavy hitters */

/**
 * @brief The most frequent keys (Misra and Gries 1982): with k counters, each key that makes up more than 1 / (k + 1) of all is
 * among those kept, and its count is too low by at most weir_heavy_error(). O(1) for each key on average.
 */
struct weir_heavy;

/** One key that is kept. */
struct weir_heavy_item {
	const char *key; /**< valid until the next key is added */
	uint64_t count;  /**< at least so often; at most weir_heavy_error() more */
};

/** @param counters 1 to 2^20. @param key_bytes of every key. @return 0 or -ENOMEM. weir_heavy_close() takes NULL. */
int weir_heavy_open(struct weir_heavy **out, uint32_t counters, uint32_t key_bytes) WEIR_MUST_CHECK;
void weir_heavy_close(struct weir_heavy *heavy);
void weir_heavy_add(struct weir_heavy *heavy, const char *key);
uint64_t weir_heavy_error(const struct weir_heavy *heavy);
/** @brief The keys that are kept, the most frequent first, equal counts by the bytes of their keys. @return how many. */
uint32_t weir_heavy_list(struct weir_heavy *heavy, const struct weir_heavy_item **items);

/* ------------------------------------------------------------ distinct values */

/** @brief How many different values there were: HyperLogLog (Flajolet et al. 2007) with the estimator of Ertl 2017. */
struct weir_distinct;

/** @param bits 4 to 18: 2^bits bytes, and a standard error of 1.04 / sqrt(2^bits). @return 0 or -ENOMEM. */
int weir_distinct_open(struct weir_distinct **out, uint32_t bits) WEIR_MUST_CHECK;
void weir_distinct_close(struct weir_distinct *distinct);
void weir_distinct_add(struct weir_distinct *distinct, uint64_t hash);
double weir_distinct_estimate(const struct weir_distinct *distinct);

/* --------------------------------------------------------------- Bloom filter */

/** @brief Has a value been there before? No is certain; yes may be wrong (Bloom 1970). */
struct weir_bloom;

/** @param capacity different values. @param error share of wrong answers once it is reached. @return 0 or -ENOMEM. */
int weir_bloom_open(struct weir_bloom **out, uint64_t capacity, double error) WEIR_MUST_CHECK;
void weir_bloom_close(struct weir_bloom *bloom);
/** @brief Remember a value. @return whether it had been there, as far as can be told. */
bool weir_bloom_add(struct weir_bloom *bloom, uint64_t hash);

/* ----------------------------------------------------------------- count-min */

/**
 * @brief How often has a value been there? Never too low (Cormode and Muthukrishnan 2005; only the lowest counters are raised,
 * Estan and Varghese 2002).
 */
struct weir_tally;

/**
 * @param error a count is too high by more than this share of all values
 * @param doubt with at most this probability.
 * @return 0 or -ENOMEM.
 */
int weir_tally_open(struct weir_tally **out, double error, double doubt) WEIR_MUST_CHECK;
void weir_tally_close(struct weir_tally *tally);
/** @brief Count a value. @return how often it has come, this time included. */
uint64_t weir_tally_add(struct weir_tally *tally, uint64_t hash);

#ifdef __cplusplus
}
#endif
#endif
