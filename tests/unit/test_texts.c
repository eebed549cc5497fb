/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts in expressions: against a model that goes character by character, and regular expressions with and without the JIT. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr.h"
#include "expr/regex.h"
#include "expr/utf8.h"
#include "text_model.h"

static void fill(struct weir_block *block, uint32_t n)
{
	struct text text;

	block->n = n;
	memset(block->column[0].text, 0, (size_t)n * 16);
	memset(block->column[1].text, 0, (size_t)n * 40);
	for (uint32_t k = 0; k < n; k++) {
		random_text(&text, 15);
		memcpy(block->column[0].text + (size_t)k * 16, text.byte, text.n);
		random_text(&text, 39);
		memcpy(block->column[1].text + (size_t)k * 40, text.byte, text.n);
		block->column[2].real[k] = (double)below(2000) - 1000;
	}
}

static struct weir_expr *open_node(const struct text_node *node, const struct weir_schema *schema, char *text,
				   size_t bytes)
{
	FILE *out = fmemopen(text, bytes, "w");
	unsigned errors;
	struct weir_expr *expr;

	print_text_node(out, node);
	fclose(out);
	expr = open_expr(text, schema, &errors);
	if (!expr)
		fail_msg("%s is refused", text);
	return expr;
}

/* The next slice of a block that is cut at random. */
static uint32_t cut(struct weir_block *slice, const struct weir_block *block, uint32_t from)
{
	uint32_t n = below(4) ? below(block->n - from + 1) : below(2);

	weir_block_slice(slice, block, from, n);
	return n;
}

/* Printed, parsed and run over blocks that are cut anywhere, a random text is what the model makes of it, to the byte. */
static void test_random_texts(void **state)
{
	static char text[65536], cells[WEIR_BLOCK_MAX][TEXT_MOST];
	struct weir_schema schema;
	struct weir_block *block, slice;
	struct text expected;

	(void)state;
	text_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	for (int round = 0; round < 3000; round++) {
		struct text_node *node;
		struct weir_expr *expr;

		forget_texts();
		node = random_text_expr(3);
		expr = open_node(node, &schema, text, sizeof(text));
		assert_true(weir_expr_is_text(expr) && !weir_expr_is_bool(expr));
		fill(block, round % 50 ? below(30) : WEIR_BLOCK_MAX);
		for (uint32_t from = 0; from < block->n;) {
			uint32_t n = cut(&slice, block, from);

			weir_expr_write(expr, &slice, cells[from], TEXT_MOST);
			from += n;
		}
		for (uint32_t k = 0; k < block->n; k++) {
			walk_text(node, block, k, &expected);
			if (strlen(cells[k]) != expected.n || memcmp(cells[k], expected.byte, expected.n))
				fail_msg("%s of '%s', '%s' is '%s' and not '%.*s'", text,
					 block->column[0].text + (size_t)k * 16, block->column[1].text + (size_t)k * 40,
					 cells[k], (int)expected.n, expected.byte);
			if (expected.n >= weir_expr_text_bytes(expr))
				fail_msg("%s has %u bytes, and at most %u were told", text, expected.n,
					 weir_expr_text_bytes(expr));
		}
		weir_expr_close(expr);
	}
	weir_block_close(block);
}

/* So is a random condition. */
static void test_random_conditions(void **state)
{
	static char text[65536];
	struct weir_schema schema;
	struct weir_block *block, slice;
	uint8_t truth[WEIR_BLOCK_MAX];

	(void)state;
	text_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	for (int round = 0; round < 3000; round++) {
		struct text_node *node;
		struct weir_expr *expr;

		forget_texts();
		node = random_text_condition(3);
		expr = open_node(node, &schema, text, sizeof(text));
		assert_true(weir_expr_is_bool(expr) && !weir_expr_is_text(expr));
		fill(block, round % 50 ? below(30) : WEIR_BLOCK_MAX);
		for (uint32_t from = 0; from < block->n;) {
			uint32_t n = cut(&slice, block, from);

			weir_expr_test(expr, &slice, truth + from);
			from += n;
		}
		for (uint32_t k = 0; k < block->n; k++)
			if (truth[k] != walk_text_condition(node, block, k))
				fail_msg("%s of '%s', '%s' is %u", text, block->column[0].text + (size_t)k * 16,
					 block->column[1].text + (size_t)k * 40, truth[k]);
		weir_expr_close(expr);
	}
	weir_block_close(block);
}

