/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does a predicate say what the stages say that it stands for? They are run beside each other, on rows at the bounds of the predicate: that it
 * was derived rightly is so seen in this program, on this machine. That the tiers run the predicate is proven in filter/proof.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expr.h"
#include "filter/proof_rows.h"
#include "pushdown/pushdown.h"
#include "stream/record.h"

struct stage_proof {
	const struct weir_stream *stream;
	struct weir_proof_rows rows;
	struct weir_block *block;
	unsigned char *bytes; /* WEIR_BLOCK_MAX rows */
	uint8_t holds[WEIR_BLOCK_MAX], one[WEIR_BLOCK_MAX];
};

/* All conditions, as the operator `where` evaluates them. */
static void test_conditions(struct stage_proof *proof, uint32_t n)
{
	const struct weir_stream *stream = proof->stream;

	weir_rows_decode(&stream->schema, proof->bytes, n, proof->block);
	memset(proof->holds, 1, n);
	for (uint32_t i = 0; i < stream->n_pushed; i++) {
		if (strcmp(stream->pushed[i]->driver->name, "where"))
			continue;
		weir_expr_test(weir_arg_expr(stream->pushed[i], "condition"), proof->block, proof->one);
		for (uint32_t k = 0; k < n; k++)
			proof->holds[k] &= proof->one[k];
	}
}

/* As the first row of all, for which `every` and `changed` change nothing. */
static bool agrees(const struct stage_proof *proof, uint32_t index)
{
	const struct weir_stream *stream = proof->stream;
	const unsigned char *row = proof->bytes + (size_t)index * stream->schema.row_bytes;
	uint64_t state[WEIR_STATE_WORDS] = { 0 };
	bool passes = weir_predicate_test(stream->predicate, &stream->schema, row, state);

	return passes == proof->holds[index] || (passes && !stream->predicate->exact);
}

/* Rows that were made up are no records. */
static void forget_faults(const struct stage_proof *proof)
{
	const struct weir_stream *stream = proof->stream;
	uint64_t invalid, cut;

	for (uint32_t i = 0; i < stream->n_pushed; i++)
		if (!strcmp(stream->pushed[i]->driver->name, "where"))
			weir_expr_take_faults(weir_arg_expr(stream->pushed[i], "condition"), &invalid, &cut);
}

static int compare(struct stage_proof *proof)
{
	uint32_t n = weir_proof_rows_wanted(&proof->rows), step;

	for (uint32_t done = 0; done < n; done += step) {
		step = n - done < WEIR_BLOCK_MAX ? n - done : WEIR_BLOCK_MAX;
		for (uint32_t i = 0; i < step; i++)
			weir_proof_rows_make(&proof->rows, proof->bytes + (size_t)i * proof->stream->schema.row_bytes);
		test_conditions(proof, step);
		for (uint32_t i = 0; i < step; i++)
			if (!agrees(proof, i))
				return -WEIR_DISPROVED;
	}
	return 0;
}

int weir_prove_stages(const struct weir_stream *stream)
{
	struct stage_proof *proof = calloc(1, sizeof(*proof));
	int err = -ENOMEM;

	if (!proof)
		return err;
	proof->stream = stream;
	proof->bytes = malloc((size_t)WEIR_BLOCK_MAX * stream->schema.row_bytes);
	if (proof->bytes && !weir_block_open(&proof->block, &stream->schema)) {
		err = weir_proof_rows_open(&proof->rows, stream->predicate, &stream->schema);
		if (!err)
			err = compare(proof);
		forget_faults(proof);
		weir_proof_rows_close(&proof->rows);
	}
	weir_block_close(proof->block);
	free(proof->bytes);
	free(proof);
	return err;
}
