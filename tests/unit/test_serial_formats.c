/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes over a serial line: NMEA sentences and binary frames; which bytes are values, and which are not. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "devices/serial_frame.h"
#include "devices/serial_nmea.h"

/* ------------------------------------------------------------------------ NMEA */

/* A sentence with its right checksum. */
static enum weir_nmea_result read_body(const char *body, struct weir_nmea *out)
{
	char line[200];
	uint8_t sum = 0;

	for (const char *at = body; *at; at++)
		sum ^= (uint8_t)*at;
	snprintf(line, sizeof(line), "$%s*%02X", body, sum);
	return weir_nmea_read(line, strlen(line), out);
}

static enum weir_nmea_result read_line(const char *line)
{
	struct weir_nmea out = { .sentence = "abc" };
	enum weir_nmea_result result = weir_nmea_read(line, strlen(line), &out);

	/* Without a position nothing is written. */
	if (result != WEIR_NMEA_POSITION)
		assert_string_equal(out.sentence, "abc");
	return result;
}

static void positions_of_the_standard(void **state)
{
	static const char rmc[] = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A";
	static const char gga[] = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47";
	struct weir_nmea out;

	(void)state;
	assert_int_equal(weir_nmea_read(rmc, strlen(rmc), &out), WEIR_NMEA_POSITION);
	assert_string_equal(out.sentence, "RMC");
	assert_true(out.is_valid);
	assert_float_equal(out.utc, 764426119, 0);
	assert_float_equal(out.latitude, 48.1173, 1e-9);
	assert_float_equal(out.longitude, 11.516666666666667, 1e-9);
	assert_float_equal(out.speed, 22.4 * 1852 / 3600, 1e-9);
	assert_float_equal(out.course, 84.4, 1e-9);
	assert_true(isnan(out.altitude));
	assert_int_equal(weir_nmea_read(gga, strlen(gga), &out), WEIR_NMEA_POSITION);
	assert_string_equal(out.sentence, "GGA");
	assert_float_equal(out.altitude, 545.4, 1e-9);
	assert_float_equal(out.satellites, 8, 0);
	assert_float_equal(out.hdop, 0.9, 1e-9);
	assert_true(isnan(out.utc));
	assert_true(isnan(out.speed));
}

static void south_and_west_are_negative(void **state)
{
	struct weir_nmea out;

	(void)state;
	assert_int_equal(read_body("GNRMC,001031.00,A,3351.5000,S,15112.6000,W,,,311299,,,A", &out),
			 WEIR_NMEA_POSITION);
	assert_float_equal(out.latitude, -33.858333333333334, 1e-9);
	assert_float_equal(out.longitude, -151.21, 1e-9);
	assert_float_equal(out.utc, 946599031, 0);
	assert_true(isnan(out.speed));
}

static void without_a_fix_there_is_no_position(void **state)
{
	struct weir_nmea out;

	(void)state;
	/* The last position, repeated. */
	assert_int_equal(read_body("GPRMC,123519,V,4807.038,N,01131.000,E,022.4,084.4,230394,,", &out),
			 WEIR_NMEA_POSITION);
	assert_false(out.is_valid);
	assert_true(isnan(out.latitude) && isnan(out.longitude) && isnan(out.speed) && isnan(out.course));
	assert_int_equal(read_body("GPGGA,123519,4807.038,N,01131.000,E,0,00,99.9,545.4,M,46.9,M,,", &out),
			 WEIR_NMEA_POSITION);
	assert_true(!out.is_valid && isnan(out.latitude) && isnan(out.altitude));
	assert_int_equal(read_body("GPGGA,,,,,,0,,,,,,,,", &out), WEIR_NMEA_POSITION);
	assert_true(!out.is_valid && isnan(out.satellites));
	/* Simulated, or dead reckoning. */
	assert_int_equal(read_body("GPGGA,123519,4807.038,N,01131.000,E,8,08,0.9,545.4,M,46.9,M,,", &out),
			 WEIR_NMEA_POSITION);
	assert_false(out.is_valid);
}

static void a_wrong_checksum_is_no_sentence(void **state)
{
	(void)state;
	assert_int_equal(read_line("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6B"),
			 WEIR_NMEA_CHECKSUM);
	assert_int_equal(read_line("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"),
			 WEIR_NMEA_CHECKSUM);
	assert_int_equal(read_line("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6"),
			 WEIR_NMEA_CHECKSUM);
	assert_int_equal(read_line("$GPRMC,123519,A,4808.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"),
			 WEIR_NMEA_CHECKSUM);
	assert_int_equal(read_line("$"), WEIR_NMEA_CHECKSUM);
	assert_int_equal(read_line("$*00"), WEIR_NMEA_OTHER);
	assert_int_equal(read_line(""), WEIR_NMEA_NO_SENTENCE);
	assert_int_equal(read_line("u-blox 7"), WEIR_NMEA_NO_SENTENCE);
}

