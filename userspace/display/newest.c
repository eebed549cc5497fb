/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of fields from a ring, by copies of single rows: no reader of the ring, so the writer does not wait for it. */
#include <math.h>
#include <stdlib.h>

#include "core/rescale.h"
#include "display/state.h"
#include "stream/record.h"

/** Rows that were copied, and their columns. */
struct display_rows {
	struct weir_schema schema; /**< with the scales of now */
	struct weir_block *block;  /**< NULL: no memory */
	uint8_t *row;
	uint32_t n;
};

static void values_open(struct display_rows *rows, const struct weir_stream *stream, uint32_t most)
{
	uint32_t seen = 0;

	weir_schema_copy(&rows->schema, &stream->schema);
	if (stream->rescale)
		weir_rescale_read(stream->rescale, &seen, &rows->schema);
	rows->n = 0;
	rows->row = malloc((size_t)most * stream->schema.row_bytes);
	if (!rows->row || weir_block_open_rows(&rows->block, &rows->schema, most) < 0)
		rows->block = NULL;
}

static void values_close(struct display_rows *rows)
{
	weir_block_close(rows->block);
	free(rows->row);
}

static void values_take(struct display_rows *rows, const struct weir_ring *ring, uint64_t position)
{
	rows->n += weir_ring_copy_row(ring, position, rows->row + (size_t)rows->n * rows->schema.row_bytes);
}

static void values_decode(struct display_rows *rows)
{
	weir_rows_decode(&rows->schema, rows->row, rows->n, rows->block);
}

static json_t *values_cell(const struct display_rows *rows, uint32_t field, uint32_t i)
{
	const struct weir_field *what = &rows->schema.field[field];
	const union weir_column *column = &rows->block->column[field];

	switch (what->kind) {
	case WEIR_REAL:
		return isfinite(column->real[i]) ? json_real(column->real[i]) : json_null();
	case WEIR_INT:
		return json_integer(column->integer[i]);
	case WEIR_BOOL:
		return json_boolean(column->integer[i]);
	case WEIR_TEXT:
		break;
	}
	json_t *text = json_string(column->text + (size_t)i * what->bytes);

	/* Bytes that are no UTF-8. */
	return text ? text : json_null();
}

static const char *values_kind(enum weir_kind kind)
{
	static const char *const name[] = {
		[WEIR_REAL] = "real", [WEIR_INT] = "int", [WEIR_BOOL] = "bool", [WEIR_TEXT] = "text"
	};

	return name[kind];
}

json_t *display_fields_json(const struct weir_stream *stream, int64_t *t_ns)
{
	json_t *fields = json_array();
	struct display_rows rows;

	*t_ns = INT64_MIN;
	values_open(&rows, stream, 1);
	if (rows.block && stream->ring) {
		values_take(&rows, stream->ring, weir_ring_head(stream->ring) - 1);
		values_decode(&rows);
	}
	if (rows.block && rows.n)
		*t_ns = rows.block->t[0];
	for (uint32_t i = 0; rows.block && i < rows.schema.n_fields; i++) {
		const struct weir_field *field = &rows.schema.field[i];

		json_array_append_new(fields, json_pack("{s:s, s:s, s:s, s:o}", "name", field->name, "unit",
							field->unit, "kind", values_kind(field->kind), "value",
							rows.n ? values_cell(&rows, i, 0) : json_null()));
	}
	values_close(&rows);
	return fields;
}

static json_t *values_columns(const struct display_rows *rows)
{
	json_t *columns = json_object(), *t = json_array();

	for (uint32_t i = 0; i < rows->n; i++)
		json_array_append_new(t, json_integer(rows->block->t[i]));
	json_object_set_new(columns, "t", t);
	for (uint32_t field = 0; field < rows->schema.n_fields; field++) {
		json_t *column = json_array();

		for (uint32_t i = 0; i < rows->n; i++)
			json_array_append_new(column, values_cell(rows, field, i));
		json_object_set_new(columns, rows->schema.field[field].name, column);
	}
	return columns;
}

json_t *display_rows_json(const struct weir_stream *stream, uint32_t points)
{
	uint64_t first = weir_ring_first(stream->ring), n = weir_ring_head(stream->ring) - first;
	struct display_rows rows;
	json_t *columns = NULL;

	if (points > n)
		points = (uint32_t)n;
	values_open(&rows, stream, points ? points : 1);
	/* The newest row is always one of them. */
	for (uint32_t i = 1; rows.block && i <= points; i++)
		values_take(&rows, stream->ring, first + n * i / points - 1);
	if (rows.block) {
		values_decode(&rows);
		columns = values_columns(&rows);
	}
	values_close(&rows);
	return columns;
}
