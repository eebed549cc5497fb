/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words to channels, devices, units, rates and buffer sizes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/iio_capture.h"
#include "devices/iio_names.h"
#include "devices/iio_whole.h"

/* A channel answers to its ID with and without in_, to its suffix, and to the beginning of its ID. */
static void channels_answer_to_short_names(void **state)
{
	static const struct {
		const char *id, *label, *word;
		enum weir_fit fit;
	} table[] = {
		{ "accel_x", "", "accel_x", WEIR_FIT_EXACT },
		{ "accel_x", "", "in_accel_x", WEIR_FIT_EXACT },
		{ "voltage0", "", "out_voltage0", WEIR_FIT_EXACT },
		{ "accel_x", "", "x", WEIR_FIT_SUFFIX },
		{ "accel_x", "", "in_x", WEIR_FIT_NONE },
		{ "voltage12", "", "12", WEIR_FIT_SUFFIX },
		{ "voltage12", "", "2", WEIR_FIT_NONE },
		{ "voltage12", "", "voltage1", WEIR_FIT_NONE },
		{ "accel_x", "", "accel", WEIR_FIT_BEGINNING },
		{ "voltage0_supply", "", "voltage0", WEIR_FIT_BEGINNING },
		{ "voltage0_supply", "", "in_voltage0", WEIR_FIT_BEGINNING },
		{ "voltage0_supply", "", "supply", WEIR_FIT_SUFFIX },
		{ "voltage0_supply", "", "in_voltage0_supply", WEIR_FIT_EXACT },
		{ "current_shunt", "", "current", WEIR_FIT_BEGINNING },
		{ "current_shunt", "", "curr", WEIR_FIT_NONE },
		{ "temp", "", "", WEIR_FIT_NONE },
		{ "temp", "", "temp", WEIR_FIT_EXACT },
		{ "temp0", "", "temp", WEIR_FIT_BEGINNING },
		{ "voltage0-voltage1", "", "voltage0_voltage1", WEIR_FIT_WHOLE },
		{ "voltage0-voltage1", "", "voltage0-voltage1", WEIR_FIT_EXACT },
		{ "voltage0-voltage1", "", "1", WEIR_FIT_DIFFERENCE_SUFFIX },
		{ "voltage0-voltage1", "", "voltage1", WEIR_FIT_NONE },
		{ "voltage0-voltage1", "", "voltage", WEIR_FIT_NONE },
		{ "voltage7", "battery", "battery", WEIR_FIT_LABEL },
		{ "voltage7", "5V rail", "5V rail", WEIR_FIT_LABEL },
		{ "voltage7", "5V rail", "5V_rail", WEIR_FIT_WHOLE },
		{ "voltage7", "voltage8", "voltage7", WEIR_FIT_EXACT },
		{ "voltage7", "voltage8", "voltage8", WEIR_FIT_LABEL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (weir_iio_fit_channel(table[i].id, table[i].label, table[i].word) != table[i].fit)
			fail_msg("'%s' of %s", table[i].word, table[i].id);
}

/* A file of sysfs is a channel and an attribute; other words are no such file. */
static void attributes_are_cut_off(void **state)
{
	char channel[32];

	(void)state;
	assert_string_equal(weir_iio_split_attribute("in_voltage0_raw", channel, sizeof(channel)), "raw");
	assert_string_equal(channel, "in_voltage0");
	assert_string_equal(weir_iio_split_attribute("temp_input", channel, sizeof(channel)), "input");
	assert_string_equal(channel, "temp");
	assert_string_equal(weir_iio_split_attribute("temp_scale", channel, sizeof(channel)), "");
	assert_string_equal(weir_iio_split_attribute("raw", channel, sizeof(channel)), "");
	assert_string_equal(weir_iio_split_attribute("_raw", channel, sizeof(channel)), "");
}

/* A differential channel can be written with characters that a name may have. */
static void names_of_the_language_reach_every_channel(void **state)
{
	char name[16];

	(void)state;
	weir_iio_field_name("voltage1-voltage2", name, sizeof(name));
	assert_string_equal(name, "voltage1_voltag");
	weir_iio_field_name("0", name, sizeof(name));
	assert_string_equal(name, "_0");
}

/* A device answers to all of its names, alone or with its place on the bus, and to no part of one. */
static void devices_answer_to_every_name(void **state)
{
	static const struct weir_iio_names chip = { "iio:device3", "ads1015", "ads1115", "rail", "1-0048" };
	static const struct weir_iio_names bare = { "iio:device4", "", "", "", "" };
	static const char *const good[] = { "iio:device3",    "3",           "ads1115", "rail",          "1-0048",
					    "ads1115@1-0048", "rail@1-0048", "ads1015", "ads1015@1-0048" };
	static const char *const bad[] = {
		"", "device3", "1115", "ads1115@", "@1-0048", "1-0049", "ads1115@1-0049", "4"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(weir_iio_fits_device(&chip, good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(weir_iio_fits_device(&chip, bad[i]));
	assert_true(weir_iio_fits_device(&bare, "4"));
	assert_false(weir_iio_fits_device(&bare, ""));
	assert_false(weir_iio_fits_device(&bare, "@"));
}

/* The longer of two types that begin alike has its own unit. */
static void units_follow_the_abi(void **state)
{
	(void)state;
	assert_string_equal(weir_iio_unit("anglvel_z"), "rad/s");
	assert_string_equal(weir_iio_unit("angl0"), "rad");
	assert_string_equal(weir_iio_unit("temp_ambient"), "m°C");
	assert_string_equal(weir_iio_unit("magn_y"), "G");
	assert_string_equal(weir_iio_unit("steps"), "");
}

/* From a list the nearest entry comes out in the very form that the device wrote. */
static void nearest_rate_of_a_list(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(weir_iio_nearest_rate("12.5 25.000 50", 30, text, sizeof(text)), 0);
	assert_string_equal(text, "25.000");
	assert_int_equal(weir_iio_nearest_rate(" 1 3 400 ", 1e9, text, sizeof(text)), 0);
	assert_string_equal(text, "400");
	assert_int_equal(weir_iio_nearest_rate("", 1, text, sizeof(text)), -EINVAL);
	assert_int_equal(weir_iio_nearest_rate("1\t3,400", 350, text, sizeof(text)), 0);
	assert_string_equal(text, "400");
	assert_int_equal(weir_iio_nearest_rate("fast slow", 1, text, sizeof(text)), -EINVAL);
}

/* From a range: on the step, within the ends. */
static void nearest_rate_of_a_range(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(weir_iio_nearest_rate("[10 5 100]", 32, text, sizeof(text)), 0);
	assert_string_equal(text, "30");
	assert_int_equal(weir_iio_nearest_rate("[10 5 100]", 3000, text, sizeof(text)), 0);
	assert_string_equal(text, "100");
	assert_int_equal(weir_iio_nearest_rate("[10 0 100]", 1, text, sizeof(text)), 0);
	assert_string_equal(text, "10");
	assert_int_equal(weir_iio_nearest_rate("[0.01 0.01 100]", 0.0149, text, sizeof(text)), 0);
	assert_string_equal(text, "0.01");
	assert_int_equal(weir_iio_nearest_rate("[3 5 100]", 99.5, text, sizeof(text)), 0);
	assert_string_equal(text, "98");
	assert_int_equal(weir_iio_nearest_rate("[1 1 100000000]", 1e7, text, sizeof(text)), 0);
	assert_string_equal(text, "10000000");
	assert_int_equal(weir_iio_nearest_rate("[10 5", 1, text, sizeof(text)), -EINVAL);
}

/* The kernel reads no exponents. */
static void rates_are_printed_as_the_kernel_reads_them(void **state)
{
	static const struct {
		double hz;
		const char *text;
	} table[] = { { 1e9, "1000000000" },
		      { 12.5, "12.5" },
		      { 0.001, "0.001" },
		      { 100, "100" },
		      { 1e6 / 3, "333333.333333" } };
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		weir_iio_print_rate(table[i].hz, text, sizeof(text));
		assert_string_equal(text, table[i].text);
	}
}

/* Up to Linux 6.16 a scan that is cut has its time from the wrong place. */
static void kernels_that_cut_wrong_are_known(void **state)
{
	(void)state;
	assert_true(weir_iio_release_cuts_wrong("6.12.94+deb13-amd64"));
	assert_true(weir_iio_release_cuts_wrong("6.16.0"));
	assert_true(weir_iio_release_cuts_wrong("5.10.110-v8+"));
	assert_false(weir_iio_release_cuts_wrong("6.17.0-rc1"));
	assert_false(weir_iio_release_cuts_wrong("7.0"));
	assert_true(weir_iio_release_cuts_wrong("strange"));
}

/* Whatever the rate: the watermark can be reached, the FIFO is a power of two, memory is bounded, demands are kept. */
static void buffer_sizes_are_consistent(void **state)
{
	(void)state;
	for (double hz = 0; hz < 1e7; hz = hz * 3 + 0.1) {
		for (uint32_t row = 8; row <= 4096; row *= 2) {
			struct weir_iio_sizes sizes = weir_iio_sizes(hz, row, 0, 0);

			assert_true(sizes.watermark >= 1 && sizes.watermark <= sizes.length / 2);
			assert_int_equal(sizes.length & (sizes.length - 1), 0);
			assert_true(sizes.length >= 1024);
			assert_true(sizes.length == 1024 || (uint64_t)sizes.length * row <= 2u << 20);
			assert_true(weir_iio_sizes(hz, row, 2, 0).watermark == 1);
			assert_int_equal(weir_iio_sizes(hz, row, 7, 3).length, 7);
			assert_int_equal(weir_iio_sizes(hz, row, 7, 3).watermark, 3);
			assert_true(weir_iio_sizes(hz, row, 0, 5000).length >= 5000);
		}
	}
	assert_int_equal(weir_iio_sizes(2000, 24, 0, 0).watermark, 40);
	assert_int_equal(weir_iio_sizes(2000, 24, 0, 0).length, 2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channels_answer_to_short_names),
		cmocka_unit_test(attributes_are_cut_off),
		cmocka_unit_test(devices_answer_to_every_name),
		cmocka_unit_test(rates_are_printed_as_the_kernel_reads_them),
		cmocka_unit_test(kernels_that_cut_wrong_are_known),
		cmocka_unit_test(names_of_the_language_reach_every_channel),
		cmocka_unit_test(units_follow_the_abi),
		cmocka_unit_test(nearest_rate_of_a_list),
		cmocka_unit_test(nearest_rate_of_a_range),
		cmocka_unit_test(buffer_sizes_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
