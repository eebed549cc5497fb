/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Packets of MQTT 5 and 3.1.1 from any bytes: the first byte chooses which. A packet is read alike from all bytes and from as many
 * as it says it has; no part of one is read as a packet; what is pointed to lies within; a topic can be printed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message/mqtt_packet.h"

#define RUNS 20000
#include "standalone.h"

#define MOST 4096

static void expect_within(const void *at, size_t n, const uint8_t *bytes, size_t size)
{
	if (at && ((const uint8_t *)at < bytes || (const uint8_t *)at + n > bytes + size))
		abort();
}

static void expect_properties(const struct weir_mqtt_packet *packet, const uint8_t *bytes)
{
	struct weir_mqtt_property property;
	uint32_t at = 0;

	while (weir_mqtt_next(packet, &at, &property)) {
		expect_within(property.text, property.n_text, bytes, packet->bytes);
		expect_within(property.name, property.n_name, bytes, packet->bytes);
	}
	if (at != packet->n_properties)
		abort();
}

static void expect_whole(const struct weir_mqtt_packet *packet, const uint8_t *bytes)
{
	expect_within(packet->topic, packet->n_topic, bytes, packet->bytes);
	expect_within(packet->payload, packet->n_payload, bytes, packet->bytes);
	expect_within(packet->properties, packet->n_properties, bytes, packet->bytes);
	expect_properties(packet, bytes);
	if (packet->type == WEIR_MQTT_PUBLISH && memchr(packet->topic, 0, packet->n_topic))
		abort();
	if (!*weir_mqtt_reason(packet->reason, true))
		abort();
}

/* A copy that ends where it ends, so that a byte read too many is seen. */
static int read_exactly(const uint8_t *data, size_t size, bool is_v5, struct weir_mqtt_packet *out)
{
	uint8_t *bytes = malloc(size ? size : 1);
	const char *why;
	int got;

	if (size)
		memcpy(bytes, data, size);
	got = weir_mqtt_read(bytes, size, is_v5, MOST, out, &why);
	if (got < 0 && (got != -EPROTO || !why))
		abort();
	if (got > 0 && !out->is_cut)
		expect_whole(out, bytes);
	free(bytes);
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_mqtt_packet packet, part;
	bool is_v5;
	size_t n;

	if (!size)
		return 0;
	is_v5 = *data++ & 1;
	size--;
	if (read_exactly(data, size, is_v5, &packet) <= 0)
		return 0;
	n = packet.bytes < size ? packet.bytes : size;
	if (read_exactly(data, n, is_v5, &part) != 1 || part.bytes != packet.bytes || part.type != packet.type)
		abort();
	for (size_t k = 0; !packet.is_cut && k < n; k++)
		if (read_exactly(data, k, is_v5, &part))
			abort();
	return 0;
}

static const char *const words[] = {
	"\1\60", "\1\40", "\60\20\0\1t", "\62\22\0\1t\0\1",  "\46\0\1a\0\1b", "\37\0",
	"\3\0",  "\10\0", "\11\0",       "\2\0\0\0\1",       "\13\1",         "\1\1",
	"\340",  "\220",  "\100\2\0\1",  "\377\377\377\177", "\200\1",
};

FUZZER(words)
