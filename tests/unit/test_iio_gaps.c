/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was lost, inferred from timestamps: against a simulated kernel FIFO whose losses are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/iio_gaps.h"

#define FIFO 64
#define PERIOD 1000000 /* ns */

static const struct weir_schema times = { .row_bytes = 8, .t = { .at = 0, .bytes = 8 } };

static uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % n);
}

/* A kernel FIFO that drops the newest when it is full, and a reader that reads all there is. */
struct fifo {
	struct weir_iio_gaps gaps;
	int64_t row[FIFO];
	uint32_t n, size;
	int64_t now;
	uint64_t dropped, counted;
};

static void push(struct fifo *fifo, int64_t t)
{
	fifo->now = t + 1;
	if (fifo->n == fifo->size)
		fifo->dropped++;
	else
		fifo->row[fifo->n++] = t;
}

static void take(struct fifo *fifo)
{
	fifo->counted += weir_iio_gaps_landed(&fifo->gaps, &times, fifo->row, fifo->n, fifo->now);
	fifo->n = 0;
}

static void open_sized(struct fifo *fifo, uint32_t size, double period_ns, bool on_raster)
{
	memset(fifo, 0, sizeof(*fifo));
	fifo->size = size;
	assert_int_equal(weir_iio_gaps_open(&fifo->gaps, size, period_ns, on_raster), 0);
}

static void open_fifo(struct fifo *fifo, double period_ns, bool on_raster)
{
	open_sized(fifo, FIFO, period_ns, on_raster);
}

/* The end of a run: how many were counted in all. */
static uint64_t finish(struct fifo *fifo)
{
	uint64_t counted = fifo->counted + weir_iio_gaps_finish(&fifo->gaps);

	weir_iio_gaps_close(&fifo->gaps);
	return counted;
}

/* A paced source with jitter below half a period, a reader that often comes too late: the count is exact. */
static void overflow_is_counted_exactly(void **state)
{
	(void)state;
	for (uint64_t run = 1; run <= 50; run++) {
		uint64_t seed = run;
		struct fifo fifo;
		uint32_t wait = 0;

		/* What the device claims is wrong; the measured period decides. */
		open_fifo(&fifo, run % 2 ? 0 : 3 * PERIOD, false);
		for (int64_t i = 0; i < 20000; i++) {
			push(&fifo, i * PERIOD + random_below(&seed, PERIOD / 5));
			if (wait--)
				continue;
			take(&fifo);
			wait = i < 500                   ? 5
			       : random_below(&seed, 20) ? random_below(&seed, FIFO - 1)
							 : FIFO + random_below(&seed, 300);
		}
		/* Only what vanished before a row that arrived can be known. */
		take(&fifo);
		push(&fifo, 20000 * (int64_t)PERIOD);
		take(&fifo);
		assert_true(fifo.dropped > 0);
		assert_int_equal(finish(&fifo), fifo.dropped);
		assert_false(fifo.gaps.is_rough);
	}
}

/* A source that pauses, stutters and hurries, read in time: nothing is taken for lost. */
static void pauses_are_not_losses(void **state)
{
	uint64_t seed = 7;
	struct fifo fifo;
	int64_t t = 0;

	(void)state;
	open_fifo(&fifo, PERIOD, false);
	for (int i = 0; i < 100000; i++) {
		t += random_below(&seed, 50) ? random_below(&seed, 2 * PERIOD)
					     : 40 * PERIOD + random_below(&seed, 1000 * PERIOD);
		push(&fifo, t);
		if (fifo.n == FIFO - 1 || !random_below(&seed, 8))
			take(&fifo);
	}
	assert_int_equal(finish(&fifo), 0);
}

/*
 * Every tenth row comes up to 3 periods late, and 190 rows are missing now and then. With `stalls`, every 50th row is up to
 * 40 periods late and others rush after it, as on a machine that is far too busy.
 */
static void jitter(struct fifo *fifo, uint64_t seed, bool stalls)
{
	int64_t last = 0;

	open_fifo(fifo, 10 * PERIOD, false);
	for (int64_t i = 0; i < 10200; i++) {
		uint32_t most = random_below(&seed, 10) ? PERIOD / 4 : 3 * PERIOD;
		bool stalled = stalls && !random_below(&seed, 50);
		int64_t t = i * PERIOD + random_below(&seed, stalled ? 40 * PERIOD : most);

		last = t > last ? t : last + 1000;
		push(fifo, last);
		if (i % 2500 < 2250)
			take(fifo);
	}
	assert_true(fifo->dropped > 500);
}

