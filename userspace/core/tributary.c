/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "weir/tributary.h"

static bool is_shared(const struct weir_tributary *in, uint32_t n, const char *name)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += weir_schema_find(in[i].schema, name) >= 0;
	return found > 1;
}

static int add_field(struct weir_node *node, const struct weir_field *field, const char *name, bool nullable,
		     struct weir_schema *out)
{
	enum weir_kind kind = nullable && field->kind != WEIR_TEXT ? WEIR_REAL : field->kind;
	int at = weir_schema_add(out, name, kind, field->unit, field->bytes);

	if (at == -EEXIST)
		return weir_fail_arg(node, NULL, "rename it before, as in x | rename other = v",
				     "two fields would be named '%s'", name);
	if (at < 0)
		return weir_fail_arg(node, NULL, "select fewer fields before", "'%s' does not fit in one record: %s",
				     name, weir_schema_limit(out->n_fields, strlen(name)));
	/* From what raw integers a number came, as `changed` wants to know. */
	if (field->kind == WEIR_REAL) {
		out->field[at].scale = field->scale;
		out->field[at].offset = field->offset;
	}
	return 0;
}

int weir_tributaries_add(struct weir_node *node, const struct weir_tributary *in, uint32_t n, bool nullable,
			 struct weir_schema *out)
{
	char name[2 * WEIR_NAME_MAX];

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < in[i].schema->n_fields; k++) {
			const struct weir_field *field = &in[i].schema->field[k];
			bool shared = is_shared(in, n, field->name);
			int err;

			snprintf(name, sizeof(name), "%.47s%s%s", shared ? in[i].name : "", shared ? "_" : "",
				 field->name);
			err = add_field(node, field, name, nullable, out);
			if (err < 0)
				return err;
		}
	return 0;
}

static void copy_text(char *to, size_t to_bytes, const char *from, size_t from_bytes)
{
	size_t n = to_bytes < from_bytes ? to_bytes : from_bytes;

	memset(to, 0, to_bytes);
	memcpy(to, from, n - 1);
}

void weir_cell_copy(struct weir_block *to, uint32_t to_field, uint32_t to_row, const struct weir_block *from,
		    uint32_t from_field, uint32_t from_row)
{
	const struct weir_field *source = &from->schema->field[from_field], *target = &to->schema->field[to_field];

	if (source->kind == WEIR_TEXT)
		copy_text(to->column[to_field].text + (size_t)to_row * target->bytes, target->bytes,
			  from->column[from_field].text + (size_t)from_row * source->bytes, source->bytes);
	else if (source->kind == WEIR_REAL)
		to->column[to_field].real[to_row] = from->column[from_field].real[from_row];
	else if (target->kind == WEIR_REAL)
		to->column[to_field].real[to_row] = (double)from->column[from_field].integer[from_row];
	else
		to->column[to_field].integer[to_row] = from->column[from_field].integer[from_row];
}

void weir_cell_clear(struct weir_block *to, uint32_t field, uint32_t row)
{
	const struct weir_field *target = &to->schema->field[field];

	if (target->kind == WEIR_TEXT)
		memset(to->column[field].text + (size_t)row * target->bytes, 0, target->bytes);
	else if (target->kind == WEIR_REAL)
		to->column[field].real[row] = NAN;
	else
		to->column[field].integer[row] = 0;
}

bool weir_tributaries_of_one_clock(const struct weir_tributary *in, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (!weir_clock_same(in[i].schema->clock, in[0].schema->clock))
			return false;
	return true;
}
