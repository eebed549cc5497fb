/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "message/mqtt_packet.h"

#define ANSWER_MAX 65536 /* bytes of a packet that is no PUBLISH */

enum form { NONE, BYTE, SHORT, LONG, VARIABLE, TEXT, PAIR };

#define IN(type) (1u << WEIR_MQTT_##type)
#define ANSWERS (IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP) | IN(SUBACK) | IN(UNSUBACK))

/* What a broker may send (2.2.2.2). A topic alias (0x23) is not among it, for we allow none. */
static const struct {
	enum form form;
	uint32_t packets;
} table[] = {
	[0x01] = { BYTE, IN(PUBLISH) },
	[0x02] = { LONG, IN(PUBLISH) },
	[0x03] = { TEXT, IN(PUBLISH) },
	[0x08] = { TEXT, IN(PUBLISH) },
	[0x09] = { TEXT, IN(PUBLISH) },
	[0x0b] = { VARIABLE, IN(PUBLISH) },
	[0x11] = { LONG, IN(CONNACK) },
	[0x12] = { TEXT, IN(CONNACK) },
	[0x13] = { SHORT, IN(CONNACK) },
	[0x15] = { TEXT, IN(CONNACK) },
	[0x16] = { TEXT, IN(CONNACK) },
	[0x1a] = { TEXT, IN(CONNACK) },
	[0x1c] = { TEXT, IN(CONNACK) | IN(DISCONNECT) },
	[0x1f] = { TEXT, IN(CONNACK) | ANSWERS | IN(DISCONNECT) },
	[0x21] = { SHORT, IN(CONNACK) },
	[0x22] = { SHORT, IN(CONNACK) },
	[0x24] = { BYTE, IN(CONNACK) },
	[0x25] = { BYTE, IN(CONNACK) },
	[0x26] = { PAIR, IN(CONNACK) | IN(PUBLISH) | ANSWERS | IN(DISCONNECT) },
	[0x27] = { LONG, IN(CONNACK) },
	[0x28] = { BYTE, IN(CONNACK) },
	[0x29] = { BYTE, IN(CONNACK) },
	[0x2a] = { BYTE, IN(CONNACK) },
};

/* --------------------------------------------------------------------- cursor */

/* What is left of a packet. Once something is not there, nothing is any more. */
struct cursor {
	const uint8_t *at, *end;
	bool is_short;
};

static const uint8_t *take(struct cursor *cursor, size_t n)
{
	const uint8_t *at = cursor->at;

	if ((size_t)(cursor->end - cursor->at) < n) {
		cursor->is_short = true;
		cursor->at = cursor->end;
		return NULL;
	}
	cursor->at += n;
	return at;
}

static uint32_t take_number(struct cursor *cursor, unsigned bytes)
{
	const uint8_t *at = take(cursor, bytes);
	uint32_t number = 0;

	for (unsigned i = 0; at && i < bytes; i++)
		number = number << 8 | at[i];
	return number;
}

/* Seven bits a byte, least first, four bytes at most (1.5.5). */
static uint32_t take_variable(struct cursor *cursor)
{
	uint32_t number = 0;

	for (unsigned shift = 0; shift < 28; shift += 7) {
		const uint8_t *at = take(cursor, 1);

		if (!at)
			return 0;
		number |= (uint32_t)(*at & 0x7f) << shift;
		if (!(*at & 0x80))
			return number;
	}
	cursor->is_short = true;
	return 0;
}

static const char *take_text(struct cursor *cursor, uint16_t *n)
{
	*n = (uint16_t)take_number(cursor, 2);
	return (const char *)take(cursor, *n);
}

/* ----------------------------------------------------------------- properties */

static bool take_property(struct cursor *cursor, struct weir_mqtt_property *out)
{
	uint32_t id = take_variable(cursor);

	*out = (struct weir_mqtt_property){ .id = (uint8_t)id };
	switch (id < sizeof(table) / sizeof(*table) ? table[id].form : NONE) {
	case NONE:
		return false;
	case BYTE:
		out->number = take_number(cursor, 1);
		break;
	case SHORT:
		out->number = take_number(cursor, 2);
		break;
	case LONG:
		out->number = take_number(cursor, 4);
		break;
	case VARIABLE:
		out->number = take_variable(cursor);
		break;
	case PAIR:
		out->name = take_text(cursor, &out->n_name);
		/* fall through */
	case TEXT:
		out->text = take_text(cursor, &out->n_text);
		break;
	}
	return !cursor->is_short;
}

