/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as decimals and back, JSON strings, CSV cells. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "skip.h"
#include "weir/text.h"

static const char *written(char *text, double value)
{
	size_t n = weir_write_real(text, value);

	assert_in_range(n, 1, WEIR_NUMBER_MAX);
	text[n] = 0;
	return text;
}

/* Digits that count: between the first and the last that is not zero. */
static int digits_of(const char *text)
{
	int n = 0, trailing = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (*text == '0' && !n))
			continue;
		n++;
		trailing = *text == '0' ? trailing + 1 : 0;
	}
	return n - trailing;
}

static void expect_round_trip(double value)
{
	char text[WEIR_NUMBER_MAX + 1], shorter[40];
	double back;
	int digits;

	written(text, value);
	assert_true(strtod(text, NULL) == value);
	assert_int_equal(weir_read_real(text, &back), 0);
	assert_memory_equal(&back, &value, sizeof(value));
	digits = digits_of(text);
	snprintf(shorter, sizeof(shorter), "%.*e", digits > 1 ? digits - 2 : 0, value);
	if (digits > 1 && fabs(value) >= 2.3e-308 && strtod(shorter, NULL) == value)
		fail_msg("%s is longer than %s", text, shorter);
}

/* Any double comes back to the same bits, from no more digits than it takes. */
static void reals_round_trip(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint64_t bits = harness_random(&random);
		double value, decimal = (double)(int64_t)(harness_random(&random) >> harness_below(&random, 60));

		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			expect_round_trip(value);
		expect_round_trip(decimal / pow(10, harness_below(&random, 20)));
		expect_round_trip(harness_uniform(&random));
	}
	expect_round_trip(0.0);
	expect_round_trip(-0.0);
	expect_round_trip(0x1p53);
	expect_round_trip(0x1p53 - 1);
	expect_round_trip(0x1p-1074);
	expect_round_trip(0x1.fffffffffffffp1023);
}

/* What people expect to see. */
static void reals_look_right(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0.1, "0.1" },
		{ 1, "1" },
		{ -2.5, "-2.5" },
		{ 100, "100" },
		{ 1e-7, "1e-07" },
		{ 9.80665, "9.80665" },
		{ 1e300, "1e+300" },
		{ 0.05, "0.05" },
		{ 123456789.125, "123456789.125" },
		{ NAN, "nan" },
		{ INFINITY, "inf" },
		{ -INFINITY, "-inf" },
		{ 1.0 / 3, "0.3333333333333333" },
	};
	char text[WEIR_NUMBER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(written(text, cases[i].value), cases[i].text);
}

/* Reading agrees with the C library to the bit on decimals of every length, and takes the whole cell or nothing. */
/* Between 1e-4 and 1e15, around the powers of two and of ten, where the distance of doubles and the number of digits change. */
static void long_decimals_are_the_nearest(void **state)
{
	uint64_t random = 3;
	char text[WEIR_NUMBER_MAX + 1];

	(void)state;
	for (int i = 0; i < 300000; i++)
		expect_round_trip(
			ldexp((double)(harness_random(&random) >> 11), -66 + (int)harness_below(&random, 64)));
	for (int exponent = -14; exponent <= 50; exponent++)
		for (int n = -3; n <= 3; n++)
			expect_round_trip(ldexp(1 + n * (n < 0 ? 0x1p-53 : 0x1p-52), exponent));
	for (int exponent = -5; exponent <= 16; exponent++) {
		double power = strtod((snprintf(text, sizeof(text), "1e%d", exponent), text), NULL);

		expect_round_trip(power);
		expect_round_trip(nextafter(power, 0));
		expect_round_trip(nextafter(power, INFINITY));
	}
	assert_string_equal(written(text, 0.018661999999999998), "0.018661999999999998");
	assert_string_equal(written(text, 0.1 + 0.2), "0.30000000000000004");
	assert_string_equal(written(text, -1 / 3.0), "-0.3333333333333333");
}

