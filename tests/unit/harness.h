/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file harness.h
 * @brief A pipeline in miniature for testing drivers one by one: the real parser and the real nodes, but no rings, no threads.
 *
 *     struct harness h;
 *     harness_open(&h, "where x > 3", &schema);       stages on records that the test makes,
 *     harness_push(&h, &block);                       whose output is collected,
 *     assert_int_equal(h.n, 1);
 *     harness_close(&h);
 *
 * A chain that begins with a source takes no schema, and harness_pull() collects what it produces. A chain that ends in a
 * sink collects nothing.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/internal.h"

union harness_value {
	double real;
	int64_t integer;
	char *text; /**< a copy */
};

struct harness {
	struct weir_pipeline *pipeline;
	struct weir_node *source;       /**< the chain's, or a stand-in with the schema of the test's records */
	struct weir_node *first, *last; /**< stages; the last may be a sink */
	struct weir_schema schema;      /**< of what is collected */
	uint32_t n, capacity;           /**< records collected */
	uint32_t n_blocks, largest;     /**< blocks, and the records of the largest */
	int64_t *t;
	union harness_value *value[WEIR_FIELDS_MAX]; /**< by field, then by record */
	bool over;                                   /**< a source has ended or failed, with `result` */
	int result;
	int64_t until_ns; /**< of the last wait that a source asked for */
	int64_t time_ns;  /**< of the newest record that was pushed */
};

/** @brief Parse, check and open. @return true; false where something was refused: see harness_error(). Always close it. */
bool harness_open(struct harness *h, const char *chain, const struct weir_schema *in);
void harness_close(struct harness *h);

/** @brief Start the sink or the source. */
int harness_start(struct harness *h);
/** @brief Push a block through all stages. What the first stage's push returned. */
int harness_push(struct harness *h, const struct weir_block *block);
/** @brief Push the first `n` records in blocks of random sizes up to `most`, all from `memory`'s columns. */
void harness_push_cut(struct harness *h, const struct weir_block *memory, uint32_t n, uint32_t most, uint64_t *random);
/** @brief Open a chain, push all of `memory` cut at random into blocks of up to `most` records, flush. Whatever fails, fails the
 *  test. Close it afterwards. */
void harness_run(struct harness *h, const char *chain, const struct weir_block *memory, uint32_t most, uint64_t seed);
/** @brief The same twice, in whole blocks and in blocks of up to 20 records, which must collect the same. Close `h`, the first. */
void harness_run_cut(struct harness *h, const char *chain, const struct weir_block *memory, uint64_t *random);
/** @brief Flush all stages, from the first to the last. */
int harness_flush(struct harness *h);
/** @brief Ask the source once for up to `max` rows and collect them. What produce returned. */
int harness_pull(struct harness *h, uint32_t max);
/** @brief Pull until the end or a failure, waiting as the source asks. What produce returned last. */
int harness_pull_all(struct harness *h, uint32_t max);

/** @brief All that has been reported, as the user would see it. The caller frees it. */
char *harness_error(struct harness *h);
/** @brief Fail the test unless what has been reported contains `text`. */
void harness_expect_error(struct harness *h, const char *text);
/** @brief Refused with a message that contains `text`: open, expect, close. */
void harness_expect_refusal(const char *chain, const struct weir_schema *in, const char *text);

/** @brief Fail the test unless two harnesses collected the same records, bit for bit. */
void harness_expect_same(const struct harness *a, const struct harness *b);

/** A block that is not bounded by WEIR_BLOCK_MAX: the memory from which a test cuts blocks. Times are 0, 1 ms, 2 ms … */
struct weir_block *harness_memory(const struct weir_schema *schema, uint32_t n);
/** @brief The same of records that have nothing but a real x, with their schema. */
struct weir_block *harness_numbers(struct weir_schema *schema, uint32_t n);
void harness_memory_free(struct weir_block *block);

/** @brief The next of a reproducible sequence of random numbers. */
uint64_t harness_random(uint64_t *state);
/** @brief Uniform in [0, n). */
uint32_t harness_below(uint64_t *state, uint32_t n);
/** @brief Uniform in [-1, 1). */
double harness_uniform(uint64_t *state);

#endif
