/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pushing stages down changes nothing: a chain of `where`, `every` and `changed` as the operators run it gives the same records
 * as its early filter followed by what is left of the chain. Random chains over random schemas, each with many sets of
 * rows that follow each other, cut into blocks at random; the filter as a predicate, as generated code in an interpreter, as
 * the user tier, and for a part of the chains in the kernel.
 */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "../common/interpreter.h"
#include "core/record.h"
#include "filter/filter_user.h"
#include "random_condition.h"

#define PAIRS 100000 /* of a chain and a set of rows */
#define SETS 50      /* for each chain */
#define ROWS_MAX 64  /* in a set */
#define STAGES_MAX 4
#define ROW_BYTES 64
#define IN_KERNEL 25 /* one chain in so many */

struct fixture {
	struct dice dice;
	struct weir_schema schema;
	char stage[STAGES_MAX][CONDITION_BYTES];
	uint32_t n_stages;
	struct harness whole, rest; /* the chain, and what is left of it */
	/* The early filter. */
	struct weir_predicate predicate;
	uint32_t n_pushed;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n_code;
	uint64_t state[WEIR_STATE_WORDS];
	struct weir_filter_memory memory;
	struct weir_user_filter *user;
	struct weir_filter *kernel; /* NULL: not for this chain */
	struct weir_ring *ring;
	/* A set of rows. */
	int64_t t;
	unsigned char rows[ROWS_MAX * ROW_BYTES], kept[ROWS_MAX * ROW_BYTES];
	uint32_t n, n_kept;
	struct weir_block *block;
};

/* What the test has seen. */
struct tally {
	uint32_t pairs, in_kernel, whole, partly, implied, remembering;
	uint64_t rows, passed;
	bool no_kernel;
};

/* ------------------------------------------------------------------- a chain */

static void join_stages(const struct fixture *f, uint32_t from, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (uint32_t i = from; i < f->n_stages; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i > from ? " | " : "", f->stage[i]);
	if (from == f->n_stages)
		snprintf(text, size, "where true");
}

static void random_chain(struct fixture *f)
{
	char text[800];
	size_t length = 0;

	f->n_stages = 1 + roll_below(&f->dice, STAGES_MAX);
	for (uint32_t i = 0; i < f->n_stages; i++) {
		random_stage(&f->dice, &f->schema, f->stage[i]);
		length += strlen(f->stage[i]) + 3;
	}
	if (length >= sizeof(text)) {
		random_chain(f);
		return;
	}
	join_stages(f, 0, text, sizeof(text));
	if (!harness_open(&f->whole, text, &f->schema))
		fail_msg("'%s' was refused: %s", text, harness_error(&f->whole));
}

/* As plan.c does it. */
static void push_down(struct fixture *f)
{
	char why[256];

	weir_predicate_init(&f->predicate);
	f->n_pushed = 0;
	for (const struct weir_node *node = f->whole.first; f->n_pushed < f->n_stages && f->predicate.exact;
	     node = node->down) {
		if (weir_predicate_add_stage(&f->predicate, node, &f->schema, why))
			break;
		f->n_pushed++;
	}
	f->n_code = weir_codegen(&f->predicate, &f->schema, f->code, NULL, WEIR_FILTER_CODE_MAX);
	memset(f->state, 0, sizeof(f->state));
	memset(f->memory.state, 0, sizeof(f->memory.state));
	memcpy(f->memory.bits, f->predicate.bits, sizeof(f->memory.bits));
}

static void open_kernel(struct fixture *f, struct tally *tally)
{
	struct weir_filter_config config = { .tier = WEIR_TIER_BATCH,
					     .schema = &f->schema,
					     .predicate = &f->predicate,
					     .code = f->code,
					     .n_code = (uint32_t)f->n_code,
					     .ring_rows = ROWS_MAX,
					     .iio_device = -1 };
	struct weir_ring_config ring = { .row_bytes = f->schema.row_bytes, .rows = ROWS_MAX };
	char why[256];
	int err;

	if (tally->no_kernel)
		return;
	err = weir_filter_open(&f->kernel, &config, why);
	if (err == -EPERM || err == -ENOSYS || err == -EINVAL) {
		print_message("not in the kernel: %s\n", why);
		tally->no_kernel = true;
		return;
	}
	if (err)
		fail_msg("the kernel refuses '%s': %s", f->stage[0], why);
	ring.fd = weir_filter_ring_fd(f->kernel);
	assert_int_equal(weir_ring_open(&f->ring, &ring), 0);
}

/* False where nothing of the chain could be pushed down. */
static bool open_chain(struct fixture *f, struct tally *tally)
{
	char rest[1024];

	random_schema(&f->dice, &f->schema);
	random_chain(f);
	push_down(f);
	if (!f->n_pushed || f->n_code < 0) {
		harness_close(&f->whole);
		return false;
	}
	join_stages(f, f->n_pushed - !f->predicate.exact, rest, sizeof(rest));
	assert_true(harness_open(&f->rest, rest, &f->schema));
	assert_int_equal(weir_user_filter_open(&f->user, &f->predicate, &f->schema), 0);
	assert_int_equal(weir_block_open(&f->block, &f->schema), 0);
	f->kernel = NULL;
	f->ring = NULL;
	f->t = (int64_t)(roll(&f->dice) >> roll_below(&f->dice, 64));
	if (!roll_below(&f->dice, IN_KERNEL))
		open_kernel(f, tally);
	tally->whole += f->n_pushed == f->n_stages && f->predicate.exact;
	tally->partly += f->n_pushed < f->n_stages;
	tally->implied += !f->predicate.exact;
	tally->remembering += f->predicate.n_state > 0;
	return true;
}

