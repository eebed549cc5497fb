/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices and channels of made-up directories of sysfs: their names, their attributes, and what is listed of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/iio_list.h"
#include "devices/iio_polled.h"
#include "devices/iio_rate.h"
#include "devices/iio_scale.h"

struct fixture {
	char root[64]; /* holds devices/ and bus/ */
	char bus[80];
	struct weir_iio_devices devices;
};

static void run(const char *format, const char *path)
{
	char command[400];

	snprintf(command, sizeof(command), format, path);
	assert_int_equal(system(command), 0);
}

static void put(const struct fixture *f, const char *device, const char *file, const char *text)
{
	char path[300];
	FILE *out;

	snprintf(path, sizeof(path), "%s/devices/%s/%s", f->root, device, file);
	if (strchr(file, '/')) {
		*strrchr(path, '/') = '\0';
		run("mkdir -p '%s'", path);
		snprintf(path, sizeof(path), "%s/devices/%s/%s", f->root, device, file);
	}
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "%s\n", text);
	fclose(out);
}

/* devices/PARENT/ID, with the link that the bus has. */
static void make_device(const struct fixture *f, const char *parent, const char *id, const char *name)
{
	char path[256], link[256], below[128];

	snprintf(path, sizeof(path), "%s/devices/%s/%s", f->root, parent, id);
	run("mkdir -p '%s'", path);
	snprintf(link, sizeof(link), "%s/%s", f->bus, id);
	assert_int_equal(symlink(path, link), 0);
	if (*parent)
		put(f, parent, "uevent", "");
	snprintf(below, sizeof(below), "%s/%s", parent, id);
	if (*name)
		put(f, below, "name", name);
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->root, "/tmp/weir-iio-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->bus, sizeof(f->bus), "%s/bus", f->root);
	assert_int_equal(mkdir(f->bus, 0755), 0);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	weir_iio_devices_close(&f->devices);
	run("rm -rf '%s'", f->root);
	free(f);
	return 0;
}

static void read_devices(struct fixture *f)
{
	assert_int_equal(weir_iio_devices_read(f->bus, &f->devices), 0);
}

/* Two ADS1115 and a device that is on no bus. */
static void make_three(struct fixture *f)
{
	make_device(f, "i2c-1/1-0048", "iio:device10", "ads1115");
	make_device(f, "i2c-1/1-0049", "iio:device2", "ads1115");
	make_device(f, "", "iio:device0", "dummy");
	put(f, "i2c-1/1-0049/iio:device2", "label", "battery");
	put(f, "", "trigger0", "no directory, and no device");
	read_devices(f);
	assert_int_equal(f->devices.n, 3);
}

static int found(const struct fixture *f, const char *word)
{
	int which = weir_iio_find_device(&f->devices, word);

	return which < 0 ? which : f->devices.device[which].number;
}

/* By bus address, NAME@ADDRESS, label and path two of a kind are told apart, whatever their numbers. */
static void two_of_a_kind_have_names_that_stay(void **state)
{
	struct fixture *f = *state;
	char path[256];

	make_three(f);
	assert_int_equal(found(f, "ads1115"), -ENOTUNIQ);
	assert_int_equal(found(f, "1-0048"), 10);
	assert_int_equal(found(f, "ads1115@1-0048"), 10);
	assert_int_equal(found(f, "ads1115@1-0049"), 2);
	assert_int_equal(found(f, "battery"), 2);
	assert_int_equal(found(f, "battery@1-0049"), 2);
	assert_int_equal(found(f, "iio:device10"), 10);
	assert_int_equal(found(f, "10"), 10);
	assert_int_equal(found(f, "1"), -ENOENT);
	assert_int_equal(found(f, "dummy"), 0);
	assert_int_equal(found(f, ""), -ENOENT);
	assert_int_equal(found(f, "devices"), -ENOENT);
	snprintf(path, sizeof(path), "%s/devices/i2c-1/1-0049", f->root);
	assert_int_equal(found(f, path), 2);
	snprintf(path, sizeof(path), "%s/devices/i2c-1/1-0049/iio:device2", f->root);
	assert_int_equal(found(f, path), 2);
	snprintf(path, sizeof(path), "%s/iio:device10", f->bus);
	assert_int_equal(found(f, path), 10);
	snprintf(path, sizeof(path), "%s/devices/i2c-1", f->root);
	assert_int_equal(found(f, path), -ENOENT);
}

