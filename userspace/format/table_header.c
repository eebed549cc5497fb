/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schema of a table: its columns are those of the header, or of the program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/table_internal.h"
#include "weir/text.h"

/* ------------------------------------------------------------------- header */

/* Blanks around a name are not part of it. */
static char *trim(char *name)
{
	size_t n;

	name += strspn(name, " \t");
	n = strlen(name);
	while (n && (name[n - 1] == ' ' || name[n - 1] == '\t'))
		n--;
	name[n] = 0;
	return name;
}

/* Names outlive the line that they were read from. */
static int keep_names(struct weir_table *table, const char *const *names, uint32_t n)
{
	size_t bytes = 1;
	char *to;

	for (uint32_t i = 0; i < n; i++)
		bytes += strlen(names[i]) + 1;
	table->header = to = malloc(bytes);
	table->name = calloc(n, sizeof(*table->name));
	if (!table->header || !table->name)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		table->name[i] = trim(strcpy(to, names[i]));
		to += strlen(names[i]) + 1;
	}
	table->n_header = n;
	return 0;
}

/* As ends of lines once were. */
static bool has_bare_return(const struct weir_csv *csv)
{
	for (uint32_t i = 0; i < csv->n_cells; i++) {
		const char *at = strchr(csv->cell[i], '\r');

		if (at && at[1] != '\n')
			return true;
	}
	return false;
}

static int check_text(const struct weir_table *table)
{
	const char *cell = table->csv.cell[0];

	if (!strncmp(cell, "\xff\xfe", 2) || !strncmp(cell, "\xfe\xff", 2))
		return weir_fail(table->node, EILSEQ, "'%s' is UTF-16: 'iconv -f UTF-16 -t UTF-8' makes UTF-8 of it",
				 table->config.path);
	if (table->csv.has_zero)
		return weir_fail(table->node, EILSEQ, "'%s' is not text: its first line has a byte of zero",
				 table->config.path);
	if (has_bare_return(&table->csv))
		return weir_fail(
			table->node, EILSEQ,
			"'%s' has carriage returns in place of newlines: 'tr \"\\r\" \"\\n\"' makes newlines of them",
			table->config.path);
	return 0;
}

static bool is_value(const struct weir_table *table, const char *name)
{
	const struct weir_table_type *type = weir_table_guess(table, name);
	int64_t t;

	return (type && type->kind != WEIR_TEXT) || !weir_read_iso(name, &t);
}

/* Names that are numbers are hardly names. */
static int check_names(const struct weir_table *table)
{
	uint32_t n_values = 0, n_names = 0;
	const char *value = NULL;

	for (uint32_t i = 0; i < table->n_header; i++) {
		if (!*table->name[i])
			continue;
		n_names++;
		if (!is_value(table, table->name[i]))
			continue;
		value = value ? value : table->name[i];
		n_values++;
	}
	if (!n_values || table->config.is_header)
		return 0;
	if (n_values == n_names)
		return weir_fail_arg(table->node, NULL,
				     "header=no with the names of all columns, as in csv:FILE[a,b] header=no; "
				     "or header=yes where these are names",
				     "the first line of '%s' has numbers and no names", table->config.path);
	weir_warn(table->node, "'%s' names a column: where the first line has no names, say header=no", value);
	return 0;
}

static void warn_of_separator(const struct weir_table *table)
{
	const char *others = ";\t|";

	if (table->n_header != 1)
		return;
	for (const char *other = others; *other; other++)
		if (*other != table->config.separator && strchr(table->name[0], *other))
			weir_warn(table->node, "there is a single column, '%s': separator=%s takes it apart",
				  table->name[0],
				  *other == '\t'  ? "tab"
				  : *other == ';' ? "\";\""
						  : "\"|\"");
}

static int read_header(struct weir_table *table)
{
	struct weir_csv *csv = &table->csv;
	int got, err;

	/* The header decides on the schema, so this waits, for a pipe as long as it takes. */
	while ((got = weir_csv_next(csv)) == -EAGAIN)
		weir_table_wait(table, -1);
	if (got == 0)
		return weir_fail(table->node, ENODATA, "'%s' is empty: it needs a header line", table->config.path);
	if (got == -E2BIG || got == -EBADMSG)
		return weir_fail(table->node, -got, "%s:%u: the header line does not end", table->config.path,
				 csv->line);
	if (got < 0)
		return weir_fail_device(table->node, table->config.path, "read", -got, NULL);
	if (csv->n_cells > WEIR_CELLS_MAX)
		return weir_fail(table->node, E2BIG, "'%s' has more than %u columns", table->config.path,
				 WEIR_CELLS_MAX);
	err = check_text(table);
	if (!err)
		err = keep_names(table, csv->cell, csv->n_cells);
	if (err < 0)
		return err;
	weir_csv_done(csv);
	if (table->name[0][0] == '#' && !table->config.comment)
		weir_warn(table->node, "'%s' is taken as the header: comment=\"#\" leaves such lines out",
			  table->name[0]);
	warn_of_separator(table);
	return check_names(table);
}

