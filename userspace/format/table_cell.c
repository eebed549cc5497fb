/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cells of a table as values. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "format/table_internal.h"
#include "weir/text.h"

#define EXACT_MAX 0x1p53 /* from here on a double is not every whole number */
#define CELL_MAX 512     /* bytes of a number with a decimal comma */

enum { REAL, INT, BOOL, TEXT };

static const struct weir_table_type types[] = {
	[REAL] = { "real", WEIR_REAL, 8, true },
	[INT] = { "int", WEIR_INT, 8, true },
	[BOOL] = { "bool", WEIR_BOOL, 8, true },
	[TEXT] = { "text", WEIR_TEXT, 0, false },
	{ "f64", WEIR_REAL, 8, true },
	{ "f32", WEIR_REAL, 4, true },
	{ "s64", WEIR_INT, 8, true },
	{ "i64", WEIR_INT, 8, true },
	{ "s32", WEIR_INT, 4, true },
	{ "s16", WEIR_INT, 2, true },
	{ "s8", WEIR_INT, 1, true },
	{ "u64", WEIR_INT, 8, false },
	{ "u32", WEIR_INT, 4, false },
	{ "u16", WEIR_INT, 2, false },
	{ "u8", WEIR_INT, 1, false },
};

const struct weir_table_type *weir_table_type(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].name) == length && !memcmp(types[i].name, name, length))
			return &types[i];
	return NULL;
}

void weir_table_field(const struct weir_table_column *column, struct weir_field *field)
{
	const struct weir_table_type *type = column->type;

	if (type->kind == WEIR_TEXT)
		return;
	field->bytes = type->bytes;
	field->bits = type->bytes * 8;
	field->is_signed = type->is_signed;
	field->is_big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

/* ------------------------------------------------------------------ numbers */

static const char *skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r')
		text++;
	return text;
}

/* Digits and nothing else, but for a sign and blanks; NULL, or the first digit. */
static const char *whole_digits(const char *text)
{
	const char *digits = skip_blanks(text);
	size_t n;

	digits += *digits == '-' || *digits == '+';
	n = strspn(digits, "0123456789");
	return n && !*skip_blanks(digits + n) ? digits : NULL;
}

/* With the table's decimal mark. */
static int read_real(const struct weir_table *table, const char *text, double *value)
{
	char point[CELL_MAX], *comma;

	if (table->config.mark == '.')
		return weir_read_real(text, value);
	if (strchr(text, '.') || strlen(text) >= sizeof(point))
		return -EINVAL;
	strcpy(point, text);
	comma = strchr(point, ',');
	if (comma)
		*comma = '.';
	return weir_read_real(point, value);
}

/* What a number that nobody has called real loses when it is made one. */
static enum weir_table_fault find_loss(const char *text, double value)
{
	const char *at = skip_blanks(text), *digits;

	at += *at == '-' || *at == '+';
	/* Nearly all numbers are small and begin with another digit. */
	if (fabs(value) < EXACT_MAX && (at[0] != '0' || !at[1] || at[1] == '.'))
		return WEIR_CELL_GOOD;
	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		return WEIR_CELL_NO_NUMBER;
	digits = whole_digits(text);
	if (!digits)
		return WEIR_CELL_GOOD;
	if (digits[0] == '0' && isdigit((unsigned char)digits[1]))
		return WEIR_CELL_ZERO;
	return weir_is_rounded(text, value) ? WEIR_CELL_ROUNDED : WEIR_CELL_GOOD;
}

static enum weir_table_fault read_float(const struct weir_table *table, const struct weir_table_column *column,
					const struct weir_field *field, const char *text, void *to)
{
	enum weir_table_fault fault;
	double value = NAN;
	float single;
	int err;

	/* Empty is a value that was not measured; all else must be a number. */
	if (*skip_blanks(text)) {
		err = read_real(table, text, &value);
		if (err < 0)
			return err == -ERANGE ? WEIR_CELL_OUT_OF_RANGE : WEIR_CELL_NO_NUMBER;
		fault = column->is_guessed ? find_loss(text, value) : WEIR_CELL_GOOD;
		if (fault != WEIR_CELL_GOOD)
			return fault;
	}
	single = (float)value;
	if (field->bytes == 4 && isinf(single) && !isinf(value))
		return WEIR_CELL_OUT_OF_RANGE;
	memcpy(to, field->bytes == 8 ? (void *)&value : (void *)&single, field->bytes);
	return WEIR_CELL_GOOD;
}

static enum weir_table_fault read_integer(const struct weir_table_column *column, const struct weir_field *field,
					  const char *text, void *to)
{
	/* Of 64 bits without a sign, what a column of int64_t can show. */
	unsigned bits = field->bits - (field->is_signed || field->bits == 64);
	int64_t value, most = INT64_MAX >> (63 - bits);
	int err = weir_read_integer(text, &value);

	if (err < 0)
		return err == -ERANGE ? WEIR_CELL_OUT_OF_RANGE : WEIR_CELL_NO_INTEGER;
	if (value > most || value < (field->is_signed ? -most - 1 : 0))
		return WEIR_CELL_OUT_OF_RANGE;
	if (column->is_guessed && find_loss(text, 0) == WEIR_CELL_ZERO)
		return WEIR_CELL_ZERO;
	/* The low bytes, whichever end they are at. */
	memcpy(to, (char *)&value + (field->is_big_endian ? 8 - field->bytes : 0), field->bytes);
	return WEIR_CELL_GOOD;
}