/* Every name that is said to stay means that device; messages use the shortest. */
static void listed_names_mean_their_device(void **state)
{
	struct fixture *f = *state;
	char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX];

	make_three(f);
	for (uint32_t i = 0; i < f->devices.n; i++) {
		uint32_t n = weir_iio_stable_names(&f->devices, i, names);

		assert_true(n >= 1);
		for (uint32_t j = 0; j < n; j++)
			assert_int_equal(weir_iio_find_device(&f->devices, names[j]), i);
		assert_int_equal(weir_iio_find_device(&f->devices, f->devices.device[i].title), i);
	}
	assert_string_equal(f->devices.device[0].title, "dummy");
	assert_string_equal(f->devices.device[1].title, "battery");
	assert_string_equal(f->devices.device[2].title, "ads1115@1-0048");
}

/* A driver of a family has one name; the bus tells its chips apart, I2C by a file and SPI by an alias. */
static void chips_of_a_family_have_their_own_names(void **state)
{
	struct fixture *f = *state;
	char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX];

	make_device(f, "i2c-1/1-0048", "iio:device0", "ads1015");
	put(f, "i2c-1/1-0048", "name", "ads1115");
	make_device(f, "i2c-1/1-0049", "iio:device1", "ads1015");
	put(f, "i2c-1/1-0049", "name", "ads1015");
	make_device(f, "spi0.1", "iio:device2", "mcp320x");
	put(f, "spi0.1", "modalias", "spi:mcp3008");
	read_devices(f);
	assert_int_equal(found(f, "ads1115"), 0);
	assert_int_equal(found(f, "ads1115@1-0048"), 0);
	assert_int_equal(found(f, "ads1015@1-0048"), 0);
	assert_int_equal(found(f, "ads1015"), -ENOTUNIQ);
	assert_int_equal(found(f, "ads1115@1-0049"), -ENOENT);
	assert_int_equal(found(f, "mcp3008"), 2);
	assert_int_equal(found(f, "mcp3008@spi0.1"), 2);
	weir_iio_stable_names(&f->devices, 0, names);
	assert_string_equal(names[0], "ads1115@1-0048");
	assert_string_equal(f->devices.device[0].title, "ads1115");
	assert_string_equal(f->devices.device[1].title, "ads1015@1-0049");
}

/* One chip with two devices: the address alone is not enough, and is not offered. */
static void an_address_of_two_devices_is_ambiguous(void **state)
{
	struct fixture *f = *state;
	char names[WEIR_IIO_STABLE_MAX][2 * WEIR_IIO_NAME_MAX];

	make_device(f, "spi0.0", "iio:device0", "lsm6ds3_accel");
	make_device(f, "spi0.0", "iio:device1", "lsm6ds3_gyro");
	read_devices(f);
	assert_int_equal(found(f, "spi0.0"), -ENOTUNIQ);
	assert_int_equal(found(f, "lsm6ds3_gyro@spi0.0"), 1);
	assert_int_equal(weir_iio_stable_names(&f->devices, 1, names), 2);
	assert_string_equal(names[0], "lsm6ds3_gyro@spi0.0");
	assert_string_equal(names[1], "lsm6ds3_gyro");
}

static const struct weir_iio_channel *channel_of(const struct fixture *f, const char *word)
{
	const struct weir_iio_device *device = &f->devices.device[0];
	int which = weir_iio_find_channel(device, word, weir_iio_is_readable);

	return which < 0 ? NULL : &device->channel[which];
}

#define CHIP "1-0010/iio:device0"

static void make_chip(struct fixture *f)
{
	static const char *const files[] = {
		"in_voltage0_supply_raw", "in_voltage1_raw",        "in_voltage0-voltage1_raw",
		"in_voltage2_mean_raw",   "in_current_shunt_input", "in_temp_raw",
		"in_temp_input",          "in_accel_x_raw",         "in_accel_y_raw",
		"out_voltage0_raw",       "in_voltage10_raw",
	};

	make_device(f, "1-0010", "iio:device0", "chip");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		put(f, CHIP, files[i], "5");
	put(f, CHIP, "in_voltage_scale", "0.125");
	put(f, CHIP, "in_voltage-voltage_scale", "0.25");
	put(f, CHIP, "in_voltage0_supply_scale", "0.5");
	put(f, CHIP, "in_temp_offset", "-400");
	put(f, CHIP, "in_voltage10_label", "5V rail");
	put(f, CHIP, "in_accel_sampling_frequency", "25.000000");
	put(f, CHIP, "in_accel_sampling_frequency_available", "12.5 25 50");
	put(f, CHIP, "sampling_frequency", "10");
	put(f, CHIP, "sampling_frequency_available", "[1 1 100]");
	put(f, CHIP, "scan_elements/in_accel_y_en", "0");
	put(f, CHIP, "scan_elements/in_accel_y_index", "0");
	put(f, CHIP, "scan_elements/in_accel_y_type", "le:s16/16>>0");
	put(f, CHIP, "scan_elements/in_timestamp_en", "0");
	put(f, CHIP, "scan_elements/in_timestamp_index", "7");
	put(f, CHIP, "scan_elements/in_timestamp_type", "le:s64/64>>0");
	read_devices(f);
	assert_int_equal(f->devices.n, 1);
}

