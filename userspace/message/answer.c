/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/answer_internal.h"
#include "message/json_scan.h"
#include "message/json_value.h"
#include "stream/record.h"
#include "weir/csv.h"
#include "weir/fields.h"
#include "weir/text.h"

#define NO_CELL UINT32_MAX

const char *const weir_answer_words[] = {
	[WEIR_ANSWER_LINES] = "lines", [WEIR_ANSWER_CSV] = "csv", [WEIR_ANSWER_JSONL] = "jsonl", NULL
};

struct weir_answer {
	struct weir_node *node;
	enum weir_answer_form form;
	const char *form_argument;
	const struct weir_schema *schema;
	uint32_t first, end; /* fields of the schema that are printed */
	bool has_begun;      /* the first line has been seen */
	bool may_begin_with_time;
	bool has_own_time, has_time;    /* as it should be; the line at hand */
	uint32_t cell[WEIR_FIELDS_MAX]; /* of CSV, by field; NO_CELL: not printed */
	uint32_t time_cell;
	struct weir_csv csv;
	struct weir_place place[WEIR_FIELDS_MAX]; /* of JSON, by field */
	struct weir_json_scan scan;
	bool may_scan; /* each field is the member of its name */
	bool has_warned_of_cut, has_warned_of_digits;
	char why[160];
};

/* ----------------------------------------------------------------------- open */

static uint32_t n_printed(const struct weir_answer *answer)
{
	return answer->end - answer->first;
}

static int declare(struct weir_answer *answer, struct weir_schema *schema, const struct weir_answer_args *args)
{
	struct weir_node *node = answer->node;
	const char *text = args->out;
	struct weir_place *place = answer->form == WEIR_ANSWER_JSONL ? answer->place : NULL;
	char why[WEIR_FIELDS_WHY];

	if (weir_fields_add(schema, text ? text : "text:text", args->width, place, why) < 0)
		return weir_fail_arg(node, text ? "out" : "width", "as in out=\"label:text, score, n:int\"", "%s", why);
	answer->end = schema->n_fields;
	if (!text && answer->form != WEIR_ANSWER_LINES)
		return weir_fail_arg(node, answer->form_argument, "as in out=\"label:text, score, n:int\"",
				     "out= must say what is printed");
	if (answer->form == WEIR_ANSWER_LINES && answer->has_own_time)
		return weir_fail_arg(node, "time", NULL, "a line has no time; CSV and JSON can");
	if (answer->form == WEIR_ANSWER_LINES && n_printed(answer) != 1)
		return weir_fail_arg(node, answer->form_argument, NULL, "a line can be one field, not %u",
				     n_printed(answer));
	return 0;
}

static void prepare_scan(struct weir_answer *answer)
{
	answer->may_scan = answer->form == WEIR_ANSWER_JSONL;
	for (uint32_t i = answer->first; i < answer->end; i++)
		answer->may_scan &= !answer->place[i].n;
	weir_json_scan_open(&answer->scan, answer->schema, answer->first, answer->end, answer->has_own_time);
}

int weir_answer_open_as(struct weir_answer **out, struct weir_node *node, struct weir_schema *schema,
			const struct weir_answer_config *config)
{
	struct weir_answer *answer = calloc(1, sizeof(*answer));
	int err;

	*out = answer;
	if (!answer)
		return -ENOMEM;
	answer->node = node;
	answer->schema = weir_out(node);
	answer->form = config->args.form;
	answer->form_argument = config->form_argument;
	answer->has_own_time = config->has_own_time;
	answer->may_begin_with_time = config->may_begin_with_time;
	if (config->keeps_schema)
		answer->first = schema->n_fields;
	else
		weir_schema_init(schema, config->clock);
	weir_answer_begin(answer);
	err = declare(answer, schema, &config->args);
	if (err >= 0)
		prepare_scan(answer);
	return err;
}

int weir_answer_open(struct weir_answer **out, struct weir_node *node, const struct weir_answer_args *args,
		     struct weir_schema *schema, enum weir_clock clock, bool has_own_time)
{
	struct weir_answer_config config = {
		.args = *args,
		.form_argument = "output",
		.clock = clock,
		.has_own_time = has_own_time,
	};

