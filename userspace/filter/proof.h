/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file proof.h
 * @brief Does a tier decide as the predicate says? It is run over rows that were made for this, and leaves no trace.
 */
#ifndef WEIR_FILTER_PROOF_H
#define WEIR_FILTER_PROOF_H

#include "filter/filter.h"

/** A tier that is to be proven, before it has seen a row. */
struct weir_proof {
	/** Keep what passes of `rows[0..n)`, moved to the front, in order. @return how many, or -errno. */
	int (*filter)(void *context, void *rows, uint32_t n);
	void *context;
	uint64_t *state; /**< what the tier remembers, WEIR_STATE_WORDS words; zeros afterwards */
};

/**
 * @brief Run it beside weir_predicate_test(), over rows at the bounds of the predicate and over random ones.
 * @param rows the predicate and the schema that the tier was made from.
 * @return 0; -WEIR_DISPROVED when the two differ; -errno when it cannot be run. `why` (256 bytes) then says so.
 */
int weir_prove(const struct weir_proof *proof, const struct weir_predicate *predicate, const struct weir_schema *schema,
	       char why[256]) WEIR_MUST_CHECK;

#endif
