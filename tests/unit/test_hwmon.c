/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chips of made-up directories of hwmon: their names, their channels, units, and readings that are no numbers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/hwmon_list.h"
#include "harness.h"

static char root[] = "/tmp/weir-hwmon-XXXXXX";

static void put(const char *file, const char *text)
{
	char path[200];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "%s\n", text);
	fclose(out);
}

static void make_chip(const char *id, const char *name, const char *address)
{
	char path[200], parent[200];

	snprintf(path, sizeof(path), "%s/%s", root, id);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/name", id);
	put(path, name);
	snprintf(path, sizeof(path), "%s/%s/device", root, id);
	snprintf(parent, sizeof(parent), "../../../%s", address);
	assert_int_equal(symlink(parent, path), 0);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	make_chip("hwmon0", "sht3x", "1-0044");
	put("hwmon0/temp1_input", "21500");
	put("hwmon0/humidity1_input", "45000");
	put("hwmon0/temp1_max", "30000");
	put("hwmon0/temp1_alarm", "0");
	make_chip("hwmon1", "ina219", "1-0040");
	put("hwmon1/in0_input", "12");
	put("hwmon1/in1_input", "5020");
	put("hwmon1/in1_label", "5V rail");
	put("hwmon1/curr1_input", "-250");
	put("hwmon1/power1_average", "1");
	put("hwmon1/power1_input", "1255000");
	put("hwmon1/power2_average", "7");
	put("hwmon1/update_interval", "100");
	make_chip("hwmon2", "sht3x", "1-0045");
	put("hwmon2/temp1_input", "7");
	return 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

/* -------------------------------------------------------------------- names */

static void names_mean_one_chip(void **state)
{
	struct weir_hwmon_chip *chips;
	int n = weir_hwmon_read_chips(root, &chips);

	(void)state;
	assert_int_equal(n, 3);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "ina219"), 1);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "sht3x"), -ENOTUNIQ);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "sht3x@1-0045"), 2);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "1-0044"), 0);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "hwmon2"), 2);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "2"), 2);
	assert_int_equal(weir_hwmon_find_chip(chips, n, "sht"), -ENOENT);
	assert_int_equal(weir_hwmon_find_chip(chips, n, ""), -ENOENT);
	assert_string_equal(chips[0].title, "sht3x@1-0044");
	assert_string_equal(chips[1].title, "ina219");
	free(chips);
}

static void expect_channel(const struct weir_hwmon_chip *chip, const char *word, const char *file)
{
	char got[40] = "";

	assert_true(weir_hwmon_find_channel(chip, word, got) >= 0);
	assert_string_equal(got, file);
}

static void words_mean_one_file(void **state)
{
	struct weir_hwmon_chip *chips;
	int n = weir_hwmon_read_chips(root, &chips);
	char file[40];

	(void)state;
	assert_int_equal(n, 3);
	/* power1 is read at its input, and power2 at the average that it has. */
	assert_int_equal(chips[1].n_channels, 5);
	expect_channel(&chips[1], "power1", "power1_input");
	expect_channel(&chips[1], "power2", "power2_average");
	expect_channel(&chips[1], "power1_average", "power1_average");
	expect_channel(&chips[1], "5V rail", "in1_input");
	expect_channel(&chips[1], "curr", "curr1_input");
	expect_channel(&chips[0], "temp1_max", "temp1_max");
	assert_int_equal(weir_hwmon_find_channel(&chips[1], "in", file), -ENOTUNIQ);
	assert_int_equal(weir_hwmon_find_channel(&chips[1], "1", file), -ENOENT);
	assert_int_equal(weir_hwmon_find_channel(&chips[0], "temp1_min", file), -ENOENT);
	assert_int_equal(weir_hwmon_find_channel(&chips[0], "temp1_/../name", file), -ENOENT);
	assert_int_equal(weir_hwmon_find_channel(&chips[0], "update_interval", file), -ENOENT);
	free(chips);
}