/* Lateness that is made up for does not spoil the count: it is exact. */
static void overflow_under_jitter_is_counted_exactly(void **state)
{
	(void)state;
	for (uint64_t run = 1; run <= 50; run++) {
		struct fifo fifo;

		jitter(&fifo, run, false);
		assert_int_equal(finish(&fifo), fifo.dropped);
	}
}

/* Where hardly any row is in time, the count is still right to 2 %. */
static void overflow_under_stalls_is_estimated(void **state)
{
	(void)state;
	for (uint64_t run = 1; run <= 50; run++) {
		struct fifo fifo;
		int64_t error;

		jitter(&fifo, run, true);
		error = (int64_t)(finish(&fifo) - fifo.dropped);
		assert_true(llabs(error) * 50 <= (int64_t)fifo.dropped);
	}
}

/* The source stalls and then hurries, so that the FIFO overflows in the rush, where no gap in time shows it. */
static void overflow_in_a_rush_is_counted(void **state)
{
	uint64_t seed = 17;
	struct fifo fifo;
	int64_t last = 0;

	(void)state;
	open_fifo(&fifo, 0, false);
	for (int64_t i = 0; i < 50000; i++) {
		bool stalls = i > 1000 && i < 49000 && !random_below(&seed, 1000);
		int64_t t = i * PERIOD +
			    (stalls ? random_below(&seed, 100) * (int64_t)PERIOD : random_below(&seed, PERIOD / 5));

		/* The reader gets no turn in the rush. */
		last = t > last ? t : last + 1000;
		push(&fifo, last);
		if (t >= last)
			take(&fifo);
	}
	assert_true(fifo.dropped > 100);
	assert_int_equal(finish(&fifo), fifo.dropped);
}

/*
 * A machine that stops now and then, source and reader with it: the source then catches up in a rush, in which the reader may get
 * no turn. `since` is how long it had been stopped when the first row came.
 */
static uint32_t stalls(struct fifo *fifo, uint64_t *seed, int64_t since)
{
	int64_t period = PERIOD / 50 + random_below(seed, 2 * PERIOD), hurry = 1000 + random_below(seed, 20000);
	uint32_t rare = 200 + random_below(seed, 1000), most = 1 + random_below(seed, rare / 2), rows = 3000;
	int64_t t = since * period;

	open_fifo(fifo, random_below(seed, 2) ? 0 : (double)period, false);
	for (int64_t i = 0; i < rows; i++) {
		t = i * period > t ? i * period : t + hurry + random_below(seed, 2000);
		if (!random_below(seed, rare))
			t += random_below(seed, most) * period;
		push(fifo, t);
		if (t < (i + 1) * period || !random_below(seed, 200))
			take(fifo);
	}
	take(fifo);
	return rows;
}

/* Of many runs together, at most half as much again as was lost is counted; of one, no multiple of what was made at all. Some of it
 * is said to be rough. */
static void expect_sane(uint64_t seed, uint32_t since)
{
	uint64_t dropped = 0, counted = 0, n_rough = 0;

	for (int run = 0; run < 200; run++) {
		struct fifo fifo;
		uint32_t made = stalls(&fifo, &seed, since ? since + random_below(&seed, since) : 0);
		uint64_t found = finish(&fifo);

		assert_in_range(found, 0, 8 * made);
		n_rough += found && fifo.gaps.is_rough;
		dropped += fifo.dropped;
		counted += found;
	}
	assert_in_range(counted, dropped / 2, dropped + dropped / 2);
	assert_true(n_rough);
}

static void stalls_do_not_make_losses_absurd(void **state)
{
	(void)state;
	expect_sane(29, 0);
}

/* A run that begins in a rush takes the rush for its period, and finds out. */
static void a_rush_at_the_start_is_no_rate(void **state)
{
	(void)state;
	expect_sane(23, 60);
	expect_sane(31, 300);
}