/* A text that has no room is cut at a character, and its record is told of; all others are not. */
static void test_cut(void **state)
{
	struct weir_schema schema;
	struct weir_block *block;
	struct weir_expr *expr;
	unsigned errors;
	char cells[2][8];
	const uint8_t *faults;

	(void)state;
	text_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	fill(block, 2);
	strcpy(block->column[0].text, "abcdef\u00e4");
	strcpy(block->column[0].text + 16, "abcdefg");
	expr = open_expr("a", &schema, &errors);
	weir_expr_write(expr, block, cells[0], 8);
	assert_string_equal(cells[0], "abcdef");
	assert_string_equal(cells[1], "abcdefg");
	faults = weir_expr_faults(expr);
	assert_true(faults && faults[0] == WEIR_FAULT_CUT && faults[1] == 0);
	strcpy(block->column[0].text, "abc");
	weir_expr_write(expr, block, cells[0], 8);
	assert_null(weir_expr_faults(expr));
	weir_expr_close(expr);
	weir_block_close(block);
}

/* A pattern that would take for ever gives up, and the record is invalid, whatever is made of the answer. */
static void test_match_limit(void **state)
{
	static const char *const texts[] = { "matches(b, '^(a+)+$')", "not matches(b, '^(a+)+$')",
					     "length(extract(b, '^(a+)+$'))" };
	struct weir_schema schema;
	struct weir_block *block;
	unsigned errors;
	uint8_t truth[2];
	double number[2];

	(void)state;
	text_schema(&schema);
	assert_int_equal(weir_block_open(&block, &schema), 0);
	fill(block, 2);
	strcpy(block->column[1].text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
	strcpy(block->column[1].text + 40, "aa");
	for (size_t i = 0; i < 3; i++) {
		struct weir_expr *expr = open_expr(texts[i], &schema, &errors);
		const uint8_t *faults;

		assert_true(weir_expr_can_fail(expr));
		weir_expr_test(expr, block, truth);
		assert_int_equal(truth[0], 0);
		assert_int_equal(truth[1], i != 1);
		faults = weir_expr_faults(expr);
		assert_true(faults && faults[0] == WEIR_FAULT_INVALID && !faults[1]);
		weir_expr_eval(expr, block, number);
		assert_true(isnan(number[0]) && !isnan(number[1]));
		weir_expr_close(expr);
	}
	weir_block_close(block);
}

/* With the JIT and without, a pattern finds the same in texts of any bytes. */
static void test_patterns(void **state)
{
	static const char *const patterns[] = { "a",        "^a+k?",     "(z|7)",     "\\w+,(\\w*)",
						"^.*(.)$",  "(\\s)",     "[^a-z](.)", "(?i)\u00e4(.?)",
						"\\d(\\D)", "(?<=a)(k)", "^$",        "\\X(\\X)" };
	struct text text;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct weir_regex *regex[2];
		char why[WEIR_REGEX_WHY];
		uint32_t at;

		for (int jit = 0; jit < 2; jit++)
			assert_int_equal(weir_regex_open(&regex[jit], patterns[i], jit, why, &at), 0);
		for (int round = 0; round < 2000; round++) {
			uint32_t from[2] = { 0 }, to[2] = { 0 };
			int got[2];

			random_text(&text, 60);
			for (int jit = 0; jit < 2; jit++)
				got[jit] = weir_regex_match(regex[jit], text.byte, text.n, &from[jit], &to[jit]);
			if (got[0] != got[1] || from[0] != from[1] || to[0] != to[1] || to[0] > text.n)
				fail_msg("%s of '%.*s': %d %u %u, with the JIT %d %u %u", patterns[i], (int)text.n,
					 text.byte, got[0], from[0], to[0], got[1], from[1], to[1]);
		}
		weir_regex_close(regex[0]);
		weir_regex_close(regex[1]);
	}
}

/* The other case of a character is one character, has at most half as many bytes more, and is its own. */
static void test_cases(void **state)
{
	unsigned changed = 0;

	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		uint32_t both[2] = { weir_to_upper(c), weir_to_lower(c) };
		char text[4], other[4];

		for (int i = 0; i < 2; i++) {
			assert_true(both[i] < 0x110000);
			if (both[i] == c)
				continue;
			changed++;
			assert_true(2 * weir_utf8_put(other, both[i]) <= 3 * weir_utf8_put(text, c));
			assert_int_equal(i ? weir_to_lower(both[i]) : weir_to_upper(both[i]), both[i]);
		}
	}
	assert_true(changed > 2700 && changed < 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_texts), cmocka_unit_test(test_random_conditions),
		cmocka_unit_test(test_cut),          cmocka_unit_test(test_match_limit),
		cmocka_unit_test(test_patterns),     cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests_name("texts", tests, NULL, NULL);
}
