/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The source `serial:` on pseudo-terminals: what becomes a record, what is counted, and ports that go away and come back. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define QUIET_US 130000 /* after it, a first line is whole */

static char directory[] = "/tmp/weir-serial-XXXXXX";
static char port[64]; /* a link, as /dev/serial/by-id has them */
static int device = -1;

static void plug_in(void)
{
	device = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(device >= 0);
	assert_int_equal(grantpt(device), 0);
	assert_int_equal(unlockpt(device), 0);
	unlink(port);
	assert_int_equal(symlink(ptsname(device), port), 0);
}

static void unplug(void)
{
	if (device >= 0)
		close(device);
	device = -1;
	unlink(port);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(port, sizeof(port), "%s/port", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unplug();
	return rmdir(directory);
}

static void begin(struct harness *h, const char *arguments)
{
	char program[400];

	unplug();
	plug_in();
	snprintf(program, sizeof(program), "serial:%s %s", port, arguments);
	if (!harness_open(h, program, NULL))
		fail_msg("%s: %s", program, harness_error(h));
	if (harness_start(h))
		fail_msg("%s: %s", program, harness_error(h));
	usleep(QUIET_US);
}

static void end(struct harness *h)
{
	harness_close(h);
	unplug();
}

static void put_bytes(const void *bytes, size_t n)
{
	assert_int_equal(write(device, bytes, n), n);
}

static void put(const char *text)
{
	put_bytes(text, strlen(text));
}

/* All that has been put; what produce returned last. */
static int pull(struct harness *h)
{
	int got = 1;

	usleep(20000);
	while (got > 0)
		got = harness_pull(h, 3);
	return got;
}

static uint64_t lost(const struct harness *h, enum weir_loss cause)
{
	return atomic_load(&h->source->lost[cause]);
}

static void expect_how(const struct harness *h, const char *text)
{
	const char *how = h->source->driver->source->how(h->source);

	if (!how || !strstr(how, text))
		fail_msg("'%s' is not in '%s'", text, how ? how : "");
}

/* ---------------------------------------------------------------------- lines */

static void lines_are_records(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "out=celsius");
	put("21.5\r\n22\n\n-3\r");
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 3);
	assert_float_equal(h.value[0][0].real, 21.5, 0);
	assert_float_equal(h.value[0][1].real, 22, 0);
	assert_float_equal(h.value[0][2].real, -3, 0);
	/* In two pieces. */
	put("1");
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 3);
	put("9\n");
	pull(&h);
	assert_float_equal(h.value[0][3].real, 19, 0);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 0);
	end(&h);
	begin(&h, "");
	put("hello\n");
	pull(&h);
	assert_string_equal(h.value[0][0].text, "hello");
	end(&h);
}

static void a_line_that_was_on_its_way_is_torn(void **state)
{
	char program[100];
	struct harness h;

	(void)state;
	unplug();
	plug_in();
	snprintf(program, sizeof(program), "serial:%s out=celsius", port);
	assert_true(harness_open(&h, program, NULL));
	assert_int_equal(harness_start(&h), 0);
	put("34\n56\n"); /* the end of 1234 */
	pull(&h);
	assert_int_equal(h.n, 1);
	assert_float_equal(h.value[0][0].real, 56, 0);
	end(&h);
}

static void malformed_lines_are_counted(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "out='a, n:int'");
	put("1,2\nabc,3\n4\n5,6.5\n7,8\n");
	put_bytes("9,1\0000\n", 6);
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[1][1].integer, 8);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 4);
	expect_how(&h, "4 malformed or unfinished");
	end(&h);
	begin(&h, "out=a on_error=stop");
	put("1\nx\n2\n");
	assert_int_equal(pull(&h), -EINVAL);
	assert_int_equal(h.n, 1);
	harness_expect_error(&h, "a line of");
	end(&h);
}

static void a_line_without_an_end_is_counted_once(void **state)
{
	char text[3001];
	struct harness h;

	(void)state;
	begin(&h, "out=celsius");
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 10; i++) {
		put(text);
		pull(&h);
	}
	put("2\n3\n");
	pull(&h);
	assert_int_equal(h.n, 1);
	assert_float_equal(h.value[0][0].real, 3, 0);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 1);
	expect_how(&h, "1 too long");
	end(&h);
}

/* ----------------------------------------------------------------------- NMEA */

