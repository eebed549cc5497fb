/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guard does, as a stream: each decision is a record, or counted as lost by a reader that was too slow for it. */
#include <errno.h>
#include <string.h>

#include "guard_place.h"
#include "harness.h"

#define ASKS 900 /* more than a socket has room for */

enum { CAUSE = 1, ASKED = 4 };

static void pull(struct harness *h)
{
	int got;

	do
		got = harness_pull(h, 64);
	while (got > 0 || (got == 0 && !h->over));
	assert_int_equal(got, -EAGAIN);
}

static void a_slow_reader_counts_what_it_missed(void **state)
{
	struct guard_place *place = *state;
	struct weir_guard_link link = { 0 };
	struct weir_guard_grip grip;
	uint32_t asked = 0;
	double last = 0;
	struct harness h;

	place_drive(place, &link, &grip, 60000 * PLACE_MS);
	assert_true(harness_open(&h, "actuations", NULL));
	assert_int_equal(harness_start(&h), 0);
	for (long value = 100; value < 100 + ASKS; value++) {
		place_ask(&link, &grip, (double)value, 0);
		place_await(place, value);
	}
	pull(&h);
	place_ask(&link, &grip, 50, 0);
	place_await(place, 50);
	pull(&h);
	for (uint32_t k = 0; k < h.n; k++) {
		if (strcmp(h.value[CAUSE][k].text, "asked") != 0)
			continue;
		assert_true(h.value[ASKED][k].real > last || h.value[ASKED][k].real == 50);
		last = h.value[ASKED][k].real;
		asked++;
	}
	assert_true(last == 50);
	assert_true(h.source->lost[WEIR_LOST_DEVICE] > 0);
	assert_int_equal(asked + h.source->lost[WEIR_LOST_DEVICE], ASKS + 1);
	harness_close(&h);
	weir_guard_link_close(&link);
}

static int set_up(void **state)
{
	static struct guard_place place;

	*state = &place;
	return place_make(&place);
}

static int tear_down(void **state)
{
	return place_drop(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_slow_reader_counts_what_it_missed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
