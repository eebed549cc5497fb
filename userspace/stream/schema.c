/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Schemas are plain values. Blocks are in block.c. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "stream/record.h"

static uint32_t round_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

static struct weir_field native_field(enum weir_kind kind, uint32_t at, uint32_t bytes)
{
	return (struct weir_field){
		.kind = kind,
		.at = at,
		.bytes = kind == WEIR_TEXT ? bytes : 8,
		.bits = kind == WEIR_TEXT ? 0 : 64,
		.is_signed = kind == WEIR_INT || kind == WEIR_BOOL,
		.is_float = kind == WEIR_REAL,
		.scale = 1,
	};
}

void weir_schema_init(struct weir_schema *schema, enum weir_clock clock)
{
	memset(schema, 0, offsetof(struct weir_schema, field));
	schema->row_bytes = 8;
	schema->clock = clock;
	schema->t = native_field(WEIR_INT, 0, 8);
	strcpy(schema->t.name, "t");
	strcpy(schema->t.unit, "ns");
}

#define TEXT_OF(number) #number
#define LIMIT(before, number, after) before " " TEXT_OF(number) " " after /* two macros, so that the number is one */

const char *weir_schema_limit(uint32_t n_fields, size_t name_bytes)
{
	_Static_assert(WEIR_NAME_MAX == 48, "as the text says");
	if (name_bytes >= WEIR_NAME_MAX)
		return "a name has at most 47 letters";
	if (n_fields == WEIR_FIELDS_MAX)
		return LIMIT("a record has at most", WEIR_FIELDS_MAX, "fields");
	return LIMIT("a record has at most", WEIR_ROW_MAX, "bytes");
}

int weir_schema_add(struct weir_schema *schema, const char *name, enum weir_kind kind, const char *unit, uint32_t bytes)
{
	struct weir_field field = native_field(kind, schema->row_bytes, bytes);
	size_t length = strlen(name);

	if (schema->n_fields == WEIR_FIELDS_MAX || length >= sizeof(field.name) || field.bytes > WEIR_ROW_MAX ||
	    schema->row_bytes + round_up(field.bytes, 8) > WEIR_ROW_MAX)
		return -E2BIG;
	if (!strcmp(name, schema->t.name) || weir_schema_find(schema, name) >= 0)
		return -EEXIST;
	memcpy(field.name, name, length);
	snprintf(field.unit, sizeof(field.unit), "%s", unit ? unit : "");
	schema->row_bytes += round_up(field.bytes, 8);
	schema->field[schema->n_fields] = field;
	return (int)schema->n_fields++;
}

size_t weir_schema_bytes(const struct weir_schema *schema)
{
	return offsetof(struct weir_schema, field) + schema->n_fields * sizeof(struct weir_field);
}

/* Most schemas are small: what is behind their fields need not be touched. */
void weir_schema_copy(struct weir_schema *to, const struct weir_schema *from)
{
	memcpy(to, from, weir_schema_bytes(from));
}

int weir_schema_find(const struct weir_schema *schema, const char *name)
{
	for (uint32_t i = 0; i < schema->n_fields; i++)
		if (!strcmp(schema->field[i].name, name))
			return (int)i;
	return -ENOENT;
}

void weir_schema_native(const struct weir_schema *schema, struct weir_schema *native)
{
	weir_schema_init(native, schema->clock);
	native->wall = schema->wall;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		const struct weir_field *from = &schema->field[i];
		int to = weir_schema_add(native, from->name, from->kind, from->unit, from->bytes);

		if (to >= 0 && from->kind == WEIR_REAL) {
			native->field[to].scale = from->scale;
			native->field[to].offset = from->offset;
		}
	}
}

static bool integer_is_sound(const struct weir_field *field)
{
	bool is_word = field->bytes == 1 || field->bytes == 2 || field->bytes == 4 || field->bytes == 8;

	return is_word && field->bits >= 1 && field->shift + field->bits <= field->bytes * 8;
}

static bool field_is_sound(const struct weir_field *field, uint32_t row_bytes)
{
	if (!field->name[0] || !memchr(field->name, 0, sizeof(field->name)) ||
	    !memchr(field->unit, 0, sizeof(field->unit)))
		return false;
	if (!field->bytes || field->bytes > row_bytes || field->at > row_bytes - field->bytes)
		return false;
	if (field->kind == WEIR_TEXT)
		return true;
	if (!isfinite(field->scale) || field->scale == 0 || !isfinite(field->offset))
		return false;
	if (field->is_float)
		return field->kind == WEIR_REAL && (field->bytes == 4 || field->bytes == 8);
	return (unsigned)field->kind < WEIR_TEXT && integer_is_sound(field);
}

int weir_schema_check(const struct weir_schema *schema)
{
	struct weir_schema native;

	if (!schema->row_bytes || schema->row_bytes > WEIR_ROW_MAX || schema->n_fields > WEIR_FIELDS_MAX)
		return -EINVAL;
	if (!field_is_sound(&schema->t, schema->row_bytes) || schema->t.kind != WEIR_INT || schema->t.bytes != 8)
		return -EINVAL;
	for (uint32_t i = 0; i < schema->n_fields; i++)
		if (!field_is_sound(&schema->field[i], schema->row_bytes))
			return -EINVAL;
	/* Adding refuses a name that is taken and a row that is too long, so a complete copy proves both. */
	weir_schema_native(schema, &native);
	return native.n_fields == schema->n_fields ? 0 : -EINVAL;
}
