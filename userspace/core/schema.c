/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Schemas are plain values, and blocks are one allocation each: the columns follow the struct, each on a cache line.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/record.h"

#define CACHE_LINE 64u

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
	*schema = (struct weir_schema){ .row_bytes = 8, .clock = clock, .t = native_field(WEIR_INT, 0, 8) };
	strcpy(schema->t.name, "t");
	strcpy(schema->t.unit, "ns");
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

static size_t cell_bytes(const struct weir_field *field)
{
	return field->kind == WEIR_TEXT ? field->bytes : 8;
}

int weir_block_open(struct weir_block **out, const struct weir_schema *schema)
{
	return weir_block_open_rows(out, schema, WEIR_BLOCK_MAX);
}

int weir_block_open_rows(struct weir_block **out, const struct weir_schema *schema, uint32_t rows)
{
	size_t at = round_up(sizeof(struct weir_block), CACHE_LINE);
	size_t bytes = at + rows * sizeof(int64_t);
	struct weir_block *block;
	char *memory;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		bytes += rows * cell_bytes(&schema->field[i]);
	memory = aligned_alloc(CACHE_LINE, bytes);
	*out = block = (struct weir_block *)memory;
	if (!memory)
		return -ENOMEM;
	*block = (struct weir_block){ .schema = schema, .t = (int64_t *)(memory + at) };
	at += rows * sizeof(int64_t);
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		block->column[i].any = memory + at;
		at += rows * cell_bytes(&schema->field[i]);
	}
	return 0;
}

void weir_block_close(struct weir_block *block)
{
	free(block);
}

void weir_block_append(struct weir_block *dst, const struct weir_block *src, uint32_t from)
{
	weir_block_gather(dst, src, &from, 1);
}

/* A column of doubles is moved as words too. */
typedef int64_t __attribute__((may_alias)) word;

static void gather_words(word *to, const word *from, const uint32_t *index, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[index[i]];
}

static void gather_cells(char *to, const char *from, size_t bytes, const uint32_t *index, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		memcpy(to + i * bytes, from + index[i] * bytes, bytes);
}

void weir_block_gather(struct weir_block *dst, const struct weir_block *src, const uint32_t *index, uint32_t n)
{
	gather_words(dst->t + dst->n, src->t, index, n);
	for (uint32_t i = 0; i < src->schema->n_fields; i++) {
		const struct weir_field *field = &src->schema->field[i];

		if (field->kind == WEIR_TEXT)
			gather_cells(dst->column[i].text + (size_t)dst->n * field->bytes, src->column[i].text,
				     field->bytes, index, n);
		else
			gather_words(dst->column[i].integer + dst->n, src->column[i].integer, index, n);
	}
	dst->n += n;
}

void weir_block_slice(struct weir_block *view, const struct weir_block *src, uint32_t from, uint32_t n)
{
	*view = (struct weir_block){ .schema = src->schema, .n = n, .t = src->t + from };
	for (uint32_t i = 0; i < src->schema->n_fields; i++)
		view->column[i].text = src->column[i].text + from * cell_bytes(&src->schema->field[i]);
}
