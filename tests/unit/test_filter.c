/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tiers of the early filter keep the same rows. User and batch tier run here, over ring memory and across its end; the
 * inline tier needs a kernel with IIO and is tested in the rig.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lang/lang.h"
#include "pushdown/pushdown.h"
#include "random_filter.h"
#include "skip.h"
#include "stream/record.h"

#define RING_ROWS 700

/* A filter with all that it was made from. */
struct fixture {
	struct weir_schema schema;
	struct weir_predicate predicate;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	struct weir_filter_config config;
	struct weir_filter *filter;
	uint64_t state[WEIR_STATE_WORDS]; /* of the model */
	char why[256];
};

static int open_tier(struct fixture *f, enum weir_tier tier)
{
	int n = weir_codegen(&f->predicate, &f->schema, f->code, NULL, WEIR_FILTER_CODE_MAX);

	assert_true(n > 0);
	f->config = (struct weir_filter_config){
		.tier = tier,
		.schema = &f->schema,
		.predicate = &f->predicate,
		.code = f->code,
		.n_code = (uint32_t)n,
		.ring_rows = RING_ROWS,
		.iio_device = -1,
		.limit = f->config.limit,
	};
	return weir_filter_open(&f->filter, &f->config, f->why);
}

/* Not permitted, or not there: that is a property of this machine, not a failure. */
static bool is_lacking(const struct fixture *f, int err)
{
	/* Before Linux 5.17 there is no bpf_loop(). */
	if (err != -EPERM && err != -ENOSYS && !strstr(f->why, "invalid func"))
		return false;
	print_message("batch tier not tested here: %s\n", f->why);
	return true;
}

static struct weir_ring *open_ring(const struct fixture *f, uint64_t start_at)
{
	struct weir_ring_config config = { .row_bytes = f->schema.row_bytes,
					   .rows = RING_ROWS,
					   .fd = weir_filter_ring_fd(f->filter),
					   .start_at = start_at };
	struct weir_ring *ring;

	assert_int_equal(weir_ring_open(&ring, &config), 0);
	return ring;
}

/* Fill a claim with rows, filter it, and compare with what the predicate says about each row. Returns rows kept. */
static uint32_t check_claim(struct fixture *f, struct dice *dice, struct weir_ring *ring, uint32_t want)
{
	uint32_t capacity = weir_ring_capacity(ring), bytes = f->schema.row_bytes, n, expected = 0;
	size_t size;
	unsigned char *rows = weir_ring_reserve(ring, want, &n), *model = malloc((size_t)want * bytes);
	uint32_t slot = (uint32_t)((size_t)(rows - (unsigned char *)weir_ring_memory(ring, &size)) / bytes % capacity);

	assert_int_equal(n, want);
	for (uint32_t i = 0; i < n; i++) {
		random_row(dice, &f->schema, &f->predicate, rows + (size_t)i * bytes);
		if (weir_predicate_test(&f->predicate, &f->schema, rows + (size_t)i * bytes, f->state))
			memcpy(model + (size_t)expected++ * bytes, rows + (size_t)i * bytes, bytes);
	}
	assert_int_equal(weir_filter_rows(f->filter, rows, slot, n), expected);
	assert_memory_equal(rows, model, (size_t)expected * bytes);
	free(model);
	return expected;
}

/* What is remembered can be taken out and put back, as when a filter is made anew; in between the filter is led astray. */
static void check_state(struct fixture *f, struct dice *dice, struct weir_ring *ring)
{
	uint64_t kept[WEIR_STATE_WORDS], model[WEIR_STATE_WORDS];

	memcpy(model, f->state, sizeof(model));
	weir_filter_get_state(f->filter, kept);
	check_claim(f, dice, ring, 20);
	weir_filter_set_state(f->filter, kept);
	memcpy(f->state, model, sizeof(model));
}

