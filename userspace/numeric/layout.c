/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "weir/layout.h"

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)
#define DAY_NS (24 * HOUR_NS)
#define MONDAY_S (4 * INT64_C(86400)) /* 1970-01-05 */

const char *const weir_layout_aligns[] = { "clock", "first", NULL };
const char *const weir_layout_weeks[] = { "w", NULL };

enum { ALIGN_CLOCK, ALIGN_FIRST };

/* --------------------------------------------------------------------- open */

static int check_lengths(struct weir_node *node, const struct weir_layout *layout, bool has_step, bool step_is_time,
			 const char *size_name)
{
	if (layout->size < 1 || layout->size > WEIR_LAYOUT_MAX)
		return weir_fail_arg(node, size_name, "write a count such as 100 or a duration such as 1s",
				     "the window must be longer than nothing and shorter than 73 years");
	if (layout->step < 1 || layout->step > WEIR_LAYOUT_MAX)
		return weir_fail_arg(node, "step", NULL,
				     "the step must be longer than nothing and shorter than 73 years");
	if (has_step && step_is_time != layout->is_time)
		return weir_fail_arg(node, "step", "give size and step both as counts or both as durations",
				     "the step does not match the window");
	return 0;
}

static int check_ends(struct weir_node *node, const struct weir_layout *layout, const struct weir_layout_args *args)
{
	if (!layout->is_time && weir_given(node, &args->align))
		return weir_fail_arg(node, "align", NULL, "a window of records is not aligned: leave out 'align'");
	if (args->tz && layout->is_first)
		return weir_fail_arg(node, "tz", NULL, "only windows on the clock have a time zone: leave out 'tz'");
	if (!layout->is_time && layout->whole)
		return weir_fail_arg(node, "whole", "leave it out",
				     "a window of records comes out only when it is full");
	if (layout->partial && layout->whole)
		return weir_fail_arg(node, "whole", "leave out one of them",
				     "windows cannot be both partial and whole");
	return 0;
}