static void values_that_cannot_be_are_none(void **state)
{
	static const char *const bodies[] = {
		"GPRMC,123519,A,9107.038,N,01131.000,E,022.4,084.4,230394,,",    /* beyond the pole */
		"GPRMC,123519,A,4867.038,N,01131.000,E,022.4,084.4,230394,,",    /* 67 minutes */
		"GPRMC,123519,A,4807.038,X,01131.000,E,022.4,084.4,230394,,",    /* neither north nor south */
		"GPRMC,123519,A,4807.038,,01131.000,E,022.4,084.4,230394,,",     /* the half is missing */
		"GPRMC,123519,A,4807.038,N,18131.000,E,022.4,084.4,230394,,",    /* beyond the date line */
		"GPRMC,123519,A,4807.0x8,N,01131.000,E,022.4,084.4,230394,,",    /* not a number */
		"GPRMC,123519,A,nan,N,01131.000,E,022.4,084.4,230394,,",         /* nor this */
		"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,361,230394,,",      /* a course beyond the circle */
		"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,231394,,",    /* the 13th month */
		"GPRMC,253519,A,4807.038,N,01131.000,E,022.4,084.4,230394,,",    /* hour 25 */
		"GPRMC,123519,A,,,,,022.4,084.4,230394,,",                       /* a fix without a position */
		"GPRMC,123519,A,4807.038,N",                                     /* too few fields */
		"GPRMC,123519,B,4807.038,N,01131.000,E,022.4,084.4,230394,,",    /* neither valid nor void */
		"GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,F,46.9,M,,", /* feet */
	};
	struct weir_nmea out;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		if (read_body(bodies[i], &out) != WEIR_NMEA_MALFORMED)
			fail_msg("taken: %s", bodies[i]);
	assert_int_equal(read_body("GPGSV,3,1,11,03,03,111,00", &out), WEIR_NMEA_OTHER);
	assert_int_equal(read_body("PUBX,00", &out), WEIR_NMEA_OTHER);
}

/* ---------------------------------------------------------------------- frames */

static const uint8_t pms5003[32] = { 0x42, 0x4d, 0x00, 0x1c, 0x00, 0x05, 0x00, 0x09, 0x00, 0x0b, 0x00,
				     0x05, 0x00, 0x09, 0x00, 0x0b, 0x04, 0x56, 0x01, 0x3d, 0x00, 0x42,
				     0x00, 0x06, 0x00, 0x02, 0x00, 0x00, 0x97, 0x00, 0x02, 0x56 };

struct description {
	struct weir_frame_format format;
	struct weir_schema schema;
};

static int parse(struct description *d, const char *frame, const char *length, const char *checksum, const char *out)
{
	const char *const texts[4] = { frame, length, checksum, out }, *which;
	char why[WEIR_FRAME_WHY];

	weir_schema_init(&d->schema, WEIR_CLOCK_MONOTONIC);
	return weir_frame_parse(&d->format, &d->schema, texts, &which, why);
}

static int64_t integer_of(const struct description *d, const uint8_t *frame, const char *name)
{
	char row[WEIR_ROW_MAX];
	int64_t value;

	weir_frame_write(&d->format, &d->schema, frame, row);
	memcpy(&value, row + d->schema.field[weir_schema_find(&d->schema, name)].at, sizeof(value));
	return value;
}

static double real_of(const struct description *d, const uint8_t *frame, const char *name)
{
	char row[WEIR_ROW_MAX];
	double value;

	weir_frame_write(&d->format, &d->schema, frame, row);
	memcpy(&value, row + d->schema.field[weir_schema_find(&d->schema, name)].at, sizeof(value));
	return value;
}

