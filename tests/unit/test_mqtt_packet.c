/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets of MQTT, as a client reads and writes them; what a broker makes of the latter is tested with one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "message/mqtt_packet.h"

#define MOST 1000

static int read_hex(const char *hex, bool is_v5, struct weir_mqtt_packet *packet, const char **why)
{
	static uint8_t bytes[4096];
	size_t n = bytes_of(hex, bytes);

	return weir_mqtt_read(bytes, n, is_v5, MOST, packet, why);
}

/* Each packet that MQTT 5 has properties in refuses one that is unknown, cut off, misplaced, repeated, or without sense. */
static void wrong_properties_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{ "20 05 00 00 02 00 00", "an unknown property" },
		{ "20 05 00 00 02 7f 00", "an unknown property" },
		{ "20 06 00 00 03 80 80 01", "an unknown property" },
		{ "20 04 00 00 01 21", "a property that is cut off" },
		{ "20 05 00 00 01 21 00", "a property that is cut off" },
		{ "20 06 00 00 03 21 00 00", "a property that makes no sense" },
		{ "20 09 00 00 06 21 00 01 21 00 01", "a property that makes no sense" },
		{ "20 05 00 00 02 24 02", "a property that makes no sense" },
		{ "20 05 00 00 02 01 00", "a property in the wrong packet" },
		{ "20 04 00 00 05 21", "properties that are cut off" },
		{ "20 02 00 00", "properties that are cut off" },
		{ "30 06 00 01 74 02 00 00", "an unknown property" },
		{ "30 07 00 01 74 03 23 00 01", "an unknown property" },
		{ "40 05 00 01 00 01 7e", "an unknown property" },
		{ "50 06 00 01 00 02 00 00", "an unknown property" },
		{ "62 06 00 01 00 02 00 00", "an unknown property" },
		{ "70 06 00 01 00 02 00 00", "an unknown property" },
		{ "90 06 00 01 02 00 00 00", "an unknown property" },
		{ "e0 04 8b 02 00 00", "an unknown property" },
		{ "e0 07 8b 05 11 00 00 00 01", "a property in the wrong packet" },
	};
	struct weir_mqtt_packet packet;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(read_hex(wrong[i][0], true, &packet, &why), -EPROTO);
		assert_string_equal(why, wrong[i][1]);
	}
}

static void wrong_packets_are_refused(void **state)
{
	static const char *const wrong[] = {
		"00 00",                /* no type */
		"10 00",                /* CONNECT, which is ours */
		"80 00",                /* SUBSCRIBE likewise */
		"f0 00",                /* AUTH was not asked for */
		"21 02 00 00",          /* flags */
		"60 02 00 01",          /* PUBREL without its own */
		"36 05 00 01 74 00 01", /* QoS 3 */
		"20 01 00",             /* CONNACK too short */
		"20 02 02 00",          /* flags of CONNACK */
		"30 02 00 00",          /* no topic */
		"30 03 00 01 00",       /* a zero in it */
		"30 03 00 02 74",       /* more than there is */
		"32 05 00 01 74 00 00", /* no packet id */
		"40 02 00 00",          /* none again */
		"40 03 00 01 00",       /* too long for 3.1.1 */
		"90 03 00 01 03",       /* a reason that there is not */
		"90 02 00 01",          /* none */
		"d0 01 00",             /* PINGRESP with a body */
		"e0 00",                /* DISCONNECT in 3.1.1 */
		"40 ff ff ff 7f",       /* an answer of 256 MB */
		"30 ff ff ff ff 01",    /* a length of five bytes */
	};
	struct weir_mqtt_packet packet;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (read_hex(wrong[i], false, &packet, &why) != -EPROTO)
			fail_msg("%s is taken", wrong[i]);
}

