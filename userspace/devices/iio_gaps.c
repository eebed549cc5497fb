/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "devices/iio_gaps.h"
#include "weir/whole.h"

#define INTERVALS_MAX 8192
#define WINDOW 32        /* rows that must stay late before what they lack counts as lost */
#define WINDOW_MAX 1024  /* rows after which it counts even while rows still seem to catch up */
#define STEADY 4         /* rows in a row at no less than half a period: nothing is catching up */
#define LATELY 512       /* rows after which older ones count half for what is common */
#define COMMON 8         /* rows that make an interval common */
#define RUSH 3           /* times faster than is common */
#define MADE 2           /* times the mean rate, at the most */
#define BELIEVED 4       /* times as long as it was seen, that rate */
#define BEGINNING_NS 1e9 /* in which a rush may be all there is */
#define ODD 8            /* periods that all of a window is ahead or behind, so that it says nothing about the rate */
#define ODD_WINDOWS 8    /* of these, one after the other, mean that there is no steady rate */

int weir_iio_gaps_open(struct weir_iio_gaps *gaps, uint32_t length, double period_ns, bool on_raster)
{
	*gaps = (struct weir_iio_gaps){ .fifo = 2, .nominal_ns = period_ns, .on_raster = on_raster && period_ns > 0 };
	while (gaps->fifo < length)
		gaps->fifo *= 2;
	gaps->read_ns = calloc(gaps->fifo, sizeof(*gaps->read_ns));
	return gaps->read_ns ? 0 : -ENOMEM;
}

void weir_iio_gaps_close(struct weir_iio_gaps *gaps)
{
	free(gaps->read_ns);
	gaps->read_ns = NULL;
}

/*
 * Was the FIFO full when the row before this one had come in? It was if nothing had been taken since one FIFO's size of
 * rows ago: if the read that began there came later. `read_ns` is of the read that begins with this row, or 0.
 */
static bool was_full(struct weir_iio_gaps *gaps, int64_t read_ns)
{
	int64_t *slot = &gaps->read_ns[gaps->row & (gaps->fifo - 1)];
	bool full = *slot > gaps->last_ns;

	*slot = read_ns;
	return full;
}

static double period_ns(const struct weir_iio_gaps *gaps)
{
	return gaps->is_measured ? gaps->span_ns / gaps->intervals : gaps->nominal_ns;
}

/* ------------------------------------------------------ what interval is common */

static void note(struct weir_iio_gaps *gaps, double interval_ns, bool full)
{
	int i = interval_ns < 1 ? 0 : ilogb(interval_ns);

	gaps->all_ns += interval_ns;
	gaps->longest_ns = fmax(gaps->longest_ns, interval_ns);
	if (full)
		return;
	gaps->n_whole++;
	gaps->whole_ns += interval_ns;
	gaps->longest_whole_ns = fmax(gaps->longest_whole_ns, interval_ns);
	gaps->octave[i].rows++;
	gaps->octave[i].ns += fmax(0, interval_ns);
	if (++gaps->n_octaves < LATELY)
		return;
	gaps->n_octaves = 0;
	for (i = 0; i < WEIR_IIO_OCTAVES; i++) {
		gaps->octave[i].rows /= 2;
		gaps->octave[i].ns /= 2;
	}
}

/*
 * The interval of those octaves that have both, many rows and much of the time: a rush has the rows alone, a pause the time alone.
 * 0: not known yet.
 */
static double common_ns(const struct weir_iio_gaps *gaps)
{
	double most = 0, common = 0;

	for (int i = 0; i < WEIR_IIO_OCTAVES; i++) {
		double rows = gaps->octave[i].rows, ns = gaps->octave[i].ns;

		if (rows < COMMON || rows * ns <= most)
			continue;
		most = rows * ns;
		common = ns / rows;
	}
	return common;
}

/*
 * The rate at which a source goes on for long, where that is not known: no faster than all rows came together, or than it is
 * claimed to be, whichever is faster.
 */
static double slow_ns(const struct weir_iio_gaps *gaps, double mean)
{
	double slow = fmax(mean, gaps->all_ns / (double)gaps->row);

	return gaps->nominal_ns > 0 ? fmin(slow, fmax(mean, gaps->nominal_ns)) : slow;
}

