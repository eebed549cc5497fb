/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time zones: the C library's offsets for any second of 1970 to 2100, whole files and rules or none. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../common/dice.h"
#include "skip.h"
#include "weir/zone.h"

#define YEAR_2100 INT64_C(4102444800)

/* Zones with and without summer time, on both sides, with half hours, with one that goes backwards, and texts. */
static const char *const zones[] = {
	"UTC",
	"Europe/Berlin",
	"America/New_York",
	"Australia/Lord_Howe",
	"Asia/Kathmandu",
	"America/Sao_Paulo",
	"America/Havana",
	"Europe/Dublin",
	"Africa/Casablanca",
	"Pacific/Apia",
	"Asia/Gaza",
	"America/Nuuk",
	"Antarctica/Troll",
	"CET-1CEST,M3.5.0,M10.5.0/3",
	"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1",
	"EST5EDT,M3.2.0,M11.1.0",
	"XXX-5:30:15YYY,J60/0,J300/25",
	"NZST-12NZDT,M9.5.0,M4.1.0/3",
};
#define ZONES (sizeof(zones) / sizeof(zones[0]))

static struct weir_zone *open_zone(const char *name)
{
	struct weir_zone *zone;
	int err = weir_zone_open(&zone, name);

	if (err == -ENOENT) {
		setenv("TZ", name, 1);
		skip_because("no time zones: the package tzdata has them");
	}
	assert_int_equal(err, 0);
	setenv("TZ", name, 1);
	tzset();
	return zone;
}

static void expect_offset(const char *name, int64_t second, int32_t offset)
{
	time_t t = (time_t)second;
	struct tm local;

	assert_non_null(localtime_r(&t, &local));
	if (local.tm_gmtoff != offset)
		fail_msg("%s at %" PRId64 ": %d and not %ld", name, second, offset, local.tm_gmtoff);
}

static int64_t random_second(struct dice *dice)
{
	return (int64_t)(roll(dice) % (uint64_t)YEAR_2100);
}

static void offsets_are_those_of_the_library(void **state)
{
	struct dice dice = { 1 };

	(void)state;
	for (uint32_t z = 0; z < ZONES; z++) {
		struct weir_zone *zone = open_zone(zones[z]);

		for (int i = 0; i < 4000; i++) {
			int64_t t = random_second(&dice);
			struct weir_zone_span span = weir_zone_at(zone, t);

			assert_true(span.from <= t && t < span.until);
			expect_offset(zones[z], t, span.offset);
			/* At both ends of the span as well: there it changes. */
			if (span.from > 0)
				expect_offset(zones[z], span.from, span.offset);
			if (span.until < YEAR_2100)
				expect_offset(zones[z], span.until - 1, span.offset);
		}
		weir_zone_close(zone);
	}
}

/* Naively: all seconds around that show this local time. */
static void expect_second(const struct weir_zone *zone, const char *name, int64_t local)
{
	int64_t first = INT64_MAX, last = INT64_MIN, offsets[3], n = 0;

	for (int64_t t = local - 200000; t < local + 200000; t += 50000)
		for (int end = 0; end < 2; end++) {
			struct weir_zone_span span = weir_zone_at(zone, t);
			int64_t before = span.from == INT64_MIN ? t : span.from - 1;
			int64_t second = local - (end ? weir_zone_at(zone, before).offset : span.offset);

			if (second + weir_zone_at(zone, second).offset != local)
				continue;
			first = second < first ? second : first;
			last = second > last ? second : last;
		}
	if (first == INT64_MAX) { /* left out: as far behind the change as it would have been */
		int64_t moved = weir_zone_second(zone, local, false);

		offsets[n++] = weir_zone_at(zone, moved).offset;
		offsets[n++] = moved - local;
		assert_true(moved + offsets[0] > local);
		assert_int_equal(weir_zone_at(zone, weir_zone_at(zone, moved).from - 1).offset, -offsets[1]);
		return;
	}
	if (weir_zone_second(zone, local, false) != first || weir_zone_second(zone, local, true) != last)
		fail_msg("%s: local %" PRId64 " is %" PRId64 " or %" PRId64 " and not %" PRId64 " or %" PRId64, name,
			 local, weir_zone_second(zone, local, false), weir_zone_second(zone, local, true), first, last);
}

static void local_times_come_back(void **state)
{
	struct dice dice = { 2 };

	(void)state;
	for (uint32_t z = 0; z < ZONES; z++) {
		struct weir_zone *zone = open_zone(zones[z]);

		for (int i = 0; i < 500; i++) {
			int64_t t = 400000 + random_second(&dice), until = weir_zone_at(zone, t).until;

			expect_second(zone, zones[z], t);
			if (until < YEAR_2100) /* around a change */
				expect_second(zone, zones[z],
					      until + weir_zone_at(zone, until).offset +
						      (int64_t)roll_below(&dice, 20000) - 10000);
		}
		weir_zone_close(zone);
	}
}