	if (!weir_given(node, &args->form))
		config.args.form = args->out ? WEIR_ANSWER_CSV : WEIR_ANSWER_LINES;
	return weir_answer_open_as(out, node, schema, &config);
}

int weir_answer_open_after(struct weir_answer **out, struct weir_node *node, const struct weir_answer_args *args,
			   struct weir_schema *schema)
{
	struct weir_answer_config config = {
		.args = { .out = args->out, .form = WEIR_ANSWER_JSONL, .width = args->width },
		.form_argument = "out",
		.keeps_schema = true,
	};

	return weir_answer_open_as(out, node, schema, &config);
}

void weir_answer_close(struct weir_answer *answer)
{
	free(answer);
}

void weir_answer_begin(struct weir_answer *answer)
{
	answer->has_begun = false;
	answer->time_cell = NO_CELL;
	for (uint32_t i = 0; i < WEIR_FIELDS_MAX; i++)
		answer->cell[i] = i - answer->first;
}

/* --------------------------------------------------------------------- values */

static int malformed(struct weir_answer *answer, const char *what, const char *text)
{
	snprintf(answer->why, sizeof(answer->why), "'%.80s' %s", text, what);
	return -EINVAL;
}

static void put_text(struct weir_answer *answer, const struct weir_field *field, const char *text, char *cell)
{
	if (!weir_text_put(cell, field->bytes, text, strlen(text)))
		return;
	weir_lost(answer->node, WEIR_LOST_CUT, 1);
	if (!answer->has_warned_of_cut)
		weir_warn(answer->node, "'%s' is cut to %u bytes: width=, or %s:text:BYTES, says how long it may be",
			  field->name, field->bytes - 1, field->name);
	answer->has_warned_of_cut = true;
}

/* Whole numbers are often names; the user has called it real, or has not thought of it. */
static void warn_of_digits(struct weir_answer *answer, const struct weir_field *field)
{
	if (!answer->has_warned_of_digits)
		weir_warn(answer->node, "'%s' has whole numbers with more digits than a real keeps: %s:int keeps them",
			  field->name, field->name);
	answer->has_warned_of_digits = true;
}

static int put_real(struct weir_answer *answer, const struct weir_field *field, const char *text, double *to)
{
	*to = NAN;
	if (text[strspn(text, " \t")] && weir_read_real(text, to) < 0)
		return malformed(answer, "is not a number", text);
	if (weir_is_rounded(text, *to))
		warn_of_digits(answer, field);
	return 0;
}

static int put_truth(struct weir_answer *answer, const char *text, int64_t *to)
{
	bool is_true = !strcmp(text, "true");

	*to = is_true;
	if (is_true || !strcmp(text, "false"))
		return 0;
	if (weir_read_integer(text, to) < 0)
		return malformed(answer, "is not a truth value", text);
	*to = *to != 0;
	return 0;
}

static int put_cell(struct weir_answer *answer, const struct weir_block *block, uint32_t i, const char *text)
{
	const struct weir_field *field = &answer->schema->field[i];
	union weir_column column = block->column[i];

	switch (field->kind) {
	case WEIR_REAL:
		return put_real(answer, field, text, &column.real[block->n]);
	case WEIR_INT:
		return weir_read_integer(text, &column.integer[block->n]) < 0
			       ? malformed(answer, "is not an integer", text)
			       : 0;
	case WEIR_BOOL:
		return put_truth(answer, text, &column.integer[block->n]);
	case WEIR_TEXT:
		put_text(answer, field, text, column.text + (size_t)block->n * field->bytes);
	}
	return 0;
}

static int put_time(struct weir_answer *answer, const struct weir_block *block, const char *text)
{
	answer->has_time = true;
	return weir_read_integer(text, &block->t[block->n]) < 0 ? malformed(answer, "is not a time in ns", text) : 0;
}

/* ------------------------------------------------------------------------ csv */

static uint32_t find_cell(const struct weir_csv *csv, const char *name)
{
	for (uint32_t i = 0; i < csv->n_cells && i < WEIR_CELLS_MAX; i++)
		if (!strcmp(csv->cell[i], name))
			return i;
	return NO_CELL;
}

