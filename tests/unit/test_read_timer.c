/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When a device that collects rows is read. A simulated device gives rows at times of its own; its memory is limited; time is a
 * number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/read_timer.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* A device of even rows, as seen by one who reads it when the timer says so. */
struct world {
	struct weir_read_timer timer;
	int64_t now, next; /* time, and that of the next row; INT64_MAX: it has stopped */
	int64_t row_ns;
	uint64_t fifo, lost, got, oldest_wait;
	uint64_t wanted;
	int64_t oldest; /* time of the oldest row in the FIFO */
	uint32_t wakes, by_descriptor, in_vain;
	int64_t late; /* of each wake-up */
};

static struct world new_world(uint32_t watermark, int64_t claimed_ns, int64_t row_ns)
{
	const struct weir_read_timer_config config = {
		.watermark = watermark, .capacity = 1024, .row_ns = claimed_ns, .latency_ns = SECOND
	};
	struct world world = { .now = SECOND, .next = SECOND + row_ns, .row_ns = row_ns, .wanted = UINT64_MAX };

	weir_read_timer_init(&world.timer, &config);
	return world;
}

static void give_rows(struct world *world, int64_t until)
{
	for (; world->next <= until; world->next += world->row_ns) {
		if (!world->fifo)
			world->oldest = world->next;
		if (world->fifo == world->timer.config.capacity)
			world->lost++;
		else
			world->fifo++;
	}
}

/* One wake-up: the descriptor wakes for the first row, the timer at its time. False: nothing wakes before `until`. */
static bool wake(struct world *world, int64_t until)
{
	bool by_time = weir_read_timer_runs(&world->timer);
	int64_t at = by_time ? world->timer.due_ns : world->fifo ? world->now : world->next;

	if (at > until)
		return false;
	world->now = (at > world->now ? at : world->now) + world->late;
	give_rows(world, world->now);
	world->wakes++;
	world->by_descriptor += !by_time;
	world->in_vain += !world->fifo;
	if (world->fifo && (uint64_t)(world->now - world->oldest) > world->oldest_wait)
		world->oldest_wait = (uint64_t)(world->now - world->oldest);
	world->got += world->fifo;
	world->wanted -= world->fifo < world->wanted ? world->fifo : world->wanted;
	weir_read_timer_took(&world->timer, world->now, world->fifo, world->wanted ? world->wanted : 1);
	world->fifo = 0;
	return true;
}

static void run_for(struct world *world, int64_t ns)
{
	int64_t until = world->now + ns;

	while (wake(world, until))
		;
	give_rows(world, until);
	world->now = until;
}

static void clear_counts(struct world *world)
{
	world->wakes = world->by_descriptor = world->in_vain = 0;
	world->got = world->lost = world->oldest_wait = 0;
}

/* Rows as often as claimed: one wake-up for a watermark, none by the descriptor, none in vain. */
static void one_wake_for_a_watermark(void **state)
{
	static const uint32_t watermark[] = { 2, 4, 20, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof(watermark) / sizeof(*watermark); i++) {
		struct world world = new_world(watermark[i], 5 * MS, 5 * MS);

		run_for(&world, 2 * SECOND);
		assert_int_equal(world.by_descriptor, 1);
		clear_counts(&world);
		run_for(&world, 20 * SECOND);
		assert_in_range(world.wakes, 4000 / watermark[i] - 1, 4000 / watermark[i] + 1);
		assert_int_equal(world.by_descriptor + world.in_vain + world.lost, 0);
		assert_true(world.oldest_wait <= (watermark[i] + 1) * 5 * MS);
	}
}

/* Wake-ups that are late change neither the number nor lose rows; rows a little slower or faster than claimed do not either. */
static void late_wakes_and_wrong_claims(void **state)
{
	static const int64_t row_ns[] = { 4700000, 5 * MS, 5300000 };

	(void)state;
	for (size_t i = 0; i < sizeof(row_ns) / sizeof(*row_ns); i++) {
		struct world world = new_world(20, 5 * MS, row_ns[i]);

		world.late = 3 * MS;
		run_for(&world, 5 * SECOND);
		clear_counts(&world);
		run_for(&world, 20 * SECOND);
		assert_in_range(world.got / world.wakes, 19, 22);
		assert_int_equal(world.by_descriptor + world.in_vain + world.lost, 0);
	}
}

/* A device that stops costs one read in vain, and then nothing; its next row is read at once. */
static void silence_costs_nothing(void **state)
{
	struct world world = new_world(20, 5 * MS, 5 * MS);
	int64_t began;

	(void)state;
	run_for(&world, 2 * SECOND);
	world.next = INT64_MAX;
	clear_counts(&world);
	run_for(&world, 3600 * SECOND);
	assert_true(world.wakes <= 2);
	assert_int_equal(world.in_vain, 1);
	assert_false(weir_read_timer_runs(&world.timer));
	began = world.next = world.now + 7 * MS;
	assert_true(wake(&world, INT64_MAX));
	assert_int_equal(world.now, began);
	run_for(&world, SECOND);
	clear_counts(&world);
	run_for(&world, 2 * SECOND);
	assert_in_range(world.wakes, 19, 21);
}