static enum weir_table_fault read_truth(const char *text, void *to)
{
	static const char *const words[] = { "0", "false", "1", "true" };
	const char *from = skip_blanks(text);

	for (int i = 0; i < 4; i++) {
		size_t n = strlen(words[i]);
		int64_t value = i / 2;

		if (strncasecmp(from, words[i], n) || *skip_blanks(from + n))
			continue;
		memcpy(to, &value, sizeof(value));
		return WEIR_CELL_GOOD;
	}
	return WEIR_CELL_NO_TRUTH;
}

enum weir_table_fault weir_table_cell(const struct weir_table *table, const struct weir_table_column *column,
				      const struct weir_field *field, const char *text, void *to)
{
	switch (field->kind) {
	case WEIR_REAL:
		return read_float(table, column, field, text, to);
	case WEIR_INT:
		return read_integer(column, field, text, to);
	case WEIR_BOOL:
		return read_truth(text, to);
	case WEIR_TEXT:
		break;
	}
	return WEIR_CELL_GOOD;
}

const struct weir_table_type *weir_table_guess(const struct weir_table *table, const char *text)
{
	double value;
	int64_t integer;

	if (!*skip_blanks(text))
		return NULL;
	if (read_real(table, text, &value) < 0)
		return &types[TEXT];
	/* What is no number, or infinite, may be the name of somebody. */
	if (!strpbrk(text, "0123456789"))
		return NULL;
	switch (find_loss(text, value)) {
	case WEIR_CELL_GOOD:
		break;
	case WEIR_CELL_ROUNDED:
		return weir_read_integer(text, &integer) < 0 ? &types[TEXT] : &types[INT];
	default:
		return &types[TEXT];
	}
	return fabs(value) >= EXACT_MAX && whole_digits(text) ? &types[INT] : &types[REAL];
}

/* -------------------------------------------------------------------- times */

int weir_table_time(const struct weir_table *table, const char *text, int64_t *t)
{
	if (table->config.unit == WEIR_UNIT_ISO)
		return weir_read_iso(text, t);
	/* Units are a thousand times each other. */
	return weir_read_time(text, 3 * (int)table->config.unit, table->config.mark, t);
}

enum weir_time_unit weir_table_guess_unit(const struct weir_table *table, const char *text)
{
	const char *point = strchr(text, table->config.mark);
	int64_t t;

	if (weir_read_iso(text, &t) != -EINVAL)
		return WEIR_UNIT_ISO;
	if (weir_read_time(text, 0, table->config.mark, &t) == -EINVAL)
		return WEIR_UNIT_GUESS;
	if (whole_digits(text))
		return WEIR_UNIT_NS;
	/* As weir writes time=s. */
	return point && strspn(point + 1, "0123456789") == 9 && !*skip_blanks(point + 10) ? WEIR_UNIT_S
											  : WEIR_UNIT_GUESS;
}

/* ------------------------------------------------------------------- faults */

/* Of a column of which nobody has told the kind, there is a way to tell it. */
static void advise(const struct weir_table_column *column, enum weir_table_fault fault, char *to, size_t room)
{
	static const char *const advice[] = {
		[WEIR_CELL_NO_NUMBER] = ": [%s:text] reads the column as text",
		[WEIR_CELL_NO_INTEGER] = ": [%s:real] or [%s:text] reads all of the column",
		[WEIR_CELL_OUT_OF_RANGE] = ": [%s:text] keeps its digits",
		[WEIR_CELL_ROUNDED] = ": [%s:int] or [%s:text] keeps its digits",
		[WEIR_CELL_ZERO] = ": [%s:text] keeps its digits, [%s:real] reads a number",
	};

	*to = 0;
	if (column->is_guessed && advice[fault])
		snprintf(to, room, advice[fault], column->name, column->name);
}

int weir_table_malformed(const struct weir_table *table, const struct weir_table_column *column,
			 enum weir_table_fault fault)
{
	static const char *const what[] = {
		[WEIR_CELL_NO_NUMBER] = "is not a number",
		[WEIR_CELL_NO_INTEGER] = "is not an integer",
		[WEIR_CELL_NO_TRUTH] = "is not a truth value: 0, 1, true or false",
		[WEIR_CELL_OUT_OF_RANGE] = "is out of range",
		[WEIR_CELL_ROUNDED] = "has more digits than a real number keeps",
		[WEIR_CELL_ZERO] = "begins with a 0, which a number does not keep",
	};
	const struct weir_csv *csv = &table->csv;
	char advice[3 * WEIR_NAME_MAX + 64];

	if (table->config.skips_bad)
		return -EINVAL;
	advise(column, fault, advice, sizeof(advice));
	return weir_fail(table->node, EINVAL, "%s:%u:%u: '%.40s' %s%s", table->config.path, csv->line,
			 csv->column[column->cell], csv->cell[column->cell], what[fault], advice);
}
