/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values go to a function and come from it as unions, by column: what it means by a field must not depend on how a block lays it
 * out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/callee.h"
#include "weir/text.h"

int weir_callee_table(struct weir_callee_table *table, uint32_t n_fields, uint32_t room)
{
	bool failed;

	table->n_fields = n_fields;
	table->t = calloc(room, sizeof(*table->t));
	failed = !table->t;
	for (uint32_t i = 0; i < n_fields; i++) {
		table->column[i] = calloc(room, sizeof(**table->column));
		failed |= !table->column[i];
	}
	return failed ? -ENOMEM : 0;
}

void weir_callee_free(struct weir_callee_table *table)
{
	for (uint32_t i = 0; i < table->n_fields; i++)
		free(table->column[i]);
	free(table->t);
}

static union weir_call_value value_of(const struct weir_callee *callee, const struct weir_block *in, uint32_t field,
				      uint32_t row)
{
	int at = callee->from[field];
	const struct weir_field *from;
	union weir_column column;

	if (at == WEIR_FIELD_TIME)
		return (union weir_call_value){ .integer = in->t[row] };
	from = &in->schema->field[at];
	column = in->column[at];
	if (from->kind == WEIR_TEXT)
		return (union weir_call_value){ .text = column.text + (size_t)row * from->bytes };
	if (from->kind == WEIR_REAL)
		return (union weir_call_value){ .real = column.real[row] };
	if (callee->to_real[field])
		return (union weir_call_value){ .real = (double)column.integer[row] };
	return (union weir_call_value){ .integer = column.integer[row] };
}

void weir_callee_row(const struct weir_callee *callee, const struct weir_block *in, uint32_t row,
		     union weir_call_value *value)
{
	for (uint32_t i = 0; i < callee->n_in; i++)
		value[i] = value_of(callee, in, i, row);
}

struct weir_call_list weir_callee_list(const struct weir_callee *callee, const struct weir_block *in,
				       const struct weir_callee_table *table)
{
	memcpy(table->t, in->t, in->n * sizeof(*table->t));
	for (uint32_t i = 0; i < callee->n_in; i++)
		for (uint32_t k = 0; k < in->n; k++)
			table->column[i][k] = value_of(callee, in, i, k);
	return (struct weir_call_list){
		.n = in->n,
		.room = in->n,
		.t = table->t,
		.column = (union weir_call_value **)table->column,
	};
}

static void put_text(struct weir_node *node, const struct weir_field *field, const char *text, char *cell)
{
	const char *given = text ? text : "";

	if (weir_text_put(cell, field->bytes, given, strlen(given)))
		weir_lost(node, WEIR_LOST_CUT, 1);
}

void weir_callee_put(struct weir_node *node, const struct weir_field *field, union weir_call_value value, void *cell)
{
	if (field->kind == WEIR_TEXT)
		put_text(node, field, value.text, cell);
	else if (field->kind == WEIR_REAL)
		*(double *)cell = value.real;
	else
		*(int64_t *)cell = field->kind == WEIR_BOOL ? value.integer != 0 : value.integer;
}