/* Zero stands for no limit nowhere, and flags are 0 or 1. */
static bool has_sense(const struct weir_mqtt_property *property)
{
	if (property->id == WEIR_MQTT_RECEIVE_MAXIMUM || property->id == WEIR_MQTT_MAXIMUM_PACKET)
		return property->number;
	return table[property->id].form != BYTE || property->number <= 1;
}

/* Each may be there once, but for user properties and subscriptions. */
static const char *check_properties(const struct weir_mqtt_packet *packet)
{
	struct cursor cursor = { .at = packet->properties, .end = packet->properties + packet->n_properties };
	uint64_t seen = 0;

	while (cursor.at < cursor.end) {
		struct weir_mqtt_property property;
		bool is_many;

		if (!take_property(&cursor, &property))
			return cursor.is_short ? "a property that is cut off" : "an unknown property";
		is_many = property.id == WEIR_MQTT_USER_PROPERTY || property.id == 0x0b;
		if (!(table[property.id].packets & 1u << packet->type))
			return "a property in the wrong packet";
		if (!has_sense(&property) || (!is_many && seen & UINT64_C(1) << property.id))
			return "a property that makes no sense";
		seen |= UINT64_C(1) << property.id;
	}
	return NULL;
}

static const char *take_properties(struct cursor *cursor, struct weir_mqtt_packet *out)
{
	out->n_properties = take_variable(cursor);
	out->properties = take(cursor, out->n_properties);
	return cursor->is_short ? "properties that are cut off" : check_properties(out);
}

bool weir_mqtt_next(const struct weir_mqtt_packet *packet, uint32_t *at, struct weir_mqtt_property *out)
{
	struct cursor cursor;

	if (*at >= packet->n_properties)
		return false;
	cursor = (struct cursor){ .at = packet->properties + *at, .end = packet->properties + packet->n_properties };
	if (!take_property(&cursor, out))
		return false;
	*at = (uint32_t)(cursor.at - packet->properties);
	return true;
}

/* -------------------------------------------------------------------- packets */

static const char *read_connack(struct cursor *cursor, bool is_v5, struct weir_mqtt_packet *out)
{
	uint32_t flags = take_number(cursor, 1);

	out->reason = (uint8_t)take_number(cursor, 1);
	out->is_resumed = flags;
	if (cursor->is_short || flags > 1)
		return "a wrong CONNACK";
	/* A broker that knows 3.1.1 alone refuses MQTT 5 in its own form. */
	if (is_v5 && out->reason && cursor->at == cursor->end)
		return NULL;
	return is_v5 ? take_properties(cursor, out) : NULL;
}

/* What stands before properties and payload. false: it is not there, or no topic. */
static bool read_head(struct cursor *cursor, struct weir_mqtt_packet *out)
{
	out->topic = take_text(cursor, &out->n_topic);
	if (out->qos)
		out->id = (uint16_t)take_number(cursor, 2);
	return !cursor->is_short && out->n_topic && !memchr(out->topic, 0, out->n_topic) && !out->id == !out->qos;
}

static const char *read_publish(struct cursor *cursor, bool is_v5, struct weir_mqtt_packet *out)
{
	const char *why = NULL;

	if (!read_head(cursor, out))
		return "a wrong PUBLISH";
	if (is_v5)
		why = take_properties(cursor, out);
	out->payload = cursor->at;
	out->n_payload = (uint32_t)(cursor->end - cursor->at);
	cursor->at = cursor->end;
	return why;
}

/* PUBACK, PUBREC, PUBREL, PUBCOMP: MQTT 5 may leave out the end. */
static const char *read_answer(struct cursor *cursor, bool is_v5, struct weir_mqtt_packet *out)
{
	out->id = (uint16_t)take_number(cursor, 2);
	if (!out->id)
		return "an answer to no packet";
	if (!is_v5 || cursor->at == cursor->end)
		return NULL;
	out->reason = (uint8_t)take_number(cursor, 1);
	return cursor->at == cursor->end ? NULL : take_properties(cursor, out);
}

