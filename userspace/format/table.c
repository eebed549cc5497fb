/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "weir/csv.h"
#include "weir/table.h"
#include "weir/text.h"

/* What a column's cells are turned into. */
static const struct type {
	const char *name;
	enum weir_kind kind;
	uint8_t bytes;
	bool is_signed;
} types[] = {
	{ "f64", WEIR_REAL, 8, true }, { "f32", WEIR_REAL, 4, true },   { "s64", WEIR_INT, 8, true },
	{ "s32", WEIR_INT, 4, true },  { "s16", WEIR_INT, 2, true },    { "s8", WEIR_INT, 1, true },
	{ "u64", WEIR_INT, 8, false }, { "u32", WEIR_INT, 4, false },   { "u16", WEIR_INT, 2, false },
	{ "u8", WEIR_INT, 1, false },  { "text", WEIR_TEXT, 0, false },
};

struct weir_table {
	struct weir_node *node;
	struct weir_table_config config;
	struct weir_schema schema;
	struct weir_csv csv;
	bool has_record; /**< csv holds one that has not been delivered */
	bool has_begun;
	int state;         /**< 1: there is more; 0: the end; -errno: what ended it */
	uint32_t n_header; /**< cells that every line must have */
	uint32_t time_cell;
	uint32_t cell[WEIR_FIELDS_MAX]; /**< by field */
	uint64_t i;                     /**< of the next record */
	int64_t first_t, start;         /**< pacing: the first record's time, and when it was delivered */
};

/* ------------------------------------------------------------------- header */

static const struct type *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

static int find_cell(const struct weir_table *table, const char *name, size_t length)
{
	for (uint32_t i = 0; i < table->n_header; i++)
		if (strlen(table->csv.cell[i]) == length && !memcmp(table->csv.cell[i], name, length))
			return (int)i;
	return -ENOENT;
}

/* A field at its natural alignment, as a sensor's scan has it. */
static int add_field(struct weir_table *table, const char *name, const struct type *type, uint32_t cell)
{
	struct weir_schema *schema = &table->schema;
	uint32_t bytes = type->kind == WEIR_TEXT ? table->config.text_bytes : type->bytes;
	uint32_t align = type->kind == WEIR_TEXT ? 1 : type->bytes;
	uint32_t end = schema->row_bytes;
	int i = weir_schema_add(schema, name, type->kind, "", bytes);
	struct weir_field *field;

	if (i == -EEXIST)
		return weir_fail_arg(table->node, NULL,
				     strcmp(name, "t") ? NULL : "t is a record's time: say time=t, or replay:FILE",
				     "'%s' would have two fields named '%s'", table->config.path, name);
	if (i < 0)
		return weir_fail_arg(table->node, NULL, "choose columns, as in csv:FILE[x,y]",
				     "'%s' does not fit in one record", name);
	field = &schema->field[i];
	field->at = (end + align - 1) / align * align;
	schema->row_bytes = field->at + bytes;
	if (type->kind != WEIR_TEXT) {
		field->bytes = type->bytes;
		field->bits = type->bytes * 8;
		field->is_signed = type->is_signed;
		field->is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	}
	table->cell[i] = cell;
	return 0;
}

/* `name`, or `name:type`. A header that has a colon in it is met by its whole name. */
static int add_chosen(struct weir_table *table, const char *word)
{
	const char *colon = strrchr(word, ':');
	const struct type *type = find_type("f64");
	char name[WEIR_NAME_MAX] = "";
	size_t length = strlen(word);
	int cell = find_cell(table, word, length);

	if (cell < 0 && colon) {
		length = (size_t)(colon - word);
		cell = find_cell(table, word, length);
		type = find_type(colon + 1);
	}
	if (!type)
		return weir_fail_arg(table->node, NULL, "it is one of f64 f32 s64 s32 s16 s8 u64 u32 u16 u8 text",
				     "'%s' has an unknown type", word);
	if (cell < 0)
		return weir_fail_arg(table->node, NULL, NULL, "'%s' has no column '%.*s'", table->config.path,
				     (int)length, word);
	memcpy(name, word, length < sizeof(name) ? length : sizeof(name) - 1);
	return add_field(table, name, type, (uint32_t)cell);
}