static void a_message_is_read(void **state)
{
	struct weir_mqtt_packet packet;
	struct weir_mqtt_property property;
	uint32_t at = 0;
	const char *why;

	(void)state;
	assert_int_equal(read_hex("3d 16 00 01 74 00 07 0e 03 00 01 63 26 00 01 61 00 01 62 0b 81 01 68 69", true,
				  &packet, &why),
			 1);
	assert_int_equal(packet.qos, 2);
	assert_true(packet.is_retained && packet.is_repeated && !packet.is_cut);
	assert_int_equal(packet.id, 7);
	assert_memory_equal(packet.payload, "hi", packet.n_payload);
	assert_true(weir_mqtt_next(&packet, &at, &property));
	assert_int_equal(property.id, WEIR_MQTT_CONTENT_TYPE);
	assert_true(weir_mqtt_next(&packet, &at, &property));
	assert_memory_equal(property.name, "a", property.n_name);
	assert_memory_equal(property.text, "b", property.n_text);
	assert_true(weir_mqtt_next(&packet, &at, &property));
	assert_int_equal(property.number, 129);
	assert_false(weir_mqtt_next(&packet, &at, &property));
}

/* Of a message that is too long the head is enough. */
static void a_long_message_is_cut(void **state)
{
	struct weir_mqtt_packet packet;
	const char *why;

	(void)state;
	assert_int_equal(read_hex("32 80 80 80 10 00 01 74 00", false, &packet, &why), 0);
	assert_int_equal(read_hex("32 80 80 80 10 00 01 74 00 09", false, &packet, &why), 1);
	assert_true(packet.is_cut);
	assert_int_equal(packet.id, 9);
	assert_int_equal(packet.bytes, 5 + (16 << 21));
	assert_int_equal(packet.n_payload, (16 << 21) - 5);
}

/* A publication that is written is read as the same. */
static void what_is_written_can_be_read(void **state)
{
	struct weir_mqtt_out out = { 0 };
	struct weir_mqtt_packet packet;
	const char *why;

	(void)state;
	for (uint32_t n = 0; n < 500; n += 7)
		for (unsigned form = 0; form < 6; form++) {
			char payload[500];
			struct weir_mqtt_publish publish = { .is_v5 = form & 1,
							     .qos = (uint8_t)(form / 2),
							     .id = (uint16_t)(n + 1),
							     .topic = "a/b",
							     .payload = payload,
							     .n_payload = n,
							     .user_name = "weir-id",
							     .user_text = "x" };

			memset(payload, (int)n, n);
			out.begin = out.n = 0;
			assert_int_equal(weir_mqtt_write_publish(&out, &publish), 0);
			assert_int_equal(out.n, weir_mqtt_publish_bytes(&publish));
			assert_int_equal(weir_mqtt_read(out.bytes, out.n, publish.is_v5, MOST, &packet, &why), 1);
			assert_int_equal(packet.bytes, out.n);
			assert_int_equal(packet.qos, publish.qos);
			assert_int_equal(packet.id, publish.qos ? n + 1 : 0);
			assert_int_equal(packet.n_payload, n);
			assert_memory_equal(packet.payload, payload, n);
			assert_int_equal(packet.n_properties, publish.is_v5 ? 13 : 0);
		}
	free(out.bytes);
}

static void topics_are_told_from_filters(void **state)
{
	(void)state;
	assert_true(weir_mqtt_is_topic("a/b"));
	assert_false(weir_mqtt_is_topic(""));
	assert_false(weir_mqtt_is_topic("a/+"));
	assert_true(weir_mqtt_is_filter("a/+/b"));
	assert_true(weir_mqtt_is_filter("#"));
	assert_true(weir_mqtt_is_filter("+/+/#"));
	assert_false(weir_mqtt_is_filter("a+/b"));
	assert_false(weir_mqtt_is_filter("a/#/b"));
	assert_false(weir_mqtt_is_filter("a#"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_properties_are_refused),
		cmocka_unit_test(wrong_packets_are_refused),
		cmocka_unit_test(a_message_is_read),
		cmocka_unit_test(a_long_message_is_cut),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(topics_are_told_from_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