static void a_frame_of_a_particle_sensor(void **state)
{
	struct description d;
	size_t skip, length;

	(void)state;
	assert_int_equal(parse(&d, "42 4d", "u16be@2+4", "sum16", "pm1=u16be@10, pm25=u16be@12, pm10 = u16be@14 "), 0);
	assert_int_equal(weir_frame_find(&d.format, pms5003, 32, &skip, &length), WEIR_FRAME_WHOLE);
	assert_int_equal(skip, 0);
	assert_int_equal(length, 32);
	assert_int_equal(integer_of(&d, pms5003, "pm1"), 5);
	assert_int_equal(integer_of(&d, pms5003, "pm25"), 9);
	assert_int_equal(integer_of(&d, pms5003, "pm10"), 11);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct description d;
	uint8_t bytes[32];
	size_t skip, length;

	(void)state;
	assert_int_equal(parse(&d, "42 4d", "32", "sum16", "pm25=u16be@12"), 0);
	for (int bit = 0; bit < 256; bit++) {
		memcpy(bytes, pms5003, 32);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(weir_frame_find(&d.format, bytes, 32, &skip, &length), WEIR_FRAME_WHOLE);
		assert_int_equal(length, 0);
	}
}

static void a_frame_is_found_behind_anything(void **state)
{
	/* The beginning of a frame, a false header, and the frame. */
	uint8_t bytes[64] = { 0x42, 0x4d, 0x00, 0x1c, 0x01, 0x42, 0x42, 0x4d, 0xff };
	struct description d;
	size_t skip, length, at = 0, n = 9 + 32, wrong = 0;
	enum weir_frame_result result;

	(void)state;
	memcpy(bytes + 9, pms5003, 32);
	assert_int_equal(parse(&d, "42 4d", "32", "sum16", "pm25=u16be@12"), 0);
	while ((result = weir_frame_find(&d.format, bytes + at, n - at, &skip, &length)) == WEIR_FRAME_CHECKSUM) {
		at += skip;
		wrong++;
	}
	assert_int_equal(result, WEIR_FRAME_WHOLE);
	assert_int_equal(at + skip, 9);
	assert_int_equal(wrong, 2);
}

static void a_torn_frame_waits_for_the_rest(void **state)
{
	struct description d;
	size_t skip, length;

	(void)state;
	assert_int_equal(parse(&d, "42 4d", "u16be@2+4", "sum16", "pm25=u16be@12"), 0);
	for (size_t n = 0; n < 32; n++) {
		assert_int_equal(weir_frame_find(&d.format, pms5003, n, &skip, &length), WEIR_FRAME_PART);
		assert_int_equal(skip, 0);
	}
	/* A length that a frame with these fields cannot have. */
	assert_int_equal(weir_frame_find(&d.format, (const uint8_t *)"\x42\x4d\x00\x05\x00\x00", 6, &skip, &length),
			 WEIR_FRAME_LENGTH);
	assert_int_equal(skip, 1);
	assert_int_equal(weir_frame_find(&d.format, (const uint8_t *)"\x42\x4d\xff\xff\x00\x00", 6, &skip, &length),
			 WEIR_FRAME_LENGTH);
}

static void checksums_of_known_devices(void **state)
{
	/* Data sheets of SDS011 and MH-Z19; lidar TFmini; a reply of Modbus. */
	static const uint8_t sds011[] = { 0xaa, 0xc0, 0xd4, 0x04, 0x3a, 0x0a, 0xa1, 0x60, 0x1d, 0xab };
	static const uint8_t mhz19[] = { 0xff, 0x86, 0x02, 0x60, 0x47, 0x00, 0x00, 0x00, 0xd1 };
	static const uint8_t tfmini[] = { 0x59, 0x59, 0xe7, 0x02, 0x14, 0x08, 0x00, 0x00, 0xb7 };
	static const uint8_t modbus[] = { 0x01, 0x03, 0x02, 0x00, 0xe6, 0x39, 0xce };
	struct description d;
	size_t skip, length;

	(void)state;
	assert_int_equal(parse(&d, "aa c0", "10", "sum8@8:2", "pm25=u16le@2*0.1, pm10=u16le@4*0.1"), 0);
	assert_int_equal(weir_frame_find(&d.format, sds011, 10, &skip, &length), WEIR_FRAME_WHOLE);
	assert_float_equal(real_of(&d, sds011, "pm25"), 123.6, 1e-9);
	assert_int_equal(parse(&d, "ff 86", "9", "neg8@8:1", "co2=u16be@2"), 0);
	assert_int_equal(weir_frame_find(&d.format, mhz19, 9, &skip, &length), WEIR_FRAME_WHOLE);
	assert_int_equal(integer_of(&d, mhz19, "co2"), 608);
	assert_int_equal(parse(&d, "59 59", "9", "sum8", "cm=u16le@2"), 0);
	assert_int_equal(weir_frame_find(&d.format, tfmini, 9, &skip, &length), WEIR_FRAME_WHOLE);
	assert_int_equal(integer_of(&d, tfmini, "cm"), 743);
	assert_int_equal(parse(&d, "01 03", "u8@2+5", "crc16", "t=s16be@3*0.1"), -EINVAL); /* the time has that name */
	assert_int_equal(parse(&d, "01 03", "u8@2+5", "crc16", "celsius=s16be@3*0.1"), 0);
	assert_int_equal(weir_frame_find(&d.format, modbus, 7, &skip, &length), WEIR_FRAME_WHOLE);
	assert_float_equal(real_of(&d, modbus, "celsius"), 23, 1e-9);
}