static void close_chain(struct fixture *f)
{
	weir_block_close(f->block);
	weir_ring_close(f->ring);
	weir_filter_close(f->kernel);
	weir_user_filter_close(f->user);
	harness_close(&f->rest);
	harness_close(&f->whole);
}

/* --------------------------------------------------------------- a set of rows */

/* Time goes on by steps of all sizes, stands still, and now and then jumps anywhere. */
static int64_t next_time(struct fixture *f)
{
	uint64_t step = roll(&f->dice) >> (40 + roll_below(&f->dice, 24));

	if (!roll_below(&f->dice, 500))
		f->t = (int64_t)(roll(&f->dice) >> roll_below(&f->dice, 64));
	else
		f->t = (int64_t)((uint64_t)f->t + (roll_below(&f->dice, 20) ? step : -step));
	return f->t;
}

static void make_rows(struct fixture *f)
{
	f->n = 1 + roll_below(&f->dice, ROWS_MAX);
	for (uint32_t i = 0; i < f->n; i++) {
		unsigned char *row = f->rows + i * f->schema.row_bytes;

		random_row(&f->dice, &f->schema, &f->predicate, row);
		/* What stays as it was is what `changed` is about. */
		if (i && roll_below(&f->dice, 2))
			memcpy(row, row - f->schema.row_bytes, f->schema.row_bytes);
		store_raw(&f->schema.t, next_time(f), row);
	}
}

static void keep_rows(struct fixture *f)
{
	uint32_t bytes = f->schema.row_bytes;

	f->n_kept = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		const unsigned char *row = f->rows + i * bytes;
		bool passes = weir_predicate_test(&f->predicate, &f->schema, row, f->state);

		if (interpret(f->code, (uint32_t)f->n_code, row, bytes, &f->memory) != passes)
			fail_msg("the code is not '%s' …", f->stage[0]);
		if (passes)
			memcpy(f->kept + f->n_kept++ * bytes, row, bytes);
	}
}

/* The other ways to the same verdict, fed in two parts. */
static void check_tiers(struct fixture *f)
{
	uint32_t bytes = f->schema.row_bytes, half = roll_below(&f->dice, f->n + 1), n;
	unsigned char *rows = f->kernel ? weir_ring_reserve(f->ring, f->n, &n) : NULL, copy[sizeof(f->rows)];

	memcpy(copy, f->rows, f->n * bytes);
	n = weir_user_filter_rows(f->user, copy, half);
	memmove(copy + n * bytes, copy + half * bytes, (f->n - half) * bytes);
	n += weir_user_filter_rows(f->user, copy + n * bytes, f->n - half);
	assert_int_equal(n, f->n_kept);
	assert_memory_equal(copy, f->kept, n * bytes);
	if (!f->kernel)
		return;
	memcpy(rows, f->rows, f->n * bytes);
	assert_int_equal(weir_filter_rows(f->kernel, rows, 0, f->n), f->n_kept);
	assert_memory_equal(rows, f->kept, f->n_kept * bytes);
}

static void push(struct fixture *f, struct harness *to, const unsigned char *rows, uint32_t n)
{
	weir_rows_decode(&f->schema, rows, n, f->block);
	to->n = 0;
	harness_push_cut(to, f->block, n, ROWS_MAX, &f->dice.state);
}

static void check_set(struct fixture *f, struct tally *tally)
{
	make_rows(f);
	keep_rows(f);
	check_tiers(f);
	push(f, &f->whole, f->rows, f->n);
	push(f, &f->rest, f->kept, f->n_kept);
	harness_expect_same(&f->whole, &f->rest);
	tally->pairs++;
	tally->in_kernel += f->kernel != NULL;
	tally->rows += f->n;
	tally->passed += f->whole.n;
}

static void test_chains(void **state)
{
	static struct fixture f = { .dice = { 30 } };
	struct tally tally = { 0 };

	(void)state;
	while (tally.pairs < PAIRS) {
		if (!open_chain(&f, &tally))
			continue;
		for (int i = 0; i < SETS; i++)
			check_set(&f, &tally);
		close_chain(&f);
	}
	/* Every kind of chain is there, and so are both answers. */
	assert_true(tally.whole > 500 && tally.partly > 200 && tally.implied > 50 && tally.remembering > 500);
	assert_in_range(tally.passed, tally.rows / 20, tally.rows / 2);
	assert_true(tally.no_kernel || tally.in_kernel > 2000);
}

/* Behind a condition that is only implied, what remembers would see records that it must not: it is refused. */
static void test_memory_needs_exactness(void **state)
{
	static struct weir_predicate predicate;
	static const char *const chains[] = { "where n > 3 and n > exp(m) | every 2",
					      "where n > 3 and n > exp(m) | every 2s",
					      "where n > 3 and n > exp(m) | changed n" };
	struct weir_schema schema;
	struct harness h;
	char why[256];

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	assert_true(weir_schema_add(&schema, "n", WEIR_INT, "", 8) >= 0);
	assert_true(weir_schema_add(&schema, "m", WEIR_INT, "", 8) >= 0);
	schema.field[0].bits = schema.field[1].bits = 32;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		assert_true(harness_open(&h, chains[i], &schema));
		weir_predicate_init(&predicate);
		assert_int_equal(weir_predicate_add_stage(&predicate, h.first, &schema, why), 0);
		assert_false(predicate.exact);
		assert_int_equal(weir_predicate_add_stage(&predicate, h.first->down, &schema, why), -ENOTSUP);
		assert_non_null(strstr(why, "not pushed down exactly"));
		harness_close(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_memory_needs_exactness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
