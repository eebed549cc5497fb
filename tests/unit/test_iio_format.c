/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scan formats and layouts: worked examples, and properties of random scans. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "devices/iio_channel.h"
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

/* What a `_type` attribute says arrives whole: byte order, sign, bits, storage, repeat, shift. */
static void types_become_elements(void **state)
{
	static const char *const bad[] = { "",       "le",          "le:",       "xe:s12/16>>4", "le:q12/16>>4",
					   "le:s12", "be:u12/16>4", "be:u12/16X" };
	struct weir_iio_element got = { 0 };

	(void)state;
	assert_true(weir_iio_parse_type("be:u12/16>>4", &got));
	assert_true(got.is_big_endian && !got.is_signed && !got.is_float);
	assert_true(got.bits == 12 && got.storage == 16 && got.shift == 4 && got.repeat == 1);
	assert_true(weir_iio_parse_type("le:s24/32X4>>8", &got));
	assert_true(!got.is_big_endian && got.is_signed);
	assert_true(got.bits == 24 && got.storage == 32 && got.shift == 8 && got.repeat == 4);
	assert_true(weir_iio_parse_type("le:f32/32>>0", &got));
	assert_true(got.is_float);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(weir_iio_parse_type(bad[i], &got));
}

/* A float is taken as it is: with a scale it would be another value. */
static void floats_have_no_scale(void **state)
{
	struct weir_iio_element value = element("a", 0, 32, 1);
	struct weir_schema schema;

	(void)state;
	value.is_float = true;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &value, 1, &timestamp), 0);
	assert_true(schema.field[0].is_float);
	value.scale = 2;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &value, 1, &timestamp), -EINVAL);
	value = element("a", 0, 16, 1);
	value.is_float = true;
	assert_int_equal(weir_iio_layout(&schema, WEIR_CLOCK_MONOTONIC, &value, 1, &timestamp), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pads_before_the_timestamp),
		cmocka_unit_test(order_of_fields_is_not_order_of_bytes),
		cmocka_unit_test(repeats_become_numbered_fields),
		cmocka_unit_test(refuses_unsound_elements),
		cmocka_unit_test(random_scans_are_laid_out_as_the_kernel_does),
		cmocka_unit_test(types_become_elements),
		cmocka_unit_test(floats_have_no_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
