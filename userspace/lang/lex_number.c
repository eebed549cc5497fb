/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expr/unit.h"
#include "lang/lex.h"

static bool is_hex(char c)
{
	return weir_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint32_t skip_digits(const char *text, uint32_t at)
{
	while (weir_is_digit(text[at]))
		at++;
	return at;
}

static bool has_exponent(const char *text, uint32_t at)
{
	if (text[at] != 'e' && text[at] != 'E')
		return false;
	at++;
	if (text[at] == '+' || text[at] == '-')
		at++;
	return weir_is_digit(text[at]);
}

/* Where the digits end. `2.` is a number as well. */
static uint32_t number_end(const char *text, uint32_t at)
{
	if (text[at] == '0' && (text[at + 1] == 'x' || text[at + 1] == 'X') && is_hex(text[at + 2])) {
		at += 2;
		while (is_hex(text[at]))
			at++;
		return at;
	}
	at = skip_digits(text, at);
	if (text[at] == '.')
		at = skip_digits(text, at + 1);
	if (has_exponent(text, at))
		at = skip_digits(text, at + 2);
	return at;
}

/* In the C locale, whatever the application has set. The text may go on with what strtod() would take for more. */
static double convert(const char *digits, size_t length)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	char *copy = strndup(digits, length);
	double number = copy && c ? strtod_l(copy, NULL, c) : NAN;

	free(copy);
	if (c)
		freelocale(c);
	return number;
}

static struct weir_token bad_unit(const struct weir_lexer *lexer, struct weir_span where)
{
	const char *text = lexer->text + where.at;
	const char *near = weir_unit_nearest(text, where.length);
	char hint[32];

	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	return weir_lex_bad(
		lexer, where,
		near ? hint
		     : "units are ns us ms s m h d, Hz kHz MHz, B kB MB GB KiB MiB GiB; in expressions also V, "
		       "m/s^2 and the like",
		"unknown unit '%.*s'", (int)where.length, text);
}

/* The number whose digits end at `end`; its unit follows. */
static struct weir_token take_number(struct weir_lexer *lexer, uint32_t end)
{
	const char *digits = lexer->text + lexer->at;
	struct weir_token token = { .word = WEIR_W_NUMBER, .where = { lexer->at, end - lexer->at } };
	uint32_t length;

	token.written = convert(digits, token.where.length);
	token.number = token.written;
	token.unit = weir_unit_written(lexer->text + end, &length);
	token.where.length += length;
	lexer->at = end + length;
	if (token.unit) {
		token.dimension = token.unit->dimension;
		token.number = token.number * token.unit->times / token.unit->divided_by;
	}
	if (!isfinite(token.number))
		return weir_lex_bad(lexer, token.where, NULL, "this number is too large");
	return token;
}

struct weir_token weir_lex_number(struct weir_lexer *lexer)
{
	const char *text = lexer->text;
	uint32_t start = lexer->at, end = number_end(text, start), stop = end, length;

	while (weir_is_unit_char(text[stop]))
		stop++;
	if (stop == end || weir_unit_written(text + end, &length))
		return take_number(lexer, end);
	lexer->at = stop;
	if (text[end] == '.' || weir_is_digit(text[end]))
		return weir_lex_bad(lexer, (struct weir_span){ start, stop - start }, NULL, "'%.*s' is not a number",
				    (int)(stop - start), text + start);
	return bad_unit(lexer, (struct weir_span){ end, stop - end });
}
