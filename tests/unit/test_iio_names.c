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

/* A channel answers to its id with and without in_, and to its suffix. */
static void channels_answer_to_short_names(void **state)
{
	(void)state;
	assert_int_equal(weir_iio_fit_channel("accel_x", "accel_x"), WEIR_FIT_WHOLE);
	assert_int_equal(weir_iio_fit_channel("accel_x", "in_accel_x"), WEIR_FIT_WHOLE);
	assert_int_equal(weir_iio_fit_channel("accel_x", "x"), WEIR_FIT_SUFFIX);
	assert_int_equal(weir_iio_fit_channel("voltage12", "12"), WEIR_FIT_SUFFIX);
	assert_int_equal(weir_iio_fit_channel("voltage12", "2"), WEIR_FIT_NONE);
	assert_int_equal(weir_iio_fit_channel("accel_x", "accel"), WEIR_FIT_NONE);
	assert_int_equal(weir_iio_fit_channel("temp", ""), WEIR_FIT_NONE);
	assert_int_equal(weir_iio_fit_channel("temp", "temp"), WEIR_FIT_WHOLE);
}

/* A differential channel can be written with characters that a name may have. */
static void names_of_the_language_reach_every_channel(void **state)
{
	char name[16];

	(void)state;
	weir_iio_field_name("voltage1-voltage2", name, sizeof(name));
	assert_string_equal(name, "voltage1_voltag");
	assert_int_equal(weir_iio_fit_channel("voltage1-voltage2", "voltage1_voltage2"), WEIR_FIT_WHOLE);
	weir_iio_field_name("0", name, sizeof(name));
	assert_string_equal(name, "_0");
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
	assert_int_equal(weir_iio_nearest_rate("[10 5", 1, text, sizeof(text)), -EINVAL);
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
		cmocka_unit_test(names_of_the_language_reach_every_channel),
		cmocka_unit_test(units_follow_the_abi),
		cmocka_unit_test(nearest_rate_of_a_list),
		cmocka_unit_test(nearest_rate_of_a_range),
		cmocka_unit_test(buffer_sizes_are_consistent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
