/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "stream/zone_rule.h"

#define DAY_S 86400
#define HOUR_S 3600
#define YEARS_MAX INT64_C(200000000000) /* beyond, there is only standard time */

/* --------------------------------------------------------------------- text */

struct rule_text {
	const char *at, *end;
};

static bool rule_next(struct rule_text *text, char c)
{
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

static bool rule_digit(const struct rule_text *text)
{
	return text->at < text->end && *text->at >= '0' && *text->at <= '9';
}

static bool rule_number(struct rule_text *text, int32_t least, int32_t most, int32_t *value)
{
	*value = 0;
	if (!rule_digit(text))
		return false;
	while (rule_digit(text)) {
		*value = *value * 10 + (*text->at++ - '0');
		if (*value > most)
			return false;
	}
	return *value >= least;
}

/* `CET`, or `<+0330>`. */
static bool rule_name(struct rule_text *text)
{
	bool is_quoted = rule_next(text, '<');
	const char *begin = text->at;

	for (; text->at < text->end; text->at++) {
		char c = *text->at, letter = (char)(c | 0x20);

		if (!(letter >= 'a' && letter <= 'z') &&
		    !(is_quoted && (c == '+' || c == '-' || (c >= '0' && c <= '9'))))
			break;
	}
	return text->at - begin >= 3 && (!is_quoted || rule_next(text, '>'));
}

/* `-1`, `02:30`, `+3:00:00`. */
static bool rule_time(struct rule_text *text, int32_t most_hours, int32_t *seconds)
{
	bool is_negative = rule_next(text, '-');
	int32_t hours, minutes = 0, rest = 0;

	if (!is_negative)
		rule_next(text, '+');
	if (!rule_number(text, 0, most_hours, &hours))
		return false;
	if (rule_next(text, ':')) {
		if (!rule_number(text, 0, 59, &minutes))
			return false;
		if (rule_next(text, ':') && !rule_number(text, 0, 59, &rest))
			return false;
	}
	*seconds = hours * HOUR_S + minutes * 60 + rest;
	if (is_negative)
		*seconds = -*seconds;
	return true;
}

static bool rule_date(struct rule_text *text, struct weir_zone_date *date)
{
	date->second = 2 * HOUR_S;
	if (rule_next(text, 'M')) {
		date->form = WEIR_ZONE_MONTH;
		if (!rule_number(text, 1, 12, &date->month) || !rule_next(text, '.') ||
		    !rule_number(text, 1, 5, &date->week) || !rule_next(text, '.') ||
		    !rule_number(text, 0, 6, &date->day))
			return false;
	} else {
		date->form = rule_next(text, 'J') ? WEIR_ZONE_JULIAN : WEIR_ZONE_DAY;
		if (!rule_number(text, date->form == WEIR_ZONE_JULIAN, 365, &date->day))
			return false;
	}
	return !rule_next(text, '/') || rule_time(text, 167, &date->second);
}

bool weir_zone_rule_read(struct weir_zone_rule *rule, const char *from, size_t n)
{
	static const char usual[] = ",M3.2.0,M11.1.0"; /* where the text has no dates */
	struct rule_text text = { from, from + n }, dates;

	*rule = (struct weir_zone_rule){ 0 };
	if (!rule_name(&text) || !rule_time(&text, 24, &rule->standard))
		return false;
	/* West counts as positive there. */
	rule->standard = -rule->standard;
	if (text.at == text.end)
		return true;
	rule->has_summer = true;
	rule->summer = rule->standard + HOUR_S;
	if (!rule_name(&text))
		return false;
	if (text.at < text.end && *text.at != ',') {
		if (!rule_time(&text, 24, &rule->summer))
			return false;
		rule->summer = -rule->summer;
	}
	dates = text.at < text.end ? text : (struct rule_text){ usual, usual + strlen(usual) };
	return rule_next(&dates, ',') && rule_date(&dates, &rule->begin) && rule_next(&dates, ',') &&
	       rule_date(&dates, &rule->end) && dates.at == dates.end;
}

/* -------------------------------------------------------------------- years */

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t floor_by(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

/* Days from 1970 to the first day of a year; 477 leap days were before. */
static int64_t first_day(int64_t year)
{
	int64_t before = year - 1;

	return 365 * (year - 1970) + floor_by(before, 4) - floor_by(before, 100) + floor_by(before, 400) - 477;
}

static int64_t year_of(int64_t second)
{
	int64_t day = floor_by(second, DAY_S), year = 1970 + (day < 0 ? day / 365 - 1 : day / 366);

	while (first_day(year + 1) <= day)
		year++;
	return year;
}

/* Of a day that is named by its week: 0 is Sunday, and 1970 began on a Thursday. */
static int64_t day_of_month(const struct weir_zone_date *date, int64_t year)
{
	static const int16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
	int32_t leap = is_leap(year), month = date->month;
	int64_t first = first_day(year) + before[month - 1] + (month > 2 ? leap : 0);
	int64_t next = first_day(year) + before[month] + (month > 1 ? leap : 0);
	int64_t day = first + (date->day - (first + 4) % 7 + 14) % 7 + 7 * (date->week - 1);

	return day < next ? day : day - 7;
}

static int64_t second_of(const struct weir_zone_date *date, int64_t year, int32_t offset)
{
	int64_t day;

	if (date->form == WEIR_ZONE_MONTH)
		day = day_of_month(date, year);
	else if (date->form == WEIR_ZONE_DAY)
		day = first_day(year) + date->day;
	else
		day = first_day(year) + date->day - 1 + (is_leap(year) && date->day > 59);
	return day * DAY_S + date->second - offset;
}

/* The changes of the years around, the earliest first. Where summer time ends and begins at once, there is summer time. */
struct weir_zone_span weir_zone_rule_at(const struct weir_zone_rule *rule, int64_t second)
{
	struct weir_zone_span span = { INT64_MIN, INT64_MAX, rule->standard };
	int64_t year;

	if (!rule->has_summer || second > YEARS_MAX || second < -YEARS_MAX)
		return span;
	year = year_of(second);
	span.from = INT64_MIN;
	for (int64_t y = year - 2; y <= year + 2; y++) {
		int64_t change[2] = { second_of(&rule->begin, y, rule->standard),
				      second_of(&rule->end, y, rule->summer) };

		for (int to_standard = 0; to_standard < 2; to_standard++) {
			int64_t at = change[to_standard];

			if (at > second) {
				span.until = at < span.until ? at : span.until;
			} else if (at > span.from || (at == span.from && !to_standard)) {
				span.from = at;
				span.offset = to_standard ? rule->standard : rule->summer;
			}
		}
	}
	return span;
}
