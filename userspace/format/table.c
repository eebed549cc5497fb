/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/table_internal.h"
#include "weir/text.h"

const char *const weir_time_unit_words[] = { "ns", "us", "ms", "s", "iso", NULL };

int weir_table_form(struct weir_node *node, const struct weir_table_args *args, struct weir_table_config *config)
{
	const char *decimal = args->decimal, *wrong;

	config->path = weir_target(node);
	config->columns = weir_columns(node, &config->n_columns);
	config->text_bytes = args->width;
	config->no_header = !args->header;
	config->is_header = weir_given(node, &args->header) && args->header;
	config->comment = args->comment;
	config->mark = decimal[0];
	if ((strcmp(decimal, ".") && strcmp(decimal, ",")))
		return weir_fail_arg(node, "decimal", "as in decimal=\",\"", "a decimal mark is a point or a comma");
	wrong = weir_read_separator(args->separator, config->mark, &config->separator);
	return wrong ? weir_fail_arg(node, weir_given(node, &args->separator) ? "separator" : "decimal",
				     "as in separator=\";\" or separator=tab", "%s", wrong)
		     : 0;
}

int weir_table_open(struct weir_table **out, struct weir_node *node, const struct weir_table_config *config,
		    struct weir_schema *schema)
{
	struct weir_table *table = calloc(1, sizeof(*table));
	int err;

	*out = table;
	if (!table)
		return -ENOMEM;
	table->node = node;
	table->state = 1;
	table->config = *config;
	table->csv.separator = config->separator;
	table->csv.comment = config->comment && *config->comment ? config->comment : NULL;
	err = weir_input_open(&table->csv.input, node, config->path);
	if (!err)
		err = weir_table_read_schema(table);
	/* A multiple of 8 lets the kernel filter the rows where they lie. */
	table->schema.row_bytes = (table->schema.row_bytes + 7) & ~7u;
	*schema = table->schema;
	if (!err)
		return 0;
	weir_table_close(table);
	*out = NULL;
	return err;
}

void weir_table_close(struct weir_table *table)
{
	if (!table)
		return;
	weir_input_close(table->csv.input);
	free(table->column);
	free(table->name);
	free(table->header);
	free(table);
}

/* --------------------------------------------------------------------- rows */

static int malformed(const struct weir_table *table, uint32_t cell, const char *what)
{
	const struct weir_csv *csv = &table->csv;

	if (table->config.skips_bad)
		return -EINVAL;
	return weir_fail(table->node, EINVAL, "%s:%u:%u: '%.40s' %s", table->config.path, csv->line, csv->column[cell],
			 csv->cell[cell], what);
}

static int check_cells(const struct weir_table *table)
{
	const struct weir_csv *csv = &table->csv;

	if (csv->has_zero)
		return malformed(table, 0, "begins a line that has a byte of zero in it");
	if (csv->n_cells == table->n_header)
		return 0;
	if (table->config.skips_bad)
		return -EINVAL;
	return weir_fail(table->node, EINVAL, "%s:%u:%u: '%.40s' begins a line of %u cells, and %s %u%s",
			 table->config.path, csv->line, csv->column[0], csv->cell[0], csv->n_cells,
			 table->config.no_header ? "there are names of" : "the header has", table->n_header,
			 csv->cell[0][0] == '#' ? ": comment=\"#\" leaves such lines out" : "");
}

static void read_text(struct weir_table *table, const struct weir_field *field, const char *text, char *to)
{
	if (!weir_text_put(to, field->bytes, text, strlen(text)))
		return;
	weir_lost(table->node, WEIR_LOST_CUT, 1);
	if (!table->has_warned)
		weir_warn(table->node,
			  "%s:%u: '%s' is cut to %u bytes: width=, or [%s:text:BYTES], says how long it may be",
			  table->config.path, table->csv.line, field->name, field->bytes - 1, field->name);
	table->has_warned = true;
}

static int read_cell(struct weir_table *table, uint32_t i, char *row)
{
	const struct weir_table_column *column = &table->column[i];
	const struct weir_field *field = &table->schema.field[i];
	const char *text = table->csv.cell[column->cell];
	enum weir_table_fault fault;

	if (field->kind == WEIR_TEXT) {
		read_text(table, field, text, row + field->at);
		return 0;
	}
	fault = weir_table_cell(table, column, field, text, row + field->at);
	return fault == WEIR_CELL_GOOD ? 0 : weir_table_malformed(table, column, fault);
}

