/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter in the kernel is trusted only when it was proven. The linker puts __wrap_weir_hole_fill() in front of the function that fills
 * verdicts in (see the Makefile), so a test can leave the holes empty, as a libbpf that does not call the handler would.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../common/interpreter.h"
#include "filter/bpf_hole.h"
#include "filter/filter_user.h"
#include "filter/proof.h"
#include "lang/lang.h"
#include "pushdown/pushdown.h"
#include "random_filter.h"
#include "skip.h"

static bool leaves_holes;

int __real_weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code);
int __wrap_weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code);

int __wrap_weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code)
{
	return leaves_holes ? 0 : __real_weir_hole_fill(program, code, n_code);
}

/* A filter with all that it is made from. */
struct fixture {
	struct weir_schema schema;
	struct weir_predicate predicate;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	struct weir_filter_config config;
	struct weir_filter *filter;
	char why[256];
};

static void make_config(struct fixture *f, enum weir_tier tier)
{
	int n = weir_codegen(&f->predicate, &f->schema, f->code, NULL, WEIR_FILTER_CODE_MAX);

	assert_true(n > 0);
	f->config = (struct weir_filter_config){
		.tier = tier,
		.schema = &f->schema,
		.predicate = &f->predicate,
		.code = f->code,
		.n_code = (uint32_t)n,
		.ring_rows = 700,
		.iio_device = -1,
	};
}

/* x >= 10, of 32 bits. */
static void make_simple(struct fixture *f, enum weir_tier tier)
{
	weir_schema_init(&f->schema, WEIR_CLOCK_MONOTONIC);
	f->schema.n_fields = 1;
	f->schema.row_bytes = 16;
	f->schema.field[0] = (struct weir_field){ .name = "x", .bytes = 4, .bits = 32, .is_signed = true, .scale = 1 };
	f->schema.t.at = 8;
	weir_predicate_init(&f->predicate);
	f->predicate.node[0] = (struct weir_predicate_node){ .op = WEIR_PRED_RANGE, .lo = 10, .hi = INT32_MAX };
	make_config(f, tier);
}

/* Where this machine has no batch tier, there is nothing to prove. */
static void need_batch(void)
{
	static struct fixture f;

	make_simple(&f, WEIR_TIER_BATCH);
	if (weir_filter_open(&f.filter, &f.config, f.why))
		skip_because("no batch tier here: %s", f.why);
	weir_filter_close(f.filter);
}

/* A verdict that did not get into the program is missed: batch is refused, auto takes the user tier. */
static void test_empty_hole(void **state)
{
	static struct fixture f;
	int err;

	(void)state;
	need_batch();
	leaves_holes = true;
	make_simple(&f, WEIR_TIER_BATCH);
	err = weir_filter_open(&f.filter, &f.config, f.why);
	leaves_holes = false;
	assert_int_equal(err, -WEIR_DISPROVED);
	assert_non_null(strstr(f.why, "does not contain the code of the condition"));
	leaves_holes = true;
	make_simple(&f, WEIR_TIER_AUTO);
	err = weir_filter_open(&f.filter, &f.config, f.why);
	leaves_holes = false;
	assert_int_equal(err, 0);
	assert_int_equal(weir_filter_tier(f.filter), WEIR_TIER_USER);
	weir_filter_close(f.filter);
}

/* ------------------------------------------------------------ generated code */

/* Another comparison, which is right for all but one value, or for that alone; 0: the instruction does not compare. */
static uint8_t flip(const struct bpf_insn *insn)
{
	static const uint8_t other[16] = {
		[BPF_JGT >> 4] = BPF_JGE,   [BPF_JGE >> 4] = BPF_JGT,   [BPF_JLT >> 4] = BPF_JLE,
		[BPF_JLE >> 4] = BPF_JLT,   [BPF_JSGT >> 4] = BPF_JSGE, [BPF_JSGE >> 4] = BPF_JSGT,
		[BPF_JSLT >> 4] = BPF_JSLE, [BPF_JSLE >> 4] = BPF_JSLT, [BPF_JEQ >> 4] = BPF_JNE,
		[BPF_JNE >> 4] = BPF_JEQ,
	};
	uint8_t class = BPF_CLASS(insn->code), op = other[BPF_OP(insn->code) >> 4];

	return (class == BPF_JMP || class == BPF_JMP32) && op ? (uint8_t)((insn->code & 0x0f) | op) : 0;
}

/* Code as a tier. */
struct interpreted {
	struct fixture *f;
	struct weir_filter_memory memory;
};

