/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lang/lex.h"

static const struct unit {
	const char *name;
	enum weir_dimension dimension;
	double times, divided_by; /* two, as 1e-3 is not a double and a thousand is */
} units[] = {
	{ "s", WEIR_DIM_TIME, 1, 1 },
	{ "ms", WEIR_DIM_TIME, 1, 1e3 },
	{ "us", WEIR_DIM_TIME, 1, 1e6 },
	{ "\302\265s", WEIR_DIM_TIME, 1, 1e6 }, /* micro sign */
	{ "\316\274s", WEIR_DIM_TIME, 1, 1e6 }, /* Greek mu */
	{ "ns", WEIR_DIM_TIME, 1, 1e9 },
	{ "m", WEIR_DIM_TIME, 60, 1 },
	{ "h", WEIR_DIM_TIME, 3600, 1 },
	{ "Hz", WEIR_DIM_RATE, 1, 1 },
	{ "kHz", WEIR_DIM_RATE, 1e3, 1 },
	{ "MHz", WEIR_DIM_RATE, 1e6, 1 },
	{ "B", WEIR_DIM_SIZE, 1, 1 },
	{ "kB", WEIR_DIM_SIZE, 1e3, 1 },
	{ "MB", WEIR_DIM_SIZE, 1e6, 1 },
	{ "GB", WEIR_DIM_SIZE, 1e9, 1 },
	{ "KiB", WEIR_DIM_SIZE, 1024, 1 },
	{ "MiB", WEIR_DIM_SIZE, 1024 * 1024, 1 },
	{ "GiB", WEIR_DIM_SIZE, 1024 * 1024 * 1024, 1 },
};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

static bool is_unit_char(char c)
{
	return weir_is_name(c) || c == '.' || (unsigned char)c >= 0x80;
}

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

static const struct unit *find_unit(const char *text, size_t length)
{
	for (size_t i = 0; i < N_UNITS; i++)
		if (strlen(units[i].name) == length && !memcmp(units[i].name, text, length))
			return &units[i];
	return NULL;
}

static struct weir_token bad_unit(const struct weir_lexer *lexer, struct weir_span where)
{
	const char *text = lexer->text + where.at;
	const char *names[N_UNITS], *near;
	char hint[32];

	for (size_t i = 0; i < N_UNITS; i++)
		names[i] = units[i].name;
	near = weir_nearest(text, where.length, names, N_UNITS);
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	return weir_lex_bad(lexer, where, near ? hint : "units are ns us ms s m h, Hz kHz MHz, B kB MB GB KiB MiB GiB",
			    "unknown unit '%.*s'", (int)where.length, text);
}

struct weir_token weir_lex_number(struct weir_lexer *lexer)
{
	const char *text = lexer->text;
	uint32_t start = lexer->at, end = number_end(text, start), stop = end;
	struct weir_token token = { .word = WEIR_W_NUMBER };
	const struct unit *unit = NULL;

	while (is_unit_char(text[stop]))
		stop++;
	lexer->at = stop;
	token.where = (struct weir_span){ start, stop - start };
	if (text[end] == '.' || weir_is_digit(text[end]))
		return weir_lex_bad(lexer, token.where, NULL, "'%.*s' is not a number", (int)(stop - start),
				    text + start);
	if (stop > end) {
		unit = find_unit(text + end, stop - end);
		if (!unit)
			return bad_unit(lexer, (struct weir_span){ end, stop - end });
		token.dimension = unit->dimension;
	}
	token.number = convert(text + start, end - start);
	if (unit)
		token.number = token.number * unit->times / unit->divided_by;
	if (!isfinite(token.number))
		return weir_lex_bad(lexer, token.where, NULL, "this number is too large");
	return token;
}
