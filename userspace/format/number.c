/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Doubles as decimals and back. Both ways rest on one fact: an integer below 2^53 and a power of ten up to 10^22 are exact
 * doubles, and the quotient of two exact doubles is rounded correctly. So `digits / 10^k` is the very double that a reader
 * must make of that decimal (Clinger 1990), and trying k = 0, 1, 2 … finds the shortest decimal of nearly every number that a
 * sensor gives, without the C library. What this does not reach goes through printf and strtod.
 */
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/text.h"

#define EXACT_MAX 0x1p53
#define DECIMALS_MAX 17
#define FIXED_MIN 1e-5 /* below, an exponent is shorter than zeros */

static const double power_of_ten[] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static size_t write_digits(char *to, uint64_t value)
{
	char digits[20];
	size_t n = 0;

	do {
		digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(to, digits + sizeof(digits) - n, n);
	return n;
}

size_t weir_write_integer(char *to, int64_t value)
{
	if (value >= 0)
		return write_digits(to, (uint64_t)value);
	*to = '-';
	return 1 + write_digits(to + 1, -(uint64_t)value);
}

/* `digits` / 10^`decimals`, with a point where there are decimals. */
static size_t write_fixed(char *to, uint64_t digits, unsigned decimals)
{
	char text[20];
	size_t n = write_digits(text, digits), whole;
	size_t at = 0;

	if (!decimals) {
		memcpy(to, text, n);
		return n;
	}
	whole = n > decimals ? n - decimals : 0;
	memcpy(to, text, whole);
	at = whole;
	if (!whole)
		to[at++] = '0';
	to[at++] = '.';
	for (size_t zeros = decimals - (n - whole); zeros; zeros--)
		to[at++] = '0';
	memcpy(to + at, text + whole, n - whole);
	return at + n - whole;
}

/* The process's locale may have a decimal comma; what is printed and read here never has. */
static locale_t enter_c_locale(void)
{
	return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

static void leave_c_locale(locale_t before)
{
	freelocale(uselocale(before));
}

/* Decimals of 15 digits are all different as doubles, so a number that has so few is found at once, without its zeros. */
static size_t write_general(char *to, double value)
{
	locale_t before = enter_c_locale();
	int n = 0;

	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(to, WEIR_NUMBER_MAX, "%.*g", digits, value);
		if (strtod(to, NULL) == value)
			break;
	}
	leave_c_locale(before);
	return (size_t)n;
}

static size_t write_word(char *to, const char *word)
{
	size_t n = strlen(word);

	memcpy(to, word, n);
	return n;
}

static size_t write_magnitude(char *to, double value)
{
	if (value < FIXED_MIN && value > 0)
		return write_general(to, value);
	for (unsigned decimals = 0; decimals <= DECIMALS_MAX; decimals++) {
		double digits = rint(value * power_of_ten[decimals]);

		if (digits >= EXACT_MAX)
			break;
		if (digits / power_of_ten[decimals] == value)
			return write_fixed(to, (uint64_t)digits, decimals);
	}
	return write_general(to, value);
}

size_t weir_write_real(char *to, double value)
{
	if (isnan(value))
		return write_word(to, "nan");
	if (isinf(value))
		return write_word(to, value < 0 ? "-inf" : "inf");
	if (!signbit(value))
		return write_magnitude(to, value);
	*to = '-';
	return 1 + write_magnitude(to + 1, -value);
}

/* Digits with at most one point among them. Too many of them to be exact: false, and so is anything else. */
static bool read_fixed(const char *text, const char **end, double *value)
{
	uint64_t digits = 0;
	unsigned n = 0, decimals = 0;
	bool has_point = false;

	for (;; text++) {
		if (*text == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			break;
		if (++n > 18)
			return false;
		digits = digits * 10 + (uint64_t)(*text - '0');
		decimals += has_point;
	}
	*end = text;
	*value = (double)digits / power_of_ten[decimals];
	return n && digits < (uint64_t)EXACT_MAX && *text != 'e' && *text != 'E' && *text != 'x' && *text != 'X';
}

static const char *read_general(const char *text, double *value)
{
	locale_t before = enter_c_locale();
	char *end;

	*value = strtod(text, &end);
	leave_c_locale(before);
	return end;
}

static const char *skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r')
		text++;
	return text;
}

int weir_read_real(const char *text, double *value)
{
	const char *start = skip_blanks(text), *end;
	bool is_negative = *start == '-';

	if (read_fixed(start + (*start == '-' || *start == '+'), &end, value))
		*value = is_negative ? -*value : *value;
	else
		end = read_general(start, value);
	return end == start || *skip_blanks(end) ? -EINVAL : 0;
}

int weir_read_integer(const char *text, int64_t *value)
{
	const char *start = skip_blanks(text);
	char *end;

	errno = 0;
	*value = strtoll(start, &end, 10);
	if (end == start || *skip_blanks(end))
		return -EINVAL;
	return errno ? -ERANGE : 0;
}
