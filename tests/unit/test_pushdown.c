/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pushing stages down changes nothing: a chain of `where`, `every` and `changed` as the operators run it gives the same records
 * as its early filter followed by what is left of the chain. Random chains over random schemas, each with many sets of
 * rows that follow each other, cut into blocks at random; the filter as a predicate, as generated code in an interpreter, as
 * the user tier, and for a part of the chains in the kernel.
 */
#include "pushdown/pushdown.h"
#include "random_chain.h"

#include <errno.h>
#include <string.h>

#define PAIRS 100000 /* of a chain and a set of rows */
#define SETS 50      /* for each chain */
#define IN_KERNEL 25 /* one chain in so many */

struct fixture {
	struct dice dice;
	struct random_chain chain;
	struct weir_filter *kernel; /* NULL: not for this chain */
	struct weir_ring *ring;
	int64_t t;
	struct chain_rows rows, kept;
};

/* What the test has seen. */
struct tally {
	uint32_t pairs, in_kernel, whole, partly, implied, remembering;
	uint64_t rows, passed;
	bool no_kernel;
};

static void open_kernel(struct fixture *f, struct tally *tally)
{
	struct weir_filter_config config = random_chain_config(&f->chain, WEIR_TIER_BATCH, -1);
	struct weir_ring_config ring = { .row_bytes = f->chain.schema.row_bytes, .rows = CHAIN_ROWS_MAX };
	char why[256];
	int err;

	if (tally->no_kernel)
		return;
	err = weir_filter_open(&f->kernel, &config, why);
	/* Before Linux 5.17 there is no bpf_loop(). */
	if (err == -EPERM || err == -ENOSYS || strstr(why, "invalid func")) {
		print_message("not in the kernel: %s\n", why);
		tally->no_kernel = true;
		return;
	}
	if (err)
		fail_msg("the kernel refuses '%s': %s", f->chain.stage[0], why);
	ring.fd = weir_filter_ring_fd(f->kernel);
	assert_int_equal(weir_ring_open(&f->ring, &ring), 0);
}

static void close_kernel(struct fixture *f)
{
	weir_ring_close(f->ring);
	weir_filter_close(f->kernel);
	f->kernel = NULL;
	f->ring = NULL;
}

/* False where nothing of the chain could be pushed down. */
static bool open_chain(struct fixture *f, struct tally *tally)
{
	struct weir_schema schema;

	random_schema(&f->dice, &schema);
	if (!random_chain_open(&f->chain, &f->dice, &schema))
		return false;
	f->t = (int64_t)(roll(&f->dice) >> roll_below(&f->dice, 64));
	if (!roll_below(&f->dice, IN_KERNEL))
		open_kernel(f, tally);
	tally->whole += f->chain.n_pushed == f->chain.n_stages && f->chain.predicate.exact;
	tally->partly += f->chain.n_pushed < f->chain.n_stages;
	tally->implied += !f->chain.predicate.exact;
	tally->remembering += f->chain.predicate.n_state > 0;
	return true;
}

static void make_rows(struct fixture *f)
{
	uint32_t bytes = f->chain.schema.row_bytes;

	f->rows.n = 1 + roll_below(&f->dice, CHAIN_ROWS_MAX);
	for (uint32_t i = 0; i < f->rows.n; i++) {
		unsigned char *row = f->rows.bytes + i * bytes;

		random_chain_row(&f->dice, &f->chain.schema, &f->chain.predicate, i ? row - bytes : NULL, &f->t, row);
	}
}

static void check_kernel(struct fixture *f)
{
	uint32_t bytes = f->chain.schema.row_bytes, n;
	unsigned char *rows = weir_ring_reserve(f->ring, f->rows.n, &n);

	memcpy(rows, f->rows.bytes, f->rows.n * bytes);
	assert_int_equal(weir_filter_rows(f->kernel, rows, 0, f->rows.n), f->kept.n);
	assert_memory_equal(rows, f->kept.bytes, f->kept.n * bytes);
}

static void check_set(struct fixture *f, struct tally *tally)
{
	make_rows(f);
	random_chain_keep(&f->chain, &f->dice, &f->rows, &f->kept);
	if (f->kernel)
		check_kernel(f);
	tally->pairs++;
	tally->in_kernel += f->kernel != NULL;
	tally->rows += f->rows.n;
	tally->passed += f->chain.whole.n;
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
		close_kernel(&f);
		random_chain_close(&f.chain);
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
