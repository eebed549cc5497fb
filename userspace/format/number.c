/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Doubles as decimals and back. Both ways rest on one fact: an integer below 2^53 and a power of ten up to 10^22 are exact
 * doubles, and the quotient of two exact doubles is rounded correctly. So `digits / 10^k` is the very double that a reader
 * must make of that decimal (Clinger 1990), and trying k = 0, 1, 2 … finds the shortest decimal of nearly every number that a
 * sensor gives, without the C library.
 *
 * A number that needs 16 or 17 digits is done in integers of 128 bits: it is mantissa / 2^shift, and so is the middle between it
 * and its neighbours. From 1e-4 to 1e15 none of them has more than 124 bits after multiplication by the power of ten, so each
 * comparison is exact. What this does not reach goes through printf and strtod.
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
#define SHORT_DECIMALS 4 /* a number with more of them is nearly always one with many */
#define FIXED_MIN 1e-5   /* below, an exponent is shorter than zeros */

static const double power_of_ten[] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* Two digits a division: 00 to 99. */
static const char pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051"
	"525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static size_t write_digits(char *to, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits), n;

	for (; value >= 10; value /= 100) {
		const char *pair = pairs + 2 * (value % 100);

		digits[--at] = pair[1];
		digits[--at] = pair[0];
	}
	if (value || at == sizeof(digits))
		digits[--at] = (char)('0' + value);
	n = sizeof(digits) - at;
	memcpy(to, digits + at, n);
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
	/* Digits alone are an integer's, all of which count; these are a double's. */
	if ((size_t)n == strspn(to, "0123456789"))
		n += snprintf(to + n, WEIR_NUMBER_MAX - (size_t)n, ".0");
	return (size_t)n;
}

/* --- 128 bits, which machines of 32 bits do not have ------------------------- */

#ifdef __SIZEOF_INT128__

#define WIDE_MIN 1e-4 /* %g writes an exponent below it */
#define WIDE_MAX 1e15 /* and from here on, with 15 digits */
#define READ_MAX UINT64_MAX

__extension__ typedef unsigned __int128 wide;

/* A double as mantissa / 2^shift. */
struct ratio {
	uint64_t mantissa;
	int shift;
	bool has_close_below; /* a power of two: the double below it is half as far away as the one above */
};

static struct ratio ratio_of(double value)
{
	int exponent;
	double fraction = frexp(value, &exponent);

	return (struct ratio){
		.mantissa = (uint64_t)ldexp(fraction, 53),
		.shift = 53 - exponent,
		.has_close_below = fraction == 0.5,
	};
}

/* 10^n, up to 10^21. */
static wide wide_power(unsigned n)
{
	return n < 19 ? (wide)power_of_ten[n] : (wide)power_of_ten[n - 18] * UINT64_C(1000000000000000000);
}

/* The nearest multiple of 10^-decimals; the even one of two. */
static uint64_t nearest_digits(const struct ratio *ratio, wide power)
{
	wide scaled = ratio->mantissa * power, half = (wide)1 << ratio->shift >> 1;
	wide digits = scaled >> ratio->shift, rest = scaled - (digits << ratio->shift);

	return (uint64_t)digits + (rest > half || (rest == half && (digits & 1)));
}

/* Is this double the nearest to digits / power? At the middle between two doubles, the even one is. */
static bool reads_back(const struct ratio *ratio, uint64_t digits, wide power)
{
	wide written = (wide)digits << ratio->shift, scaled = ratio->mantissa * power;
	bool is_below = written < scaled;
	wide twice = 2 * (is_below ? scaled - written : written - scaled);

	if (is_below && ratio->has_close_below)
		twice *= 2;
	return twice < power || (twice == power && !(ratio->mantissa & 1));
}

/* Negative: zeros behind the point, which are no digits of the number. The double 10^-k is above 10^-k, and none lies between. */
static int digits_before_point(double value)
{
	static const double below_one[] = { 1e-1, 1e-2, 1e-3, 1e-4 };
	int n = 0;

	if (value < 1)
		while (value < below_one[-n])
			n--;
	else
		while (value >= power_of_ten[n])
			n++;
	return n;
}

