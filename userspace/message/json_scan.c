/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "message/json_scan.h"

#include <math.h>
#include <string.h>

#include "weir/text.h"

#define DEPTH_MAX 16      /* of values within values that are not wanted */
#define INTEGER_DIGITS 18 /* any such number fits into 64 bits */
#define EXACT_DIGITS 15   /* any such number is exact as a double */
#define NUMBER_BYTES 40

enum kind { SCANNED_NULL, SCANNED_FALSE, SCANNED_TRUE, SCANNED_INTEGER, SCANNED_REAL, SCANNED_TEXT, SCANNED_CONTAINER };

struct value {
	enum kind kind;
	const char *at; /* of a text: behind its first quote */
	uint32_t n;
};

struct cursor {
	const char *at, *end;
};

/* ---------------------------------------------------------------------- reading: false is "not decided" */

static char cursor_peek(struct cursor *cursor)
{
	while (cursor->at < cursor->end &&
	       (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n' || *cursor->at == '\r'))
		cursor->at++;
	return cursor->at < cursor->end ? *cursor->at : '\0';
}

static bool cursor_take(struct cursor *cursor, char what)
{
	if (cursor_peek(cursor) != what)
		return false;
	cursor->at++;
	return true;
}

static bool is_digit(const struct cursor *cursor)
{
	return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

/* Behind its first quote. */
static bool scan_text(struct cursor *cursor, struct value *value)
{
	value->kind = SCANNED_TEXT;
	value->at = cursor->at;
	for (; cursor->at < cursor->end; cursor->at++) {
		unsigned char c = (unsigned char)*cursor->at;

		if (c == '"') {
			value->n = (uint32_t)(cursor->at++ - value->at);
			return true;
		}
		if (c == '\\' || c < ' ' || c > '~')
			return false;
	}
	return false;
}

static bool scan_number(struct cursor *cursor, struct value *value)
{
	value->kind = SCANNED_INTEGER;
	value->at = cursor->at;
	cursor->at += *cursor->at == '-';
	if (!is_digit(cursor))
		return false;
	if (*cursor->at++ != '0')
		while (is_digit(cursor))
			cursor->at++;
	if (cursor->at < cursor->end && *cursor->at == '.') {
		value->kind = SCANNED_REAL;
		cursor->at++;
		if (!is_digit(cursor))
			return false;
		while (is_digit(cursor))
			cursor->at++;
	}
	value->n = (uint32_t)(cursor->at - value->at);
	/* One integer of more than 64 bits, wanted or not, makes jansson read all of them as reals. */
	if (value->kind == SCANNED_INTEGER && value->n > INTEGER_DIGITS)
		return false;
	/* An exponent, and whatever else makes it no number. */
	return cursor->at == cursor->end || strchr(" \t\r\n,]}", *cursor->at);
}

static bool scan_word(struct cursor *cursor, struct value *value, enum kind kind, const char *word)
{
	size_t n = strlen(word);

	value->kind = kind;
	if ((size_t)(cursor->end - cursor->at) < n || memcmp(cursor->at, word, n))
		return false;
	cursor->at += n;
	return true;
}

static bool scan_value(struct cursor *cursor, struct value *value, unsigned depth);

/* The members of an object, or the elements of an array, behind the bracket that opens it. */
static bool scan_container(struct cursor *cursor, char close, unsigned depth)
{
	struct value value;

	if (depth == DEPTH_MAX)
		return false;
	if (cursor_take(cursor, close))
		return true;
	do {
		if (close == '}' &&
		    !(cursor_take(cursor, '"') && scan_text(cursor, &value) && cursor_take(cursor, ':')))
			return false;
		if (!scan_value(cursor, &value, depth + 1))
			return false;
	} while (cursor_take(cursor, ','));
	return cursor_take(cursor, close);
}

static bool scan_value(struct cursor *cursor, struct value *value, unsigned depth)
{
	switch (cursor_peek(cursor)) {
	case '"':
		cursor->at++;
		return scan_text(cursor, value);
	case '{':
	case '[':
		value->kind = SCANNED_CONTAINER;
		return scan_container(cursor, *cursor->at++ == '{' ? '}' : ']', depth);
	case 'n':
		return scan_word(cursor, value, SCANNED_NULL, "null");
	case 't':
		return scan_word(cursor, value, SCANNED_TRUE, "true");
	case 'f':
		return scan_word(cursor, value, SCANNED_FALSE, "false");
	case '\0':
		return false;
	default:
		return scan_number(cursor, value);
	}
}

/* ---------------------------------------------------------------------- cells */

static bool put_integer(const struct value *value, uint32_t most_digits, int64_t *to)
{
	int64_t sum = 0;
	bool is_negative;

	if (value->kind != SCANNED_INTEGER)
		return false;
	is_negative = *value->at == '-';
	if (value->n - is_negative > most_digits)
		return false;
	for (uint32_t i = is_negative; i < value->n; i++)
		sum = sum * 10 + (value->at[i] - '0');
	*to = is_negative ? -sum : sum;
	return true;
}

static bool put_real(const struct value *value, double *to)
{
	char number[NUMBER_BYTES];
	int64_t integer;

	if (value->kind == SCANNED_NULL) {
		*to = NAN;
		return true;
	}
	if (value->kind == SCANNED_INTEGER && put_integer(value, EXACT_DIGITS, &integer)) {
		*to = (double)integer;
		return true;
	}
	if (value->kind != SCANNED_REAL || value->n >= sizeof(number))
		return false;
	memcpy(number, value->at, value->n);
	number[value->n] = '\0';
	return weir_read_real(number, to) == 0;
}

static bool put_truth(const struct value *value, int64_t *to)
{
	if (value->kind == SCANNED_TRUE || value->kind == SCANNED_FALSE) {
		*to = value->kind == SCANNED_TRUE;
		return true;
	}
	if (!put_integer(value, INTEGER_DIGITS, to))
		return false;
	*to = *to != 0;
	return true;
}

/* A text that must be cut is not decided either: the one who cuts counts. */
static bool put_text(const struct value *value, char *cell, uint32_t bytes)
{
	uint32_t n = value->kind == SCANNED_TEXT ? value->n : 0;

	if ((value->kind != SCANNED_TEXT && value->kind != SCANNED_NULL) || n >= bytes)
		return false;
	if (n)
		memcpy(cell, value->at, n);
	memset(cell + n, 0, bytes - n);
	return true;
}

static bool put_value(const struct weir_json_scan *scan, uint32_t i, const struct value *value,
		      struct weir_block *block)
{
	const struct weir_field *field = &scan->schema->field[i];
	union weir_column column = block->column[i];

	switch (field->kind) {
	case WEIR_REAL:
		return put_real(value, &column.real[block->n]);
	case WEIR_INT:
		return put_integer(value, INTEGER_DIGITS, &column.integer[block->n]);
	case WEIR_BOOL:
		return put_truth(value, &column.integer[block->n]);
	case WEIR_TEXT:
		return put_text(value, column.text + (size_t)block->n * field->bytes, field->bytes);
	}
	return false;
}

/* -------------------------------------------------------------------- objects */

void weir_json_scan_open(struct weir_json_scan *scan, const struct weir_schema *schema, uint32_t first, uint32_t end,
			 bool wants_time)
{
	*scan = (struct weir_json_scan){ .schema = schema, .first = first, .end = end, .wants_time = wants_time };
	for (uint32_t i = first; i < end; i++)
		scan->name_bytes[i] = (uint8_t)strlen(schema->field[i].name);
}

/* The field of a name, looked for from `from` on: members mostly come in one order. `end`: it is not wanted. */
static uint32_t find_field(const struct weir_json_scan *scan, const struct value *name, uint32_t from)
{
	for (uint32_t k = scan->first; k < scan->end; k++) {
		uint32_t i = from++;

		if (from == scan->end)
			from = scan->first;
		if (scan->name_bytes[i] == name->n && !memcmp(scan->schema->field[i].name, name->at, name->n))
			return i;
	}
	return scan->end;
}

/* The same as a null: no value, where a field can be without one. */
static bool fill_missing(const struct weir_json_scan *scan, uint64_t seen, struct weir_block *block)
{
	static const struct value null = { .kind = SCANNED_NULL };

	for (uint32_t i = scan->first; i < scan->end; i++)
		if (!(seen >> i & 1) && !put_value(scan, i, &null, block))
			return false;
	return true;
}

struct found {
	uint64_t seen; /* a bit for each field */
	uint32_t next; /* where the next name is looked for first */
	bool has_time;
};

static bool scan_member(const struct weir_json_scan *scan, struct cursor *cursor, struct weir_block *block,
			struct found *found)
{
	struct value name, value;
	uint32_t i;

	if (!cursor_take(cursor, '"') || !scan_text(cursor, &name) || !cursor_take(cursor, ':') ||
	    !scan_value(cursor, &value, 0))
		return false;
	if (scan->wants_time && name.n == 1 && *name.at == 't') {
		found->has_time = true;
		return put_integer(&value, INTEGER_DIGITS, &block->t[block->n]);
	}
	i = find_field(scan, &name, found->next);
	if (i == scan->end)
		return true;
	found->seen |= UINT64_C(1) << i;
	found->next = i + 1 < scan->end ? i + 1 : scan->first;
	return put_value(scan, i, &value, block);
}

bool weir_json_scan(const struct weir_json_scan *scan, const char *text, size_t n, struct weir_block *block)
{
	struct cursor cursor = { text, text + n };
	struct found found = { .next = scan->first };

	if (n > UINT32_MAX || !cursor_take(&cursor, '{'))
		return false;
	if (cursor_peek(&cursor) == '}')
		return false;
	do {
		if (!scan_member(scan, &cursor, block, &found))
			return false;
	} while (cursor_take(&cursor, ','));
	if (!cursor_take(&cursor, '}') || cursor_peek(&cursor) || cursor.at != cursor.end)
		return false;
	return found.has_time == scan->wants_time && fill_missing(scan, found.seen, block);
}
