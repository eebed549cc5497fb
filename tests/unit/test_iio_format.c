/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scan formats and layouts: worked examples, libiio's own parser on fake devices, and properties of random scans. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <iio.h>

#include "devices/iio_device.h"
#include "devices/iio_scan.h"

static const struct weir_iio_element timestamp = {
	.index = 99, .bits = 64, .storage = 64, .repeat = 1, .is_signed = true
};

static struct weir_iio_element element(const char *name, long index, uint32_t storage, uint32_t repeat)
{
	struct weir_iio_element made = {
		.shown = true, .index = index, .bits = storage, .storage = storage, .repeat = repeat, .scale = 1
	};

	snprintf(made.name, sizeof(made.name), "%s", name);
	return made;
}

/* The HID accelerometer, three s32: 12 bytes, 4 of padding, the time at 16. */
static void pads_before_the_timestamp(void **state)
{
	struct weir_iio_element accel[] = { element("x", 0, 32, 1), element("y", 1, 32, 1), element("z", 2, 32, 1) };
	struct weir_schema schema;

	(void)state;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, accel, 3, &timestamp), 0);
	assert_int_equal(schema.row_bytes, 24);
	assert_int_equal(schema.t.at, 16);
	assert_int_equal(schema.t.bytes, 8);
	assert_int_equal(schema.field[2].at, 8);
}

/* Fields keep the order of the program, bytes the order of the scan, and channels that only come along have no field. */
static void order_of_fields_is_not_order_of_bytes(void **state)
{
	struct weir_iio_element scan[] = { element("z", 7, 16, 1), element("a", 2, 8, 1), element("hidden", 4, 16, 1) };
	struct weir_schema schema;

	(void)state;
	scan[2].shown = false;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_REALTIME, scan, 3, &timestamp), 0);
	assert_int_equal(schema.n_fields, 2);
	assert_string_equal(schema.field[0].name, "z");
	assert_int_equal(schema.field[0].at, 4);
	assert_int_equal(schema.field[1].at, 0);
	assert_int_equal(schema.row_bytes, 16);
	assert_int_equal(schema.clock, WEIR_CLOCK_REALTIME);
}

/* A quaternion is one element of 16 bytes to the alignment and four fields to us; the kernel stamps the last 8 bytes. */
static void repeats_become_numbered_fields(void **state)
{
	struct weir_iio_element rotation[] = { element("rot", 0, 32, 4) };
	struct weir_schema schema;

	(void)state;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, rotation, 1, &timestamp), 0);
	assert_int_equal(schema.n_fields, 4);
	assert_string_equal(schema.field[3].name, "rot_3");
	assert_int_equal(schema.field[3].at, 12);
	assert_int_equal(schema.row_bytes, 32);
	assert_int_equal(schema.t.at, 24);
}

/* What cannot be read as a row is refused, never guessed. */
static void refuses_unsound_elements(void **state)
{
	struct weir_iio_element odd = element("a", 0, 24, 1), wide = element("a", 0, 16, 1),
				many = element("a", 0, 8, 65);
	struct weir_iio_element narrow = timestamp;
	struct weir_schema schema;

	(void)state;
	wide.shift = 1;
	narrow.storage = narrow.bits = 32;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &odd, 1, &timestamp), -EINVAL);
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &wide, 1, &timestamp), -EINVAL);
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &many, 1, &timestamp), -EINVAL);
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &many, 65, &timestamp), -E2BIG);
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, NULL, 0, &narrow), -EINVAL);
}

static uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % n);
}

/* The kernel's iio_compute_scan_bytes(), in its own terms: powers of two only, indexes ascending. */
static uint32_t kernel_scan_bytes(const struct weir_iio_element *scan, uint32_t n)
{
	uint32_t bytes = 0, largest = 8;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t length = scan[i].storage / 8 * scan[i].repeat;

		bytes = ((bytes + length - 1) & ~(length - 1)) + length;
		largest = length > largest ? length : largest;
	}
	bytes = ((bytes + 7) & ~7u) + 8;
	return (bytes + largest - 1) & ~(largest - 1);
}

static void assert_disjoint(const struct weir_schema *schema)
{
	uint8_t used[WEIR_ROW_MAX] = { 0 };

	for (uint32_t i = 0; i <= schema->n_fields; i++) {
		const struct weir_field *field = i < schema->n_fields ? &schema->field[i] : &schema->t;

		assert_true(field->at + field->bytes <= schema->row_bytes);
		for (uint32_t b = 0; b < field->bytes; b++)
			assert_int_equal(used[field->at + b]++, 0);
	}
}

/* Random scans, shuffled: the row is the kernel's size, elements are aligned, inside, and none overlaps another. */
static void random_scans_are_laid_out_as_the_kernel_does(void **state)
{
	uint64_t seed = 20240607;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct weir_iio_element scan[16], swap;
		uint32_t n = random_below(&seed, 16) + 1;
		struct weir_schema schema;
		uint32_t bytes;

		for (uint32_t i = 0; i < n; i++) {
			scan[i] = element("", (long)i * 3, 8u << random_below(&seed, 4), 1u << random_below(&seed, 3));
			snprintf(scan[i].name, sizeof(scan[i].name), "c%u", i);
		}
		bytes = kernel_scan_bytes(scan, n);
		for (uint32_t i = n - 1; i > 0; i--) {
			uint32_t j = random_below(&seed, i + 1);

			swap = scan[i], scan[i] = scan[j], scan[j] = swap;
		}
		assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, scan, n, &timestamp), 0);
		assert_int_equal(schema.row_bytes, bytes);
		assert_int_equal(schema.t.at, bytes - 8);
		for (uint32_t i = 0; i < schema.n_fields; i++)
			assert_int_equal(schema.field[i].at % schema.field[i].bytes, 0);
		assert_disjoint(&schema);
	}
}

