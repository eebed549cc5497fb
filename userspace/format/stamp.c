/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times as text. No double is involved: 1700000000.123456789 s has more digits than one holds. */
#include <errno.h>
#include <stdbool.h>

#include "weir/text.h"

#define SECOND_NS INT64_C(1000000000)
#define PLAIN_MAX 19        /* digits that always fit into uint64_t */
#define DIGITS_MAX 40       /* digits that are kept: more than int64_t has, and the one that rounds */
#define EXPONENT_MAX 100000 /* beyond, every number but 0 is out of range or rounds to 0 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t' || *text == '\r')
		text++;
	return text;
}

/* ----------------------------------------------------------------- decimals */

/** 0.d₀d₁d₂… · 10^point */
struct decimal {
	bool is_negative;
	char digit[DIGITS_MAX];
	int n, point;
};

static const char *read_exponent(const char *text, int *point)
{
	const char *at = text + 1;
	bool is_negative = *at == '-';
	int value = 0;

	at += *at == '-' || *at == '+';
	if (!is_digit(*at))
		return text;
	for (; is_digit(*at); at++)
		value = value < EXPONENT_MAX ? value * 10 + (*at - '0') : value;
	*point += is_negative ? -value : value;
	return at;
}

/* Returns what follows the number; NULL where there is no digit. */
static const char *read_decimal(const char *text, char mark, struct decimal *decimal)
{
	bool has_point = false, has_digit = false;

	*decimal = (struct decimal){ .is_negative = *text == '-' };
	text += *text == '-' || *text == '+';
	for (; is_digit(*text) || (*text == mark && !has_point); text++) {
		if (*text == mark) {
			has_point = true;
			continue;
		}
		has_digit = true;
		if (decimal->n || *text != '0') {
			if (decimal->n < DIGITS_MAX)
				decimal->digit[decimal->n++] = *text;
			decimal->point += !has_point;
		} else {
			decimal->point -= has_point;
		}
	}
	if (!has_digit)
		return NULL;
	return *text == 'e' || *text == 'E' ? read_exponent(text, &decimal->point) : text;
}

/* The nearest integer. */
static int round_decimal(const struct decimal *decimal, int64_t *to)
{
	uint64_t value = 0, most = (uint64_t)INT64_MAX + decimal->is_negative;

	for (int i = 0; i < decimal->point && decimal->n; i++) {
		unsigned digit = i < decimal->n ? (unsigned)(decimal->digit[i] - '0') : 0;

		if (value > (most - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (decimal->point >= 0 && decimal->point < decimal->n && decimal->digit[decimal->point] >= '5')
		value++;
	if (value > most)
		return -ERANGE;
	*to = (int64_t)(decimal->is_negative ? -value : value);
	return 0;
}

/* Digits alone, as most times of ns are, and not so many that they could be out of range of uint64_t. */
static bool read_plain(const char *text, int64_t *to)
{
	uint64_t value = 0;
	int n = 0;

	for (; n < PLAIN_MAX && is_digit(text[n]); n++)
		value = value * 10 + (uint64_t)(text[n] - '0');
	*to = (int64_t)value;
	return n && !text[n] && value <= INT64_MAX;
}

int weir_read_time(const char *text, int decimals, char mark, int64_t *ns)
{
	struct decimal decimal;
	const char *end;

	if (!decimals && read_plain(text, ns))
		return 0;
	end = read_decimal(skip_blanks(text), mark, &decimal);
	if (!end || *skip_blanks(end))
		return -EINVAL;
	decimal.point += decimals;
	return round_decimal(&decimal, ns);
}

/* ---------------------------------------------------------------------- iso */

/* Exactly `n` digits. */
static bool take_digits(const char **text, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++, ++*text) {
		if (!is_digit(**text))
			return false;
		*value = *value * 10 + (**text - '0');
	}
	return true;
}

static bool take(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

/* Years begin in March here, so that a leap day is the last: see date_of() in output_record.c, of which this is the inverse. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400, in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool take_date(const char **text, int64_t *seconds)
{
	int year, month, day;

	if (!take_digits(text, 4, &year) || !take(text, '-') || !take_digits(text, 2, &month) || !take(text, '-') ||
	    !take_digits(text, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*seconds = days_since_1970(year, month, day) * 86400;
	return true;
}

/* Digits behind the second, rounded to the ns. */
static bool take_fraction(const char **text, int64_t *ns)
{
	int64_t place = SECOND_NS / 10;

	if (!is_digit(**text))
		return false;
	for (; is_digit(**text); ++*text) {
		*ns += place ? (**text - '0') * place : 0;
		if (!place && **text >= '5')
			++*ns;
		if (!place)
			break;
		place /= 10;
	}
	while (is_digit(**text))
		++*text;
	return true;
}

/* `10:41`, `10:41:50` or `10:41:50.123`; a leap second is the first of the next minute. */
static bool take_clock(const char **text, int64_t *seconds, int64_t *ns)
{
	int hour, minute, second = 0;

	if (!take_digits(text, 2, &hour) || !take(text, ':') || !take_digits(text, 2, &minute))
		return false;
	if (take(text, ':')) {
		if (!take_digits(text, 2, &second))
			return false;
		if ((take(text, '.') || take(text, ',')) && !take_fraction(text, ns))
			return false;
	}
	*seconds += hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second <= 60;
}

/* `Z`, `UTC`, `+01:00`, `+0100`, `+01`, or nothing. */
static bool take_zone(const char **text, int64_t *seconds)
{
	bool is_west = **text == '-';
	int hour, minute = 0;

	if (take(text, 'Z') || take(text, 'z'))
		return true;
	if (take(text, 'U'))
		return take(text, 'T') && take(text, 'C');
	if (!take(text, '-') && !take(text, '+'))
		return true;
	if (!take_digits(text, 2, &hour))
		return false;
	if ((take(text, ':') || is_digit(**text)) && !take_digits(text, 2, &minute))
		return false;
	*seconds -= (is_west ? -1 : 1) * (hour * 3600 + minute * 60);
	return hour < 24 && minute < 60;
}

int weir_read_iso(const char *text, int64_t *to)
{
	int64_t seconds, ns = 0;

	text = skip_blanks(text);
	if (!take_date(&text, &seconds))
		return -EINVAL;
	if (take(&text, 'T') || take(&text, 't') || (*text == ' ' && is_digit(text[1]) && take(&text, ' '))) {
		if (!take_clock(&text, &seconds, &ns))
			return -EINVAL;
		text = skip_blanks(text);
		if (!take_zone(&text, &seconds))
			return -EINVAL;
	}
	if (*skip_blanks(text))
		return -EINVAL;
	/* The first ns of the range lie in a second that begins before it. */
	if (seconds < 0 && ns) {
		seconds++;
		ns -= SECOND_NS;
	}
	if (__builtin_mul_overflow(seconds, SECOND_NS, &seconds) || __builtin_add_overflow(seconds, ns, to))
		return -ERANGE;
	return 0;
}