static int read_time(const struct weir_table *table, int64_t *t)
{
	int err;

	if (!table->config.time) {
		*t = weir_raster_at(&table->config.raster, table->i);
		return 0;
	}
	err = weir_table_time(table, table->csv.cell[table->time_cell], t);
	if (err == -ERANGE)
		return malformed(table, table->time_cell, "is out of the range of times, some 292 years");
	return err < 0 ? malformed(table, table->time_cell,
				   table->config.unit == WEIR_UNIT_ISO ? "is not a date and time of ISO 8601"
								       : "is not a time")
		       : 0;
}

static bool is_early(struct weir_table *table, int64_t t, struct weir_wait *wait)
{
	int64_t due, now;

	if (!table->config.is_paced)
		return false;
	now = weir_now(WEIR_CLOCK_MONOTONIC);
	/* A raster has no holes, however slow it is. */
	due = weir_pace_due(&table->pace, table->node, table->config.time ? table->config.gap_ns : INT64_MAX, t, now);
	if (due <= now)
		return false;
	*wait = (struct weir_wait){ .until_ns = due, .fd = -1 };
	return true;
}

/* Turn the record into a row: 1; -EINVAL: malformed; -EAGAIN: too early. */
static int read_row(struct weir_table *table, char *row, struct weir_wait *wait)
{
	const struct weir_schema *schema = &table->schema;
	int64_t t;
	int err = check_cells(table);

	if (!err)
		err = read_time(table, &t);
	if (err < 0)
		return err;
	if (is_early(table, t, wait))
		return -EAGAIN;
	memcpy(row + schema->t.at, &t, sizeof(t));
	for (uint32_t i = 0; i < schema->n_fields && !err; i++)
		err = read_cell(table, i, row);
	return err < 0 ? err : 1;
}

/* What the reader could not take apart: -EINVAL. */
static int unreadable(struct weir_table *table, int error)
{
	const struct weir_csv *csv = &table->csv;

	if (table->config.skips_bad) {
		weir_csv_skip(&table->csv);
		return -EINVAL;
	}
	if (error == -EBADMSG)
		return weir_fail(table->node, EINVAL, "%s:%u:%u: the quote that opens here is never closed",
				 table->config.path, csv->line, csv->column[0]);
	return weir_fail(table->node, E2BIG,
			 "%s:%u:%u: the line is longer than %u bytes, or a quote opens here and is not closed",
			 table->config.path, csv->line, csv->column[0], WEIR_INPUT_MAX);
}

static int next_record(struct weir_table *table, struct weir_wait *wait)
{
	int got = table->has_record ? 1 : weir_csv_next(&table->csv);

	table->has_record = got == 1;
	if (got == -EAGAIN)
		*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_input_fd(table->csv.input) };
	else if (got == -E2BIG || got == -EBADMSG)
		return unreadable(table, got);
	else if (got < 0)
		return weir_fail_device(table->node, table->config.path, "read", -got,
					got == -ENODEV ? "the device has gone; its unfinished line is left out" : NULL);
	return got;
}

/* The next well-formed record: 1; 0 at the end; -EAGAIN; -errno. */
static int next_row(struct weir_table *table, char *row, struct weir_wait *wait)
{
	for (;;) {
		int got = next_record(table, wait);

		if (got > 0) {
			got = read_row(table, row, wait);
			table->has_record = got == -EAGAIN;
		}
		if (got != -EINVAL || !table->config.skips_bad)
			return got;
		weir_lost(table->node, WEIR_LOST_CUT, 1);
	}
}

int weir_table_produce(struct weir_table *table, struct weir_rows *rows, struct weir_wait *wait)
{
	void *row;

	while (table->state > 0 && (row = weir_rows_next(rows))) {
		int got = next_row(table, row, wait);

		if (got == -EAGAIN)
			return got;
		table->state = got;
		if (got <= 0)
			break;
		weir_rows_add(rows);
		table->i++;
	}
	return table->state;
}