static int keep_interpreted(void *context, void *rows, uint32_t n)
{
	struct interpreted *tier = context;
	const uint32_t bytes = tier->f->schema.row_bytes;
	unsigned char *from = rows, *to = rows;

	for (uint32_t i = 0; i < n; i++, from += bytes)
		if (interpret(tier->f->code, tier->f->config.n_code, from, bytes, &tier->memory)) {
			memmove(to, from, bytes);
			to += bytes;
		}
	return (int)((size_t)(to - (unsigned char *)rows) / bytes);
}

static void forget(struct interpreted *tier, struct fixture *f)
{
	tier->f = f;
	memset(&tier->memory, 0, sizeof(tier->memory));
	memcpy(tier->memory.bits, f->predicate.bits, f->predicate.n_bits * sizeof(uint64_t));
}

static int prove_interpreted(struct fixture *f)
{
	static struct interpreted tier;
	const struct weir_proof proof = { keep_interpreted, &tier, (uint64_t *)tier.memory.state };
	int err;

	forget(&tier, f);
	err = weir_prove(&proof, &f->predicate, &f->schema, f->why);
	for (uint32_t i = 0; i < WEIR_STATE_WORDS; i++)
		assert_int_equal(tier.memory.state[i], 0);
	return err;
}

/* Do the rows that the tests of the tiers are made of tell code and predicate apart? */
static bool is_wrong(struct fixture *f, struct dice *dice)
{
	static struct interpreted tier;
	static unsigned char row[WEIR_ROW_MAX] __attribute__((aligned(8)));
	uint64_t state[WEIR_STATE_WORDS] = { 0 };

	forget(&tier, f);
	for (int i = 0; i < 400; i++) {
		random_row(dice, &f->schema, &f->predicate, row);
		if (weir_predicate_test(&f->predicate, &f->schema, row, state) !=
		    (interpret(f->code, f->config.n_code, row, f->schema.row_bytes, &tier.memory) != 0))
			return true;
	}
	return false;
}

static void make_random_filter(struct fixture *f, struct dice *dice, uint32_t ranges, bool memory)
{
	*f = (struct fixture){ 0 };
	random_schema(dice, &f->schema);
	do {
		random_predicate(dice, &f->schema, ranges, &f->predicate);
	} while (weir_predicate_constant(&f->predicate, &f->schema, f->predicate.n - 1) >= 0);
	if (memory)
		remember(dice, &f->schema, &f->predicate);
	make_config(f, WEIR_TIER_BATCH);
}

struct tally {
	uint32_t right, wrong, caught, more;
};

/* Each comparison of the code in turn. */
static void flip_each(struct fixture *f, struct dice *dice, struct tally *tally)
{
	for (uint32_t i = 0; i < f->config.n_code; i++) {
		uint8_t before = f->code[i].code, after = flip(&f->code[i]);
		bool caught, wrong;

		if (!after)
			continue;
		f->code[i].code = after;
		caught = prove_interpreted(f) == -WEIR_DISPROVED;
		wrong = is_wrong(f, dice);
		f->code[i].code = before;
		tally->wrong += wrong;
		tally->caught += wrong && caught;
		tally->more += caught && !wrong;
	}
}

static struct tally flip_many(uint64_t seed, uint32_t filters, uint32_t ranges, bool memory)
{
	static struct fixture f;
	struct dice dice = { seed };
	struct tally tally = { 0 };

	for (; tally.right < filters; tally.right++) {
		make_random_filter(&f, &dice, ranges, memory && tally.right % 2);
		assert_int_equal(prove_interpreted(&f), 0);
		flip_each(&f, &dice, &tally);
	}
	print_message("%u filters, %u wrong comparisons, %u of them found, and %u more\n", tally.right, tally.wrong,
		      tally.caught, tally.more);
	return tally;
}

/* Right code passes its proof. A flipped comparison that random rows show to be wrong does not, where the condition is a short one. */
static void test_flipped_in_short(void **state)
{
	struct tally tally = flip_many(40, 300, 2, false);

	(void)state;
	assert_true(tally.wrong > 300);
	assert_int_equal(tally.caught, tally.wrong);
}

/* In long ones with three stages that remember, hardly any is missed, and many are found that hundreds of random rows miss. */
static void test_flipped_in_long(void **state)
{
	struct tally tally = flip_many(41, 300, 8, true);

	(void)state;
	assert_true(tally.wrong > 500);
	assert_true(tally.caught * 100 >= tally.wrong * 99);
	assert_true(tally.more > tally.wrong / 3);
}

/* --------------------------------------------------------- polynomials, kernel */