/* Extended names, a lone attribute, differences and labels are channels; statistics and outputs are no inputs. */
static void channels_are_what_sysfs_spells(void **state)
{
	struct fixture *f = *state;
	const struct weir_iio_device *device;

	make_chip(f);
	device = &f->devices.device[0];
	assert_string_equal(channel_of(f, "supply")->id, "voltage0_supply");
	assert_string_equal(channel_of(f, "voltage0")->id, "voltage0_supply");
	assert_string_equal(channel_of(f, "in_voltage0_supply")->id, "voltage0_supply");
	assert_string_equal(channel_of(f, "current_shunt")->id, "current_shunt");
	assert_string_equal(channel_of(f, "current")->id, "current_shunt");
	assert_string_equal(channel_of(f, "shunt")->id, "current_shunt");
	assert_true(channel_of(f, "shunt")->has_input && !channel_of(f, "shunt")->has_raw);
	assert_string_equal(channel_of(f, "1")->id, "voltage1");
	assert_string_equal(channel_of(f, "voltage1")->id, "voltage1");
	assert_string_equal(channel_of(f, "voltage0_voltage1")->id, "voltage0-voltage1");
	assert_string_equal(channel_of(f, "5V rail")->id, "voltage10");
	assert_string_equal(channel_of(f, "5V_rail")->id, "voltage10");
	assert_true(channel_of(f, "temp")->has_raw && channel_of(f, "temp")->has_input);
	assert_null(channel_of(f, "voltage2"));
	assert_int_equal(weir_iio_find_channel(device, "accel", weir_iio_is_readable), -ENOTUNIQ);
	assert_int_equal(weir_iio_find_channel(device, "voltage", weir_iio_is_readable), -ENOTUNIQ);
	assert_int_equal(weir_iio_find_channel(device, "accel_x", weir_iio_is_scanned), -ENOENT);
	assert_true(weir_iio_find_channel(device, "accel_y", weir_iio_is_scanned) >= 0);
	assert_int_equal(weir_iio_find_channel(device, "timestamp", weir_iio_is_scanned), -ENOENT);
	assert_int_equal(weir_iio_timestamp(device)->element.index, 7);
}

static double scale_of(const struct fixture *f, const char *word)
{
	double scale = 1;

	weir_iio_channel_number(f->devices.device[0].dir, channel_of(f, word), "scale", &scale);
	return scale;
}

/* An attribute is the channel's own, its type's, or the device's, in this order. */
static void attributes_may_be_shared(void **state)
{
	struct fixture *f = *state;
	struct weir_iio_rates rates = { 0 };
	const char *dir;
	double value = 0;

	make_chip(f);
	dir = f->devices.device[0].dir;
	assert_true(scale_of(f, "supply") == 0.5);
	assert_true(scale_of(f, "voltage1") == 0.125);
	assert_true(scale_of(f, "voltage0_voltage1") == 0.25);
	assert_true(scale_of(f, "shunt") == 1);
	assert_int_equal(weir_iio_channel_number(dir, channel_of(f, "temp"), "offset", &value), 0);
	assert_true(value == -400);
	assert_int_equal(weir_iio_channel_number(dir, channel_of(f, "temp"), "label", &value), -ENOENT);
	weir_iio_rates_add(&rates, dir, channel_of(f, "accel_x"));
	weir_iio_rates_add(&rates, dir, channel_of(f, "accel_y"));
	weir_iio_rates_add(&rates, dir, channel_of(f, "voltage1"));
	weir_iio_rates_add(&rates, dir, channel_of(f, "temp"));
	assert_int_equal(rates.n, 2);
	assert_string_equal(rates.rate[0].file, "in_accel_sampling_frequency");
	assert_string_equal(rates.rate[0].available, "in_accel_sampling_frequency_available");
	assert_string_equal(rates.rate[1].file, "sampling_frequency");
	assert_string_equal(rates.rate[1].available, "sampling_frequency_available");
	assert_true(weir_iio_rates_now(&rates) == 25);
}