/* Hours that divide a day, days, weeks. */
static bool is_local(int64_t ns)
{
	return ns % DAY_NS == 0 || (ns % HOUR_NS == 0 && DAY_NS % ns == 0);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

static int open_zone(struct weir_layout *layout, struct weir_node *node, const char *name)
{
	int err = weir_zone_open(&layout->zone, name);

	if (err == -EBADMSG || err == -EOPNOTSUPP || err == -EFBIG)
		return weir_fail_arg(node, "tz", "as in Europe/Berlin", "the file of the time zone '%s' is %s", name,
				     err == -EOPNOTSUPP ? "one with leap seconds" : "damaged");
	return err < 0 && err != -ENOMEM
		       ? weir_fail_arg(node, "tz", "as in Europe/Berlin, or CET-1CEST,M3.5.0,M10.5.0/3",
				       "unknown time zone '%s'", name)
		       : err;
}

static int choose_zone(struct weir_layout *layout, struct weir_node *node, const struct weir_layout_args *args)
{
	bool has_dates = weir_wall_has_dates(weir_in(node)), in_weeks = args->size.is_weeks;
	int err;

	if (weir_given(node, &args->step))
		in_weeks = args->step.is_weeks;
	if (layout->is_first)
		return 0;
	if (args->tz && !has_dates)
		return weir_fail_arg(node, "tz", NULL,
				     "the time of this stream is counted from its beginning: leave out 'tz'");
	if (args->tz && (!is_local(layout->size) || !is_local(layout->step)))
		return weir_fail_arg(node, "tz", "1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d, 1w have one",
				     "windows of this size have no time zone");
	if (!has_dates || !is_local(layout->size) || !is_local(layout->step))
		return 0;
	err = open_zone(layout, node, args->tz);
	layout->starts = (struct weir_local_grid){ layout->zone, layout->step / SECOND_NS, in_weeks ? MONDAY_S : 0 };
	layout->edges = layout->starts;
	layout->edges.step = common_divisor(layout->size, layout->step) / SECOND_NS;
	return err;
}

int weir_layout_open(struct weir_layout *layout, struct weir_node *node, const struct weir_layout_args *args,
		     const char *size_name)
{
	bool has_step = weir_given(node, &args->step);
	int err;

	*layout = (struct weir_layout){
		.size = args->size.n,
		.step = has_step ? args->step.n : args->size.n,
		.is_time = args->size.is_time,
		.is_first = args->align == ALIGN_FIRST || !args->size.is_time,
		.partial = args->partial,
		.whole = args->whole,
		.wall = weir_wall_of(weir_in(node)),
	};
	err = check_lengths(node, layout, has_step, args->step.is_time, size_name);
	if (!err)
		err = check_ends(node, layout, args);
	return err < 0 ? err : choose_zone(layout, node, args);
}

void weir_layout_close(struct weir_layout *layout)
{
	weir_zone_close(layout->zone);
	layout->zone = NULL;
}

int weir_layout_refuse(struct weir_node *node, const struct weir_layout_args *args, const char *why)
{
	const struct {
		const char *name;
		const void *member;
	} of_sizes[] = {
		{ "step", &args->step },       { "align", &args->align }, { "tz", &args->tz },
		{ "partial", &args->partial }, { "whole", &args->whole },
	};

	for (size_t i = 0; i < sizeof(of_sizes) / sizeof(of_sizes[0]); i++)
		if (weir_given(node, of_sizes[i].member))
			return weir_fail_arg(node, of_sizes[i].name, NULL, why, of_sizes[i].name);
	return 0;
}

/* --------------------------------------------------------------- local time */

static int64_t local_second(const struct weir_layout *layout, int64_t position)
{
	return layout->origin_s + position / SECOND_NS - (position % SECOND_NS < 0);
}

static int64_t local_position(const struct weir_layout *layout, int64_t second)
{
	return (second - layout->origin_s) * SECOND_NS;
}

/* The first record is at ns `t` of the realtime clock: position 0 is the start of the window before. */
static void local_begin(struct weir_layout *layout, int64_t t, int64_t *past)
{
	int64_t second = t / SECOND_NS - (t % SECOND_NS < 0);

	layout->origin_s = weir_local_before(&layout->starts, second);
	*past = (second - layout->origin_s) * SECOND_NS + t % SECOND_NS + (t % SECOND_NS < 0 ? SECOND_NS : 0);
}

/* The first window that ends after `position`. */
static int64_t local_first(const struct weir_layout *layout, int64_t position)
{
	int64_t start = local_position(
		layout, weir_local_before(&layout->starts, local_second(layout, position - layout->size - 2 * DAY_NS)));

	while (weir_layout_end(layout, start) <= position)
		start = weir_layout_next(layout, start);
	return start;
}

static struct weir_pane local_pane(const struct weir_layout *layout, int64_t position)
{
	int64_t second = local_second(layout, position), from = weir_local_before(&layout->edges, second);
	int64_t start = local_position(layout, weir_local_before(&layout->starts, second));

	return (struct weir_pane){ local_position(layout, from),
				   local_position(layout, weir_local_after(&layout->edges, from, layout->edges.step)),
				   weir_layout_end(layout, start) <= position && layout->size < layout->step };
}

/* ----------------------------------------------------------------- geometry */

/* How far the clock is past a multiple of the step at time `t`. Modulo the step, so that no sum overflows. */
static int64_t past_multiple(const struct weir_layout *layout, int64_t t)
{
	int64_t offset = layout->wall ? weir_wall_at(layout->wall, t).ns : 0;
	int64_t past = t % layout->step + offset % layout->step;

	past %= layout->step;
	return past < 0 ? past + layout->step : past;
}

/* Realtime. Near the ends of time there are no local days. */
static int64_t realtime(const struct weir_layout *layout, int64_t t)
{
	int64_t offset = layout->wall ? weir_wall_at(layout->wall, t).ns : 0, sum;

	return __builtin_add_overflow(t, offset, &sum) ? (t < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* The window that has the first record began before it, unless both are at one time. */
int64_t weir_layout_begin(struct weir_layout *layout, int64_t t)
{
	int64_t past = 0;
	bool is_cut;

	if (layout->zone)
		local_begin(layout, realtime(layout, t), &past);
	else if (!layout->is_first)
		past = past_multiple(layout, t);
	is_cut = past && (layout->step < layout->size || layout->whole);
	layout->has_begun = true;
	/* Unsigned: near the beginning of time this wraps, and does nothing worse. */
	layout->origin = (int64_t)((uint64_t)t - (uint64_t)past);
	if (layout->partial && layout->zone)
		return local_first(layout, past);
	if (layout->partial)
		return weir_layout_after(layout, -((layout->size - 1) / layout->step * layout->step), past);
	return is_cut ? weir_layout_next(layout, 0) : 0;
}

int64_t weir_layout_position(const struct weir_layout *layout, int64_t t)
{
	int64_t position;

	return __builtin_sub_overflow(t, layout->origin, &position) || position > WEIR_LAYOUT_MAX ? -1 : position;
}

struct weir_pane weir_layout_pane(const struct weir_layout *layout, int64_t position)
{
	int64_t within = position % layout->step, base = position - within;
	/* Where in a step a window ends; all of size when windows leave gaps. */
	int64_t odd = layout->size % layout->step;

	if (layout->zone)
		return local_pane(layout, position);
	if (within < odd)
		return (struct weir_pane){ base, base + odd, false };
	return (struct weir_pane){ base + odd, base + layout->step, layout->step > layout->size };
}

uint64_t weir_layout_panes(const struct weir_layout *layout)
{
	uint64_t steps = (uint64_t)(layout->size / layout->step) + 2;

	if (layout->zone)
		return (uint64_t)((layout->size + layout->step + 2 * DAY_NS) / SECOND_NS / layout->edges.step) + 2;
	return layout->size % layout->step ? 2 * steps : steps;
}

int64_t weir_layout_after(const struct weir_layout *layout, int64_t start, int64_t position)
{
	int64_t behind = position - layout->size - start, first;

	if (layout->zone) {
		first = behind < 0 ? start : local_first(layout, position);
		return first < start ? start : first;
	}
	return behind < 0 ? start : start + (behind / layout->step + 1) * layout->step;
}

int64_t weir_layout_local_after(const struct weir_layout *layout, int64_t start, int64_t ns)
{
	return local_position(layout, weir_local_after(&layout->starts, local_second(layout, start), ns / SECOND_NS));
}

bool weir_layout_shows_last(const struct weir_layout *layout)
{
	return layout->is_time ? !layout->whole : layout->partial;
}
