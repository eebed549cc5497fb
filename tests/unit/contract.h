/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file contract.h
 * @brief Memory for tests of what a driver may touch: it ends at a page that cannot be touched, and begins after a pattern.
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stddef.h>
#include <stdint.h>

#include "core/internal.h"

#define CONTRACT_PATTERN 0xa5

/** `bytes` of memory at `at`, before an inaccessible page and after a page of pattern. */
struct contract_memory {
	unsigned char *at;
	size_t bytes;
	void *pages;
	size_t n_pages;
};

/** @brief All of it filled with the pattern. Fails the test where there is no memory. */
void contract_memory_open(struct contract_memory *memory, size_t bytes);
void contract_memory_close(struct contract_memory *memory);
/** @brief From now on a write to it kills the test. */
void contract_memory_protect(struct contract_memory *memory);
/** @brief Fail the test unless everything from byte `from` on, and what precedes the memory, still holds the pattern. */
void contract_memory_check(const struct contract_memory *memory, size_t from);

/** A block whose columns each end at a page that cannot be touched, and cannot be written themselves. */
struct contract_input {
	struct weir_block block;
	struct contract_memory column[8];
	uint32_t n_columns;
};

/** @brief Of its records: reals x and y, an integer i, a truth value b, texts s and j, of which j holds JSON, mostly. */
const struct weir_schema *contract_schema(void);
/** @brief `n` records at random, whose times go on from `*t`, mostly. */
void contract_input_open(struct contract_input *input, uint32_t n, int64_t *t, uint64_t *random);
void contract_input_close(struct contract_input *input);

/** A driver in one role, and how a test uses it. */
struct contract_recipe {
	const char *driver;
	const char *program; /**< with $DIR for the directory of the test's files */
	uint32_t n;          /**< records that it brings; 0: it does not end by itself */
	bool repeats;        /**< two runs bring the same bytes */
	const char *rig;     /**< it needs a device: the kernel test that runs this test on one */
};

/** @brief Fail the test for each driver of that role that no recipe is for. */
void contract_covers_registry(const struct contract_recipe *recipes, size_t n, enum weir_role role);
/** @brief Is it to be run here? Those with a rig are where $WEIR_CONTRACT_DEVICES is set, and the others where it is not. */
bool contract_can_run(const struct contract_recipe *recipe, enum weir_role role);
/** @brief Its program with the directory filled in, until the next call. */
const char *contract_program(const struct contract_recipe *recipe, const char *directory);

#endif
