/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts of the kernel's driver for thermometers of the 1-Wire bus: which of them are a temperature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/polled.h"
#include "devices/w1_therm.h"

static void expect_milli(const char *text, int family, double milli)
{
	double got = -1;

	assert_int_equal(weir_w1_parse(text, family, &got), 0);
	assert_float_equal(got, milli, 0);
}

static void expect_cause(const char *text, int family, int cause)
{
	double got = 4711;

	assert_int_equal(weir_w1_parse(text, family, &got), cause);
	assert_float_equal(got, 4711, 0);
}

static void a_right_checksum_makes_a_value(void **state)
{
	(void)state;
	expect_milli("a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\na1 01 4b 46 7f ff 0f 10 d9 t=26062\n", 0x28, 26062);
	/* Data sheet of DS18B20: measured 85 °C has 10 in its sixth byte. */
	expect_milli("50 05 4b 46 7f ff 10 10 bd : crc=bd YES\n50 05 4b 46 7f ff 10 10 bd t=85000\n", 0x28, 85000);
	expect_milli("5e ff 4b 46 7f ff 02 10 b6 : crc=b6 YES\n5e ff 4b 46 7f ff 02 10 b6 t=-10125\n", 0x28, -10125);
}

static void an_old_value_behind_a_wrong_checksum_is_none(void **state)
{
	(void)state;
	expect_cause("a1 01 4b 46 7f ff 0f 10 70 : crc=d9 NO\n5e ff 4b 46 7f ff 02 10 b6 t=-10125\n", 0x28,
		     WEIR_POLLED_CRC);
	/* A verdict that the bytes do not have. */
	expect_cause("a1 01 4b 46 7f ff 0f 10 70 : crc=70 YES\na1 01 4b 46 7f ff 0f 10 70 t=26062\n", 0x28,
		     WEIR_POLLED_CRC);
	/* The temperature of other bytes than those that were read. */
	expect_cause("a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\n5e ff 4b 46 7f ff 02 10 b6 t=-10125\n", 0x28,
		     WEIR_POLLED_NO_NUMBER);
}

static void a_short_circuit_is_no_frost(void **state)
{
	(void)state;
	expect_cause("00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n", 0x28,
		     WEIR_POLLED_NO_ANSWER);
	expect_cause("ff ff ff ff ff ff ff ff ff : crc=c9 NO\na1 01 4b 46 7f ff 0f 10 d9 t=26062\n", 0x28,
		     WEIR_POLLED_CRC);
}

static void what_a_chip_has_after_power_on_is_none(void **state)
{
	(void)state;
	expect_cause("50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n", 0x28,
		     WEIR_POLLED_POWER_ON);
	expect_cause("aa 00 4b 46 ff ff 0c 10 87 : crc=87 YES\naa 00 4b 46 ff ff 0c 10 87 t=85000\n", 0x10,
		     WEIR_POLLED_POWER_ON);
}

static void ranges_are_those_of_the_chips(void **state)
{
	(void)state;
	expect_cause("a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\na1 01 4b 46 7f ff 0f 10 d9 t=125062\n", 0x28,
		     WEIR_POLLED_OUT_OF_RANGE);
	expect_cause("a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\na1 01 4b 46 7f ff 0f 10 d9 t=-55001\n", 0x28,
		     WEIR_POLLED_OUT_OF_RANGE);
	/* MAX31850, a thermocouple: bit 7 of the configuration; bit 0 of the first byte is a fault. */
	expect_milli("a0 01 ff ff f0 ff ff ff 8f : crc=8f YES\na0 01 ff ff f0 ff ff ff 8f t=1300000\n", 0x3b, 1300000);
	expect_cause("a1 01 ff ff f0 ff ff ff cc : crc=cc YES\na1 01 ff ff f0 ff ff ff cc t=26000\n", 0x3b,
		     WEIR_POLLED_FAULT);
}

static void texts_that_are_torn_are_none(void **state)
{
	static const char whole[] = "a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\na1 01 4b 46 7f ff 0f 10 d9 t=26062\n";
	char text[sizeof(whole)];

	(void)state;
	/* Up to the last digit; a number that is cut cannot be told from a whole one. */
	for (size_t n = 0; n <= strlen(whole) - strlen("26062\n"); n++) {
		memcpy(text, whole, n);
		text[n] = '\0';
		expect_cause(text, 0x28, n ? WEIR_POLLED_NO_NUMBER : WEIR_POLLED_NO_ANSWER);
	}
	expect_cause("a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\na1 01 4b 46 7f ff 0f 10 d9 t=26062x\n", 0x28,
		     WEIR_POLLED_NO_NUMBER);
	expect_cause("cat: Input/output error\n", 0x28, WEIR_POLLED_NO_NUMBER);
}

static void ids_of_thermometers(void **state)
{
	(void)state;
	assert_int_equal(weir_w1_family("28-000005e2fdc3"), 0x28);
	assert_int_equal(weir_w1_family("3b-0000c0ffee01"), 0x3b);
	assert_int_equal(weir_w1_family("29-000005e2fdc3"), -1);
	assert_int_equal(weir_w1_family("28-000005e2fdc"), -1);
	assert_int_equal(weir_w1_family("28-000005e2fdcg"), -1);
	assert_int_equal(weir_w1_family("28/000005e2fdc3"), -1);
	assert_int_equal(weir_w1_family(""), -1);
	assert_string_equal(weir_w1_chip(0x28), "DS18B20");
	assert_string_equal(weir_w1_chip(0x29), "");
}

static void numbers_of_attributes(void **state)
{
	static const char *const bad[] = {
		"", "\n", "-", "abc", "1.5", "1e3", "0x10", "nan", "inf", "12 13", "+5", " 5"
	};
	double value = 0;

	(void)state;
	assert_int_equal(weir_polled_parse("21500\n", &value), 0);
	assert_float_equal(value, 21500, 0);
	assert_int_equal(weir_polled_parse("-7", &value), 0);
	assert_float_equal(value, -7, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(weir_polled_parse(bad[i], &value), WEIR_POLLED_NO_NUMBER);
	assert_float_equal(value, -7, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_checksum_makes_a_value),
		cmocka_unit_test(an_old_value_behind_a_wrong_checksum_is_none),
		cmocka_unit_test(a_short_circuit_is_no_frost),
		cmocka_unit_test(what_a_chip_has_after_power_on_is_none),
		cmocka_unit_test(ranges_are_those_of_the_chips),
		cmocka_unit_test(texts_that_are_torn_are_none),
		cmocka_unit_test(ids_of_thermometers),
		cmocka_unit_test(numbers_of_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
