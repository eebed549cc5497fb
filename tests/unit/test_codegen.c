/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generated eBPF means what its predicate means. The oracle is weir_predicate_test(); the code runs in an interpreter that
 * knows only the few instructions that may be used and checks every load and jump.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../common/interpreter.h"
#include "lang/lang.h"
#include "pushdown/pushdown.h"
#include "random_filter.h"
#include "skip.h"
#include "stream/record.h"

#define FILTERS 4000
#define ROWS 50 /* each: 200 000 pairs */

static struct weir_schema one_field(uint32_t bytes, bool is_signed)
{
	struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	schema.n_fields = 1;
	schema.row_bytes = 16;
	schema.field[0] = (struct weir_field){
		.name = "x", .at = 8, .bytes = bytes, .bits = (uint8_t)(8 * bytes), .is_signed = is_signed, .scale = 1
	};
	return schema;
}

static struct weir_predicate one_range(int64_t lo, int64_t hi)
{
	return (struct weir_predicate){ .n = 1, .node = { { .op = WEIR_PRED_RANGE, .lo = lo, .hi = hi } } };
}

static char *listing(const struct bpf_insn *code, int n)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	weir_code_print(code, (uint32_t)n, NULL, stream);
	fclose(stream);
	return text;
}

/* What the two ways remember must stay the same too, unless nobody needs to remember. */
static uint32_t check_rows(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate)
{
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n = weir_codegen(predicate, schema, code, NULL, WEIR_FILTER_CODE_MAX);
	struct weir_filter_memory memory = { 0 };
	uint64_t state[WEIR_STATE_WORDS] = { 0 };
	bool is_constant = weir_predicate_constant(predicate, schema, predicate->n - 1) >= 0;
	uint32_t passed = 0;

	assert_true(n > 0);
	memcpy(memory.bits, predicate->bits, sizeof(memory.bits));
	for (int j = 0; j < ROWS; j++) {
		unsigned char row[64];
		bool expected;

		random_row(dice, schema, predicate, row);
		expected = weir_predicate_test(predicate, schema, row, state);
		assert_int_equal(interpret(code, (uint32_t)n, row, schema->row_bytes, &memory), expected);
		if (!is_constant)
			assert_memory_equal(memory.state, state, sizeof(state));
		passed += expected;
	}
	return passed;
}

/* For random schemas, predicates and rows (extremes and neighbours of bounds among them) code and predicate agree. */
static void test_same_as_predicate(void **state)
{
	static struct weir_predicate predicate;
	struct dice dice = { 1 };
	struct weir_schema schema;
	uint32_t passed = 0;

	(void)state;
	for (int i = 0; i < FILTERS; i++) {
		random_schema(&dice, &schema);
		random_predicate(&dice, &schema, 12, &predicate);
		passed += check_rows(&dice, &schema, &predicate);
	}
	/* Neither answer is rare, or the test would say little. */
	assert_in_range(passed, FILTERS * ROWS / 5, FILTERS * ROWS * 4 / 5);
}

/* The same with `every` and `changed` in it, which depend on the rows before. */
static void test_same_memory(void **state)
{
	static struct weir_predicate predicate;
	struct dice dice = { 4 };
	struct weir_schema schema;
	uint32_t passed = 0;

	(void)state;
	for (int i = 0; i < FILTERS; i++) {
		random_schema(&dice, &schema);
		random_predicate(&dice, &schema, 4, &predicate);
		remember(&dice, &schema, &predicate);
		passed += check_rows(&dice, &schema, &predicate);
	}
	assert_in_range(passed, FILTERS * ROWS / 10, FILTERS * ROWS * 4 / 5);
}

/* The most ranges that there is room for have code that fits the hole. */
static void test_longest_fits(void **state)
{
	static struct weir_predicate predicate;
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	struct dice dice = { 2 };
	struct weir_schema schema;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		random_schema(&dice, &schema);
		random_predicate(&dice, &schema, 16, &predicate);
		assert_in_range(weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX), 1,
				WEIR_FILTER_CODE_MAX);
	}
}

