/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Polled devices: rows are due on a grid whatever reading takes, and attempts of one row never reach the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/schedule.h"

static bool is_due(struct weir_schedule *schedule, int64_t now, uint64_t missed)
{
	uint64_t got;
	bool due = weir_schedule_is_due(schedule, now, &got);

	assert_int_equal(got, missed);
	return due;
}

static void rows_are_due_on_the_grid_of_the_first(void **state)
{
	struct weir_schedule schedule;

	(void)state;
	weir_schedule_begin(&schedule, 1000, 100, 0);
	for (int64_t row = 0; row < 5; row++) {
		assert_false(is_due(&schedule, 999 + row * 100, 0));
		/* However late within the period. */
		assert_true(is_due(&schedule, 1000 + row * 100 + row * 24, 0));
		weir_schedule_done(&schedule);
		assert_int_equal(schedule.next_ns, 1100 + row * 100);
	}
}

static void rows_that_find_no_time_are_counted(void **state)
{
	struct weir_schedule schedule;

	(void)state;
	weir_schedule_begin(&schedule, 1000, 100, 0);
	assert_true(is_due(&schedule, 1000, 0));
	weir_schedule_done(&schedule);
	/* Reading took 3.5 periods: those of 1100 and 1200 are skipped, that of 1300 is late. */
	assert_true(is_due(&schedule, 1350, 2));
	weir_schedule_done(&schedule);
	assert_int_equal(schedule.next_ns, 1400);
	assert_true(is_due(&schedule, 1400, 0));
}

static void attempts_are_even_and_end_before_the_next_row(void **state)
{
	struct weir_schedule schedule;

	(void)state;
	weir_schedule_begin(&schedule, 0, 900, 2);
	assert_true(is_due(&schedule, 0, 0));
	assert_true(weir_schedule_again(&schedule));
	assert_int_equal(schedule.next_ns, 300);
	assert_false(is_due(&schedule, 299, 0));
	assert_true(is_due(&schedule, 300, 0));
	assert_true(weir_schedule_again(&schedule));
	assert_int_equal(schedule.next_ns, 600);
	/* An attempt that comes late does not skip rows: it belongs to the present one. */
	assert_true(is_due(&schedule, 2000, 0));
	assert_false(weir_schedule_again(&schedule));
	weir_schedule_done(&schedule);
	/* Due at 900, and 1800 was missed. */
	assert_true(is_due(&schedule, 2000, 1));
	assert_int_equal(schedule.attempt, 0);
}

static void every_number_of_attempts_stays_within_the_period(void **state)
{
	(void)state;
	for (uint32_t retry = 0; retry <= WEIR_RETRY_MAX; retry++) {
		struct weir_schedule schedule;
		uint32_t attempts = 1;

		weir_schedule_begin(&schedule, 5000, 1000, retry);
		for (; weir_schedule_again(&schedule); attempts++)
			assert_in_range(schedule.next_ns, 5001, 5999);
		assert_int_equal(attempts, retry + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_due_on_the_grid_of_the_first),
		cmocka_unit_test(rows_that_find_no_time_are_counted),
		cmocka_unit_test(attempts_are_even_and_end_before_the_next_row),
		cmocka_unit_test(every_number_of_attempts_stays_within_the_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