/* A gain that is set is seen at the next look; what cannot be read leaves the last. */
static void scales_follow_a_gain(void **state)
{
	struct fixture *f = *state;
	struct weir_iio_scales scales = { .n = 0 };
	uint32_t shared;

	make_chip(f);
	shared = weir_iio_scales_add(&scales, f->devices.device[0].dir, channel_of(f, "voltage1"));
	assert_int_equal(weir_iio_scales_add(&scales, f->devices.device[0].dir, channel_of(f, "voltage10")), shared);
	assert_int_equal(weir_iio_scales_add(&scales, f->devices.device[0].dir, channel_of(f, "temp")), shared + 1);
	assert_true(scales.scale[shared].scale == 0.125 && scales.scale[shared].offset == 0);
	assert_false(weir_iio_scales_read(&scales));
	put(f, CHIP, "in_voltage_scale", "0.0625");
	assert_true(weir_iio_scales_read(&scales));
	assert_true(scales.scale[shared].scale == 0.0625);
	put(f, CHIP, "in_voltage_scale", "none");
	assert_false(weir_iio_scales_read(&scales));
	assert_int_equal(scales.scale[shared].err, -EINVAL);
	assert_true(scales.scale[shared].scale == 0.0625);
	put(f, CHIP, "in_voltage_scale", "0.000000000");
	assert_false(weir_iio_scales_read(&scales));
	assert_int_equal(scales.scale[shared].err, -ERANGE);
	put(f, CHIP, "in_temp_offset", "-300");
	assert_true(weir_iio_scales_read(&scales));
	assert_true(scales.scale[shared + 1].offset == -300);
	weir_iio_scales_close(&scales);
}

/* All numbers of a text, or none: never the first digits of something else. */
static void texts_hold_numbers(void **state)
{
	double number[4];

	(void)state;
	assert_int_equal(weir_iio_parse_numbers("11 22 33 44 \n", number, 4), 4);
	assert_true(number[0] == 11 && number[3] == 44);
	assert_int_equal(weir_iio_parse_numbers("7.250000\n", number, 4), 1);
	assert_true(number[0] == 7.25);
	assert_int_equal(weir_iio_parse_numbers("-0.500000 dB\n", number, 4), 1);
	assert_true(number[0] == -0.5);
	assert_int_equal(weir_iio_parse_numbers("1 2 3 4 5", number, 4), 4);
	assert_int_equal(weir_iio_parse_numbers("12x", number, 4), 0);
	assert_int_equal(weir_iio_parse_numbers("", number, 4), 0);
	assert_int_equal(weir_iio_parse_numbers("off", number, 4), 0);
}

static void note(void *context, const char *target, const char *what, const struct weir_device_fact *fact, size_t n)
{
	FILE *out = context;

	fprintf(out, "%s: %s\n", target, what);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s %s\n", fact[i].key, fact[i].value);
}

/* Names, channels with their units, rates, and a program. */
static void the_list_has_what_a_program_needs(void **state)
{
	static const char *const expected[] = {
		"chip: iio:device0, chip at 1-0010, 8 channels\n",
		"name iio:chip@1-0010\n",
		"channel current_shunt in mA, by poll=\n",
		"channel accel_y in m/s^2, by buffer and poll=\n",
		"channel voltage10 \"5V rail\" in mV, by poll=\n",
		"rate 25.000000 Hz now, available: 12.5 25 50 (in_accel_sampling_frequency)\n",
		"rate 10 Hz now, available: [1 1 100] (sampling_frequency)\n",
		"program iio:chip@1-0010[accel_y] | print\n",
	};
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");
	struct fixture *f = *state;

	make_chip(f);
	weir_iio_tell_devices_of(f->bus, note, out);
	fclose(out);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		if (!strstr(text, expected[i]))
			fail_msg("'%s' is not in:\n%s", expected[i], text);
}

int main(void)
{
#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
	const struct CMUnitTest tests[] = {
		IN_FIXTURE(two_of_a_kind_have_names_that_stay),
		IN_FIXTURE(listed_names_mean_their_device),
		IN_FIXTURE(chips_of_a_family_have_their_own_names),
		IN_FIXTURE(an_address_of_two_devices_is_ambiguous),
		IN_FIXTURE(channels_are_what_sysfs_spells),
		IN_FIXTURE(attributes_may_be_shared),
		IN_FIXTURE(scales_follow_a_gain),
		IN_FIXTURE(the_list_has_what_a_program_needs),
		cmocka_unit_test(texts_hold_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
