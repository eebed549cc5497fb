/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the columns of a table hold where nobody has told it: the first lines say so. They are looked at and not consumed, as far as
 * they fit into the buffer. A pipe is waited for until there is a line that counts; for a column that is empty there, only as long as
 * more lines come at once. What this cannot know shows as a malformed cell, never as a wrong value.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "format/table_internal.h"
#include "weir/text.h"

#define SAMPLE_PAUSE_MS 500 /* once a line is there, no longer than this is waited for others */

/** Lines that are looked at before they are read. */
struct sample {
	struct weir_csv csv;
	bool has_line; /* one that counts */
	bool is_done;
	char text[WEIR_INPUT_MAX + 1];
};

void weir_table_wait(const struct weir_table *table, int timeout_ms)
{
	poll(&(struct pollfd){ .fd = weir_input_fd(table->csv.input), .events = POLLIN }, 1, timeout_ms);
}

/* Is there nothing wrong with it? Then its cells may say of which kind they are. */
static bool line_counts(const struct weir_table *table, const struct weir_csv *csv)
{
	char value[8];
	int64_t t;

	if (csv->n_cells != table->n_header || csv->has_zero)
		return false;
	if (table->time_cell != UINT32_MAX && table->config.unit != WEIR_UNIT_GUESS &&
	    weir_table_time(table, csv->cell[table->time_cell], &t) < 0)
		return false;
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct weir_table_column *column = &table->column[i];
		struct weir_field field = { .kind = column->type ? column->type->kind : WEIR_TEXT };

		if (!column->type || field.kind == WEIR_TEXT)
			continue;
		weir_table_field(column, &field);
		if (weir_table_cell(table, column, &field, csv->cell[column->cell], value) != WEIR_CELL_GOOD)
			return false;
	}
	return true;
}

static void warn_of_mark(const struct weir_table *table, const struct weir_table_column *column, const char *text)
{
	size_t n = strspn(text, " -+0123456789"), fraction;

	if (table->config.mark != '.' || !n || text[n] != ',')
		return;
	fraction = strspn(text + n + 1, "0123456789");
	if (fraction && !text[n + 1 + fraction])
		weir_warn(table->node, "'%.40s' in column '%s' is text: decimal=\",\" reads it as a number", text,
			  column->name);
}

static int guess_unit(struct weir_table *table, const struct weir_csv *csv)
{
	const char *text = csv->cell[table->time_cell];
	int64_t t;

	table->config.unit = weir_table_guess_unit(table, text);
	table->is_dated = table->config.unit != WEIR_UNIT_GUESS && !weir_table_time(table, text, &t) &&
			  t >= WEIR_FIRST_DATE_NS;
	if (table->config.unit == WEIR_UNIT_GUESS && !weir_read_time(text, 0, table->config.mark, &t))
		return weir_fail_arg(table->node, NULL, "as in csv:FILE time=t unit=s",
				     "%s:%u: time '%.40s' is not a number of ns: unit= must name its unit",
				     table->config.path, csv->line, text);
	return 0;
}

/* What a line says of kinds that are not known yet. Told once, a kind holds. */
static int learn(struct weir_table *table, struct sample *sample)
{
	bool guesses = table->time_cell != UINT32_MAX && table->config.unit == WEIR_UNIT_GUESS;
	int err;

	if (!line_counts(table, &sample->csv))
		return 0;
	err = guesses ? guess_unit(table, &sample->csv) : 0;
	/* A first time that is none is malformed: the line does not count. */
	if (err < 0 || (guesses && table->config.unit == WEIR_UNIT_GUESS))
		return err;
	sample->has_line = true;
	sample->is_done = true;
	for (uint32_t i = 0; i < table->n_columns; i++) {
		struct weir_table_column *column = &table->column[i];
		const char *text = sample->csv.cell[column->cell];

		if (column->type)
			continue;
		column->type = weir_table_guess(table, text);
		if (column->type && column->type->kind == WEIR_TEXT)
			warn_of_mark(table, column, text);
		sample->is_done = sample->is_done && column->type;
	}
	return 0;
}

/* All that has been read and not consumed, in a copy, since taking a line apart changes it. */
static int look_at_lines(struct weir_table *table, struct sample *sample)
{
	size_t n, used, at = 0;
	const char *text = weir_input_unread(table->csv.input, &n);
	bool is_last = weir_input_at_end(table->csv.input);
	int got, err = 0;

	memcpy(sample->text, text, n);
	if (!table->csv.has_begun && n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		at = 3;
	sample->csv.next_line = table->csv.next_line;
	while (!sample->is_done && !err) {
		got = weir_csv_look(&sample->csv, sample->text + at, n - at, is_last, &used);
		if (got != 1)
			break;
		at += used;
		err = learn(table, sample);
	}
	return err;
}

static int read_sample(struct weir_table *table, struct sample *sample)
{
	int64_t since = 0;
	int err = 0;

	sample->csv.input = table->csv.input;
	sample->csv.separator = table->csv.separator;
	sample->csv.comment = table->csv.comment;
	while (!sample->is_done && !err) {
		int got = weir_input_more(table->csv.input);

		err = look_at_lines(table, sample);
		/* The end, and whatever is wrong with the file, show when it is read. */
		if (got != -EAGAIN && got <= 0)
			break;
		if (got > 0 || sample->is_done || err)
			continue;
		if (sample->has_line && since &&
		    weir_now(WEIR_CLOCK_MONOTONIC) - since > SAMPLE_PAUSE_MS * INT64_C(1000000))
			break;
		if (sample->has_line && !since)
			since = weir_now(WEIR_CLOCK_MONOTONIC);
		weir_table_wait(table, sample->has_line ? SAMPLE_PAUSE_MS : -1);
	}
	return err;
}

static bool is_all_told(const struct weir_table *table)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (!table->column[i].type)
			return false;
	return table->time_cell == UINT32_MAX || table->config.unit != WEIR_UNIT_GUESS;
}

int weir_table_find_kinds(struct weir_table *table)
{
	struct sample *sample;
	int err;

	if (is_all_told(table))
		return 0;
	sample = calloc(1, sizeof(*sample));
	if (!sample)
		return -ENOMEM;
	err = read_sample(table, sample);
	free(sample);
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (!table->column[i].type)
			table->column[i].type = weir_table_type("real", 4);
	if (table->config.unit == WEIR_UNIT_GUESS)
		table->config.unit = WEIR_UNIT_NS;
	return err;
}