/*
 * No more can be lost than have been made, and at twice the mean rate no source goes on for long. The mean rate in turn is believed
 * for no more than some times as long as it was seen: in a run of little but rushes it is that of a rush. This bounds what comes
 * of a wrong period; else it is out of reach. One pause may be as long as it likes.
 */
static uint64_t bound(struct weir_iio_gaps *gaps, uint64_t lost)
{
	double seen = gaps->whole_ns - gaps->longest_whole_ns, elapsed = gaps->all_ns - gaps->longest_ns;
	double mean, fast, made;

	if (!lost || gaps->n_whole < 2 || gaps->on_raster)
		return lost;
	mean = fmax(1, seen / (double)(gaps->n_whole - 1));
	fast = fmin(elapsed, BELIEVED * seen);
	made = MADE * (fast / mean + (elapsed - fast) / slow_ns(gaps, mean));
	made = fmax(0, made - (double)gaps->row - (double)gaps->lost);
	if ((double)lost <= made)
		return lost;
	gaps->is_rough = true;
	return weir_whole_count(floor(made));
}

/* Bounded when it is counted, and once more when it is told: in the first second all that came may have been a rush. */
static uint64_t tell(struct weir_iio_gaps *gaps, uint64_t lost, bool is_end)
{
	gaps->owed = bound(gaps, gaps->owed + lost);
	if (!gaps->owed || (!is_end && gaps->all_ns < BEGINNING_NS))
		return 0;
	lost = gaps->owed;
	gaps->owed = 0;
	gaps->lost += lost;
	return lost;
}

/* ---------------------------------------------------------------- the period */