/* It is one when every cell is `t` or a field, and every field is there. */
static bool is_header(const struct weir_answer *answer)
{
	const struct weir_csv *csv = &answer->csv;
	uint32_t known = find_cell(csv, "t") != NO_CELL;

	for (uint32_t i = answer->first; i < answer->end; i++)
		if (find_cell(csv, answer->schema->field[i].name) == NO_CELL)
			return false;
	return known + n_printed(answer) == csv->n_cells;
}

static void take_header(struct weir_answer *answer)
{
	answer->time_cell = find_cell(&answer->csv, "t");
	for (uint32_t i = answer->first; i < answer->end; i++)
		answer->cell[i] = find_cell(&answer->csv, answer->schema->field[i].name);
}

/* As weir writes it where there is no header: the time, then the fields. */
static void find_time(struct weir_answer *answer)
{
	if (!answer->may_begin_with_time || answer->time_cell != NO_CELL ||
	    answer->csv.n_cells != n_printed(answer) + 1)
		return;
	answer->time_cell = 0;
	for (uint32_t i = answer->first; i < answer->end; i++)
		answer->cell[i] = i - answer->first + 1;
}

static int take_cells(struct weir_answer *answer, struct weir_block *block)
{
	const struct weir_csv *csv = &answer->csv;
	uint32_t expected = n_printed(answer) + (answer->time_cell != NO_CELL);
	int err = 0;

	if (csv->n_cells != expected) {
		snprintf(answer->why, sizeof(answer->why), "a line has %u cells instead of %u", csv->n_cells, expected);
		return -EINVAL;
	}
	if (answer->time_cell != NO_CELL && answer->has_own_time)
		err = put_time(answer, block, csv->cell[answer->time_cell]);
	for (uint32_t i = answer->first; i < answer->end && !err; i++)
		err = put_cell(answer, block, i, csv->cell[answer->cell[i]]);
	return err < 0 ? err : 1;
}

static int take_csv(struct weir_answer *answer, char *line, size_t n, struct weir_block *block)
{
	bool is_first = !answer->has_begun;

	weir_csv_split(&answer->csv, line, n);
	answer->has_begun = true;
	if (is_first)
		find_time(answer);
	if (!is_first || !is_header(answer))
		return take_cells(answer, block);
	take_header(answer);
	return 0;
}

/* ---------------------------------------------------------------------- jsonl */

/* Out of place is a value of another kind, and one that its kind cannot hold. */
static int misplaced(struct weir_answer *answer, uint32_t i, const json_t *value, const char *what)
{
	const struct weir_place *place = &answer->place[i];
	char name[WEIR_NAME_MAX + 80];

	if (place->n)
		snprintf(name, sizeof(name), "%.*s", (int)place->n, place->at);
	else
		snprintf(name, sizeof(name), "%s", answer->schema->field[i].name);
	return malformed(answer, value ? what : "is missing", name);
}

static int put_integer(struct weir_answer *answer, uint32_t i, const json_t *value, int64_t *to)
{
	if (weir_json_integer(value, to))
		return 0;
	return misplaced(answer, i, value,
			 json_is_real(value) ? "is no whole number, or out of range" : "is a member of another kind");
}

static bool rounds(json_int_t value)
{
	double real = (double)value;

	return !(fabs(real) < 0x1p63) || (json_int_t)real != value;
}

static int put_member(struct weir_answer *answer, const struct weir_block *block, uint32_t i, const json_t *value)
{
	const struct weir_field *field = &answer->schema->field[i];
	union weir_column column = block->column[i];
	bool is_nothing = !value || json_is_null(value);

	if (field->kind == WEIR_TEXT && (is_nothing || json_is_string(value))) {
		put_text(answer, field, is_nothing ? "" : json_string_value(value),
			 column.text + (size_t)block->n * field->bytes);
		return 0;
	}
	if (field->kind == WEIR_REAL && (is_nothing || json_is_number(value))) {
		column.real[block->n] = is_nothing ? NAN : json_number_value(value);
		if (json_is_integer(value) && rounds(json_integer_value(value)))
			warn_of_digits(answer, field);
		return 0;
	}
	if (field->kind == WEIR_BOOL && json_is_boolean(value)) {
		column.integer[block->n] = json_is_true(value);
		return 0;
	}
	if (field->kind == WEIR_TEXT || field->kind == WEIR_REAL || is_nothing)
		return misplaced(answer, i, value, "is a member of another kind");
	if (put_integer(answer, i, value, &column.integer[block->n]) < 0)
		return -EINVAL;
	if (field->kind == WEIR_BOOL)
		column.integer[block->n] = column.integer[block->n] != 0;
	return 0;
}

