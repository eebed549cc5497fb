/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Windows of hours, days and weeks in local time, against a model that asks the C library for the local time of each record: records
 * of one window are those of one day there.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"
#include "skip.h"
#include "weir/zone.h"

#define N 2000
#define SECOND_NS INT64_C(1000000000)

static const char *const zones[] = { "Europe/Berlin",     "America/New_York", "America/Havana",
				     "America/Sao_Paulo", "Pacific/Apia",     "UTC" };

static void need_zones(void)
{
	struct weir_zone *zone;
	int err = weir_zone_open(&zone, "Europe/Berlin");

	if (err)
		skip_because("no time zones: the package tzdata has them");
	weir_zone_close(zone);
}

static struct tm local_of(int64_t ns)
{
	time_t second = (time_t)(ns / SECOND_NS);
	struct tm local;

	assert_non_null(localtime_r(&second, &local));
	return local;
}

/* Days since 1970 of a local date, of which weeks and multiples of hours are made. */
static int64_t day_of(int64_t ns)
{
	struct tm local = local_of(ns),
		  date = { .tm_year = local.tm_year, .tm_mon = local.tm_mon, .tm_mday = local.tm_mday };

	return timegm(&date) / 86400;
}

/* In which window of these hours: a number that never goes back, as clocks do. */
static int64_t window_of(int64_t ns, uint32_t hours)
{
	int64_t day = day_of(ns);

	return hours < 24     ? day * 24 / hours + local_of(ns).tm_hour / (int)hours
	       : hours == 24  ? day
	       : hours == 168 ? (day + 3) / 7
			      : day * 24 / hours;
}

/* At random over the clock changes of some years. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, uint32_t hours)
{
	struct weir_block *memory;
	/* 2011 to 2026 */
	int64_t t = (1300000000 + (int64_t)harness_below(random, 480000000)) * SECOND_NS;

	weir_schema_init(schema, WEIR_CLOCK_DATED);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t i = 0; i < N; i++) {
		t += (int64_t)harness_below(random, 600) * hours * SECOND_NS + harness_below(random, 1000000000);
		if (!harness_below(random, 200))
			t += (int64_t)harness_below(random, 5000) * hours * SECOND_NS * 10;
		memory->t[i] = t;
		memory->column[0].real[i] = i;
	}
	return memory;
}

/* A window of the output has all records of one local day, and ends where the next day begins. */
static void expect_days(const struct harness *h, const struct weir_block *in, uint32_t hours, const char *name)
{
	uint32_t i = 0;
	int64_t newest = INT64_MIN;

	for (uint32_t row = 0; row < h->n; row++) {
		int64_t end = h->t[row], window = window_of(in->t[i], hours);
		uint32_t n = 0;

		window = window < newest ? newest : window;
		newest = window;
		while (i + n < in->n && window_of(in->t[i + n], hours) <= window)
			n++;
		if (h->value[0][row].integer != n || h->value[1][row].real != i)
			fail_msg("%s, %u h: window %u has %lld records from %g and not %u from %u", name, hours, row,
				 (long long)h->value[0][row].integer, h->value[1][row].real, n, i);
		i += n;
		assert_true(window_of(end, hours) > window && window_of(end - 1, hours) <= window);
	}
	assert_int_equal(i, in->n);
}