/* x*x + y*y >= 10000, and x, y of 32 bits: a factor or a bound that is wrong by one is found. */
static void make_polynomial(struct fixture *f)
{
	weir_schema_init(&f->schema, WEIR_CLOCK_MONOTONIC);
	f->schema.n_fields = 2;
	f->schema.row_bytes = 16;
	f->schema.t.at = 8;
	for (uint32_t i = 0; i < 2; i++)
		f->schema.field[i] = (struct weir_field){
			.name = { (char)('x' + i) }, .bytes = 4, .at = 4 * i, .bits = 32, .is_signed = true, .scale = 1
		};
	weir_predicate_init(&f->predicate);
	f->predicate.n_ranges = f->predicate.n_polys = 1;
	f->predicate.range[0] = (struct weir_range){ 10000, INT64_MAX };
	f->predicate.node[0] = (struct weir_predicate_node){ .op = WEIR_PRED_POLY, .n = 1 };
	f->predicate.poly[0].n_channels = f->predicate.poly[0].n_terms = 2;
	for (uint32_t i = 0; i < 2; i++) {
		f->predicate.poly[0].channel[i].field = (uint16_t)i;
		f->predicate.poly[0].channel[i].is_bounded = true;
		f->predicate.poly[0].channel[i].lo = -(1 << 30);
		f->predicate.poly[0].channel[i].hi = 1 << 30;
		f->predicate.poly[0].term[i].factor = 1;
		f->predicate.poly[0].term[i].power[i] = 2;
	}
}

static void test_polynomial(void **state)
{
	static struct fixture f;
	static struct weir_predicate right;

	(void)state;
	make_polynomial(&f);
	make_config(&f, WEIR_TIER_BATCH);
	assert_int_equal(prove_interpreted(&f), 0);
	right = f.predicate;
	f.predicate.range[0].lo++;
	make_config(&f, WEIR_TIER_BATCH);
	f.predicate = right;
	assert_int_equal(prove_interpreted(&f), -WEIR_DISPROVED);
	f.predicate.poly[0].term[1].factor = 2;
	make_config(&f, WEIR_TIER_BATCH);
	f.predicate = right;
	assert_int_equal(prove_interpreted(&f), -WEIR_DISPROVED);
}

static uint32_t first_comparison(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->config.n_code; i++)
		if (flip(&f->code[i]))
			return i;
	fail();
	return 0;
}

/* Code that decides otherwise than the predicate, in the kernel: batch is refused, auto takes the user tier and says why. */
static void test_wrong_in_kernel(void **state)
{
	static struct fixture f;
	struct bpf_insn *insn;

	(void)state;
	need_batch();
	make_simple(&f, WEIR_TIER_BATCH);
	insn = &f.code[first_comparison(&f)];
	insn->code = flip(insn);
	assert_int_equal(weir_filter_open(&f.filter, &f.config, f.why), -WEIR_DISPROVED);
	assert_non_null(strstr(f.why, "on test rows it decides otherwise than the condition"));
	f.config.tier = WEIR_TIER_AUTO;
	assert_int_equal(weir_filter_open(&f.filter, &f.config, f.why), 0);
	assert_int_equal(weir_filter_tier(f.filter), WEIR_TIER_USER);
	assert_non_null(strstr(weir_filter_doubt(f.filter), "batch: on test rows"));
	weir_filter_close(f.filter);
}

/* A tier that is proven is as one that was just loaded: nothing remembered, nothing counted, nothing in the ring. */
static void test_no_trace(void **state)
{
	static struct fixture f;
	const enum weir_tier tiers[] = { WEIR_TIER_USER, WEIR_TIER_BATCH };
	struct dice dice = { 42 };

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		uint64_t remembered[WEIR_STATE_WORDS], none[WEIR_STATE_WORDS] = { 0 };
		struct weir_filter_counts counts;
		struct weir_ring *ring;
		size_t size;

		make_random_filter(&f, &dice, 6, true);
		f.config.tier = tiers[i % 2];
		if (weir_filter_open(&f.filter, &f.config, f.why))
			skip_because("no batch tier here: %s", f.why);
		weir_filter_get_state(f.filter, remembered);
		weir_filter_read_counts(f.filter, &counts);
		assert_memory_equal(remembered, none, sizeof(none));
		assert_int_equal(counts.seen + counts.passed + counts.lost, 0);
		assert_int_equal(
			weir_ring_open(&ring, &(struct weir_ring_config){ .row_bytes = f.schema.row_bytes,
									  .rows = f.config.ring_rows,
									  .fd = weir_filter_ring_fd(f.filter) }),
			0);
		for (const unsigned char *at = weir_ring_memory(ring, &size), *end = at + size; at < end; at++)
			assert_int_equal(*at, 0);
		weir_ring_close(ring);
		weir_filter_close(f.filter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_hole),      cmocka_unit_test(test_flipped_in_short),
		cmocka_unit_test(test_flipped_in_long), cmocka_unit_test(test_polynomial),
		cmocka_unit_test(test_wrong_in_kernel), cmocka_unit_test(test_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
