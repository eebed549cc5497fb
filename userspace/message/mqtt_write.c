/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message/mqtt_packet.h"

#define REMAINING_MAX 268435455u /* (1.5.5) */

/* ---------------------------------------------------------------------- bytes */

static unsigned variable_bytes(size_t number)
{
	return number < 128 ? 1 : number < 16384 ? 2 : number < 2097152 ? 3 : 4;
}

static void put(struct weir_mqtt_out *out, const void *bytes, size_t n)
{
	if (n)
		memcpy(out->bytes + out->n, bytes, n);
	out->n += n;
}

static void put_number(struct weir_mqtt_out *out, uint32_t number, unsigned bytes)
{
	while (bytes--)
		out->bytes[out->n++] = (uint8_t)(number >> 8 * bytes);
}

static void put_variable(struct weir_mqtt_out *out, size_t number)
{
	do {
		out->bytes[out->n++] = (uint8_t)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
		number >>= 7;
	} while (number);
}

static void put_text(struct weir_mqtt_out *out, const char *text)
{
	size_t n = strlen(text);

	put_number(out, (uint32_t)n, 2);
	put(out, text, n);
}

static size_t text_bytes(const char *text)
{
	return text ? 2 + strlen(text) : 0;
}

static bool is_long(const char *text)
{
	return text && strlen(text) > UINT16_MAX;
}

/* Room for a packet, and its first bytes. What was written already gives its room back. */
static int begin(struct weir_mqtt_out *out, uint8_t first, size_t body)
{
	size_t n = 1 + variable_bytes(body) + body, capacity;
	uint8_t *bytes;

	if (body > REMAINING_MAX)
		return -EMSGSIZE;
	if (out->begin) {
		memmove(out->bytes, out->bytes + out->begin, out->n - out->begin);
		out->n -= out->begin;
		out->begin = 0;
	}
	if (out->n + n > out->capacity) {
		capacity = out->n + n + 4096;
		bytes = realloc(out->bytes, capacity);
		if (!bytes)
			return -ENOMEM;
		out->bytes = bytes;
		out->capacity = capacity;
	}
	put_number(out, first, 1);
	put_variable(out, body);
	return 0;
}

/* -------------------------------------------------------------------- connect */

static size_t connect_properties(const struct weir_mqtt_connect *connect)
{
	return (connect->session_s ? 5 : 0) + (connect->packet_max ? 5 : 0) + (connect->receive_max ? 3 : 0);
}

static size_t connect_bytes(const struct weir_mqtt_connect *connect)
{
	size_t n = 10 + text_bytes(connect->client_id) + text_bytes(connect->user);

	if (connect->is_v5)
		n += 1 + connect_properties(connect);
	if (connect->user)
		n += text_bytes(connect->password);
	if (connect->will)
		n += text_bytes(connect->will_topic) + text_bytes(connect->will) + connect->is_v5;
	return n;
}

static void put_connect_properties(struct weir_mqtt_out *out, const struct weir_mqtt_connect *connect)
{
	put_variable(out, connect_properties(connect));
	if (connect->session_s) {
		put_number(out, WEIR_MQTT_SESSION_EXPIRY, 1);
		put_number(out, connect->session_s, 4);
	}
	if (connect->packet_max) {
		put_number(out, WEIR_MQTT_MAXIMUM_PACKET, 1);
		put_number(out, connect->packet_max, 4);
	}
	if (connect->receive_max) {
		put_number(out, WEIR_MQTT_RECEIVE_MAXIMUM, 1);
		put_number(out, connect->receive_max, 2);
	}
}

static uint8_t connect_flags(const struct weir_mqtt_connect *connect)
{
	unsigned flags = connect->is_clean ? 0x02 : 0;

	if (connect->will)
		flags |= 0x04u | (unsigned)connect->will_qos << 3 | (connect->will_retain ? 0x20u : 0);
	if (connect->user)
		flags |= 0x80u | (connect->password ? 0x40u : 0);
	return (uint8_t)flags;
}