static const char fake[] =
	"<?xml version=\"1.0\"?><context name=\"xml\">"
	"<device id=\"iio:device0\" name=\"adc\">"
	"<channel id=\"voltage0\" type=\"input\"><scan-element index=\"0\" format=\"be:u12/16&gt;&gt;4\"/></channel>"
	"<channel id=\"voltage1-voltage2\" type=\"input\"><scan-element index=\"1\" "
	"format=\"le:s24/32X2&gt;&gt;8\"/></channel>"
	"<channel id=\"temp\" type=\"input\"/>"
	"<channel id=\"voltage3\" type=\"output\"><scan-element index=\"2\" format=\"le:s16/16&gt;&gt;0\"/></channel>"
	"<channel id=\"timestamp\" type=\"input\"><scan-element index=\"9\" format=\"le:S64/64&gt;&gt;0\"/></channel>"
	"</device>"
	"<device id=\"iio:device1\" name=\"accel_3d\" label=\"base\"><channel id=\"accel_x\" type=\"input\"/></device>"
	"<device id=\"iio:device2\" name=\"accel_3d\"/>"
	"<device id=\"trigger0\" name=\"adc-dev0\"/>"
	"</context>";

static int open_fake(void **state)
{
	*state = iio_create_xml_context_mem(fake, sizeof(fake) - 1);
	return *state ? 0 : -1;
}

static int close_fake(void **state)
{
	iio_context_destroy(*state);
	return 0;
}

static const struct iio_device *find(const struct iio_context *context, const char *word)
{
	const struct iio_device *device;

	return weir_iio_find_device(context, word, &device) ? NULL : device;
}

/* What libiio reads from a `_type` attribute arrives whole: byte order, sign, bits, storage, shift, repeat. */
static void format_strings_become_elements(void **state)
{
	const struct iio_device *adc = find(*state, "adc");
	struct weir_iio_element got;

	weir_iio_element(iio_device_find_channel(adc, "voltage0", false), &got);
	assert_true(got.is_big_endian && !got.is_signed);
	assert_int_equal(got.bits, 12);
	assert_int_equal(got.storage, 16);
	assert_int_equal(got.shift, 4);
	assert_int_equal(got.repeat, 1);
	assert_string_equal(got.unit, "mV");
	weir_iio_element(iio_device_find_channel(adc, "voltage1-voltage2", false), &got);
	assert_true(!got.is_big_endian && got.is_signed);
	assert_int_equal(got.bits, 24);
	assert_int_equal(got.shift, 8);
	assert_int_equal(got.repeat, 2);
	assert_int_equal(got.index, 1);
	assert_true(got.scale == 1 && got.offset == 0);
}

/* Devices are found by name, label, id and index; what is ambiguous or a trigger is not found. */
static void devices_are_found_by_every_name(void **state)
{
	const struct iio_device *device;

	assert_ptr_equal(find(*state, "adc"), find(*state, "iio:device0"));
	assert_ptr_equal(find(*state, "0"), find(*state, "adc"));
	assert_ptr_equal(find(*state, "base"), find(*state, "1"));
	assert_int_equal(weir_iio_find_device(*state, "accel_3d", &device), -ENOTUNIQ);
	assert_int_equal(weir_iio_find_device(*state, "adc-dev0", &device), -ENOENT);
	assert_int_equal(weir_iio_find_device(*state, "", &device), -ENOENT);
}

/* Only channels that can be scanned are candidates: no output, no timestamp, none without a place in the scan. */
static void channels_are_found_among_the_usable(void **state)
{
	const struct iio_device *adc = find(*state, "adc");
	const struct iio_channel *channel;

	assert_int_equal(weir_iio_find_channel(adc, "voltage1_voltage2", weir_iio_is_scanned, &channel), 0);
	assert_string_equal(iio_channel_get_id(channel), "voltage1-voltage2");
	assert_int_equal(weir_iio_find_channel(adc, "0", weir_iio_is_scanned, &channel), 0);
	assert_int_equal(weir_iio_find_channel(adc, "voltage3", weir_iio_is_scanned, &channel), -ENOENT);
	assert_int_equal(weir_iio_find_channel(adc, "temp", weir_iio_is_scanned, &channel), -ENOENT);
	assert_int_equal(weir_iio_find_channel(adc, "timestamp", weir_iio_is_scanned, &channel), -ENOENT);
	assert_non_null(weir_iio_timestamp(adc));
	assert_null(weir_iio_timestamp(find(*state, "1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pads_before_the_timestamp),
		cmocka_unit_test(order_of_fields_is_not_order_of_bytes),
		cmocka_unit_test(repeats_become_numbered_fields),
		cmocka_unit_test(refuses_unsound_elements),
		cmocka_unit_test(random_scans_are_laid_out_as_the_kernel_does),
		cmocka_unit_test_setup_teardown(format_strings_become_elements, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(devices_are_found_by_every_name, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(channels_are_found_among_the_usable, open_fake, close_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