/* ------------------------------------------------------------------ columns */

/** A word of the brackets: `name`, `name:kind` or `name:text:32`. */
struct choice {
	size_t length; /* of the name */
	const struct weir_table_type *type;
	uint32_t text_bytes;
};

static int find_cell(const struct weir_table *table, const char *name, size_t length)
{
	for (uint32_t i = 0; i < table->n_header; i++)
		if (strlen(table->name[i]) == length && !memcmp(table->name[i], name, length))
			return (int)i;
	return -ENOENT;
}

static int wrong_kind(const struct weir_table *table, const char *word)
{
	return weir_fail_arg(table->node, NULL,
			     "it is one of real int bool text text:BYTES f32 s8 u8 s16 u16 s32 u32 s64 u64",
			     "'%s' has an unknown type", word);
}

/* The kind behind a name; false where it is none. */
static bool take_kind(const struct weir_table *table, const char *word, struct choice *choice)
{
	const char *colon = word + choice->length, *size = strchr(colon + 1, ':');
	size_t n = size ? (size_t)(size - colon - 1) : strlen(colon + 1);
	char *end = NULL;

	choice->type = weir_table_type(colon + 1, n);
	choice->text_bytes = table->config.text_bytes;
	if (!size || !choice->type)
		return choice->type;
	choice->text_bytes = (uint32_t)strtoul(size + 1, &end, 10);
	return choice->type->kind == WEIR_TEXT && size[1] >= '1' && size[1] <= '9' && !*end &&
	       choice->text_bytes >= 2 && choice->text_bytes <= WEIR_ROW_MAX;
}

/* A header that has a colon in it is met by its whole name. */
static int read_choice(const struct weir_table *table, const char *word, struct choice *choice)
{
	bool is_known;

	*choice = (struct choice){ strlen(word), NULL, table->config.text_bytes };
	if (table->name && find_cell(table, word, choice->length) >= 0)
		return 0;
	for (const char *colon = strchr(word, ':'); colon; colon = strchr(colon + 1, ':')) {
		choice->length = (size_t)(colon - word);
		is_known = !table->name || find_cell(table, word, choice->length) >= 0;
		if (is_known)
			return take_kind(table, word, choice) ? 0 : wrong_kind(table, word);
	}
	choice->length = strlen(word);
	return weir_fail_arg(table->node, NULL, NULL, "'%s' has no column '%s'", table->config.path, word);
}

static int add_column(struct weir_table *table, const char *name, const struct choice *choice, uint32_t cell)
{
	struct weir_table_column *column = &table->column[table->n_columns];

	if (table->n_columns == WEIR_FIELDS_MAX || choice->length >= sizeof(column->name))
		return weir_fail_arg(table->node, NULL, "choose columns, as in csv:FILE[x,y]",
				     "'%.*s' does not fit in one record: %s", (int)choice->length, name,
				     weir_schema_limit(table->n_columns, choice->length));
	*column = (struct weir_table_column){
		.cell = cell, .type = choice->type, .text_bytes = choice->text_bytes, .is_guessed = !choice->type
	};
	memcpy(column->name, name, choice->length);
	table->n_columns++;
	return 0;
}

/* The time has a place of its own. */
static bool is_time(const struct weir_table *table, uint32_t cell)
{
	return cell == table->time_cell && (table->config.no_header || !strcmp(table->name[cell], "t"));
}

static int add_chosen(struct weir_table *table, uint32_t i)
{
	const char *word = table->config.columns[i];
	struct choice choice;
	int err;

	if (table->config.no_header) {
		/* All of them, each by its place. */
		char *name = table->name[i];

		choice = (struct choice){ strlen(word), NULL, table->config.text_bytes };
		choice.length = strcspn(word, ":");
		if (word[choice.length] && !take_kind(table, word, &choice))
			return wrong_kind(table, word);
		return is_time(table, i) ? 0 : add_column(table, name, &choice, i);
	}
	err = read_choice(table, word, &choice);
	if (err < 0)
		return err;
	i = (uint32_t)find_cell(table, word, choice.length);
	return is_time(table, i) ? 0 : add_column(table, word, &choice, i);
}

