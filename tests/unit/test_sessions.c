/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Windows that last as long as records keep coming: to the ns where one ends, and out of order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define MS INT64_C(1000000)

/* Records at these times, in ms, of sessions with a gap of 10 ms, in blocks of any size: "END=COUNT" each, and how many are late. */
static void expect(const char *story, const char *expected, uint64_t late)
{
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 32);
	const char *at = story;
	char *end;

	for (memory->n = 0; *at; at = end + strspn(end, " ")) {
		memory->column[0].real[memory->n] = memory->n;
		memory->t[memory->n++] = strtol(at, &end, 10) * MS;
	}
	for (uint32_t size = 1; size <= memory->n; size++) {
		char told[200] = "";
		struct harness h;

		harness_run(&h, "window session 10ms count() as n, max(x) as newest", memory, size, size);
		for (uint32_t k = 0; k < h.n; k++)
			sprintf(told + strlen(told), "%s%lld=%lld", k ? " " : "", (long long)(h.t[k] / MS),
				(long long)h.value[0][k].integer);
		if (strcmp(told, expected) != 0 || h.first->lost[WEIR_LOST_LATE] != late)
			fail_msg("'%s' in blocks of up to %u: '%s' and not '%s', %llu late", story, size, told,
				 expected, (unsigned long long)h.first->lost[WEIR_LOST_LATE]);
		harness_close(&h);
	}
	harness_memory_free(memory);
}

/* A record less than the gap after the newest goes on with the session; one of just its end begins the next. */
static void sessions_end_exactly(void **state)
{
	(void)state;
	expect("0", "10=1", 0);
	expect("0 9 18", "28=3", 0);
	expect("0 9 19", "19=2 29=1", 0);
	expect("0 10 20", "10=1 20=1 30=1", 0);
	expect("0 10 10 19", "10=1 29=3", 0);
}

/* A record that is older than all of a session belongs to it less than the gap before the oldest, which it then is. */
static void sessions_grow_backwards(void **state)
{
	(void)state;
	expect("20 25 11", "35=3", 0);
	expect("20 25 11 2", "35=4", 0);
	expect("20 25 10", "35=2", 1);
	expect("20 25 11 1", "35=3", 1);
	expect("20 25 22", "35=3", 0);
}

/* What is older than the end of a session that has come out is late, and what has just that time is not. */
static void what_has_come_out_is_closed(void **state)
{
	(void)state;
	expect("0 15 8 14", "10=1 25=2", 1);
	expect("0 15 10", "10=1 25=2", 0);
	expect("0 15 9", "10=1 25=1", 1);
	expect("0 30 5 40", "10=1 40=1 50=1", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_end_exactly),
		cmocka_unit_test(sessions_grow_backwards),
		cmocka_unit_test(what_has_come_out_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