static void windows_are_local_days(void **state)
{
	static const struct {
		const char *text;
		uint32_t hours;
	} sizes[] = { { "1d", 24 }, { "1w", 168 }, { "24h", 24 }, { "6h", 6 }, { "12h", 12 }, { "2d", 48 } };
	uint64_t random = 11;

	(void)state;
	need_zones();
	for (int round = 0; round < 120; round++) {
		const char *zone = zones[harness_below(&random, 6)];
		uint32_t size = harness_below(&random, 6);
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random, sizes[size].hours);
		struct harness h;
		char chain[128];

		setenv("TZ", zone, 1);
		tzset();
		snprintf(chain, sizeof(chain), "window %s count() as n, min(x) as first%s%s", sizes[size].text,
			 round % 2 ? " tz=" : "", round % 2 ? zone : "");
		harness_run_cut(&h, chain, memory, &random);
		expect_days(&h, memory, sizes[size].hours, zone);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* One record an hour through a day on which the clocks change: by the hour each is alone, by the day they are 23 or 25. */
static void expect_changing_day(const char *zone, int64_t midnight, uint32_t hours)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;
	char chain[128];

	weir_schema_init(&schema, WEIR_CLOCK_DATED);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(&schema, hours + 24);
	for (uint32_t i = 0; i < memory->n; i++)
		memory->t[i] = (midnight + 3600 * (int64_t)i) * SECOND_NS;
	snprintf(chain, sizeof(chain), "window 1d count() as n tz=%s", zone);
	harness_run(&h, chain, memory, 7, 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[0][0].integer, hours);
	assert_int_equal(h.value[0][1].integer, 24);
	assert_int_equal(h.t[0], (midnight + 3600 * (int64_t)hours) * SECOND_NS);
	harness_close(&h);
	snprintf(chain, sizeof(chain), "window 1h count() as n tz=%s", zone);
	harness_run(&h, chain, memory, 7, 1);
	assert_int_equal(h.n, memory->n);
	harness_close(&h);
	/* A day that begins each hour: from hour to hour of the next day. */
	snprintf(chain, sizeof(chain), "window 1d step 1h count() as n tz=%s", zone);
	harness_run(&h, chain, memory, 7, 1);
	assert_int_equal(h.value[0][0].integer, hours);
	assert_int_equal(h.t[0], (midnight + 3600 * (int64_t)hours) * SECOND_NS);
	harness_close(&h);
	snprintf(chain, sizeof(chain), "window 1h step 1d count() as n tz=%s", zone);
	harness_run(&h, chain, memory, 7, 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[0][1].integer, 1);
	assert_int_equal(h.t[1], (midnight + 3600 * (int64_t)(hours + 1)) * SECOND_NS);
	harness_close(&h);
	harness_memory_free(memory);
}

static void days_have_23_and_25_hours(void **state)
{
	(void)state;
	need_zones();
	expect_changing_day("Europe/Berlin", 1774738800, 23);    /* 2026-03-29 */
	expect_changing_day("Europe/Berlin", 1792879200, 25);    /* 2026-10-25 */
	expect_changing_day("America/New_York", 1772946000, 23); /* 2026-03-08 */
	expect_changing_day("America/New_York", 1793505600, 25); /* 2026-11-01 */
}

/* Whole days alone: not the first and not the last. */
static void whole_days_are_whole(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_DATED);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(&schema, 100);
	for (uint32_t i = 0; i < 100; i++)
		memory->t[i] = (1774700000 + 3600 * (int64_t)i) * SECOND_NS;
	harness_run(&h, "window 1d count() as n whole tz='CET-1CEST,M3.5.0,M10.5.0/3'", memory, 9, 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.value[0][0].integer, 23);
	assert_int_equal(h.value[0][1].integer, 24);
	assert_int_equal(h.t[0], 1774821600 * SECOND_NS);
	harness_close(&h);
	harness_memory_free(memory);
}

static void nonsense_is_refused(void **state)
{
	struct weir_schema dated, counted;

	(void)state;
	need_zones();
	weir_schema_init(&dated, WEIR_CLOCK_DATED);
	weir_schema_add(&dated, "x", WEIR_REAL, "", 0);
	weir_schema_init(&counted, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&counted, "x", WEIR_REAL, "", 0);
	harness_expect_refusal("window 1d count() as n tz=Europe/Nowhere", &dated, "unknown time zone");
	harness_expect_refusal("window 5h count() as n tz=Europe/Berlin", &dated, "have no time zone");
	harness_expect_refusal("window 1m count() as n tz=Europe/Berlin", &dated, "have no time zone");
	harness_expect_refusal("window 10 count() as n tz=Europe/Berlin", &dated, "leave out 'tz'");
	harness_expect_refusal("window 1d count() as n align=first tz=UTC", &dated, "leave out 'tz'");
	harness_expect_refusal("window 1d count() as n tz=Europe/Berlin", &counted, "counted from its beginning");
	harness_expect_refusal("where t > 1w", &dated, "only the size of windows");
	harness_expect_refusal("every 1w", &dated, "only the size of windows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_are_local_days),
		cmocka_unit_test(days_have_23_and_25_hours),
		cmocka_unit_test(whole_days_are_whole),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