int weir_mqtt_write_connect(struct weir_mqtt_out *out, const struct weir_mqtt_connect *connect)
{
	int err = -EMSGSIZE;

	if (!is_long(connect->client_id) && !is_long(connect->user) && !is_long(connect->password) &&
	    !is_long(connect->will) && !is_long(connect->will_topic))
		err = begin(out, WEIR_MQTT_CONNECT << 4, connect_bytes(connect));
	if (err)
		return err;
	put_text(out, "MQTT");
	put_number(out, connect->is_v5 ? 5 : 4, 1);
	put_number(out, connect_flags(connect), 1);
	put_number(out, connect->keepalive_s, 2);
	if (connect->is_v5)
		put_connect_properties(out, connect);
	put_text(out, connect->client_id);
	if (connect->will && connect->is_v5)
		put_variable(out, 0);
	if (connect->will) {
		put_text(out, connect->will_topic);
		put_text(out, connect->will);
	}
	if (connect->user)
		put_text(out, connect->user);
	if (connect->user && connect->password)
		put_text(out, connect->password);
	return 0;
}

/* --------------------------------------------------------------------- others */

static size_t user_bytes(const struct weir_mqtt_publish *publish)
{
	return publish->user_name ? 1 + text_bytes(publish->user_name) + text_bytes(publish->user_text) : 0;
}

static size_t publish_body(const struct weir_mqtt_publish *publish)
{
	size_t properties = user_bytes(publish), n = text_bytes(publish->topic) + publish->n_payload;

	if (publish->is_v5)
		n += variable_bytes(properties) + properties;
	return publish->qos ? n + 2 : n;
}

size_t weir_mqtt_publish_bytes(const struct weir_mqtt_publish *publish)
{
	size_t body = publish_body(publish);

	return 1 + variable_bytes(body) + body;
}

int weir_mqtt_write_publish(struct weir_mqtt_out *out, const struct weir_mqtt_publish *publish)
{
	unsigned first = WEIR_MQTT_PUBLISH << 4 | (unsigned)publish->qos << 1 | publish->retains;
	int err = -EMSGSIZE;

	if (!is_long(publish->topic) && !is_long(publish->user_name) && !is_long(publish->user_text))
		err = begin(out, (uint8_t)first, publish_body(publish));
	if (err)
		return err;
	put_text(out, publish->topic);
	if (publish->qos)
		put_number(out, publish->id, 2);
	if (publish->is_v5)
		put_variable(out, user_bytes(publish));
	if (publish->is_v5 && publish->user_name) {
		put_number(out, WEIR_MQTT_USER_PROPERTY, 1);
		put_text(out, publish->user_name);
		put_text(out, publish->user_text);
	}
	put(out, publish->payload, publish->n_payload);
	return 0;
}

int weir_mqtt_write_subscribe(struct weir_mqtt_out *out, bool is_v5, uint16_t id, const char *filter, uint8_t options)
{
	int err = is_long(filter) ? -EMSGSIZE
				  : begin(out, WEIR_MQTT_SUBSCRIBE << 4 | 2, 2 + is_v5 + text_bytes(filter) + 1);

	if (err)
		return err;
	put_number(out, id, 2);
	if (is_v5)
		put_variable(out, 0);
	put_text(out, filter);
	put_number(out, options, 1);
	return 0;
}

int weir_mqtt_write_answer(struct weir_mqtt_out *out, enum weir_mqtt_type type, uint16_t id)
{
	int err = begin(out, (uint8_t)((unsigned)type << 4 | (type == WEIR_MQTT_PUBREL ? 2 : 0)), 2);

	if (!err)
		put_number(out, id, 2);
	return err;
}

int weir_mqtt_write_ping(struct weir_mqtt_out *out)
{
	return begin(out, WEIR_MQTT_PINGREQ << 4, 0);
}

int weir_mqtt_write_disconnect(struct weir_mqtt_out *out, bool is_v5, bool drops_session)
{
	bool is_long_form = is_v5 && drops_session;
	int err = begin(out, (uint8_t)(WEIR_MQTT_DISCONNECT << 4), is_long_form ? 7 : 0);

	if (err || !is_long_form)
		return err;
	put_number(out, 0, 1);
	put_variable(out, 5);
	put_number(out, WEIR_MQTT_SESSION_EXPIRY, 1);
	put_number(out, 0, 4);
	return 0;
}