/* Of up to 18 digits, at the middle between two doubles and next to it. */
static void long_decimals_are_read_exactly(void **state)
{
	uint64_t random = 4;
	char text[64];
	double value;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		int decimals = (int)harness_below(&random, 18);
		uint64_t digits = harness_random(&random) % UINT64_C(1000000000000000000);

		if (i % 2)
			digits = (UINT64_C(1) << 53) + 2 * harness_below(&random, UINT32_MAX) +
				 harness_below(&random, 2);
		snprintf(text, sizeof(text), "%018llu", (unsigned long long)digits);
		memmove(text + 19 - decimals, text + 18 - decimals, (size_t)decimals + 1);
		text[18 - decimals] = '.';
		assert_int_equal(weir_read_real(text, &value), 0);
		if (value != strtod(text, NULL))
			fail_msg("%s is read as %.17g", text, value);
	}
}

static void reading_is_strict_and_exact(void **state)
{
	static const char *const wrong[] = { "",      " ", "x",  "1x", "1 2", "--1", "+-1",
					     "1.2.3", ".", "1e", "e5", "-",   "0,5" };
	uint64_t random = 2;
	double value;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[64];
		int whole = (int)harness_below(&random, 12), part = (int)harness_below(&random, 12);

		snprintf(text, sizeof(text), "%s%.*llu.%.*llu%s", i % 2 ? "-" : " ", whole,
			 (unsigned long long)harness_below(&random, UINT32_MAX), part,
			 (unsigned long long)harness_below(&random, UINT32_MAX), i % 7 ? "" : "e-12");
		assert_int_equal(weir_read_real(text, &value), 0);
		assert_true(value == strtod(text, NULL));
	}
	assert_int_equal(weir_read_real(" -1.5\r", &value), 0);
	assert_true(value == -1.5);
	assert_int_equal(weir_read_real("nan", &value), 0);
	assert_true(isnan(value));
	assert_int_equal(weir_read_real("-inf", &value), 0);
	assert_true(isinf(value) && value < 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (weir_read_real(wrong[i], &value) != -EINVAL)
			fail_msg("'%s' was read as a number", wrong[i]);
}

/* Integers of 64 bits come back whole, and one more than that is out of range. */
static void integers_round_trip(void **state)
{
	static const int64_t values[] = { 0, 1, -1, 10, INT64_MAX, INT64_MIN, 1234567890123456789 };
	int64_t back;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char text[WEIR_NUMBER_MAX + 1];

		text[weir_write_integer(text, values[i])] = 0;
		assert_int_equal(weir_read_integer(text, &back), 0);
		assert_int_equal(back, values[i]);
	}
	assert_int_equal(weir_read_integer("9223372036854775808", &back), -ERANGE);
	assert_int_equal(weir_read_integer("1.5", &back), -EINVAL);
	assert_int_equal(weir_read_integer("", &back), -EINVAL);
}

/* A program that uses weir may have set a locale with a decimal comma. */
static void locale_has_no_influence(void **state)
{
	static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
	char text[WEIR_NUMBER_MAX + 1];
	const char *set = NULL;
	double value;

	(void)state;
	for (size_t i = 0; i < 4 && !set; i++)
		set = setlocale(LC_NUMERIC, locales[i]);
	if (!set)
		skip_because("no locale with a decimal comma is installed");
	assert_string_equal(written(text, 1.2345678901234567e-30), "1.2345678901234567e-30");
	assert_int_equal(weir_read_real("1.5e3", &value), 0);
	assert_true(value == 1500);
	setlocale(LC_NUMERIC, "C");
}

static void expect_json(const char *text, const char *json)
{
	char to[256];
	size_t n = weir_write_json_text(to, text);

	assert_true(n <= 6 * strlen(text) + 2);
	to[n] = 0;
	assert_string_equal(to, json);
}

