/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/layout.h"

const char *const weir_layout_aligns[] = { "clock", "first", NULL };

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
	if (!layout->is_time && layout->whole)
		return weir_fail_arg(node, "whole", "leave it out",
				     "a window of records comes out only when it is full");
	if (layout->partial && layout->whole)
		return weir_fail_arg(node, "whole", "leave out one of them",
				     "windows cannot be both partial and whole");
	return 0;
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
	return err < 0 ? err : check_ends(node, layout, args);
}

int weir_layout_refuse(struct weir_node *node, const struct weir_layout_args *args, const char *why)
{
	const struct {
		const char *name;
		const void *member;
	} of_sizes[] = {
		{ "step", &args->step },
		{ "align", &args->align },
		{ "partial", &args->partial },
		{ "whole", &args->whole },
	};

	for (size_t i = 0; i < sizeof(of_sizes) / sizeof(of_sizes[0]); i++)
		if (weir_given(node, of_sizes[i].member))
			return weir_fail_arg(node, of_sizes[i].name, NULL, why, of_sizes[i].name);
	return 0;
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

/* The first window that ends after the first record began before it, unless both are at one time. */
int64_t weir_layout_begin(struct weir_layout *layout, int64_t t)
{
	int64_t past = layout->is_first ? 0 : past_multiple(layout, t);
	bool is_cut = past && (layout->step < layout->size || layout->whole);

	layout->has_begun = true;
	/* Unsigned: near the beginning of time this wraps, and does nothing worse. */
	layout->origin = (int64_t)((uint64_t)t - (uint64_t)past);
	if (layout->partial)
		return weir_layout_after(layout, -((layout->size - 1) / layout->step * layout->step), past);
	return is_cut ? layout->step : 0;
}

int64_t weir_layout_position(const struct weir_layout *layout, int64_t t)
{
	int64_t position;

	return __builtin_sub_overflow(t, layout->origin, &position) || position > WEIR_LAYOUT_MAX ? -1 : position;
}

int64_t weir_layout_time(const struct weir_layout *layout, int64_t position)
{
	return (int64_t)((uint64_t)layout->origin + (uint64_t)position);
}

struct weir_pane weir_layout_pane(const struct weir_layout *layout, int64_t position)
{
	int64_t within = position % layout->step, base = position - within;
	/* Where in a step a window ends; all of size when windows leave gaps. */
	int64_t odd = layout->size % layout->step;

	if (within < odd)
		return (struct weir_pane){ base, base + odd, false };
	return (struct weir_pane){ base + odd, base + layout->step, layout->step > layout->size };
}

uint64_t weir_layout_panes(const struct weir_layout *layout)
{
	uint64_t steps = (uint64_t)(layout->size / layout->step) + 2;

	return layout->size % layout->step ? 2 * steps : steps;
}

int64_t weir_layout_after(const struct weir_layout *layout, int64_t start, int64_t position)
{
	int64_t behind = position - layout->size - start;

	return behind < 0 ? start : start + (behind / layout->step + 1) * layout->step;
}

bool weir_layout_shows_last(const struct weir_layout *layout)
{
	return layout->is_time ? !layout->whole : layout->partial;
}
