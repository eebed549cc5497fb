/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/amqp_properties.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In place of a flag of basic properties: what the delivery says. */
enum { IS_REDELIVERED = 1, HAS_EXCHANGE, HAS_ROUTING_KEY };

const struct weir_inbox_property weir_amqp_properties[] = {
	{ "content_type", WEIR_TEXT, "", AMQP_BASIC_CONTENT_TYPE_FLAG },
	{ "content_encoding", WEIR_TEXT, "", AMQP_BASIC_CONTENT_ENCODING_FLAG },
	{ "priority", WEIR_INT, "", AMQP_BASIC_PRIORITY_FLAG },
	{ "correlation_id", WEIR_TEXT, "", AMQP_BASIC_CORRELATION_ID_FLAG },
	{ "reply_to", WEIR_TEXT, "", AMQP_BASIC_REPLY_TO_FLAG },
	{ "expiration", WEIR_TEXT, "", AMQP_BASIC_EXPIRATION_FLAG },
	{ "message_id", WEIR_TEXT, "", AMQP_BASIC_MESSAGE_ID_FLAG },
	{ "timestamp", WEIR_REAL, "s", AMQP_BASIC_TIMESTAMP_FLAG },
	{ "type", WEIR_TEXT, "", AMQP_BASIC_TYPE_FLAG },
	{ "user_id", WEIR_TEXT, "", AMQP_BASIC_USER_ID_FLAG },
	{ "app_id", WEIR_TEXT, "", AMQP_BASIC_APP_ID_FLAG },
	{ "redelivered", WEIR_BOOL, "", IS_REDELIVERED },
	{ "exchange", WEIR_TEXT, "", HAS_EXCHANGE },
	{ "routing_key", WEIR_TEXT, "", HAS_ROUTING_KEY },
	{ "header.", WEIR_TEXT, "", AMQP_BASIC_HEADERS_FLAG },
	{ 0 },
};

static const amqp_bytes_t *text_of(const amqp_envelope_t *envelope, int id)
{
	const amqp_basic_properties_t *properties = &envelope->message.properties;

	switch (id) {
	case AMQP_BASIC_CONTENT_TYPE_FLAG:
		return &properties->content_type;
	case AMQP_BASIC_CONTENT_ENCODING_FLAG:
		return &properties->content_encoding;
	case AMQP_BASIC_CORRELATION_ID_FLAG:
		return &properties->correlation_id;
	case AMQP_BASIC_REPLY_TO_FLAG:
		return &properties->reply_to;
	case AMQP_BASIC_EXPIRATION_FLAG:
		return &properties->expiration;
	case AMQP_BASIC_MESSAGE_ID_FLAG:
		return &properties->message_id;
	case AMQP_BASIC_TYPE_FLAG:
		return &properties->type;
	case AMQP_BASIC_USER_ID_FLAG:
		return &properties->user_id;
	case AMQP_BASIC_APP_ID_FLAG:
		return &properties->app_id;
	case HAS_EXCHANGE:
		return &envelope->exchange;
	case HAS_ROUTING_KEY:
		return &envelope->routing_key;
	}
	return NULL;
}

/* A header's value as text; what is neither a text nor a number is absent. */
static void put_header(char number[32], const amqp_field_value_t *header, struct weir_inbox_value *value)
{
	int64_t integer = 0;

	if (header->kind == AMQP_FIELD_KIND_UTF8 || header->kind == AMQP_FIELD_KIND_BYTES) {
		value->text = header->value.bytes.bytes;
		value->n = header->value.bytes.len;
		return;
	}
	switch (header->kind) {
	case AMQP_FIELD_KIND_BOOLEAN:
		integer = header->value.boolean != 0;
		break;
	case AMQP_FIELD_KIND_I8:
		integer = header->value.i8;
		break;
	case AMQP_FIELD_KIND_I16:
		integer = header->value.i16;
		break;
	case AMQP_FIELD_KIND_I32:
		integer = header->value.i32;
		break;
	case AMQP_FIELD_KIND_I64:
		integer = header->value.i64;
		break;
	case AMQP_FIELD_KIND_F64:
		break;
	default:
		return;
	}
	value->n = (size_t)(header->kind == AMQP_FIELD_KIND_F64 ? snprintf(number, 32, "%.17g", header->value.f64)
								: snprintf(number, 32, "%" PRId64, integer));
	value->text = number;
}

static void get_header(struct weir_amqp_message *message, const char *name, struct weir_inbox_value *value)
{
	const amqp_table_t *headers = &message->envelope->message.properties.headers;

	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *entry = &headers->entries[i];

		if (entry->key.len == strlen(name) && !memcmp(entry->key.bytes, name, entry->key.len)) {
			put_header(message->number, &entry->value, value);
			return;
		}
	}
}

void weir_amqp_get(const void *context, const struct weir_inbox_property *wanted, const char *name,
		   struct weir_inbox_value *value)
{
	struct weir_amqp_message *message = (struct weir_amqp_message *)(uintptr_t)context;
	const amqp_basic_properties_t *properties = &message->envelope->message.properties;
	const amqp_bytes_t *text = text_of(message->envelope, wanted->id);

	if (wanted->id == IS_REDELIVERED)
		value->integer = message->envelope->redelivered != 0;
	else if (wanted->id > HAS_ROUTING_KEY && !(properties->_flags & (amqp_flags_t)wanted->id))
		return;
	if (wanted->id == AMQP_BASIC_PRIORITY_FLAG)
		value->integer = properties->priority;
	if (wanted->id == AMQP_BASIC_TIMESTAMP_FLAG)
		value->real = (double)properties->timestamp;
	if (wanted->id == AMQP_BASIC_HEADERS_FLAG)
		get_header(message, name, value);
	if (text) {
		value->text = text->bytes;
		value->n = text->len;
	}
}