static void sentences_are_positions(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "baud=4800 nmea");
	put("$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
	    "$GPGSV,3,1,11,03,03,111,00*4E\r\n"
	    "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
	    "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*48\r\n");
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[0][0].integer, 1);
	assert_int_equal(h.value[1][0].integer, 1);
	assert_float_equal(h.value[3][0].real, 48.1173, 1e-9);
	assert_int_equal(h.value[0][1].integer, 0);
	assert_float_equal(h.value[7][1].real, 545.4, 1e-9);
	expect_how(&h, "with a wrong checksum");
	end(&h);
}

/* --------------------------------------------------------------------- frames */

static void frames_are_found_and_checked(void **state)
{
	static const uint8_t good[] = { 0x42, 0x4d, 0x00, 0x04, 0x01, 0x02, 0x00, 0x96 };
	static const uint8_t bad[] = { 0x42, 0x4d, 0x00, 0x04, 0x01, 0x03, 0x00, 0x96 };
	struct harness h;

	(void)state;
	begin(&h, "frame=\"42 4d\" length=u16be@2+4 checksum=sum16 out=\"pm25=u16be@4\"");
	put_bytes("noise", 5);
	put_bytes(good, 8);
	put_bytes(bad, 8);
	put_bytes(good, 5);
	assert_int_equal(pull(&h), -EAGAIN);
	assert_int_equal(h.n, 1);
	put_bytes(good + 5, 3);
	pull(&h);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[0][1].integer, 258);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 1);
	expect_how(&h, "1 with a wrong checksum, 13 bytes between records");
	end(&h);
}

/* ---------------------------------------------------------------------- ports */

static void a_port_that_is_unplugged_ends_the_run(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "out=celsius");
	put("1\n2");
	pull(&h);
	close(device);
	device = -1;
	assert_int_equal(pull(&h), -ENODEV);
	assert_int_equal(h.n, 1);
	assert_int_equal(lost(&h, WEIR_LOST_CUT), 1);
	harness_expect_error(&h, "cannot read: No such device");
	end(&h);
}

static void a_port_that_comes_back_is_read_again(void **state)
{
	struct harness h;

	(void)state;
	begin(&h, "out=celsius reconnect=30s");
	put("1\n2");
	pull(&h);
	unplug();
	assert_int_equal(pull(&h), -EAGAIN);
	usleep(600000);
	assert_int_equal(pull(&h), -EAGAIN);
	plug_in();
	/* It looks twice a second. */
	for (int i = 0; i < 24; i++) {
		usleep(50000);
		assert_int_equal(pull(&h), -EAGAIN);
	}
	usleep(QUIET_US);
	put("5\n");
	pull(&h);
	/* The 2 that had no end is not put together with the 5. */
	assert_int_equal(h.n, 2);
	assert_float_equal(h.value[0][1].real, 5, 0);
	expect_how(&h, "1 malformed or unfinished, 1 times unplugged");
	end(&h);
}

static void wrong_settings_are_refused(void **state)
{
	char program[200];
	struct harness h;

	(void)state;
	unplug();
	plug_in();
	snprintf(program, sizeof(program), "serial:%s baud=12345", port);
	harness_expect_refusal(program, NULL, "12345 is not a standard rate");
	snprintf(program, sizeof(program), "serial:%s nmea out=x", port);
	harness_expect_refusal(program, NULL, "nmea has fields of its own");
	snprintf(program, sizeof(program), "serial:%s frame='42' length=4", port);
	harness_expect_refusal(program, NULL, "a frame needs frame=, length=, checksum= and out=");
	snprintf(program, sizeof(program), "serial:%s frame='42' length=4 checksum=sum9 out='a=u8@1'", port);
	harness_expect_refusal(program, NULL, "checksum is one of");
	harness_expect_refusal("serial:/dev/nothing", NULL, "find the serial port");
	/* Pseudo-terminals have eight bits and no parity. */
	snprintf(program, sizeof(program), "serial:%s parity=even", port);
	assert_true(harness_open(&h, program, NULL));
	assert_int_equal(harness_start(&h), -EINVAL);
	harness_expect_error(&h, "its driver refused");
	harness_close(&h);
	assert_true(harness_open(&h, "serial:/dev/null", NULL));
	assert_true(harness_start(&h) < 0);
	harness_expect_error(&h, "not a serial port");
	harness_close(&h);
	unplug();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_records),
		cmocka_unit_test(a_line_that_was_on_its_way_is_torn),
		cmocka_unit_test(malformed_lines_are_counted),
		cmocka_unit_test(a_line_without_an_end_is_counted_once),
		cmocka_unit_test(sentences_are_positions),
		cmocka_unit_test(frames_are_found_and_checked),
		cmocka_unit_test(a_port_that_is_unplugged_ends_the_run),
		cmocka_unit_test(a_port_that_comes_back_is_read_again),
		cmocka_unit_test(wrong_settings_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