static int read_header(struct weir_table *table)
{
	struct weir_csv *csv = &table->csv;
	int got;

	/* The header decides on the schema, so this waits, for a pipe as long as it takes. */
	while ((got = weir_csv_next(csv)) == -EAGAIN)
		poll(&(struct pollfd){ .fd = weir_input_fd(csv->input), .events = POLLIN }, 1, -1);
	if (got == 0)
		return weir_fail(table->node, ENODATA, "'%s' is empty: it needs a header line", table->config.path);
	if (got < 0)
		return weir_fail_device(table->node, table->config.path, "read", -got, NULL);
	if (csv->n_cells > WEIR_CELLS_MAX)
		return weir_fail(table->node, E2BIG, "'%s' has more than %u columns", table->config.path,
				 WEIR_CELLS_MAX);
	if (!strncmp(csv->cell[0], "\xef\xbb\xbf", 3))
		csv->cell[0] += 3;
	for (uint32_t i = 0; i < csv->n_cells; i++)
		csv->cell[i] += strspn(csv->cell[i], " ");
	table->n_header = csv->n_cells;
	if (csv->n_cells == 1 && strpbrk(csv->cell[0], ";\t"))
		weir_warn(table->node, "'%s' has a single column, '%s': columns are separated by commas",
			  table->config.path, csv->cell[0]);
	return 0;
}

static int find_time(struct weir_table *table)
{
	const char *name = table->config.time;
	int cell = name ? find_cell(table, name, strlen(name)) : 0;

	if (cell < 0)
		return weir_fail_arg(table->node, NULL, NULL, "'%s' has no column '%s' for the time",
				     table->config.path, name);
	table->time_cell = name ? (uint32_t)cell : UINT32_MAX;
	return 0;
}

static int add_columns(struct weir_table *table)
{
	int err = 0;

	for (uint32_t i = 0; i < table->config.n_columns && !err; i++)
		err = add_chosen(table, table->config.columns[i]);
	for (uint32_t i = 0; !table->config.n_columns && i < table->n_header && !err; i++)
		if (i != table->time_cell)
			err = add_field(table, table->csv.cell[i], find_type("f64"), i);
	return err;
}

/* Lay the columns out again, those as text whose cell in the first line is not a number. */
static int guess_types(struct weir_table *table)
{
	struct weir_schema before = table->schema;
	uint32_t cell[WEIR_FIELDS_MAX];
	double value;
	int err = 0;

	memcpy(cell, table->cell, sizeof(cell));
	weir_schema_init(&table->schema, before.clock);
	for (uint32_t i = 0; i < before.n_fields && !err; i++) {
		const char *text = cell[i] < table->csv.n_cells ? table->csv.cell[cell[i]] : "";
		bool is_text = *text && weir_read_real(text, &value) < 0;

		err = add_field(table, before.field[i].name, find_type(is_text ? "text" : "f64"), cell[i]);
	}
	return err;
}