/* The days on which the clocks change, of two zones. */
static void days_of_23_and_25_hours(void **state)
{
	static const struct {
		const char *zone;
		int64_t midnight; /* local */
		int hours;
	} days[] = {
		{ "Europe/Berlin", 1774742400, 23 },     /* 2026-03-29 */
		{ "Europe/Berlin", 1792886400, 25 },     /* 2026-10-25 */
		{ "Europe/Berlin", 1792972800, 24 },     /* the day after */
		{ "America/New_York", 1772928000, 23 },  /* 2026-03-08 */
		{ "America/New_York", 1793491200, 25 },  /* 2026-11-01 */
		{ "America/Sao_Paulo", 1541289600, 23 }, /* 2018-11-04: midnight is left out */
		{ "America/Havana", 1541289600, 25 },    /* 2018-11-04: midnight comes twice */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		struct weir_zone *zone = open_zone(days[i].zone);
		int64_t from = weir_zone_second(zone, days[i].midnight, false);
		int64_t until = weir_zone_second(zone, days[i].midnight + 86400, false);

		assert_int_equal(until - from, days[i].hours * 3600);
		weir_zone_close(zone);
	}
}

static char *read_zone(const char *name, size_t *n)
{
	char path[256], *bytes = malloc(1 << 16);
	FILE *file;

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	file = fopen(path, "r");
	if (!file)
		skip_because("no time zones: the package tzdata has them");
	assert_non_null(bytes);
	*n = fread(bytes, 1, 1 << 16, file);
	fclose(file);
	return bytes;
}

/* A file that ends too early is refused, wherever; one with wrong bytes gives a zone that can be asked, or is refused. */
static void broken_files_are_refused(void **state)
{
	size_t n;
	char *whole = read_zone("America/New_York", &n);
	struct dice dice = { 3 };

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		char *part = malloc(cut ? cut : 1);
		struct weir_zone *zone;

		memcpy(part, whole, cut);
		assert_int_equal(weir_zone_read(&zone, part, cut), -EBADMSG);
		assert_null(zone);
		free(part);
	}
	for (int i = 0; i < 20000; i++) {
		size_t at = roll_below(&dice, (uint32_t)n);
		char was = whole[at];
		struct weir_zone *zone;
		int err;

		whole[at] = (char)(was ^ (1 << roll_below(&dice, 8)));
		err = weir_zone_read(&zone, whole, n);
		assert_true(!err || err == -EBADMSG || err == -EOPNOTSUPP);
		if (!err)
			weir_zone_at(zone, random_second(&dice));
		weir_zone_close(zone);
		whole[at] = was;
	}
	free(whole);
}

/* Of a rule by which summer time ends as it begins (RFC 8536), there is nothing but summer time. */
static void summer_may_last_all_year(void **state)
{
	struct dice dice = { 4 };
	struct weir_zone *zone;

	(void)state;
	assert_int_equal(weir_zone_open(&zone, "XXX3EDT4,0/0,J365/23"), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(weir_zone_at(zone, random_second(&dice)).offset, -14400);
	assert_int_equal(weir_zone_at(zone, 1262314799).offset, -14400); /* the last second of 2009 */
	weir_zone_close(zone);
}

static void names_are_found_or_refused(void **state)
{
	static const char *const none[] = {
		"Europe/Nowhere",   "CET-1CEST,M13.5.0,M10.5.0", "CE-1",   "CEX",        "CET-25",
		"CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0,", "Europe", "/dev/null/x"
	};
	struct weir_zone *zone;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (weir_zone_open(&zone, none[i]) != -ENOENT)
			fail_msg("'%s'", none[i]);
	assert_int_equal(weir_zone_open(&zone, "/etc/passwd"), -EBADMSG);
	setenv("TZ", "Nowhere/At/All", 1);
	assert_int_equal(weir_zone_open(&zone, NULL), 0);
	assert_int_equal(weir_zone_at(zone, 0).offset, 0);
	weir_zone_close(zone);
	setenv("TZ", ":JST-9", 1);
	assert_int_equal(weir_zone_open(&zone, NULL), 0);
	assert_int_equal(weir_zone_at(zone, INT64_MIN).offset, 32400);
	assert_string_equal(weir_zone_name(zone), ":JST-9");
	weir_zone_close(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_are_those_of_the_library), cmocka_unit_test(local_times_come_back),
		cmocka_unit_test(days_of_23_and_25_hours),          cmocka_unit_test(broken_files_are_refused),
		cmocka_unit_test(summer_may_last_all_year),         cmocka_unit_test(names_are_found_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