/* Quotes, backslashes and controls are escaped; UTF-8 goes through; what is not UTF-8 becomes U+FFFD, byte by byte. */
static void json_is_always_valid(void **state)
{
	(void)state;
	expect_json("", "\"\"");
	expect_json("a\"b\\c", "\"a\\\"b\\\\c\"");
	expect_json("\n\t\r\b\f\v\x01\x7f", "\"\\n\\t\\r\\b\\f\\u000b\\u0001\\u007f\"");
	expect_json("Grad: \xc2\xb0 \xe2\x82\xac \xf0\x9f\x98\x80", "\"Grad: \xc2\xb0 \xe2\x82\xac \xf0\x9f\x98\x80\"");
	expect_json("\xff", "\"\xef\xbf\xbd\"");
	expect_json("\xc3", "\"\xef\xbf\xbd\"");
	expect_json("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_json("\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_json("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_json("\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_json("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void expect_csv(const char *text, const char *csv)
{
	char to[64];
	size_t n = weir_write_csv_text(to, text);

	assert_true(n <= 2 * strlen(text) + 2);
	to[n] = 0;
	assert_string_equal(to, csv);
}

/* Cells are quoted where RFC 4180 demands it, and only there. */
static void csv_is_quoted_where_needed(void **state)
{
	(void)state;
	expect_csv("", "");
	expect_csv("plain text", "plain text");
	expect_csv("a,b", "\"a,b\"");
	expect_csv("a\"b", "\"a\"\"b\"");
	expect_csv("a\nb", "\"a\nb\"");
	expect_csv(" a", "\" a\"");
	expect_csv("\xef\xbb\xbfx", "\"\xef\xbb\xbfx\"");
}

/* A double that is written with nothing but digits cannot be told from a whole number, all of whose digits count. */
static void large_reals_show_that_they_are(void **state)
{
	char text[WEIR_NUMBER_MAX + 1];
	double value;

	(void)state;
	assert_string_equal(written(text, 0x1p53 - 1), "9007199254740991");
	assert_string_equal(written(text, 0x1p53 + 2), "9007199254740994.0");
	assert_string_equal(written(text, -27021597764222976.0), "-27021597764222976.0");
	assert_string_equal(written(text, 1e18), "1e+18");
	assert_int_equal(weir_read_real("1e400", &value), -ERANGE);
	assert_int_equal(weir_read_real("-1e400", &value), -ERANGE);
	assert_int_equal(weir_read_real("4.9e-324", &value), 0);
	assert_int_equal(weir_read_real("-Infinity", &value), 0);
}

/* What numbers and words are made of cannot stand between them, nor what ends a line or a cell. */
static void separators_separate(void **state)
{
	static const char *const good[] = { ",", ";", "|", " ", ":", "/", "~", "\x1f" };
	static const char *const bad[] = { "",  "ab", ".", "-",  "+", "_",  "0",  "9",       "e",
					   "E", "x",  "n", "\"", "'", "\n", "\r", "\xc2\xa7" };
	char separator;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_null(weir_read_separator(good[i], '.', &separator));
		assert_int_equal(separator, good[i][0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!weir_read_separator(bad[i], '.', &separator))
			fail_msg("'%s' separates cells", bad[i]);
	assert_null(weir_read_separator("tab", '.', &separator));
	assert_int_equal(separator, '\t');
	assert_null(weir_read_separator("\\t", '.', &separator));
	assert_int_equal(separator, '\t');
	assert_non_null(weir_read_separator(",", ',', &separator));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reals_round_trip),
		cmocka_unit_test(reals_look_right),
		cmocka_unit_test(long_decimals_are_the_nearest),
		cmocka_unit_test(long_decimals_are_read_exactly),
		cmocka_unit_test(reading_is_strict_and_exact),
		cmocka_unit_test(integers_round_trip),
		cmocka_unit_test(locale_has_no_influence),
		cmocka_unit_test(json_is_always_valid),
		cmocka_unit_test(csv_is_quoted_where_needed),
		cmocka_unit_test(large_reals_show_that_they_are),
		cmocka_unit_test(separators_separate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