/* Another rate while it runs, up or down by far: a watermark at a time again after some seconds, and nothing is lost. */
static void rate_changes_are_followed(void **state)
{
	static const int64_t row_ns[] = { 50 * MS, MS, MS / 10, 2 * MS };
	struct world world = new_world(20, 5 * MS, 5 * MS);

	(void)state;
	for (size_t i = 0; i < sizeof(row_ns) / sizeof(*row_ns); i++) {
		world.row_ns = row_ns[i];
		clear_counts(&world);
		run_for(&world, 20 * SECOND);
		assert_int_equal(world.lost, 0);
		assert_true(world.oldest_wait <= SECOND);
		clear_counts(&world);
		run_for(&world, 20 * SECOND);
		assert_in_range(world.got / world.wakes, 18, 22);
		assert_true(world.in_vain <= 1);
	}
}

/* An unknown rate is measured: two rows wake by the descriptor, then a timer. */
static void unknown_rate_is_learned(void **state)
{
	static const int64_t row_ns[] = { 10 * MS, MS, MS / 20 };

	(void)state;
	for (size_t i = 0; i < sizeof(row_ns) / sizeof(*row_ns); i++) {
		struct world world = new_world(20, 0, row_ns[i]);

		run_for(&world, 2 * SECOND);
		assert_true(world.by_descriptor <= 3);
		assert_int_equal(world.lost, 0);
		clear_counts(&world);
		run_for(&world, 10 * SECOND);
		assert_in_range(world.got / world.wakes, 19, 21);
	}
}

/* Rows far apart, one by one: each is read when it comes, and soon without a second wake-up that is in vain. */
static void rows_far_apart(void **state)
{
	struct world world = new_world(20, 5 * MS, 3 * SECOND);

	(void)state;
	run_for(&world, 60 * SECOND);
	assert_true(world.in_vain <= 2);
	assert_int_equal(world.got, 20);
	assert_int_equal(world.oldest_wait, 0);
	assert_true(world.wakes <= world.got + 2);
}

/* No row waits longer than the latency, whatever the watermark and the rate. */
static void latency_is_kept(void **state)
{
	(void)state;
	for (int64_t row_ns = MS; row_ns <= 500 * MS; row_ns = row_ns * 3 / 2) {
		for (uint32_t watermark = 2; watermark <= 4096; watermark *= 4) {
			struct world world = new_world(watermark, row_ns, row_ns);

			run_for(&world, 30 * SECOND);
			assert_true(world.oldest_wait <= SECOND);
			assert_int_equal(world.lost, 0);
			assert_true(world.got >= (uint64_t)(28 * SECOND / row_ns));
		}
	}
}

/* The last rows that are wanted do not wait for a watermark. */
static void the_last_rows_come_soon(void **state)
{
	(void)state;
	for (uint64_t wanted = 1; wanted < 300; wanted += 13) {
		struct world world = new_world(100, 5 * MS, 5 * MS);
		int64_t last;

		run_for(&world, 4 * SECOND);
		assert_true(wake(&world, INT64_MAX));
		/* They begin with the next row; the reader says so with the read that came before it. */
		world.wanted = 100 + wanted;
		assert_true(wake(&world, INT64_MAX));
		last = world.now + 5 * MS * (int64_t)world.wanted;
		while (world.wanted)
			assert_true(wake(&world, INT64_MAX));
		assert_true(world.now <= last + 5 * MS);
	}
}

/* Bursts with silence between them: within each a few wake-ups, none in the silence, and nothing is lost. */
static void bursts(void **state)
{
	struct world world = new_world(20, 0, MS);

	(void)state;
	for (int burst = 0; burst < 50; burst++) {
		int64_t began = world.now;

		clear_counts(&world);
		world.next = world.now + MS;
		run_for(&world, 200 * MS);
		world.next = INT64_MAX;
		run_for(&world, 300 * MS + burst * 40 * MS);
		assert_int_equal(world.lost, 0);
		assert_true(world.wakes <= 30);
		assert_true(world.now > began);
	}
}

/* Two devices of one rate, begun at other times, are soon read at the same wake-ups. */
static void devices_share_wakes(void **state)
{
	struct world a = new_world(20, 5 * MS, 5 * MS), b = new_world(20, 5 * MS, 5 * MS);
	uint32_t wakes = 0;

	(void)state;
	run_for(&a, 2 * SECOND);
	b.next += 43 * MS;
	run_for(&b, 2 * SECOND);
	for (int64_t end = b.now + 10 * SECOND; b.now < end; wakes++) {
		struct world *first = a.timer.due_ns <= b.timer.due_ns ? &a : &b, *other = first == &a ? &b : &a;

		assert_true(wake(first, INT64_MAX));
		if (!weir_read_timer_joins(&other->timer, first->now, first->timer.due_ns))
			continue;
		other->timer.due_ns = first->now;
		assert_true(wake(other, INT64_MAX));
	}
	assert_true(wakes <= 105);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_wake_for_a_watermark),
		cmocka_unit_test(late_wakes_and_wrong_claims),
		cmocka_unit_test(silence_costs_nothing),
		cmocka_unit_test(rate_changes_are_followed),
		cmocka_unit_test(unknown_rate_is_learned),
		cmocka_unit_test(rows_far_apart),
		cmocka_unit_test(latency_is_kept),
		cmocka_unit_test(the_last_rows_come_soon),
		cmocka_unit_test(bursts),
		cmocka_unit_test(devices_share_wakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
