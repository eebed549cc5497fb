/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times as text: exact to the nanosecond in every unit, and refused where they are none. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../common/dice.h"
#include "weir/text.h"

static void expect_time(const char *text, int decimals, int64_t ns)
{
	int64_t back = 0;
	int err = weir_read_time(text, decimals, '.', &back);

	if (err || back != ns)
		fail_msg("'%s' of 10^%d ns is %d, %" PRId64 " instead of %" PRId64, text, decimals, err, back, ns);
}

static void expect_no_time(const char *text, int decimals, int error)
{
	int64_t t;
	int err = weir_read_time(text, decimals, '.', &t);

	if (err != error)
		fail_msg("'%s' of 10^%d ns gives %d instead of %d", text, decimals, err, error);
}

/* A time of any size, with a plain point or an exponent, in a unit of 10^decimals ns. */
static void write_as(char *to, size_t room, int64_t ns, int decimals, struct dice *dice)
{
	uint64_t magnitude = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, unit = 1;
	int shift = (int)roll_below(dice, 7) - 3;

	for (int i = 0; i < decimals; i++)
		unit *= 10;
	if (roll_below(dice, 2))
		snprintf(to, room, "%s%" PRIu64 ".%0*" PRIu64, ns < 0 ? "-" : "", magnitude / unit,
			 decimals ? decimals : 1, magnitude % unit);
	else
		snprintf(to, room, "%s%" PRIu64 "%.*se%d", ns < 0 ? "-" : "", magnitude, shift > 0 ? shift : 0, "000",
			 -decimals - (shift > 0 ? shift : 0));
}

static void times_are_exact_in_every_unit(void **state)
{
	struct dice dice = { 1 };
	char text[64];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		int64_t ns = (int64_t)roll(&dice) >> roll_below(&dice, 63);
		int decimals = 3 * (int)roll_below(&dice, 4);

		write_as(text, sizeof(text), ns, decimals, &dice);
		expect_time(text, decimals, ns);
	}
	expect_time("1700000000.123456789", 9, 1700000000123456789);
	expect_time("1700000000123.456789", 6, 1700000000123456789);
	expect_time("1700000000123456.789", 3, 1700000000123456789);
	expect_time(" +1.5e3\r", 0, 1500);
	expect_time("-9223372036.854775808", 9, INT64_MIN);
	expect_time("9223372036.854775807", 9, INT64_MAX);
	expect_time("0e999999999999", 9, 0);
	expect_time("1e-999999999999", 9, 0);
	expect_time(".5", 9, 500000000);
	expect_time("5.", 9, 5000000000);
}

/* To the nearest ns, in one step: the digits behind are not looked at twice. */
static void times_are_rounded_once(void **state)
{
	(void)state;
	expect_time("0.0000000004999999999999999999999999999999999999999999", 9, 0);
	expect_time("0.0000000005", 9, 1);
	expect_time("-0.0000000005", 9, -1);
	expect_time("0.49999999999999999999", 0, 0);
	expect_time("1.4999999999999999999999999999999999999999999999999999", 0, 1);
	expect_time("9007199254740993.4", 0, 9007199254740993);
	expect_time("0.00000000000000000000000000000000000000000000000001e41", 9, 1);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = { "",    " ",    "-",   ".",   "e5",  "1e",    "1e+",
					     "1 2", "0x10", "nan", "inf", "1,5", "1.2.3", "12s" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_no_time(wrong[i], 9, -EINVAL);
	expect_no_time("9223372036.854775808", 9, -ERANGE);
	expect_no_time("9223372036.8547758075", 9, -ERANGE);
	expect_no_time("-9223372036.854775809", 9, -ERANGE);
	expect_no_time("18446744073709551616", 0, -ERANGE);
	expect_no_time("1e300", 9, -ERANGE);
	expect_no_time("1e999999999999", 0, -ERANGE);
}

static void a_decimal_comma_is_one(void **state)
{
	int64_t t;

	(void)state;
	assert_int_equal(weir_read_time("1,5", 9, ',', &t), 0);
	assert_int_equal(t, 1500000000);
	assert_int_equal(weir_read_time("1.5", 9, ',', &t), -EINVAL);
}

static void expect_iso(const char *text, int64_t ns)
{
	int64_t back = 0;
	int err = weir_read_iso(text, &back);

	if (err || back != ns)
		fail_msg("'%s' is %d, %" PRId64 " instead of %" PRId64, text, err, back, ns);
}

/* As the C library breaks a time down, for all that int64_t holds, with and without a zone. */
static void dates_are_exact(void **state)
{
	struct dice dice = { 2 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t ns = (int64_t)roll(&dice) >> roll_below(&dice, 20);
		int64_t second = ns / 1000000000 - (ns % 1000000000 < 0), fraction = ns - second * 1000000000;
		int east = (int)roll_below(&dice, 2 * 1439 + 1) - 1439;
		time_t local = (time_t)(second + east * 60);
		char text[96];
		struct tm tm;

		gmtime_r(&local, &tm);
		snprintf(text, sizeof(text), "%04d-%02d-%02d%c%02d:%02d:%02d.%09d%c%02d%s%02d", tm.tm_year + 1900,
			 tm.tm_mon + 1, tm.tm_mday, roll_below(&dice, 2) ? 'T' : ' ', tm.tm_hour, tm.tm_min, tm.tm_sec,
			 (int)fraction, east < 0 ? '-' : '+', abs(east) / 60, roll_below(&dice, 2) ? ":" : "",
			 abs(east) % 60);
		expect_iso(text, ns);
	}
	expect_iso("1677-09-21T00:12:43.145224192Z", INT64_MIN);
	expect_iso("2262-04-11T23:47:16.854775807Z", INT64_MAX);
	expect_iso("1970-01-01", 0);
	expect_iso("1970-01-01 00:01", 60000000000);
	expect_iso("1970-01-01t00:00:01z", 1000000000);
	expect_iso("1970-01-01 00:00:01,5 UTC", 1500000000);
	expect_iso("1970-01-01T01:00:00+01", 0);
	expect_iso("1970-01-01T00:00:00.0000000015", 2);
	expect_iso("2016-12-31T23:59:60Z", 1483228800000000000);
	expect_iso("2024-02-29T12:00:00 -0000", 1709208000000000000);
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"1700000000",
		"2024-13-01",
		"2024-00-01",
		"2023-02-29",
		"2100-02-29",
		"2024-01-32",
		"2024-1-1",
		"24-01-01",
		"2024-01-01T",
		"2024-01-01T24:00",
		"2024-01-01T10:60",
		"2024-01-01T10:00:61",
		"2024-01-01T10:00:00.",
		"2024-01-01T10:00:00+24:00",
		"2024-01-01T10:00:00+01:60",
		"2024-01-01T10:00:00 CET",
		"2024-01-01T10:00:00Zulu",
		"2024-01-01T10:00:00+1",
		"2024-01-01+01:00",
		"01/02/2024",
		"2024-01-01T1:00",
	};
	int64_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (weir_read_iso(wrong[i], &t) != -EINVAL)
			fail_msg("'%s' is a date", wrong[i]);
	assert_int_equal(weir_read_iso("2262-04-11T23:47:16.854775808Z", &t), -ERANGE);
	assert_int_equal(weir_read_iso("1677-09-21T00:12:43.145224191Z", &t), -ERANGE);
	assert_int_equal(weir_read_iso("9999-12-31", &t), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_exact_in_every_unit),
		cmocka_unit_test(times_are_rounded_once),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_decimal_comma_is_one),
		cmocka_unit_test(dates_are_exact),
		cmocka_unit_test(what_is_no_date_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