/* Spreadsheets and data frames have columns without a name at either end. */
static int add_all(struct weir_table *table)
{
	uint32_t n_unnamed = 0;
	int err = 0;

	for (uint32_t i = 0; i < table->n_header && !err; i++) {
		struct choice choice = { strlen(table->name[i]), NULL, table->config.text_bytes };

		n_unnamed += !choice.length;
		if (choice.length && i != table->time_cell)
			err = add_column(table, table->name[i], &choice, i);
	}
	if (n_unnamed && !err)
		weir_warn(table->node, "%u column%s without a name %s left out", n_unnamed, n_unnamed > 1 ? "s" : "",
			  n_unnamed > 1 ? "are" : "is");
	return err;
}

static int add_columns(struct weir_table *table)
{
	int err = 0;

	for (uint32_t i = 0; i < table->config.n_columns && !err; i++)
		err = add_chosen(table, i);
	return table->config.n_columns || err ? err : add_all(table);
}

static int find_time(struct weir_table *table)
{
	const char *name = table->config.time;
	int cell = name ? find_cell(table, name, strlen(name)) : 0;

	if (cell < 0)
		return weir_fail_arg(table->node, NULL,
				     strcmp(name, "t")
					     ? NULL
					     : "csv:FILE reads files without times, and time=COLUMN says which it is",
				     "'%s' has no column '%s' for the time", table->config.path, name);
	table->time_cell = name ? (uint32_t)cell : UINT32_MAX;
	return 0;
}

/* Without a header the brackets have the names, up to their kinds. */
static int name_columns(struct weir_table *table)
{
	char names[WEIR_FIELDS_MAX + 1][WEIR_NAME_MAX];
	const char *name[WEIR_FIELDS_MAX + 1];
	uint32_t n = table->config.n_columns;

	if (!n)
		return weir_fail_arg(table->node, "header", "as in csv:FILE[a,b] header=no",
				     "a file without a header needs the names of its columns");
	if (n > WEIR_FIELDS_MAX)
		return weir_fail_arg(table->node, NULL, NULL, "a record has no more than %u fields", WEIR_FIELDS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		const char *word = table->config.columns[i];
		size_t length = strcspn(word, ":");

		if (!length || length >= WEIR_NAME_MAX)
			return weir_fail_arg(table->node, NULL, NULL, "'%s' cannot name a column", word);
		memcpy(names[i], word, length);
		names[i][length] = 0;
		name[i] = names[i];
	}
	return keep_names(table, name, n);
}

/* ------------------------------------------------------------------- schema */

/* A field at its natural alignment, as a sensor's scan has it. */
static int add_field(struct weir_table *table, const struct weir_table_column *column)
{
	struct weir_schema *schema = &table->schema;
	bool is_text = column->type->kind == WEIR_TEXT;
	uint32_t bytes = is_text ? column->text_bytes : column->type->bytes, align = is_text ? 1 : bytes;
	uint32_t end = schema->row_bytes;
	int i = weir_schema_add(schema, column->name, column->type->kind, "", bytes);

	if (i == -EEXIST)
		return weir_fail_arg(table->node, NULL,
				     strcmp(column->name, "t") ? NULL
							       : "t is a record's time: say time=t, or replay:FILE",
				     "'%s' would have two fields named '%s'", table->config.path, column->name);
	if (i < 0)
		return weir_fail_arg(table->node, NULL, "choose columns, as in csv:FILE[x,y]",
				     "'%s' does not fit in one record: %s", column->name,
				     weir_schema_limit(schema->n_fields, strlen(column->name)));
	schema->field[i].at = (end + align - 1) / align * align;
	schema->row_bytes = schema->field[i].at + bytes;
	weir_table_field(column, &schema->field[i]);
	return 0;
}

int weir_table_read_schema(struct weir_table *table)
{
	int err = table->config.no_header ? name_columns(table) : read_header(table);

	table->column = calloc(WEIR_FIELDS_MAX, sizeof(*table->column));
	if (!table->column)
		return -ENOMEM;
	weir_schema_init(&table->schema, WEIR_CLOCK_NOMINAL);
	if (!err)
		err = find_time(table);
	if (!err)
		err = add_columns(table);
	if (!err)
		err = weir_table_find_kinds(table);
	if (table->config.time && (!table->config.may_be_nominal || table->is_dated))
		table->schema.clock = WEIR_CLOCK_DATED;
	for (uint32_t i = 0; i < table->n_columns && !err; i++)
		err = add_field(table, &table->column[i]);
	return err;
}
