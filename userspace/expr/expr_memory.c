/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loops that remember something from one strip to the next. Their memory belongs to the step, and so to the expression
 * and its thread.
 */
#include <math.h>
#include <time.h>

#include "expr/expr_internal.h"

#define NS_PER_S INT64_C(1000000000)

/* What was last seen: a number, or an integer where there has been one. */
struct past {
	double number;
	int64_t integer;
	bool has_integer;
};

/* One minute on the wall: what is true from `from` to before `to`, in the record's time. */
struct calendar {
	int64_t offset; /* from the stream's clock to the realtime clock */
	int64_t from, to;
	bool met_undated;
	double value[WEIR_CALENDAR_PARTS];
};

void *weir_past_new(struct weir_arena *arena)
{
	struct past *past = weir_arena_take(arena, sizeof(*past));

	if (past)
		past->number = NAN;
	return past;
}

void weir_loop_previous(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const double *a = slot[step->a];
	struct past *past = step->memory;

	out[0] = past->number;
	for (uint32_t i = 1; i < n; i++)
		out[i] = a[i - 1];
	past->number = a[n - 1];
}

void weir_loop_difference(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const double *a = slot[step->a];
	struct past *past = step->memory;

	out[0] = a[0] - past->number;
	for (uint32_t i = 1; i < n; i++)
		out[i] = a[i] - a[i - 1];
	past->number = a[n - 1];
}

static double integer_difference(int64_t a, int64_t b)
{
	int64_t difference;

	return __builtin_sub_overflow(a, b, &difference) ? (double)a - (double)b : (double)difference;
}

void weir_loop_integer_difference(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const int64_t *a = slot[step->a];
	struct past *past = step->memory;

	out[0] = past->has_integer ? integer_difference(a[0], past->integer) : NAN;
	for (uint32_t i = 1; i < n; i++)
		out[i] = integer_difference(a[i], a[i - 1]);
	past->integer = a[n - 1];
	past->has_integer = true;
}

/* ------------------------------------------------------------------ calendar */

static int64_t floor_to_seconds(int64_t ns)
{
	return ns / NS_PER_S - (ns % NS_PER_S < 0);
}

static bool is_same_minute(time_t second, const struct tm *local)
{
	struct tm other;

	return localtime_r(&second, &other) && other.tm_min == local->tm_min && other.tm_hour == local->tm_hour &&
	       other.tm_mday == local->tm_mday;
}

/* From the realtime clock back to the stream's, as far as that goes. */
static int64_t stream_time(const struct calendar *calendar, int64_t second)
{
	int64_t ns, t;

	if (__builtin_mul_overflow(second, NS_PER_S, &ns))
		ns = second < 0 ? INT64_MIN : INT64_MAX;
	if (__builtin_sub_overflow(ns, calendar->offset, &t))
		return ns < 0 ? INT64_MIN : INT64_MAX;
	return t;
}

/* A minute is 60 seconds long, but where local time jumps within it or a zone counts leap seconds only one second is sure. */
static void find_span(struct calendar *calendar, int64_t second, const struct tm *local)
{
	int64_t first = second - local->tm_sec, last = first + 59;

	if (second > last || !is_same_minute(first, local) || !is_same_minute(last, local))
		first = last = second;
	calendar->from = stream_time(calendar, first);
	calendar->to = stream_time(calendar, last + 1);
}

static void look_up(struct calendar *calendar, int64_t t)
{
	struct tm local;
	time_t second;
	int64_t ns;

	calendar->from = calendar->to = 0;
	for (int i = 0; i < WEIR_CALENDAR_PARTS; i++)
		calendar->value[i] = NAN;
	if (__builtin_add_overflow(t, calendar->offset, &ns))
		ns = t < 0 ? INT64_MIN : INT64_MAX;
	if (ns < WEIR_FIRST_DATE_NS) {
		calendar->met_undated = true;
		return;
	}
	second = floor_to_seconds(ns);
	if (!localtime_r(&second, &local))
		return;
	calendar->value[WEIR_CALENDAR_HOUR] = local.tm_hour;
	calendar->value[WEIR_CALENDAR_MINUTE] = local.tm_min;
	calendar->value[WEIR_CALENDAR_WEEKDAY] = local.tm_wday ? local.tm_wday : 7;
	find_span(calendar, second, &local);
}

void *weir_calendar_new(struct weir_arena *arena, enum weir_clock clock)
{
	struct calendar *calendar = weir_arena_take(arena, sizeof(*calendar));

	tzset(); /* reads the zone's file, which is not for the data path to do */
	if (calendar && clock == WEIR_CLOCK_MONOTONIC)
		calendar->offset = weir_now(WEIR_CLOCK_REALTIME) - weir_now(WEIR_CLOCK_MONOTONIC);
	return calendar;
}

bool weir_calendar_met_undated(const struct weir_step *step)
{
	const struct calendar *calendar = step->memory;

	return step->run == weir_loop_calendar && calendar->met_undated;
}

void weir_loop_calendar(const struct weir_step *step, void *const *slot, uint32_t n)
{
	double *restrict out = slot[step->out];
	const int64_t *t = slot[step->a];
	struct calendar *calendar = step->memory;
	const double *value = &calendar->value[(int)step->k];

	for (uint32_t i = 0; i < n; i++) {
		if (t[i] < calendar->from || t[i] >= calendar->to)
			look_up(calendar, t[i]);
		out[i] = *value;
	}
}
