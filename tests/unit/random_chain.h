/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file random_chain.h
 * @brief Random chains of `where`, `every` and `changed`, each pushed down as far as it goes: what the tests share that compare
 * the chain as the operators run it with its early filter followed by what is left of it.
 */
#ifndef WEIR_TESTS_RANDOM_CHAIN_H
#define WEIR_TESTS_RANDOM_CHAIN_H

#include "filter/filter_user.h"
#include "harness.h"
#include "random_condition.h"

#define CHAIN_STAGES_MAX 4
#define CHAIN_ROWS_MAX 64 /**< in a set of rows */

/** A set of rows, one after the other. */
struct chain_rows {
	uint32_t n;
	unsigned char bytes[CHAIN_ROWS_MAX * RANDOM_ROW_BYTES] __attribute__((aligned(8)));
};

struct random_chain {
	struct weir_schema schema;
	char stage[CHAIN_STAGES_MAX][CONDITION_BYTES];
	uint32_t n_stages;
	struct harness whole, rest; /**< the chain, and what is left of it */
	struct weir_predicate predicate;
	uint32_t n_pushed;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	uint32_t n_code;
	/* What is remembered: by the predicate, by the code in the interpreter, by the user tier. */
	uint64_t state[WEIR_STATE_WORDS];
	struct weir_filter_memory memory;
	struct weir_user_filter *user;
	struct weir_block *block;
};

/** @return false where nothing of the chain could be pushed down: nothing to close then. */
bool random_chain_open(struct random_chain *chain, struct dice *dice, const struct weir_schema *schema);
void random_chain_close(struct random_chain *chain);

/** @brief How a kernel tier is asked for this chain's filter. @param iio_device -1: none. */
struct weir_filter_config random_chain_config(const struct random_chain *chain, enum weir_tier tier, int iio_device);

/** @brief The next row of a set: random, with values near to the predicate's bounds; now and then `before`, which may be NULL,
 *  once more. Its time goes on from *t by a step of any size, stands still, or jumps. */
void random_chain_row(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate,
		      const void *before, int64_t *t, void *row);

/**
 * @brief What the filter keeps of a set, by the predicate. The test fails unless the generated code and the user tier keep the
 * same to the bit, and the chain gives the same records for all rows as what is left of it for those kept.
 */
void random_chain_keep(struct random_chain *chain, struct dice *dice, const struct chain_rows *rows,
		       struct chain_rows *kept);

#endif