/* With less room than is needed: -E2BIG, and not a byte is written behind the room. */
static void test_room_is_honoured(void **state)
{
	struct bpf_insn code[WEIR_FILTER_CODE_MAX], guard;
	struct dice dice = { 3 };

	(void)state;
	memset(&guard, 0xa5, sizeof(guard));
	for (int i = 0; i < 200; i++) {
		static struct weir_predicate predicate;
		struct weir_schema schema;
		int n;

		random_schema(&dice, &schema);
		random_predicate(&dice, &schema, 8, &predicate);
		remember(&dice, &schema, &predicate);
		n = weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX);
		for (int room = 0; room < n; room++) {
			code[room] = guard;
			assert_int_equal(weir_codegen(&predicate, &schema, code, NULL, (uint32_t)room), -E2BIG);
			assert_memory_equal(&code[room], &guard, sizeof(guard));
		}
		assert_int_equal(weir_codegen(&predicate, &schema, code, NULL, (uint32_t)n), n);
	}
}

/* What can be decided beforehand leaves no test: `r0 = …; exit`, since unreachable code would be refused. */
static void test_constants_fold(void **state)
{
	struct weir_schema schema = one_field(2, true);
	struct weir_predicate predicate = one_range(INT16_MIN, INT16_MAX);
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];

	(void)state;
	assert_int_equal(weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX), 2);
	assert_int_equal(code[0].imm, 1);
	predicate = one_range(5, 4);
	assert_int_equal(weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX), 2);
	assert_int_equal(code[0].imm, 0);
	predicate = one_range(40000, 50000);
	assert_int_equal(weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX), 2);
	assert_int_equal(code[0].imm, 0);
}

/* `x != 7` is two ranges of one channel: it is loaded once, because every path to the second range has it already. */
static void test_loads_once(void **state)
{
	struct weir_schema schema = one_field(4, true);
	struct weir_predicate predicate = {
		.n = 3,
		.node = {
			{ .op = WEIR_PRED_RANGE, .lo = INT32_MIN, .hi = 6 },
			{ .op = WEIR_PRED_RANGE, .lo = 8, .hi = INT32_MAX },
			{ .op = WEIR_PRED_OR, .left = 0, .right = 1 },
		},
	};
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	int n = weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX), loads = 0;

	(void)state;
	for (int i = 0; i < n; i++)
		loads += BPF_CLASS(code[i].code) == BPF_LDX;
	assert_int_equal(loads, 1);
}

/* The listing reads like the verifier's own log. */
static void test_listing(void **state)
{
	struct weir_schema schema = one_field(4, true);
	struct weir_predicate predicate = one_range(-100, 100);
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	char *text = listing(code, weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX));

	(void)state;
	assert_string_equal(text, "   0: (b7) r0 = 0\n"
				  "   1: (61) r3 = *(u32 *)(r1 +8)\n"
				  "   2: (67) r3 <<= 32\n"
				  "   3: (c7) r3 s>>= 32\n"
				  "   4: (c5) if r3 s< 0xffffff9c goto pc+2\n"
				  "   5: (65) if r3 s> 0x64 goto pc+1\n"
				  "   6: (b7) r0 = 1\n"
				  "   7: (95) exit\n");
	free(text);
}

/* Bounds beyond 32 bits, byte order and unsigned comparison of 64 bits in the listing. */
static void test_listing_wide(void **state)
{
	struct weir_schema schema = one_field(8, false);
	struct weir_predicate predicate = one_range(0x123456789a, -1);
	struct bpf_insn code[WEIR_FILTER_CODE_MAX];
	char *text;

	(void)state;
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		skip_because("the expected listing is that of a little-endian machine");
	schema.field[0].is_big_endian = true;
	text = listing(code, weir_codegen(&predicate, &schema, code, NULL, WEIR_FILTER_CODE_MAX));
	assert_string_equal(text, "   0: (b7) r0 = 0\n"
				  "   1: (79) r3 = *(u64 *)(r1 +8)\n"
				  "   2: (dc) r3 = be64 r3\n"
				  "   3: (18) r4 = 0x123456789a\n"
				  "   5: (ad) if r3 < r4 goto pc+1\n"
				  "   6: (b7) r0 = 1\n"
				  "   7: (95) exit\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_predicate), cmocka_unit_test(test_same_memory),
		cmocka_unit_test(test_longest_fits),      cmocka_unit_test(test_room_is_honoured),
		cmocka_unit_test(test_constants_fold),    cmocka_unit_test(test_loads_once),
		cmocka_unit_test(test_listing),           cmocka_unit_test(test_listing_wide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