static const json_t *find_member(const struct weir_answer *answer, const json_t *object, uint32_t i)
{
	if (answer->place[i].n)
		return weir_json_find(object, answer->place[i].at, answer->place[i].n);
	return json_object_get(object, answer->schema->field[i].name);
}

static int take_object(struct weir_answer *answer, const json_t *object, struct weir_block *block)
{
	const json_t *t = answer->has_own_time ? json_object_get(object, "t") : NULL;
	int err = 0;

	if (t && !json_is_integer(t))
		return malformed(answer, "is not a time in ns", "t");
	if (t)
		block->t[block->n] = json_integer_value(t);
	answer->has_time = t;
	for (uint32_t i = answer->first; i < answer->end && !err; i++)
		err = put_member(answer, block, i, find_member(answer, object, i));
	return err < 0 ? err : 1;
}

static bool scan_object(struct weir_answer *answer, const char *text, size_t n, struct weir_block *block)
{
	if (!answer->may_scan || !weir_json_scan(&answer->scan, text, n, block))
		return false;
	answer->has_time = answer->has_own_time;
	return true;
}

static int take_json(struct weir_answer *answer, const char *line, size_t n, struct weir_block *block)
{
	json_error_t error;
	json_t *object;
	int result = -EINVAL;

	if (scan_object(answer, line, n, block))
		return 1;
	object = weir_json_load(line, n, JSON_DECODE_ANY, &error);
	if (!object)
		snprintf(answer->why, sizeof(answer->why), "'%.60s' is not JSON: %.60s", line, error.text);
	else if (json_is_object(object))
		result = take_object(answer, object, block);
	else
		result = malformed(answer, "is not a JSON object", line);
	json_decref(object);
	return result;
}

/* ---------------------------------------------------------------------- lines */

static int take(struct weir_answer *answer, char *line, size_t n, struct weir_block *block)
{
	if (answer->form == WEIR_ANSWER_CSV)
		return take_csv(answer, line, n, block);
	if (answer->form == WEIR_ANSWER_JSONL)
		return take_json(answer, line, n, block);
	return put_cell(answer, block, answer->first, line) < 0 ? -EINVAL : 1;
}

static void begin_record(struct weir_answer *answer, struct weir_block *block, int64_t t)
{
	assert(!weir_block_is_full(block));
	block->t[block->n] = t;
	answer->has_time = false;
}

static int end_record(struct weir_answer *answer, struct weir_block *block, int got)
{
	if (got > 0 && answer->has_own_time && !answer->has_time)
		got = malformed(answer, "is missing", "t");
	if (got > 0)
		weir_block_add(block);
	return got;
}

int weir_answer_line(struct weir_answer *answer, char *line, size_t n, struct weir_block *block, int64_t t)
{
	if (n && line[n - 1] == '\r')
		n--;
	line[n] = 0;
	if (!n && answer->form != WEIR_ANSWER_LINES)
		return 0;
	begin_record(answer, block, t);
	return end_record(answer, block, take(answer, line, n, block));
}

bool weir_answer_scan(struct weir_answer *answer, const char *text, size_t n, struct weir_block *block, int64_t t)
{
	begin_record(answer, block, t);
	return scan_object(answer, text, n, block) && end_record(answer, block, 1);
}

int weir_answer_object(struct weir_answer *answer, const json_t *object, struct weir_block *block, int64_t t)
{
	if (!json_is_object(object))
		return malformed(answer, "is not an object", "it");
	begin_record(answer, block, t);
	return end_record(answer, block, take_object(answer, object, block));
}

const char *weir_answer_why(const struct weir_answer *answer)
{
	return answer->why;
}
