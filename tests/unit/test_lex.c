/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lexer: which words a text has, and what it says of those that are none. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lang/lang.h"

/* The tokens of a text as "kind:text" words; `;` is a break. */
static char *tokens_of(const char *text, unsigned *errors)
{
	static const char *const kinds[] = { "end", ";", "name", "number", "string", "address", "op", "bad" };
	struct weir_report *report;
	struct weir_lexer lexer;
	struct weir_token token;
	char *out;
	size_t length;
	FILE *stream = open_memstream(&out, &length);

	assert_int_equal(weir_report_open(&report, "t", text), 0);
	weir_lexer_init(&lexer, report);
	while ((token = weir_lexer_next(&lexer)).word != WEIR_W_END) {
		if (token.word == WEIR_W_BREAK)
			fputs("; ", stream);
		else
			fprintf(stream, "%s:%.*s ", kinds[token.word], (int)token.where.length, text + token.where.at);
	}
	assert_int_equal(weir_lexer_next(&lexer).word, WEIR_W_END);
	*errors = weir_report_count(report);
	weir_report_close(report);
	fclose(stream);
	return out;
}

static void expect_tokens(const char *text, const char *expected)
{
	unsigned errors;
	char *out = tokens_of(text, &errors);

	assert_string_equal(out, expected);
	assert_int_equal(errors, 0);
	free(out);
}

/* The words that language.md lists, in the shapes that it uses. */
static void test_words(void **state)
{
	(void)state;
	expect_tokens("a = iio:accel_3d[x,y] rate=200Hz", "name:a op:= name:iio address:accel_3d op:[ address:x op:, "
							  "address:y op:] name:rate op:= number:200Hz ");
	expect_tokens("mqtt://host/a#b | print # what", "name:mqtt address://host/a#b op:| name:print ");
	expect_tokens("lines:- v4l2:/dev/video0;gpio:gpiochip0/5",
		      "name:lines address:- name:v4l2 address:/dev/video0 ; name:gpio address:gpiochip0/5 ");
	expect_tokens("csv:'my file.csv'[a,\"b c\",n:s16]",
		      "name:csv string:'my file.csv' op:[ address:a op:, string:\"b c\" op:, "
		      "address:n:s16 op:] ");
	expect_tokens("x<=1==y!=.5**2", "name:x op:<= number:1 op:== name:y op:!= number:.5 op:** number:2 ");
	expect_tokens("\"a\\\"b|c\" 'a\\'", "string:\"a\\\"b|c\" string:'a\\' ");
}

/* A newline ends a statement except where a bar, a comma, a parenthesis, a bracket or a backslash says that it goes on. */
static void test_lines(void **state)
{
	(void)state;
	expect_tokens("a\nb", "name:a ; name:b ");
	expect_tokens("a\r\n\n # c\n  \nb\n", "name:a ; name:b ; ");
	expect_tokens("a |\n b\n # note\n\n | c", "name:a op:| name:b op:| name:c ");
	expect_tokens("f(x,\n y\n)\nb", "name:f op:( name:x op:, name:y op:) ; name:b ");
	expect_tokens("i:d[x\n,y]", "name:i address:d op:[ address:x op:, address:y op:] ");
	expect_tokens("a \\\n b", "name:a name:b ");
	expect_tokens("\357\273\277a", "name:a ");
	/* A parenthesis that was not closed does not swallow the next definition, nor the next chain's stages. */
	expect_tokens("f(x\ny = z", "name:f op:( name:x ; name:y op:= name:z ");
	expect_tokens("f(x | g\nh", "name:f op:( name:x op:| name:g ; name:h ");
}

static struct weir_token only_token(const char *text, unsigned *errors)
{
	struct weir_report *report;
	struct weir_lexer lexer;
	struct weir_token token;

	assert_int_equal(weir_report_open(&report, "t", text), 0);
	weir_lexer_init(&lexer, report);
	token = weir_lexer_next(&lexer);
	assert_int_equal(weir_lexer_next(&lexer).word, WEIR_W_END);
	*errors = weir_report_count(report);
	weir_report_close(report);
	return token;
}

/* Numbers are in base units, each the double nearest to what was written, in any locale. */
static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		double number;
		enum weir_dimension dimension;
	} cases[] = {
		{ "0", 0, WEIR_DIM_NONE },
		{ "2.5e-3", 2.5e-3, WEIR_DIM_NONE },
		{ "1e3", 1e3, WEIR_DIM_NONE },
		{ "2.", 2, WEIR_DIM_NONE },
		{ "0x1F", 31, WEIR_DIM_NONE },
		{ "10ms", 10e-3, WEIR_DIM_TIME },
		{ "250us", 250e-6, WEIR_DIM_TIME },
		{ "1.5s", 1.5, WEIR_DIM_TIME },
		{ "2m", 120, WEIR_DIM_TIME },
		{ "1h", 3600, WEIR_DIM_TIME },
		{ "7ns", 7e-9, WEIR_DIM_TIME },
		{ "3\302\265s", 3e-6, WEIR_DIM_TIME },
		{ "400Hz", 400, WEIR_DIM_RATE },
		{ "1kHz", 1e3, WEIR_DIM_RATE },
		{ "1.5MHz", 1.5e6, WEIR_DIM_RATE },
		{ "64KiB", 65536, WEIR_DIM_SIZE },
		{ "2kB", 2000, WEIR_DIM_SIZE },
		{ "1GiB", 0x1p30, WEIR_DIM_SIZE },
		{ "1e3ms", 1, WEIR_DIM_TIME },
		{ "3ms", 0.003, WEIR_DIM_TIME },
		{ "5m/s", 5, WEIR_DIM_VELOCITY },
		{ "12m/s^2", 12, WEIR_DIM_ACCELERATION },
		{ "500mV", 0.5, WEIR_DIM_VOLTAGE },
		{ "50%", 50, WEIR_DIM_PERCENTAGE },
		{ "3\302\265V", 3e-6, WEIR_DIM_VOLTAGE },
		{ "3\316\274V", 3e-6, WEIR_DIM_VOLTAGE },
		{ "30\302\260C", 30, WEIR_DIM_CELSIUS },
	};

	(void)state;
	setlocale(LC_ALL, "de_DE.UTF-8");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned errors;
		struct weir_token token = only_token(cases[i].text, &errors);

		assert_int_equal(token.word, WEIR_W_NUMBER);
		assert_memory_equal(&token.number, &cases[i].number, sizeof(double));
		assert_int_equal(token.dimension, cases[i].dimension);
		assert_int_equal(errors, 0);
	}
	setlocale(LC_ALL, "C");
}

