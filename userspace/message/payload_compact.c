/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "message/payload_internal.h"
#include "weir/text.h"

#define HAS_TEXT 1
#define VARINT_MAX 10

static const unsigned char magic[3] = { 'w', 'r', 1 };

void weir_compact_init(struct weir_compact *compact, const struct weir_schema *schema)
{
	static const char *const kind[] = { "real", "int", "bool", "text" };
	size_t at = 0;

	*compact = (struct weir_compact){ .schema = schema, .n_fields = schema->n_fields };
	for (uint32_t i = 0; i < schema->n_fields; i++)
		at += (size_t)snprintf(compact->text + at, sizeof(compact->text) - at, "%s%s:%s", i ? "," : "",
				       schema->field[i].name, kind[schema->field[i].kind]);
	compact->n_text = (uint32_t)at;
	compact->crc = (uint32_t)crc32(0, (const unsigned char *)compact->text, compact->n_text);
}

size_t weir_compact_max(const struct weir_compact *compact)
{
	size_t n = WEIR_COMPACT_HEAD + 2 + compact->n_text + 8;

	for (uint32_t i = 0; i < compact->n_fields; i++)
		n += compact->schema->field[i].kind == WEIR_TEXT ? 2 + compact->schema->field[i].bytes : VARINT_MAX;
	return n;
}

/* -------------------------------------------------------------------- writing */

static char *put16(char *to, uint16_t value)
{
	value = htole16(value);
	memcpy(to, &value, 2);
	return to + 2;
}

static char *put32(char *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, 4);
	return to + 4;
}

static char *put64(char *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, 8);
	return to + 8;
}

/* Zigzag, then seven bits a byte: small numbers of either sign are short. */
static char *put_varint(char *to, int64_t value)
{
	uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);

	for (; rest >= 0x80; rest >>= 7)
		*to++ = (char)(rest | 0x80);
	*to++ = (char)rest;
	return to;
}

static char *put_text(char *to, const char *text)
{
	size_t n = strlen(text);

	to = put16(to, (uint16_t)n);
	memcpy(to, text, n);
	return to + n;
}

static char *put_value(char *to, const struct weir_field *field, union weir_column column, uint32_t row)
{
	uint64_t bits;

	switch (field->kind) {
	case WEIR_REAL:
		memcpy(&bits, &column.real[row], 8);
		return put64(to, bits);
	case WEIR_INT:
		return put_varint(to, column.integer[row]);
	case WEIR_BOOL:
		*to = column.integer[row] != 0;
		return to + 1;
	case WEIR_TEXT:
		break;
	}
	return put_text(to, column.text + (size_t)row * field->bytes);
}

static char *put_head(struct weir_compact *compact, char *to)
{
	bool tells = !compact->until_told;

	compact->until_told = tells ? WEIR_COMPACT_TELL_EVERY - 1 : compact->until_told - 1;
	memcpy(to, magic, sizeof(magic));
	to[sizeof(magic)] = tells ? HAS_TEXT : 0;
	to = put32(to + sizeof(magic) + 1, compact->crc);
	if (!tells)
		return to;
	to = put16(to, (uint16_t)compact->n_text);
	memcpy(to, compact->text, compact->n_text);
	return to + compact->n_text;
}

size_t weir_compact_write(struct weir_compact *compact, char *to, const struct weir_block *block, uint32_t row)
{
	char *end = put64(put_head(compact, to), (uint64_t)block->t[row]);

	for (uint32_t i = 0; i < compact->n_fields; i++)
		end = put_value(end, &compact->schema->field[i], block->column[i], row);
	return (size_t)(end - to);
}

/* -------------------------------------------------------------------- reading */

static const char *truncated(char why[160])
{
	snprintf(why, 160, "a binary record is cut off");
	return NULL;
}

static const char *get_varint(const char *at, const char *end, int64_t *value)
{
	uint64_t bits = 0;

	for (unsigned shift = 0; at < end && shift < 64; shift += 7, at++) {
		bits |= (uint64_t)(*at & 0x7f) << shift;
		if (*at & 0x80)
			continue;
		*value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
		return at + 1;
	}
	return NULL;
}

static uint64_t get64(const char *at)
{
	uint64_t value;

	memcpy(&value, at, 8);
	return le64toh(value);
}

static uint32_t get16(const char *at)
{
	uint16_t value;

	memcpy(&value, at, 2);
	return le16toh(value);
}

const char *weir_compact_begin(const struct weir_compact *compact, const char *bytes, const char *end, char why[160])
{
	uint32_t crc, n_text = 0;
	const char *at = bytes + WEIR_COMPACT_HEAD;

	if (end - bytes < WEIR_COMPACT_HEAD || memcmp(bytes, magic, sizeof(magic)) != 0) {
		snprintf(why, 160, "it is not in weir's binary form");
		return NULL;
	}
	memcpy(&crc, bytes + 4, 4);
	if (bytes[3] & HAS_TEXT) {
		n_text = end - at >= 2 ? get16(at) : 0;
		at += 2;
		if (end - at < (ptrdiff_t)n_text)
			return truncated(why);
	}
	if (le32toh(crc) == compact->crc)
		return at + n_text;
	snprintf(why, 160, "its fields are %.*s, and not %.60s", n_text ? (int)(n_text < 60 ? n_text : 60) : 6,
		 n_text ? at : "others", compact->text);
	return NULL;
}

static const char *get_text(const char *at, const char *end, const struct weir_field *field, char *cell, uint32_t *cut)
{
	size_t n;

	if (end - at < 2)
		return NULL;
	n = get16(at);
	at += 2;
	if ((size_t)(end - at) < n)
		return NULL;
	*cut += weir_text_put(cell, field->bytes, at, n);
	return at + n;
}

static const char *get_value(const char *at, const char *end, const struct weir_field *field, union weir_column column,
			     uint32_t row, uint32_t *cut)
{
	uint64_t bits;

	switch (field->kind) {
	case WEIR_REAL:
		if (end - at < 8)
			return NULL;
		bits = get64(at);
		memcpy(&column.real[row], &bits, 8);
		return at + 8;
	case WEIR_INT:
		return get_varint(at, end, &column.integer[row]);
	case WEIR_BOOL:
		if (at == end)
			return NULL;
		column.integer[row] = *at != 0;
		return at + 1;
	case WEIR_TEXT:
		break;
	}
	return get_text(at, end, field, column.text + (size_t)row * field->bytes, cut);
}

const char *weir_compact_next(const struct weir_compact *compact, const char *bytes, const char *end,
			      struct weir_block *block, uint32_t *cut, char why[160])
{
	const char *at = bytes + 8;

	if (end - bytes < 8)
		return truncated(why);
	if (compact->has_time)
		block->t[block->n] = (int64_t)get64(bytes);
	for (uint32_t i = 0; i < compact->n_fields && at; i++)
		at = get_value(at, end, &compact->schema->field[i], block->column[i], block->n, cut);
	return at ? at : truncated(why);
}