/* As many digits as it takes, as write_general() does; the zeros at the end are left out. */
static size_t write_wide(char *to, double value)
{
	struct ratio ratio = ratio_of(value);
	int before_point = digits_before_point(value);
	unsigned decimals = 0;
	uint64_t digits = 0;

	for (int n = 15; n <= 17; n++) {
		decimals = (unsigned)(n - before_point);
		digits = nearest_digits(&ratio, wide_power(decimals));
		if (reads_back(&ratio, digits, wide_power(decimals)))
			break;
	}
	for (; decimals && digits % 10 == 0; decimals--)
		digits /= 10;
	return write_fixed(to, digits, decimals);
}

/* The double nearest to digits / 10^decimals, digits > 0. The first 64 bits of the quotient decide, with the last of them set if
   anything follows. */
static double divide_wide(uint64_t digits, unsigned decimals)
{
	uint64_t power = (uint64_t)power_of_ten[decimals];
	int up = __builtin_clzll(digits) + 63;
	wide numerator = (wide)digits << up, quotient = numerator / power;
	int down = 64 - __builtin_clzll((uint64_t)(quotient >> 64));
	uint64_t first = (uint64_t)(quotient >> down);

	if (first * (wide)power << down != numerator)
		first |= 1;
	return ldexp((double)first, down - up);
}

#else

#define WIDE_MIN 1.0
#define WIDE_MAX 0.0 /* nothing is in this range */
#define READ_MAX ((uint64_t)EXACT_MAX)

static size_t write_wide(char *to, double value)
{
	return write_general(to, value);
}

static double divide_wide(uint64_t digits, unsigned decimals)
{
	return (double)digits / power_of_ten[decimals];
}
#endif

static size_t write_word(char *to, const char *word)
{
	size_t n = strlen(word);

	memcpy(to, word, n);
	return n;
}

static size_t write_magnitude(char *to, double value)
{
	bool is_wide = value >= WIDE_MIN && value < WIDE_MAX;
	unsigned most = is_wide ? SHORT_DECIMALS : DECIMALS_MAX;

	if (value < FIXED_MIN && value > 0)
		return write_general(to, value);
	for (unsigned decimals = 0; decimals <= most; decimals++) {
		double digits = rint(value * power_of_ten[decimals]);

		if (digits >= EXACT_MAX)
			break;
		if (digits / power_of_ten[decimals] == value)
			return write_fixed(to, (uint64_t)digits, decimals);
	}
	return is_wide ? write_wide(to, value) : write_general(to, value);
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

/* Digits with at most one point among them. Too many of them, and anything else: false. */
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
	*value = digits < (uint64_t)EXACT_MAX ? (double)digits / power_of_ten[decimals] : divide_wide(digits, decimals);
	return n && digits < READ_MAX && *text != 'e' && *text != 'E' && *text != 'x' && *text != 'X';
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

	if (read_fixed(start + (*start == '-' || *start == '+'), &end, value)) {
		*value = is_negative ? -*value : *value;
		return *skip_blanks(end) ? -EINVAL : 0;
	}
	end = read_general(start, value);
	if (end == start || *skip_blanks(end))
		return -EINVAL;
	/* A number too large for a double is not infinity, which is written as a word. */
	return isinf(*value) && strpbrk(start, "0123456789") ? -ERANGE : 0;
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

bool weir_is_rounded(const char *text, double value)
{
	const char *digits = skip_blanks(text);
	int64_t integer;
	size_t n;

	if (fabs(value) < EXACT_MAX)
		return false;
	digits += *digits == '-' || *digits == '+';
	n = strspn(digits, "0123456789");
	if (!n || *skip_blanks(digits + n))
		return false;
	/* 2^63 is the first double that no int64_t can be compared with. */
	return !(fabs(value) < 0x1p63) || weir_read_integer(text, &integer) < 0 || (int64_t)value != integer;
}
