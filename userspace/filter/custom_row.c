/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "filter/custom_row.h"

#define IS_BIG (__BYTE_ORDER == __BIG_ENDIAN)

static const struct weir_field *find(const struct weir_schema *schema, const char *name)
{
	int index = weir_schema_find(schema, name);

	if (!strcmp(name, "t"))
		return &schema->t;
	return index < 0 ? NULL : &schema->field[index];
}

static bool is_integer(const struct weir_field *field)
{
	return field->kind != WEIR_TEXT && !field->is_float;
}

/* A part of the storage has no sign of its own; the filter's author takes it out and knows. */
static bool has_sign(const struct weir_field *field)
{
	return is_integer(field) && field->bits == 8 * field->bytes && !(field->is_big_endian && !IS_BIG);
}

static int refuse(char *why, const struct weir_custom_member *member, const char *text)
{
	snprintf(why, WEIR_CUSTOM_WHY_MAX, "'%s' %s", member->name, text);
	return -EINVAL;
}

int weir_custom_check_member(const struct weir_custom_member *member, const struct weir_schema *schema, char *why)
{
	const struct weir_field *field = find(schema, member->name);

	if (*member->name == '_')
		return 0;
	if (!field)
		return refuse(why, member, "is no field here");
	if (member->bit != 8 * field->at || member->bytes != field->bytes) {
		snprintf(why, WEIR_CUSTOM_WHY_MAX,
			 "'%s' has %u bytes from byte %u of the row on, and here %u from byte %u on", member->name,
			 member->bytes, member->bit / 8, field->bytes, field->at);
		return -EINVAL;
	}
	if (is_integer(field) && !member->is_integer)
		return refuse(why, member, "is no plain integer");
	if (field->bytes > 1 && is_integer(field) && member->is_big_endian != (field->is_big_endian && !IS_BIG))
		return refuse(why, member, "has another byte order here");
	if (has_sign(field) && member->is_signed != field->is_signed)
		return refuse(why, member, field->is_signed ? "is signed here" : "is unsigned here");
	return 0;
}

int weir_custom_check_size(uint32_t bytes, const struct weir_schema *schema, char *why)
{
	if (bytes == schema->row_bytes)
		return 0;
	snprintf(why, WEIR_CUSTOM_WHY_MAX, "its rows have %u bytes, and here they have %u", bytes, schema->row_bytes);
	return -EINVAL;
}

/* -------------------------------------------------------------------- printing */

/* The first field from `at` on; NULL: none. */
static const struct weir_field *next_field(const struct weir_schema *schema, uint32_t at)
{
	const struct weir_field *next = schema->t.at >= at ? &schema->t : NULL;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		if (schema->field[i].at >= at && (!next || schema->field[i].at < next->at))
			next = &schema->field[i];
	return next;
}

static void print_field(const struct weir_field *field, const char *name, FILE *stream)
{
	uint32_t bits = 8 * field->bytes;

	if (field->kind == WEIR_TEXT)
		fprintf(stream, " char %s[%u];", name, field->bytes);
	else if (is_integer(field) && field->is_big_endian && !IS_BIG && bits > 8)
		fprintf(stream, " __be%u %s;", bits, name);
	else
		fprintf(stream, " __%c%u %s;", is_integer(field) && field->is_signed ? 's' : 'u', bits, name);
}

static void print_gap(uint32_t at, uint32_t bytes, FILE *stream)
{
	fprintf(stream, " __u8 _%u[%u];", at, bytes);
}

/* Gaps that C's alignment makes as well are left to it. */
static bool is_aligned_gap(uint32_t from, const struct weir_field *to)
{
	uint32_t unit = to->kind == WEIR_TEXT ? 1 : to->bytes;

	return (from + unit - 1) / unit * unit == to->at;
}

void weir_custom_print_row(const struct weir_schema *schema, FILE *stream)
{
	uint32_t at = 0, unit = 1;
	const struct weir_field *field;

	fputs("struct row {", stream);
	while ((field = next_field(schema, at))) {
		if (!is_aligned_gap(at, field))
			print_gap(at, field->at - at, stream);
		print_field(field, field == &schema->t ? "t" : field->name, stream);
		at = field->at + field->bytes;
		if (field->kind != WEIR_TEXT && field->bytes > unit)
			unit = field->bytes;
	}
	if ((at + unit - 1) / unit * unit != schema->row_bytes)
		print_gap(at, schema->row_bytes - at, stream);
	fputs(" };", stream);
}
