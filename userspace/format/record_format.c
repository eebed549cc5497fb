/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <zlib.h>

#include "format/record_format.h"
#include "stream/record.h"

#define BYTE_ORDER_NAME (__BYTE_ORDER == __BIG_ENDIAN ? "big" : "little")
#define SUMMED 36 /* of a header: all but its own checksum */

static const unsigned char magic[4] = { 'w', 'R', 'e', 'c' };
static const char *const kinds[] = {
	[WEIR_REAL] = "real", [WEIR_INT] = "int", [WEIR_BOOL] = "bool", [WEIR_TEXT] = "text"
};
static const char *const clocks[] = {
	[WEIR_CLOCK_MONOTONIC] = "monotonic",
	[WEIR_CLOCK_REALTIME] = "realtime",
	[WEIR_CLOCK_NOMINAL] = "nominal",
	[WEIR_CLOCK_DATED] = "dated",
};

/* ------------------------------------------------------------------ headers */

uint32_t weir_record_sum(const void *bytes, size_t n)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, n);
}

static void put16(unsigned char *to, uint16_t value)
{
	value = htole16(value);
	memcpy(to, &value, sizeof(value));
}

static void put32(unsigned char *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof(value));
}

static void put64(unsigned char *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof(value));
}

static uint16_t get16(const unsigned char *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return le16toh(value);
}

static uint32_t get32(const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const unsigned char *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

void weir_record_header_write(const struct weir_record_header *header, unsigned char to[WEIR_RECORD_HEADER])
{
	memcpy(to, magic, sizeof(magic));
	put16(to + 4, WEIR_RECORD_VERSION);
	put16(to + 6, header->kind);
	put64(to + 8, header->session);
	put64(to + 16, header->first);
	put32(to + 24, header->n);
	put32(to + 28, header->bytes);
	put32(to + 32, header->sum);
	put32(to + SUMMED, weir_record_sum(to, SUMMED));
}

bool weir_record_header_read(struct weir_record_header *header, const unsigned char from[WEIR_RECORD_HEADER])
{
	if (memcmp(from, magic, sizeof(magic)) || get32(from + SUMMED) != weir_record_sum(from, SUMMED))
		return false;
	*header = (struct weir_record_header){
		.kind = get16(from + 6),
		.session = get64(from + 8),
		.first = get64(from + 16),
		.n = get32(from + 24),
		.bytes = get32(from + 28),
		.sum = get32(from + 32),
	};
	return get16(from + 4) == WEIR_RECORD_VERSION && header->bytes <= WEIR_RECORD_PAYLOAD_MAX &&
	       header->bytes % WEIR_RECORD_ALIGN == 0;
}

void weir_record_offset_write(const struct weir_wall_offset *offset, unsigned char to[WEIR_RECORD_OFFSET_BYTES])
{
	put64(to, (uint64_t)offset->from_ns);
	put64(to + 8, (uint64_t)offset->ns);
}

void weir_record_offset_read(struct weir_wall_offset *offset, const unsigned char from[WEIR_RECORD_OFFSET_BYTES])
{
	offset->from_ns = (int64_t)get64(from);
	offset->ns = (int64_t)get64(from + 8);
}

/* ------------------------------------------------------------------- schema */

static int find_word(const char *const *words, int n, const char *word)
{
	for (int i = 0; word && i < n; i++)
		if (!strcmp(words[i], word))
			return i;
	return -1;
}

static json_t *field_to_json(const struct weir_field *field)
{
	json_t *json = json_pack("{ss ss ss}", "name", field->name, "kind", kinds[field->kind], "unit", field->unit);

	if (json && field->kind == WEIR_TEXT)
		json_object_set_new(json, "bytes", json_integer(field->bytes));
	if (json && field->kind == WEIR_REAL && (field->scale != 1 || field->offset != 0)) {
		json_object_set_new(json, "scale", json_real(field->scale));
		json_object_set_new(json, "offset", json_real(field->offset));
	}
	return json;
}

static char *padded(char *text)
{
	size_t n = text ? strlen(text) : 0, room = (n + WEIR_RECORD_ALIGN - 1) & ~(size_t)(WEIR_RECORD_ALIGN - 1);
	char *grown = text ? realloc(text, room + 1) : NULL;

	if (!grown) {
		free(text);
		return NULL;
	}
	memset(grown + n, ' ', room - n);
	grown[room] = 0;
	return grown;
}

char *weir_record_schema_write(const struct weir_schema *schema)
{
	json_t *fields = json_array();
	json_t *json = json_pack("{ss ss so}", "clock", clocks[schema->clock], "order", BYTE_ORDER_NAME, "fields",
				 fields);
	char *text;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		json_array_append_new(fields, field_to_json(&schema->field[i]));
	text = json_array_size(fields) == schema->n_fields ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17))
							   : NULL;
	json_decref(json);
	return padded(text);
}

static int field_from_json(struct weir_schema *schema, json_t *json)
{
	const char *name, *word, *unit;
	json_int_t bytes = 8;
	double scale = 1, offset = 0;
	int kind, at;

	if (json_unpack(json, "{ss ss ss s?I s?F s?F}", "name", &name, "kind", &word, "unit", &unit, "bytes", &bytes,
			"scale", &scale, "offset", &offset) < 0)
		return -EBADMSG;
	kind = find_word(kinds, WEIR_TEXT + 1, word);
	if (kind < 0 || !*name || strlen(unit) >= WEIR_UNIT_MAX || bytes < 1 || bytes > WEIR_ROW_MAX || scale == 0)
		return -EBADMSG;
	at = weir_schema_add(schema, name, (enum weir_kind)kind, unit, (uint32_t)bytes);
	if (at < 0)
		return -EBADMSG;
	schema->field[at].scale = scale;
	schema->field[at].offset = offset;
	return 0;
}

static int schema_from_json(struct weir_schema *schema, json_t *json)
{
	const char *clock, *order;
	json_t *fields, *field;
	int i, err = 0;
	size_t k;

	if (json_unpack(json, "{ss ss so}", "clock", &clock, "order", &order, "fields", &fields) < 0)
		return -EBADMSG;
	i = find_word(clocks, WEIR_CLOCK_DATED + 1, clock);
	if (i < 0 || !json_is_array(fields))
		return -EBADMSG;
	if (strcmp(order, BYTE_ORDER_NAME) != 0)
		return -EPROTO;
	weir_schema_init(schema, (enum weir_clock)i);
	json_array_foreach(fields, k, field)
	{
		err = err ? err : field_from_json(schema, field);
	}
	return err ? err : weir_schema_check(schema) < 0 ? -EBADMSG : 0;
}

int weir_record_schema_read(struct weir_schema *schema, const char *text, size_t n)
{
	json_t *json = json_loadb(text, n, 0, NULL);
	int err = json ? schema_from_json(schema, json) : -EBADMSG;

	json_decref(json);
	return err;
}