static const char *read_suback(struct cursor *cursor, bool is_v5, struct weir_mqtt_packet *out)
{
	const char *why = NULL;

	out->id = (uint16_t)take_number(cursor, 2);
	if (is_v5 && out->id)
		why = take_properties(cursor, out);
	out->reason = (uint8_t)take_number(cursor, 1);
	if (!why && (!out->id || cursor->is_short || (out->reason > 2 && out->reason < WEIR_MQTT_REFUSED)))
		return "a wrong SUBACK";
	return why;
}

static const char *read_disconnect(struct cursor *cursor, bool is_v5, struct weir_mqtt_packet *out)
{
	if (!is_v5)
		return "a DISCONNECT in MQTT 3.1.1";
	if (cursor->at < cursor->end)
		out->reason = (uint8_t)take_number(cursor, 1);
	return cursor->at == cursor->end ? NULL : take_properties(cursor, out);
}

static const char *read_body(struct cursor *cursor, bool is_v5, struct weir_mqtt_packet *out)
{
	switch (out->type) {
	case WEIR_MQTT_CONNACK:
		return read_connack(cursor, is_v5, out);
	case WEIR_MQTT_PUBLISH:
		return read_publish(cursor, is_v5, out);
	case WEIR_MQTT_PUBACK:
	case WEIR_MQTT_PUBREC:
	case WEIR_MQTT_PUBREL:
	case WEIR_MQTT_PUBCOMP:
		return read_answer(cursor, is_v5, out);
	case WEIR_MQTT_SUBACK:
		return read_suback(cursor, is_v5, out);
	case WEIR_MQTT_PINGRESP:
		return NULL;
	case WEIR_MQTT_DISCONNECT:
		return read_disconnect(cursor, is_v5, out);
	default:
		return "a packet that is not for clients";
	}
}

static bool read_flags(uint8_t first, struct weir_mqtt_packet *out)
{
	unsigned flags = first & 0x0f;

	*out = (struct weir_mqtt_packet){ .type = first >> 4 };
	if (out->type != WEIR_MQTT_PUBLISH)
		return flags == (out->type == WEIR_MQTT_PUBREL ? 2 : 0);
	out->is_retained = flags & 1;
	out->qos = flags >> 1 & 3;
	out->is_repeated = flags & 8;
	return out->qos < 3;
}

/* Of a PUBLISH that is too long the head says what is to be answered. */
static int read_cut(const struct cursor *cursor, size_t body, struct weir_mqtt_packet *out, const char **why)
{
	struct cursor head = *cursor;
	uint64_t n = (uint64_t)(cursor->end - cursor->at);

	out->is_cut = true;
	if ((size_t)(head.end - head.at) > body)
		head.end = head.at + body;
	if (read_head(&head, out)) {
		out->n_payload = (uint32_t)(body - (size_t)(head.at - cursor->at));
		return 1;
	}
	*why = "a wrong PUBLISH";
	return head.is_short && n < WEIR_MQTT_HEAD_MAX && n < body ? 0 : -EPROTO;
}

int weir_mqtt_read(const uint8_t *bytes, size_t n, bool is_v5, size_t most, struct weir_mqtt_packet *out,
		   const char **why)
{
	struct cursor cursor = { .at = bytes, .end = bytes + n };
	uint32_t body;

	*why = "a packet of an unknown kind";
	if (!n)
		return 0;
	if (!read_flags(*take(&cursor, 1), out))
		return -EPROTO;
	body = take_variable(&cursor);
	*why = "a wrong length";
	if (cursor.is_short)
		return n < 5 ? 0 : -EPROTO;
	out->bytes = (size_t)(cursor.at - bytes) + body;
	*why = "a packet that is too long";
	if (out->type != WEIR_MQTT_PUBLISH && body > ANSWER_MAX)
		return -EPROTO;
	if (out->bytes > most)
		return read_cut(&cursor, body, out, why);
	if (n < out->bytes)
		return 0;
	cursor.end = bytes + out->bytes;
	*why = read_body(&cursor, is_v5, out);
	if (!*why && cursor.at != cursor.end)
		*why = "bytes behind the end of a packet";
	return *why ? -EPROTO : 1;
}
