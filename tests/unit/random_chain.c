/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random_chain.h"
#include "pushdown/pushdown.h"

#include <string.h>

#include "../common/interpreter.h"
#include "stream/record.h"

static void join_stages(const struct random_chain *chain, uint32_t from, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (uint32_t i = from; i < chain->n_stages; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i > from ? " | " : "", chain->stage[i]);
	if (from == chain->n_stages)
		snprintf(text, size, "where true");
}

static void open_whole(struct random_chain *chain, struct dice *dice)
{
	char text[800];
	size_t length = 0;

	chain->n_stages = 1 + roll_below(dice, CHAIN_STAGES_MAX);
	for (uint32_t i = 0; i < chain->n_stages; i++) {
		random_stage(dice, &chain->schema, chain->stage[i]);
		length += strlen(chain->stage[i]) + 3;
	}
	if (length >= sizeof(text)) {
		open_whole(chain, dice);
		return;
	}
	join_stages(chain, 0, text, sizeof(text));
	if (!harness_open(&chain->whole, text, &chain->schema))
		fail_msg("'%s' was refused: %s", text, harness_error(&chain->whole));
}

/* As plan.c does it. */
static bool push_down(struct random_chain *chain)
{
	char why[256];
	int n;

	weir_predicate_init(&chain->predicate);
	chain->n_pushed = 0;
	for (const struct weir_node *node = chain->whole.first;
	     chain->n_pushed < chain->n_stages && chain->predicate.exact; node = node->down) {
		if (weir_predicate_add_stage(&chain->predicate, node, &chain->schema, why))
			break;
		chain->n_pushed++;
	}
	n = weir_codegen(&chain->predicate, &chain->schema, chain->code, NULL, WEIR_FILTER_CODE_MAX);
	chain->n_code = n < 0 ? 0 : (uint32_t)n;
	return chain->n_pushed && n >= 0;
}

bool random_chain_open(struct random_chain *chain, struct dice *dice, const struct weir_schema *schema)
{
	char rest[1024];

	chain->schema = *schema;
	open_whole(chain, dice);
	if (!push_down(chain)) {
		harness_close(&chain->whole);
		return false;
	}
	memset(chain->state, 0, sizeof(chain->state));
	memset(chain->memory.state, 0, sizeof(chain->memory.state));
	memcpy(chain->memory.bits, chain->predicate.bits, sizeof(chain->memory.bits));
	join_stages(chain, chain->n_pushed - !chain->predicate.exact, rest, sizeof(rest));
	assert_true(harness_open(&chain->rest, rest, &chain->schema));
	assert_int_equal(weir_user_filter_open(&chain->user, &chain->predicate, &chain->schema), 0);
	assert_int_equal(weir_block_open(&chain->block, &chain->schema), 0);
	return true;
}

void random_chain_close(struct random_chain *chain)
{
	weir_block_close(chain->block);
	weir_user_filter_close(chain->user);
	harness_close(&chain->rest);
	harness_close(&chain->whole);
}

struct weir_filter_config random_chain_config(const struct random_chain *chain, enum weir_tier tier, int iio_device)
{
	return (struct weir_filter_config){ .tier = tier,
					    .schema = &chain->schema,
					    .predicate = &chain->predicate,
					    .code = chain->code,
					    .n_code = chain->n_code,
					    .ring_rows = CHAIN_ROWS_MAX,
					    .iio_device = iio_device };
}

/* ------------------------------------------------------------- a set of rows */

static int64_t next_time(struct dice *dice, int64_t t)
{
	uint64_t step = roll(dice) >> (40 + roll_below(dice, 24));

	if (!roll_below(dice, 500))
		return (int64_t)(roll(dice) >> roll_below(dice, 64));
	return (int64_t)((uint64_t)t + (roll_below(dice, 20) ? step : -step));
}

void random_chain_row(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate,
		      const void *before, int64_t *t, void *row)
{
	random_row(dice, schema, predicate, row);
	/* What stays as it was is what `changed` is about. */
	if (before && roll_below(dice, 2))
		memcpy(row, before, schema->row_bytes);
	*t = next_time(dice, *t);
	store_raw(&schema->t, *t, row);
}

static void keep_rows(struct random_chain *chain, const struct chain_rows *rows, struct chain_rows *kept)
{
	uint32_t bytes = chain->schema.row_bytes;

	kept->n = 0;
	for (uint32_t i = 0; i < rows->n; i++) {
		const unsigned char *row = rows->bytes + i * bytes;
		bool passes = weir_predicate_test(&chain->predicate, &chain->schema, row, chain->state);

		if (interpret(chain->code, chain->n_code, row, bytes, &chain->memory) != passes)
			fail_msg("the code is not '%s' …", chain->stage[0]);
		if (passes)
			memcpy(kept->bytes + kept->n++ * bytes, row, bytes);
	}
}

/* Fed in two parts. */
static void check_user(struct random_chain *chain, struct dice *dice, const struct chain_rows *rows,
		       const struct chain_rows *kept)
{
	uint32_t bytes = chain->schema.row_bytes, half = roll_below(dice, rows->n + 1), n;
	unsigned char copy[sizeof(rows->bytes)];

	memcpy(copy, rows->bytes, rows->n * bytes);
	n = weir_user_filter_rows(chain->user, copy, half);
	memmove(copy + n * bytes, copy + half * bytes, (rows->n - half) * bytes);
	n += weir_user_filter_rows(chain->user, copy + n * bytes, rows->n - half);
	assert_int_equal(n, kept->n);
	assert_memory_equal(copy, kept->bytes, n * bytes);
}

static void push(struct random_chain *chain, struct harness *to, struct dice *dice, const struct chain_rows *rows)
{
	weir_rows_decode(&chain->schema, rows->bytes, rows->n, chain->block);
	to->n = 0;
	harness_push_cut(to, chain->block, rows->n, CHAIN_ROWS_MAX, &dice->state);
}

void random_chain_keep(struct random_chain *chain, struct dice *dice, const struct chain_rows *rows,
		       struct chain_rows *kept)
{
	keep_rows(chain, rows, kept);
	check_user(chain, dice, rows, kept);
	push(chain, &chain->whole, dice, rows);
	push(chain, &chain->rest, dice, kept);
	harness_expect_same(&chain->whole, &chain->rest);
}