static int read_schema(struct weir_table *table)
{
	int err = read_header(table);

	weir_schema_init(&table->schema, WEIR_CLOCK_NOMINAL);
	if (!err)
		err = find_time(table);
	if (!err)
		err = add_columns(table);
	if (err < 0 || table->config.n_columns)
		return err;
	/* Not there yet, or too long: then all are numbers, and the reading of it will say what is wrong. */
	table->has_record = weir_csv_next(&table->csv) == 1;
	return table->has_record ? guess_types(table) : 0;
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
	err = weir_input_open(&table->csv.input, node, config->path);
	if (!err)
		err = read_schema(table);
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
	if (table)
		weir_input_close(table->csv.input);
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

static int read_float(const struct weir_field *field, const char *text, void *to)
{
	double value = NAN;
	float single;

	/* Empty is a value that was not measured; all else must be a number. */
	if (text[strspn(text, " \t\r")] && weir_read_real(text, &value) < 0)
		return -EINVAL;
	single = (float)value;
	memcpy(to, field->bytes == 8 ? (void *)&value : (void *)&single, field->bytes);
	return 0;
}

static int read_integer(const struct weir_field *field, const char *text, void *to)
{
	/* Of 64 bits without a sign, what a column of int64_t can show. */
	unsigned bits = field->bits - (field->is_signed || field->bits == 64);
	int64_t value, most = INT64_MAX >> (63 - bits);
	int err = weir_read_integer(text, &value);

	if (err < 0)
		return err;
	if (value > most || value < (field->is_signed ? -most - 1 : 0))
		return -ERANGE;
	/* The low bytes, whichever end they are at. */
	memcpy(to, (char *)&value + (field->is_big_endian ? 8 - field->bytes : 0), field->bytes);
	return 0;
}

static void read_text(struct weir_table *table, const struct weir_field *field, const char *text, char *to)
{
	if (weir_text_put(to, field->bytes, text, strlen(text)))
		weir_lost(table->node, WEIR_LOST_CUT, 1);
}

static int read_cell(struct weir_table *table, const struct weir_field *field, uint32_t cell, char *row)
{
	const char *text = table->csv.cell[cell];
	int err;

	if (field->kind == WEIR_TEXT) {
		read_text(table, field, text, row + field->at);
		return 0;
	}
	err = field->is_float ? read_float(field, text, row + field->at) : read_integer(field, text, row + field->at);
	if (err == -ERANGE)
		return malformed(table, cell, "is out of range");
	return err < 0 ? malformed(table, cell, field->is_float ? "is not a number" : "is not an integer") : 0;
}

static int read_time(const struct weir_table *table, int64_t *t)
{
	const char *text;
	double value;

	if (!table->config.time) {
		*t = weir_raster_at(&table->config.raster, table->i);
		return 0;
	}
	text = table->csv.cell[table->time_cell];
	/* An integer of ns must not go through a double, which has no room for the ns of a date. */
	if (table->config.time_unit_ns == 1 && !weir_read_integer(text, t))
		return 0;
	if (weir_read_real(text, &value) < 0 || !(fabs(value * (double)table->config.time_unit_ns) < 0x1p63))
		return malformed(table, table->time_cell, "is not a time");
	*t = llrint(value * (double)table->config.time_unit_ns);
	return 0;
}

static int64_t time_to_deliver(struct weir_table *table, int64_t t)
{
	if (!table->has_begun) {
		table->has_begun = true;
		table->first_t = t;
		table->start = weir_now(WEIR_CLOCK_MONOTONIC);
	}
	/* Unsigned: times that make no sense may wrap here, and are then delivered at some other time. */
	return (int64_t)((uint64_t)table->start + (uint64_t)t - (uint64_t)table->first_t);
}

static bool is_early(struct weir_table *table, int64_t t, struct weir_wait *wait)
{
	int64_t due;

	if (!table->config.is_paced)
		return false;
	due = time_to_deliver(table, t);
	if (due <= weir_now(WEIR_CLOCK_MONOTONIC))
		return false;
	*wait = (struct weir_wait){ .until_ns = due, .fd = -1 };
	return true;
}

/* Turn the record into a row: 1; -EINVAL: malformed; -EAGAIN: too early. */
static int read_row(struct weir_table *table, char *row, struct weir_wait *wait)
{
	const struct weir_schema *schema = &table->schema;
	int64_t t;
	int err;

	if (table->csv.n_cells != table->n_header)
		return malformed(table, 0, "begins a line with more or fewer cells than the header has");
	err = read_time(table, &t);
	if (err < 0)
		return err;
	if (is_early(table, t, wait))
		return -EAGAIN;
	memcpy(row + schema->t.at, &t, sizeof(t));
	for (uint32_t i = 0; i < schema->n_fields && !err; i++)
		err = read_cell(table, &schema->field[i], table->cell[i], row);
	return err < 0 ? err : 1;
}

static int next_record(struct weir_table *table, struct weir_wait *wait)
{
	int got = table->has_record ? 1 : weir_csv_next(&table->csv);

	table->has_record = got == 1;
	if (got == -EAGAIN)
		*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_input_fd(table->csv.input) };
	else if (got == -E2BIG)
		return weir_fail(table->node, E2BIG, "%s:%u: the line is longer than %u bytes", table->config.path,
				 table->csv.next_line + 1, WEIR_INPUT_MAX);
	else if (got < 0)
		return weir_fail_device(table->node, table->config.path, "read", -got, NULL);
	return got;
}

/* The next well-formed record: 1; 0 at the end; -EAGAIN; -errno. */
static int next_row(struct weir_table *table, char *row, struct weir_wait *wait)
{
	for (;;) {
		int got = next_record(table, wait);

		if (got <= 0)
			return got;
		got = read_row(table, row, wait);
		table->has_record = got == -EAGAIN;
		if (got != -EINVAL || !table->config.skips_bad)
			return got;
		weir_lost(table->node, WEIR_LOST_CUT, 1);
	}
}

int weir_table_produce(struct weir_table *table, void *rows, uint32_t max, struct weir_wait *wait)
{
	uint32_t n = 0;

	while (n < max && table->state > 0) {
		int got = next_row(table, (char *)rows + (size_t)n * table->schema.row_bytes, wait);

		if (got == -EAGAIN)
			return n ? (int)n : got;
		/* The end and a failure wait until what was read before them is delivered. */
		table->state = got;
		n += got > 0;
		table->i += got > 0;
	}
	return n ? (int)n : table->state;
}