static void add_intervals(struct weir_iio_gaps *gaps, double span_ns, uint32_t n)
{
	gaps->span_ns += span_ns;
	gaps->intervals += n;
	if (gaps->intervals < INTERVALS_MAX)
		return;
	gaps->span_ns /= 2;
	gaps->intervals /= 2;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* A rough idea of the period weighs as one interval against those that windows will measure. */
static void set_period(struct weir_iio_gaps *gaps, double period_ns)
{
	gaps->span_ns = fmax(1, period_ns);
	gaps->intervals = 1;
	gaps->is_measured = true;
}

/* Until there is a measured period. The first is the median of some intervals, so that a pause does not spoil it. */
static uint64_t begin(struct weir_iio_gaps *gaps, double interval_ns, bool full)
{
	if (full)
		return gaps->nominal_ns > 0 && interval_ns > 1.5 * gaps->nominal_ns
			       ? weir_whole_count(interval_ns / gaps->nominal_ns) - 1
			       : 0;
	gaps->first_ns[gaps->n_first++] = interval_ns;
	if (gaps->n_first < WEIR_IIO_FIRST)
		return 0;
	qsort(gaps->first_ns, WEIR_IIO_FIRST, sizeof(*gaps->first_ns), compare);
	set_period(gaps, gaps->first_ns[WEIR_IIO_FIRST / 2]);
	return 0;
}

static bool is_irregular(const struct weir_iio_gaps *gaps)
{
	return gaps->odd_windows >= ODD_WINDOWS;
}

/* Without a steady period a plain mean must do, from now on. */
static void learn_irregular(struct weir_iio_gaps *gaps)
{
	double elapsed_ns = gaps->window * period_ns(gaps) + gaps->late_ns - gaps->late_before_ns;

	if (gaps->odd_windows == ODD_WINDOWS)
		gaps->span_ns = gaps->intervals = 0;
	gaps->odd_windows = ODD_WINDOWS + 1;
	gaps->is_rough = true;
	add_intervals(gaps, fmax(1, elapsed_ns), gaps->window);
}

/*
 * A window in which rows neither got behind nor ahead for good refines the period, by what its least late row drifted:
 * that one has the least jitter. If there is none for long, there is no period to speak of.
 */
static void learn(struct weir_iio_gaps *gaps)
{
	double period = period_ns(gaps);

	if (fabs(gaps->least_late_ns) >= ODD * period) {
		gaps->odd_windows += !is_irregular(gaps);
	} else {
		if (is_irregular(gaps))
			set_period(gaps, period);
		gaps->odd_windows = 0;
	}
	if (is_irregular(gaps))
		learn_irregular(gaps);
	else if (gaps->odd_windows || gaps->is_suspect)
		return;
	else if (fabs(gaps->least_late_ns) > period / 2)
		set_period(gaps, period + gaps->least_late_ns / gaps->window);
	else
		add_intervals(gaps, gaps->window * period + gaps->least_late_ns, gaps->window);
}

/*
 * What was taken for the period was a rush: a stalled machine was catching up. The window's rows are late, or early, by the
 * common interval instead, and the next window tells which of that lasts.
 */
static bool is_from_a_rush(struct weir_iio_gaps *gaps)
{
	double period = period_ns(gaps), common = common_ns(gaps);

	if (gaps->on_raster || common <= RUSH * period)
		return false;
	gaps->late_ns += gaps->window * (period - common);
	gaps->late_before_ns = gaps->late_ns;
	gaps->window = 0;
	gaps->odd_windows = 0;
	gaps->is_rough = true;
	set_period(gaps, common);
	return true;
}

/*
 * The window is over: how late even its least late row is cannot be made up for any more. Those are rows that were lost,
 * if there was reason to expect them; else the source just went on later.
 */
static uint64_t settle(struct weir_iio_gaps *gaps)
{
	double period = period_ns(gaps);
	double lost = gaps->is_suspect ? fmax(0, floor(gaps->least_late_ns / period + 0.5)) : 0;

	if (!gaps->on_raster)
		learn(gaps);
	gaps->late_ns -= gaps->least_late_ns;
	gaps->late_before_ns = gaps->late_ns;
	gaps->window = 0;
	gaps->is_suspect &= gaps->late_ns > period / 2;
	return weir_whole_count(lost);
}

/* Lateness grows by what an interval exceeds the period, and shrinks when rows catch up. */
static uint64_t follow(struct weir_iio_gaps *gaps, double interval_ns)
{
	double period = period_ns(gaps);

	gaps->late_ns += interval_ns - period;
	gaps->least_late_ns = gaps->window++ ? fmin(gaps->least_late_ns, gaps->late_ns) : gaps->late_ns;
	gaps->steady = interval_ns < period / 2 ? 0 : gaps->steady + 1;
	if ((gaps->window < WINDOW || gaps->steady < STEADY) && gaps->window < WINDOW_MAX)
		return 0;
	return is_from_a_rush(gaps) ? 0 : settle(gaps);
}

static uint64_t step(struct weir_iio_gaps *gaps, int64_t t, int64_t read_ns)
{
	double interval = (double)(int64_t)((uint64_t)t - (uint64_t)gaps->last_ns);
	bool full = was_full(gaps, read_ns);

	gaps->last_ns = t;
	if (!gaps->row++)
		return 0;
	note(gaps, interval, full);
	if (!gaps->is_measured && !gaps->on_raster)
		return begin(gaps, interval, full);
	if (is_irregular(gaps) && full && interval > 1.5 * period_ns(gaps))
		return weir_whole_count(interval / period_ns(gaps)) - 1;
	gaps->is_suspect |= gaps->on_raster || (full && !is_irregular(gaps));
	return follow(gaps, interval);
}

uint64_t weir_iio_gaps_landed(struct weir_iio_gaps *gaps, const struct weir_schema *schema, const void *rows,
			      uint32_t n, int64_t now_ns)
{
	const char *at = (const char *)rows + schema->t.at;
	uint64_t lost = 0;

	for (uint32_t i = 0; i < n; i++, at += schema->row_bytes) {
		int64_t t;

		memcpy(&t, at, sizeof(t));
		lost += tell(gaps, step(gaps, t, i ? 0 : now_ns), false);
	}
	return lost;
}

uint64_t weir_iio_gaps_finish(struct weir_iio_gaps *gaps)
{
	if (!gaps->is_suspect)
		return tell(gaps, 0, true);
	(void)is_from_a_rush(gaps);
	gaps->least_late_ns = gaps->late_ns;
	return tell(gaps, settle(gaps), true);
}