/* A short run on a small FIFO of a machine that stalls, which begins in a rush or does not. @return rows that were made. */
static uint32_t short_run(struct fifo *fifo, uint64_t *seed, bool is_claimed)
{
	int64_t period = PERIOD / 50 + random_below(seed, 2 * PERIOD), hurry = 1000 + random_below(seed, 20000);
	uint32_t rows = 200 + random_below(seed, 3000), rare = 50 + random_below(seed, 1000);
	uint32_t most = 1 + random_below(seed, rare / 2), reads = 1 + random_below(seed, 400);
	int64_t t = random_below(seed, 2) ? (20 + random_below(seed, 600)) * period : 0;

	open_sized(fifo, 16U << random_below(seed, 3), is_claimed ? (double)period : 0, false);
	for (int64_t i = 0; i < rows; i++) {
		t = i * period > t ? i * period : t + hurry + random_below(seed, 2000);
		if (!random_below(seed, rare))
			t += random_below(seed, most) * period;
		push(fifo, t);
		if (t < (i + 1) * period || !random_below(seed, reads))
			take(fifo);
	}
	take(fifo);
	return rows;
}

/* However wrong the idea of the rate, what is said to be lost is bounded by what arrived, in each of many runs; and all runs
 * together are not far off. */
static void what_is_counted_is_bounded_by_what_arrived(void **state)
{
	uint64_t seed = 1, dropped = 0, counted = 0;

	(void)state;
	for (int run = 0; run < 10000; run++) {
		struct fifo fifo;
		uint32_t made = short_run(&fifo, &seed, run % 2);
		uint64_t found = finish(&fifo);

		assert_in_range(found, 0, (run % 2 ? 10 * made : 9 * (made - fifo.dropped)));
		dropped += fifo.dropped;
		counted += found;
	}
	assert_in_range(counted, dropped / 2, dropped + dropped / 5);
}

/* A long silence before the first samples does not spoil the measured period. */
static void silence_at_the_start_is_no_rate(void **state)
{
	struct fifo fifo;

	(void)state;
	open_fifo(&fifo, 0, false);
	push(&fifo, 0);
	take(&fifo);
	for (int64_t i = 1; i <= 300; i++) {
		push(&fifo, 5000 * (int64_t)PERIOD + i * PERIOD);
		if (i <= 100 || i == 299)
			take(&fifo);
	}
	take(&fifo);
	assert_int_equal(fifo.dropped, 300 - 100 - FIFO - 1);
	assert_int_equal(finish(&fifo), fifo.dropped);
}

/* A timer trigger that skips ticks: each is counted once a window of rows has confirmed it. */
static void missed_ticks_are_counted(void **state)
{
	uint64_t seed = 11, missed = 0;
	struct fifo fifo;

	(void)state;
	open_fifo(&fifo, PERIOD, true);
	for (int64_t i = 0; i < 50000; i++) {
		if (i < 49000 && !random_below(&seed, 100)) {
			missed++;
			continue;
		}
		push(&fifo, i * PERIOD + random_below(&seed, PERIOD / 3));
		if (fifo.n == 10)
			take(&fifo);
	}
	assert_true(missed > 100);
	assert_int_equal(finish(&fifo), missed);
}

/* Ticks that are late, even by many periods, and then caught up with, are no losses. */
static void late_ticks_are_no_losses(void **state)
{
	uint64_t seed = 13;
	int64_t last = 0;
	struct fifo fifo;

	(void)state;
	open_fifo(&fifo, PERIOD, true);
	for (int64_t i = 0; i < 50000; i++) {
		int64_t stall = i * PERIOD + (random_below(&seed, 500) ? 0 : random_below(&seed, 60 * PERIOD));

		last = stall > last ? stall : last + 1000;
		push(&fifo, last);
		take(&fifo);
	}
	assert_int_equal(finish(&fifo), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overflow_is_counted_exactly),
		cmocka_unit_test(pauses_are_not_losses),
		cmocka_unit_test(overflow_under_jitter_is_counted_exactly),
		cmocka_unit_test(overflow_under_stalls_is_estimated),
		cmocka_unit_test(overflow_in_a_rush_is_counted),
		cmocka_unit_test(a_rush_at_the_start_is_no_rate),
		cmocka_unit_test(stalls_do_not_make_losses_absurd),
		cmocka_unit_test(what_is_counted_is_bounded_by_what_arrived),
		cmocka_unit_test(silence_at_the_start_is_no_rate),
		cmocka_unit_test(missed_ticks_are_counted),
		cmocka_unit_test(late_ticks_are_no_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
