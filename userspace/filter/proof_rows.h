/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file proof_rows.h
 * @brief Rows that show whether a filter decides as its predicate says: most lie at, next to, or one behind a bound of it.
 */
#ifndef WEIR_FILTER_PROOF_ROWS_H
#define WEIR_FILTER_PROOF_ROWS_H

#include "filter/filter.h"

#define WEIR_PROOF_BASES 8u

struct weir_proof_rows {
	const struct weir_predicate *predicate;
	const struct weir_schema *schema;
	uint64_t dice;
	uint32_t made;
	uint32_t n_bounds, bound; /**< of all nodes; the one that rows are at */
	/** What the reference remembers before the next row. The owner advances it by weir_predicate_test(). */
	uint64_t state[WEIR_STATE_WORDS];
	unsigned char *base[2]; /**< rows that fail, rows that pass, WEIR_PROOF_BASES at most of each; state ignored */
	unsigned char *chosen;  /**< what the row at a bound is made from */
	uint32_t n_bases[2];
};

/** @return 0 or -ENOMEM. Call weir_proof_rows_close() whatever it returns. */
int weir_proof_rows_open(struct weir_proof_rows *rows, const struct weir_predicate *predicate,
			 const struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_proof_rows_close(struct weir_proof_rows *rows);

/** @brief How many rows it takes. */
uint32_t weir_proof_rows_wanted(const struct weir_proof_rows *rows);
/** @brief Another state from which `every` and `changed` go on. */
void weir_proof_rows_seed(struct weir_proof_rows *rows);
/** @brief The next row. */
void weir_proof_rows_make(struct weir_proof_rows *rows, unsigned char *row);

#endif