/* A random filter over claims of random length, twice around the ring. */
static int check_tier(struct dice *dice, enum weir_tier tier, uint64_t *seen)
{
	static struct fixture f;
	struct weir_filter_counts counts;
	struct weir_ring *ring;
	uint64_t n = 0, passed = 0;
	int err;

	f = (struct fixture){ 0 };
	random_schema(dice, &f.schema);
	random_predicate(dice, &f.schema, 10, &f.predicate);
	remember(dice, &f.schema, &f.predicate);
	err = open_tier(&f, tier);
	if (err) {
		assert_true(is_lacking(&f, err));
		return err;
	}
	ring = open_ring(&f, roll_below(dice, 10000));
	while (n < 2 * weir_ring_capacity(ring)) {
		uint32_t want = 1 + roll_below(dice, RING_ROWS), kept = check_claim(&f, dice, ring, want);

		/* What is kept is published; the next claim begins behind it. */
		weir_ring_commit(ring, kept);
		n += want;
		passed += kept;
	}
	weir_filter_read_counts(f.filter, &counts);
	assert_int_equal(counts.seen, n);
	assert_int_equal(counts.passed, passed);
	assert_int_equal(counts.lost, 0);
	check_state(&f, dice, ring);
	check_claim(&f, dice, ring, 100);
	weir_ring_close(ring);
	weir_filter_close(f.filter);
	*seen += n;
	return 0;
}

/* The user tier agrees with the predicate, row by row, on more than 100 000 random pairs. */
static void test_user(void **state)
{
	struct dice dice = { 10 };
	uint64_t seen = 0;

	(void)state;
	while (seen < 200000)
		assert_int_equal(check_tier(&dice, WEIR_TIER_USER, &seen), 0);
}

/* So does the batch tier: real programs, accepted by this kernel's verifier, in memory that is mapped twice. */
static void test_batch(void **state)
{
	struct dice dice = { 11 };
	uint64_t seen = 0;

	(void)state;
	for (int i = 0; i < 60; i++)
		if (check_tier(&dice, WEIR_TIER_BATCH, &seen))
			skip_because("no batch tier here");
	assert_true(seen > 50000);
}

/* Another filter from the same stages, in any tier, goes on where this one stopped: what a reload does. */
static int check_handover(struct dice *dice, struct fixture *f, enum weir_tier to)
{
	uint64_t remembered[WEIR_STATE_WORDS];
	struct weir_ring *ring;
	int err;

	weir_filter_get_state(f->filter, remembered);
	weir_filter_close(f->filter);
	err = open_tier(f, to);
	if (err) {
		assert_true(is_lacking(f, err));
		return err;
	}
	weir_filter_set_state(f->filter, remembered);
	ring = open_ring(f, 0);
	check_claim(f, dice, ring, 50);
	weir_ring_close(ring);
	return 0;
}

/* What `every` and `changed` remember means the same in each tier, and survives the way from one to the other. */
static void test_handover(void **state)
{
	static struct fixture f;
	struct dice dice = { 13 };

	(void)state;
	for (int i = 0; i < 15; i++) {
		f = (struct fixture){ 0 };
		random_schema(&dice, &f.schema);
		random_predicate(&dice, &f.schema, 4, &f.predicate);
		remember(&dice, &f.schema, &f.predicate);
		assert_int_equal(open_tier(&f, WEIR_TIER_USER), 0);
		for (int k = 0; k < 4; k++)
			if (check_handover(&dice, &f, k % 2 ? WEIR_TIER_USER : WEIR_TIER_BATCH))
				skip_because("no batch tier here");
		weir_filter_close(f.filter);
	}
}

/* The verifier takes the longest rows together with the longest verdict. */
static void test_batch_extremes(void **state)
{
	struct dice dice = { 12 };
	struct fixture f = { 0 };
	struct weir_ring *ring;
	int err, n;

	(void)state;
	random_schema(&dice, &f.schema);
	f.schema.row_bytes = WEIR_ROW_MAX;
	do {
		random_predicate(&dice, &f.schema, WEIR_PREDICATE_NODES_MAX / 2, &f.predicate);
		n = weir_codegen(&f.predicate, &f.schema, f.code, NULL, WEIR_FILTER_CODE_MAX);
	} while (n < WEIR_FILTER_CODE_MAX / 2);
	err = open_tier(&f, WEIR_TIER_BATCH);
	if (err) {
		assert_true(is_lacking(&f, err));
		skip_because("no batch tier here: %s", f.why);
	}
	ring = open_ring(&f, 650);
	check_claim(&f, &dice, ring, 500);
	weir_ring_close(ring);
	weir_filter_close(f.filter);
}