/* What is no word is one bad token and one message, so that the parser can go on behind it. */
static void test_bad_words(void **state)
{
	static const char *const cases[] = { "10msx", "10q",  "1.2.3", "1e999",        "0x", "\"open",   "'open",
					     "$",     "\001", "\377",  "\342\200\234", "1e", "5\303\244" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned errors;

		assert_int_equal(only_token(cases[i], &errors).word, WEIR_W_BAD);
		assert_int_equal(errors, 1);
	}
}

/* A textual value comes in one piece, and stops where an argument by name would begin. */
static void test_textual(void **state)
{
	struct weir_report *report;
	struct weir_lexer lexer;
	struct weir_token token;

	(void)state;
	assert_int_equal(weir_report_open(&report, "t", "my-trigger /dev/x.y:1 'a b' n=3 word|"), 0);
	weir_lexer_init(&lexer, report);
	token = weir_lexer_word(&lexer);
	assert_int_equal(token.word, WEIR_W_ADDRESS);
	assert_true(weir_token_is(&lexer, token, "my-trigger"));
	assert_true(weir_token_is(&lexer, weir_lexer_word(&lexer), "/dev/x.y:1"));
	assert_int_equal(weir_lexer_word(&lexer).word, WEIR_W_STRING);
	token = weir_lexer_word(&lexer);
	assert_int_equal(token.word, WEIR_W_NAME);
	assert_true(weir_token_is(&lexer, token, "n"));
	assert_true(weir_token_is(&lexer, weir_lexer_word(&lexer), "="));
	assert_int_equal(weir_lexer_word(&lexer).word, WEIR_W_ADDRESS);
	assert_int_equal(weir_lexer_word(&lexer).word, WEIR_W_NAME);
	assert_true(weir_token_is(&lexer, weir_lexer_word(&lexer), "|"));
	assert_int_equal(weir_report_count(report), 0);
	weir_report_close(report);
}

/* Whatever the bytes, the lexer comes to the end, always forward, and never beyond the text. */
static void test_any_bytes(void **state)
{
	static const char spice[] = "az:=[](),|;#\"'\n\r\\.0eEx9msHz-+\t \377\302\265";
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[64] = "";
		struct weir_report *report;
		struct weir_lexer lexer;
		uint32_t before = 0;
		int steps = 0;

		for (int i = 0; i < 63; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			text[i] = seed >> 63 ? spice[(seed >> 33) % (sizeof(spice) - 1)]
					     : (char)(1 + (seed >> 40) % 255);
		}
		assert_int_equal(weir_report_open(&report, "t", text), 0);
		weir_lexer_init(&lexer, report);
		for (struct weir_token token; (token = weir_lexer_next(&lexer)).word != WEIR_W_END; steps++) {
			assert_true(lexer.at > before && lexer.at <= 63);
			before = lexer.at;
		}
		assert_true(steps <= 64);
		weir_report_close(report);
	}
}

/* A quote is closed on its own line: a backslash at its end joins nothing, and the next line is read as if it stood alone. */
static void test_quotes_end_with_the_line(void **state)
{
	static const char *const quotes[] = { "\"a", "\"a\\", "'a\\" };

	(void)state;
	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		struct weir_report *report;
		struct weir_lexer lexer;
		char text[32];

		snprintf(text, sizeof(text), "%s\nb \"c\"", quotes[i]);
		assert_int_equal(weir_report_open(&report, "t", text), 0);
		weir_lexer_init(&lexer, report);
		assert_int_equal(weir_lexer_next(&lexer).word, WEIR_W_BAD);
		assert_int_equal(weir_lexer_next(&lexer).word, WEIR_W_BREAK);
		assert_int_equal(weir_lexer_next(&lexer).word, WEIR_W_NAME);
		assert_int_equal(weir_lexer_next(&lexer).word, WEIR_W_STRING);
		assert_int_equal(weir_report_count(report), 1);
		weir_report_close(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),     cmocka_unit_test(test_lines),
		cmocka_unit_test(test_numbers),   cmocka_unit_test(test_bad_words),
		cmocka_unit_test(test_textual),   cmocka_unit_test(test_quotes_end_with_the_line),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests_name("lex", tests, NULL, NULL);
}
