/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "loop/read_timer.h"

#define LEAST_NS 200e3 /* between two reads by time */
#define KEEP (7.0 / 8) /* weight of what was measured before, at each read */
#define FASTER 2       /* times faster, and what was measured before is of no use */
#define FIRST 8        /* of the time for a watermark, the first read after a silence: the rate may be another by now */
#define GROWTH 2       /* of the time between reads, at each read */
#define SILENCE 2      /* times the latency without rows: that is not their distance */
#define NEAR 0.1       /* of the claimed distance, that the measured one may differ */
#define FORGET 1.02    /* of the least distance, at each read: it may have been a hiccup */

void weir_read_timer_init(struct weir_read_timer *timer, const struct weir_read_timer_config *config)
{
	double rows = config->watermark / (1 - KEEP);

	*timer = (struct weir_read_timer){ .config = *config, .due_ns = INT64_MAX };
	if (config->row_ns <= 0)
		return;
	timer->rows = rows;
	timer->span_ns = rows * (double)config->row_ns;
	timer->fastest_ns = (double)config->row_ns;
}

/* What is near to the claim is taken for it: devices of one claimed rate then have one time between reads. */
static double row_ns(const struct weir_read_timer *timer)
{
	double measured = timer->span_ns / timer->rows, claimed = (double)timer->config.row_ns;

	return fabs(measured - claimed) <= NEAR * claimed ? claimed : measured;
}

static void read_timer_measure(struct weir_read_timer *timer, double since_ns, double n)
{
	double seen_ns = fmax(1, since_ns) / n, claimed = (double)timer->config.row_ns;

	if (timer->rows > 0 && seen_ns * FASTER < row_ns(timer))
		timer->rows = timer->span_ns = 0;
	timer->span_ns = timer->span_ns * KEEP + fmax(1, since_ns);
	timer->rows = timer->rows * KEEP + n;
	timer->fastest_ns = fmin(timer->fastest_ns * FORGET, claimed > 0 ? claimed : row_ns(timer));
	if (n > 1 && (timer->fastest_ns <= 0 || seen_ns < timer->fastest_ns))
		timer->fastest_ns = seen_ns;
}

/* The time that a watermark takes, but no longer than a row may wait, and than half of the device's memory lasts. */
static double full_wait(const struct weir_read_timer *timer, uint64_t wanted)
{
	const struct weir_read_timer_config *config = &timer->config;
	double rows = wanted < config->watermark ? (double)wanted : config->watermark;
	double wait = fmin(rows * row_ns(timer), (double)config->latency_ns);
	double fastest = timer->fastest_ns > 0 ? timer->fastest_ns : row_ns(timer);

	return fmax(LEAST_NS, fmin(wait, config->capacity / 2.0 * fastest));
}

/* The descriptor was readable: is it worth to go by time now? */
static bool is_worth_it(const struct weir_read_timer *timer, double since_ns, double wait)
{
	if (timer->rows <= 0)
		return false;
	return !timer->is_sparse || since_ns <= wait / 2;
}

static void go_by_descriptor(struct weir_read_timer *timer)
{
	timer->due_ns = INT64_MAX;
	timer->is_first = false;
}

static void go_by_time(struct weir_read_timer *timer, int64_t now_ns, double wait)
{
	timer->wait_ns = (int64_t)wait;
	timer->due_ns = now_ns + timer->wait_ns;
}

void weir_read_timer_took(struct weir_read_timer *timer, int64_t now_ns, uint64_t n, uint64_t wanted)
{
	double since_ns = timer->has_read ? (double)(now_ns - timer->read_ns) : INFINITY, wait;
	bool by_time = weir_read_timer_runs(timer);

	if (!n) {
		timer->is_sparse |= timer->is_first;
		go_by_descriptor(timer);
		return;
	}
	timer->has_read = true;
	timer->read_ns = now_ns;
	if (since_ns <= SILENCE * (double)timer->config.latency_ns)
		read_timer_measure(timer, since_ns, (double)n);
	wait = timer->rows > 0 ? full_wait(timer, wanted) : 0;
	if (by_time) {
		timer->is_first = false;
		go_by_time(timer, now_ns, fmin(wait, GROWTH * (double)timer->wait_ns));
	} else if (is_worth_it(timer, since_ns, wait)) {
		timer->is_first = true;
		timer->is_sparse = false;
		go_by_time(timer, now_ns, fmin(wait, fmax(wait / FIRST, 2 * row_ns(timer))));
	}
}

bool weir_read_timer_joins(const struct weir_read_timer *timer, int64_t now_ns, int64_t next_ns)
{
	return timer->due_ns <= now_ns || (timer->due_ns < next_ns && timer->due_ns - now_ns <= timer->wait_ns / 2);
}