static void make_simple(struct fixture *f, uint32_t row_bytes)
{
	weir_schema_init(&f->schema, WEIR_CLOCK_MONOTONIC);
	f->schema.n_fields = 1;
	f->schema.row_bytes = row_bytes;
	f->schema.field[0] = (struct weir_field){ .name = "x", .bytes = 4, .bits = 32, .is_signed = true, .scale = 1 };
	weir_predicate_init(&f->predicate);
	f->predicate.node[0] = (struct weir_predicate_node){ .op = WEIR_PRED_RANGE, .lo = 10, .hi = INT32_MAX };
}

/* Rows of 12 bytes cannot be elements of a BPF array: batch says so, auto goes on to the user tier and keeps the reason. */
static void test_odd_rows(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	make_simple(&f, 12);
	assert_int_equal(open_tier(&f, WEIR_TIER_BATCH), -EINVAL);
	assert_null(f.filter);
	assert_non_null(strstr(f.why, "multiple of 8"));
	assert_int_equal(open_tier(&f, WEIR_TIER_AUTO), 0);
	assert_int_equal(weir_filter_tier(f.filter), WEIR_TIER_USER);
	assert_string_equal(weir_filter_how(f.filter), "user");
	assert_int_equal(weir_filter_ring_fd(f.filter), -1);
	assert_non_null(strstr(f.why, "multiple of 8"));
	weir_filter_close(f.filter);
}

/* Without an IIO device there is no inline tier, and the reason is told once, not for each hook. */
static void test_inline_needs_device(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	make_simple(&f, 16);
	assert_int_equal(open_tier(&f, WEIR_TIER_INLINE), -ENODEV);
	assert_null(f.filter);
	assert_string_equal(f.why, "fentry: not a buffered IIO device");
}

/* After `limit` rows nothing passes, also when the limit falls into the middle of a batch. */
static void test_limit(void **state)
{
	const enum weir_tier tiers[] = { WEIR_TIER_USER, WEIR_TIER_BATCH };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture f = { .config.limit = 10 };
		struct weir_filter_counts counts;
		struct weir_ring *ring;
		uint32_t n;
		int *rows, err;

		make_simple(&f, 16);
		err = open_tier(&f, tiers[i]);
		if (err) {
			assert_true(is_lacking(&f, err));
			continue;
		}
		ring = open_ring(&f, 0);
		rows = weir_ring_reserve(ring, 7, &n);
		for (int j = 0; j < 7; j++)
			rows[4 * j] = 10;
		assert_int_equal(weir_filter_rows(f.filter, rows, 0, 7), 7);
		assert_int_equal(weir_filter_rows(f.filter, rows, 0, 7), 3);
		assert_int_equal(weir_filter_rows(f.filter, rows, 0, 7), 0);
		weir_filter_read_counts(f.filter, &counts);
		assert_int_equal(counts.seen, 10);
		assert_int_equal(counts.passed, 10);
		weir_ring_close(ring);
		weir_filter_close(f.filter);
	}
}

/* A verdict that does not end in `exit`, or is longer than the hole, never reaches the kernel. */
static void test_bad_code(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	make_simple(&f, 16);
	if (open_tier(&f, WEIR_TIER_BATCH))
		skip_because("no batch tier here: %s", f.why);
	weir_filter_close(f.filter);
	f.config.n_code--;
	assert_int_equal(weir_filter_open(&f.filter, &f.config, f.why), -EINVAL);
	f.config.n_code = WEIR_FILTER_CODE_MAX + 1;
	assert_int_equal(weir_filter_open(&f.filter, &f.config, f.why), -E2BIG);
}

/* What the verifier objects to is named: a verdict that reads behind the row is refused with the verifier's own words. */
static void test_verifier_speaks(void **state)
{
	struct fixture f = { 0 };
	const struct bpf_insn stray[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_1, .off = 16 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	(void)state;
	make_simple(&f, 16);
	if (open_tier(&f, WEIR_TIER_BATCH))
		skip_because("no batch tier here: %s", f.why);
	weir_filter_close(f.filter);
	f.config.code = stray;
	f.config.n_code = 2;
	assert_true(weir_filter_open(&f.filter, &f.config, f.why) < 0);
	assert_non_null(strstr(f.why, "outside of the allowed memory range"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_batch_extremes),
		cmocka_unit_test(test_odd_rows),
		cmocka_unit_test(test_inline_needs_device),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_bad_code),
		cmocka_unit_test(test_verifier_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
