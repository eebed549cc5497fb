/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/serial_nmea.h"

#define KNOT (1852.0 / 3600.0) /* m/s */
#define FIELDS_MAX 32

/* A sentence cut at its commas. */
struct nmea_fields {
	const char *at[FIELDS_MAX];
	uint32_t n;
};

static int nmea_hex(char digit)
{
	const char *digits = "0123456789ABCDEF";
	const char *at = digit ? strchr(digits, digit >= 'a' && digit <= 'f' ? digit - 'a' + 'A' : digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Between `$` and `*HH`, which are the last bytes. */
static bool nmea_checksum_is_right(const char *line, size_t n)
{
	uint8_t sum = 0;
	int high, low;

	if (n < 4 || line[n - 3] != '*')
		return false;
	for (size_t i = 1; i < n - 3; i++)
		sum ^= (uint8_t)line[i];
	high = nmea_hex(line[n - 2]);
	low = nmea_hex(line[n - 1]);
	return high >= 0 && low >= 0 && sum == (high << 4 | low);
}

static void nmea_cut(char *text, struct nmea_fields *fields)
{
	char *next = text;

	for (fields->n = 0; next && fields->n < FIELDS_MAX; fields->n++) {
		fields->at[fields->n] = next;
		next = strchr(next, ',');
		if (next)
			*next++ = '\0';
	}
}

/* ---------------------------------------------------------------------- values */

/* Digits and at most one point: strtod() alone would take "nan", "1e9" and blanks. */
static bool nmea_is_number(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t whole = strspn(digits, "0123456789"), rest;

	rest = whole;
	if (digits[rest] == '.')
		rest += 1 + strspn(digits + rest + 1, "0123456789");
	return whole && rest < 16 && !digits[rest];
}

/* An empty field is NaN. false: it is neither empty nor a number in the range. */
static bool nmea_number(const char *text, double least, double most, double *out)
{
	*out = NAN;
	if (!*text)
		return true;
	if (!nmea_is_number(text))
		return false;
	*out = strtod(text, NULL);
	return *out >= least && *out <= most;
}

/* DDMM.MMMM or DDDMM.MMMM, and a letter of `letters`: the second is negative. */
static bool nmea_angle(const char *text, const char *letter, const char *letters, double most, double *out)
{
	double number, degrees, minutes;

	if (!nmea_number(text, 0, 18000, &number))
		return false;
	*out = NAN;
	if (isnan(number))
		return !*letter;
	degrees = floor(number / 100);
	minutes = number - degrees * 100;
	if (!*letter || letter[1] || !strchr(letters, *letter) || minutes >= 60)
		return false;
	*out = degrees + minutes / 60;
	if (*out > most)
		return false;
	if (*letter == letters[1])
		*out = -*out;
	return true;
}

static bool nmea_two(const char *text, int least, int most, int *out)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*out = (text[0] - '0') * 10 + text[1] - '0';
	return *out >= least && *out <= most;
}

/* HHMMSS or HHMMSS.SSS, and DDMMYY. Receivers have years from 1980 on: two digits below 80 are of this century. */
static bool nmea_utc(const char *time, const char *date, double *out)
{
	struct tm tm = { 0 };
	double fraction = 0;

	*out = NAN;
	if (!*time || !*date)
		return !*time || strlen(time) >= 6;
	if (!nmea_is_number(time) || strlen(time) < 6 || strlen(date) != 6 || !nmea_two(time, 0, 23, &tm.tm_hour) ||
	    !nmea_two(time + 2, 0, 59, &tm.tm_min) || !nmea_two(time + 4, 0, 60, &tm.tm_sec) ||
	    !nmea_two(date, 1, 31, &tm.tm_mday) || !nmea_two(date + 2, 1, 12, &tm.tm_mon) ||
	    !nmea_two(date + 4, 0, 99, &tm.tm_year))
		return false;
	if (time[6] && time[6] != '.')
		return false;
	if (time[6] && time[7])
		fraction = strtod(time + 6, NULL);
	tm.tm_mon--;
	tm.tm_year += tm.tm_year < 80 ? 100 : 0;
	*out = (double)timegm(&tm) + fraction;
	return true;
}

/* ------------------------------------------------------------------- sentences */

/* Without a fix receivers repeat the last position, or send zeros. */
static void nmea_forget_position(struct weir_nmea *out)
{
	out->latitude = out->longitude = out->speed = out->course = out->altitude = NAN;
}

/* 0 RMC, 1 time, 2 status, 3-4 latitude, 5-6 longitude, 7 knots, 8 course, 9 date */
static bool nmea_read_rmc(const struct nmea_fields *fields, struct weir_nmea *out)
{
	const char *const *at = fields->at;
	double knots;

	if (fields->n < 10 || !nmea_utc(at[1], at[9], &out->utc) ||
	    !nmea_angle(at[3], at[4], "NS", 90, &out->latitude) ||
	    !nmea_angle(at[5], at[6], "EW", 180, &out->longitude) || !nmea_number(at[7], 0, 1e5, &knots) ||
	    !nmea_number(at[8], 0, 360, &out->course) || (strcmp(at[2], "A") && strcmp(at[2], "V")))
		return false;
	out->speed = knots * KNOT;
	out->is_valid = *at[2] == 'A';
	return true;
}

/* 0 GGA, 1 time, 2-3 latitude, 4-5 longitude, 6 quality, 7 satellites, 8 HDOP, 9-10 altitude in M */
static bool nmea_read_gga(const struct nmea_fields *fields, struct weir_nmea *out)
{
	const char *const *at = fields->at;
	double quality;

	if (fields->n < 11 || !nmea_angle(at[2], at[3], "NS", 90, &out->latitude) ||
	    !nmea_angle(at[4], at[5], "EW", 180, &out->longitude) || !nmea_number(at[6], 0, 9, &quality) ||
	    !nmea_number(at[7], 0, 999, &out->satellites) || !nmea_number(at[8], 0, 1000, &out->hdop) ||
	    !nmea_number(at[9], -1e5, 1e7, &out->altitude) || (*at[9] && strcmp(at[10], "M")))
		return false;
	/* 6: dead reckoning, 7: entered by hand, 8: simulated. None of them is a fix. */
	out->is_valid = quality >= 1 && quality <= 5;
	return true;
}

static enum weir_nmea_result nmea_finish(struct weir_nmea *found, bool is_read, struct weir_nmea *out)
{
	if (!is_read)
		return WEIR_NMEA_MALFORMED;
	if (!found->is_valid)
		nmea_forget_position(found);
	/* A fix without a position is none. */
	if (found->is_valid && (isnan(found->latitude) || isnan(found->longitude)))
		return WEIR_NMEA_MALFORMED;
	*out = *found;
	return WEIR_NMEA_POSITION;
}

enum weir_nmea_result weir_nmea_read(const char *line, size_t n, struct weir_nmea *out)
{
	struct weir_nmea found = {
		.utc = NAN, .speed = NAN, .course = NAN, .altitude = NAN, .hdop = NAN, .satellites = NAN
	};
	struct nmea_fields fields;
	char text[WEIR_NMEA_MAX + 1];

	if (!n || (*line != '$' && *line != '!'))
		return WEIR_NMEA_NO_SENTENCE;
	if (n > WEIR_NMEA_MAX || memchr(line, '\0', n) || !nmea_checksum_is_right(line, n))
		return WEIR_NMEA_CHECKSUM;
	memcpy(text, line + 1, n - 4);
	text[n - 4] = '\0';
	nmea_cut(text, &fields);
	/* Two letters for the talker, which is any constellation, and three for the sentence. */
	if (*line == '!' || strlen(fields.at[0]) != 5 || *fields.at[0] == 'P')
		return WEIR_NMEA_OTHER;
	memcpy(found.sentence, fields.at[0] + 2, sizeof(found.sentence));
	if (!strcmp(found.sentence, "RMC"))
		return nmea_finish(&found, nmea_read_rmc(&fields, &found), out);
	if (!strcmp(found.sentence, "GGA"))
		return nmea_finish(&found, nmea_read_gga(&fields, &found), out);
	return WEIR_NMEA_OTHER;
}
