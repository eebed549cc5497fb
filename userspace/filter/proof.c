/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "filter/proof.h"
#include "filter/proof_rows.h"

#define CHUNK 32u /* rows from one state on; more than a burst of the batch tier */

struct trial {
	const struct weir_proof *proof;
	struct weir_proof_rows rows;
	unsigned char *given, *expected; /* CHUNK rows each */
	uint32_t n_expected;
};

/* What the tier shall keep, and remember. */
static void make_chunk(struct trial *trial)
{
	struct weir_proof_rows *rows = &trial->rows;
	uint32_t bytes = rows->schema->row_bytes;

	trial->n_expected = 0;
	for (uint32_t i = 0; i < CHUNK; i++) {
		unsigned char *row = trial->given + (size_t)i * bytes;

		weir_proof_rows_make(rows, row);
		if (weir_predicate_test(rows->predicate, rows->schema, row, rows->state))
			memcpy(trial->expected + (size_t)trial->n_expected++ * bytes, row, bytes);
	}
}

/* Where no row can pass, nothing needs to be remembered. */
static bool remembers_the_same(const struct trial *trial)
{
	const struct weir_predicate *predicate = trial->rows.predicate;

	return !weir_predicate_constant(predicate, trial->rows.schema, predicate->n - 1) ||
	       !memcmp(trial->proof->state, trial->rows.state, predicate->n_state * sizeof(*trial->rows.state));
}

/* 1: it agrees; 0: it does not. */
static int try_chunk(struct trial *trial)
{
	const struct weir_proof *proof = trial->proof;
	uint32_t bytes = trial->rows.schema->row_bytes;
	int kept;

	memcpy(proof->state, trial->rows.state, sizeof(trial->rows.state));
	make_chunk(trial);
	kept = proof->filter(proof->context, trial->given, CHUNK);
	if (kept < 0)
		return kept;
	return (uint32_t)kept == trial->n_expected &&
	       !memcmp(trial->given, trial->expected, (size_t)trial->n_expected * bytes) && remembers_the_same(trial);
}

/* The first chunk begins where a run does. */
static int try_chunks(struct trial *trial, char *why)
{
	uint32_t n = weir_proof_rows_wanted(&trial->rows);
	int agrees = 1;

	for (uint32_t done = 0; done < n && agrees > 0; done += CHUNK) {
		agrees = try_chunk(trial);
		weir_proof_rows_seed(&trial->rows);
	}
	memset(trial->proof->state, 0, WEIR_STATE_WORDS * sizeof(*trial->proof->state));
	if (agrees > 0)
		return 0;
	if (agrees < 0)
		snprintf(why, 256, "it cannot be run on test rows: %s", strerror(-agrees));
	else
		snprintf(why, 256, "on test rows it decides otherwise than the condition");
	return agrees < 0 ? agrees : -WEIR_DISPROVED;
}

int weir_prove(const struct weir_proof *proof, const struct weir_predicate *predicate, const struct weir_schema *schema,
	       char why[256])
{
	size_t bytes = (size_t)CHUNK * schema->row_bytes;
	struct trial trial = { .proof = proof, .given = calloc(2, bytes) };
	int err = weir_proof_rows_open(&trial.rows, predicate, schema);

	if (!err && !trial.given)
		err = -ENOMEM;
	if (err) {
		snprintf(why, 256, "%s", strerror(-err));
	} else {
		trial.expected = trial.given + bytes;
		err = try_chunks(&trial, why);
	}
	weir_proof_rows_close(&trial.rows);
	free(trial.given);
	return err;
}