static void numbers_of_every_type(void **state)
{
	static const uint8_t bytes[] = { 0xfe, 0x80, 0x01, 0xff, 0x7f, 0x00, 0x00, 0xc0, 0x3f };
	struct description d;

	(void)state;
	assert_int_equal(
		parse(&d, "fe", "9", "none",
		      "a=u8@1, b=s8@1, c=u16le@1, d=s16be@1, e=u32be@1, f=s32be@1, g=s32le@1, h=f32le@5, i=s16le@3"),
		0);
	assert_int_equal(integer_of(&d, bytes, "a"), 128);
	assert_int_equal(integer_of(&d, bytes, "b"), -128);
	assert_int_equal(integer_of(&d, bytes, "c"), 0x0180);
	assert_int_equal(integer_of(&d, bytes, "d"), -32767);
	assert_int_equal(integer_of(&d, bytes, "e"), 0x8001ff7f);
	assert_int_equal(integer_of(&d, bytes, "f"), (int32_t)0x8001ff7f);
	assert_int_equal(integer_of(&d, bytes, "g"), 0x7fff0180);
	assert_int_equal(integer_of(&d, bytes, "i"), 32767);
	assert_float_equal(real_of(&d, bytes, "h"), 1.5, 0);
}

static void wrong_descriptions_are_refused(void **state)
{
	static const char *const wrong[][4] = {
		{ "", "9", "none", "a=u8@1" },
		{ "4", "9", "none", "a=u8@1" },
		{ "xx", "9", "none", "a=u8@1" },
		{ "42", "0", "none", "a=u8@1" },
		{ "42", "-1", "none", "a=u8@1" },
		{ "42", "9x", "none", "a=u8@1" },
		{ "42", "1024", "none", "a=u8@1" },
		{ "42", "f32le@2", "none", "a=u8@1" },
		{ "42", "s8@2", "none", "a=u8@1" },
		{ "42", "9", "sum", "a=u8@1" },
		{ "42", "9", "sum8@", "a=u8@1" },
		{ "42", "9", "sum8@4:4", "a=u8@1" },
		{ "42", "9", "sum8@9", "a=u8@1" },
		{ "42", "9", "sum8", "a=u8@8" },
		{ "42", "9", "none", "" },
		{ "42", "9", "none", "a" },
		{ "42", "9", "none", "a=" },
		{ "42", "9", "none", "a=u8" },
		{ "42", "9", "none", "a=u16@1" },
		{ "42", "9", "none", "a=u8@9" },
		{ "42", "9", "none", "a=u8@1,a=u8@2" },
		{ "42", "9", "none", "a=u8@1," },
		{ "42", "9", "none", "1a=u8@1" },
		{ "42", "9", "none", "a b=u8@1" },
		{ "42", "9", "none", "a=u8@1*nan" },
		{ "42", "9", "none", "a=u8@1*" },
		{ "00 01 02 03 04 05 06 07 08", "9", "none", "a=u8@1" },
	};
	struct description d;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (parse(&d, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]) != -EINVAL)
			fail_msg("taken: %s, %s, %s, %s", wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]);
	assert_int_equal(parse(&d, NULL, "9", "none", "a=u8@1"), -EINVAL);
	assert_int_equal(parse(&d, "42", "9", NULL, "a=u8@1"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_of_the_standard),
		cmocka_unit_test(south_and_west_are_negative),
		cmocka_unit_test(without_a_fix_there_is_no_position),
		cmocka_unit_test(a_wrong_checksum_is_no_sentence),
		cmocka_unit_test(values_that_cannot_be_are_none),
		cmocka_unit_test(a_frame_of_a_particle_sensor),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(a_frame_is_found_behind_anything),
		cmocka_unit_test(a_torn_frame_waits_for_the_rest),
		cmocka_unit_test(checksums_of_known_devices),
		cmocka_unit_test(numbers_of_every_type),
		cmocka_unit_test(wrong_descriptions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