static void units_are_those_of_the_abi(void **state)
{
	static const struct {
		const char *file, *unit;
	} cases[] = {
		{ "temp1_input", "m°C" },
		{ "temp12_crit_hyst", "m°C" },
		{ "temp1_alarm", "" },
		{ "temp1_type", "" },
		{ "humidity1_input", "m%" },
		{ "in0_input", "mV" },
		{ "in0_max", "mV" },
		{ "intrusion0_alarm", "" },
		{ "curr1_input", "mA" },
		{ "power1_average", "uW" },
		{ "power1_average_interval", "" },
		{ "energy1_input", "uJ" },
		{ "fan1_input", "rpm" },
		{ "fan1_div", "" },
		{ "freq1_input", "Hz" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(weir_hwmon_quantity(cases[i].file).unit, cases[i].unit);
}

/* ----------------------------------------------------------------- readings */

static void open_source(struct harness *h, const char *rest)
{
	char program[160];

	snprintf(program, sizeof(program), "hwmon:%s/%s", root, rest);
	if (!harness_open(h, program, NULL))
		fail_msg("%s: %s", program, harness_error(h));
	assert_int_equal(harness_start(h), 0);
}

/* One row, which is due in a millisecond at most. */
static int pull(struct harness *h)
{
	int got;

	for (int i = 0; i < 1000; i++) {
		got = harness_pull(h, 1);
		if (got != -EAGAIN)
			return got;
		usleep(100);
	}
	return -EAGAIN;
}

static void a_reading_that_is_no_number_is_none(void **state)
{
	static const char *const bad[] = { "", "abc", "1.5", "215\n00", "-273151" };
	struct harness h;

	(void)state;
	open_source(&h, "hwmon0 rate=1000Hz");
	assert_int_equal(pull(&h), 1);
	assert_float_equal(h.value[0][0].real, 45000, 0);
	assert_float_equal(h.value[1][0].real, 21500, 0);
	for (uint32_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put("hwmon0/temp1_input", bad[i]);
		assert_int_equal(pull(&h), 1);
		assert_float_equal(h.value[0][h.n - 1].real, 45000, 0);
		if (!__builtin_isnan(h.value[1][h.n - 1].real))
			fail_msg("'%s' is %g", bad[i], h.value[1][h.n - 1].real);
	}
	put("hwmon0/temp1_input", "21500");
	assert_int_equal(pull(&h), 1);
	assert_float_equal(h.value[1][h.n - 1].real, 21500, 0);
	assert_non_null(strstr(h.source->driver->source->how(h.source), "4 not a number, 1 value out of range"));
	harness_close(&h);
}

static void a_device_that_vanishes_is_told_by_name(void **state)
{
	struct harness h;
	char from[64], to[64];

	(void)state;
	open_source(&h, "hwmon1[curr1] rate=1000Hz");
	assert_int_equal(pull(&h), 1);
	assert_float_equal(h.value[0][0].real, -250, 0);
	/* Another device gets its number: the files that are open are those of the first. */
	snprintf(from, sizeof(from), "%s/hwmon1", root);
	snprintf(to, sizeof(to), "%s/gone", root);
	put("hwmon1/curr1_input", "x");
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(pull(&h), -ENODEV);
	harness_expect_error(&h, "cannot read: No such device");
	assert_int_equal(rename(to, from), 0);
	put("hwmon1/curr1_input", "-250");
	harness_close(&h);
}

static void wrong_words_are_refused(void **state)
{
	char program[160];

	(void)state;
	snprintf(program, sizeof(program), "hwmon:%s/hwmon1[in]", root);
	harness_expect_refusal(program, NULL, "several channels that 'in' may mean");
	snprintf(program, sizeof(program), "hwmon:%s/hwmon1[in1,'5V rail']", root);
	harness_expect_refusal(program, NULL, "'in1' and '5V rail' are the same channel");
	snprintf(program, sizeof(program), "hwmon:%s/hwmon7", root);
	harness_expect_refusal(program, NULL, "cannot open: No such file or directory");
	snprintf(program, sizeof(program), "hwmon:%s/hwmon1 rate=0Hz", root);
	harness_expect_refusal(program, NULL, "rate");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_mean_one_chip),
		cmocka_unit_test(words_mean_one_file),
		cmocka_unit_test(units_are_those_of_the_abi),
		cmocka_unit_test(a_reading_that_is_no_number_is_none),
		cmocka_unit_test(a_device_that_vanishes_is_told_by_name),
		cmocka_unit_test(wrong_words_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
