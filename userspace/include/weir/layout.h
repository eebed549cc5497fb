/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file layout.h
 * @brief Where the windows of a stream lie: for `window` and for all that takes windows as `window` does.
 *
 * Positions count from an origin that is fixed with the first record: records, or ns. Window k covers [k * step, k * step + size).
 * By time the origin is a multiple of the step on the clock, the last one before the first record; with `align=first`, and by
 * count, it is the first record. Hours that divide a day, days and weeks are those of local time (weir/local_days.h): then sizes
 * and steps differ when the clocks change. Every start and every end cuts the line into panes: a pane lies in a window whole or not at all.
 */
#ifndef WEIR_LAYOUT_H
#define WEIR_LAYOUT_H

#include "weir/driver.h"
#include "weir/local_days.h"
#include "weir/wall.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_LAYOUT_MAX \
	(INT64_MAX / 4) /**< 73 years of ns: what is further from the first record is not a time but a mistake */

/** The arguments of such a driver: a member of its state. */
struct weir_layout_args {
	struct weir_length size, step; /**< the latter not given: as the size */
	int align;
	bool partial, whole;
	const char *tz;
};

/* clang-format off */
#define WEIR_LAYOUT_PARAMS(type, member)                                                                      \
	WEIR_P_WORD("align", type, member.align, "clock", weir_layout_aligns,                                 \
		    "by time, where windows begin: clock: at whole multiples of the step on the clock; first: "   \
		    "with the first record"),                                                                 \
	WEIR_P_TEXT("tz", type, member.tz, NULL,                                                              \
		    "time zone of windows of hours that divide a day, days and weeks, as in Europe/Berlin; default: " \
		    "TZ, or else that of the machine"),                                                       \
	WEIR_P_BOOL("partial", type, member.partial, "no",                                                    \
		    "also windows that are not full: growing ones at the beginning, by count the last"), \
	WEIR_P_BOOL("whole", type, member.whole, "no",                                                        \
		    "by time: without a first and a last window that the stream does not fill")
/* clang-format on */
extern const char *const weir_layout_aligns[], *const weir_layout_weeks[];

struct weir_pane {
	int64_t start, end;
	bool is_gap; /**< between two windows */
};

/** Read by its owner, written by the functions below. */
struct weir_layout {
	int64_t size, step; /**< records or ns */
	bool is_time, is_first, partial, whole, has_begun;
	int64_t origin; /**< by time: what position 0 is in the stream's time */
	const struct weir_wall *wall;
	struct weir_zone *zone;               /**< owned; NULL: all windows have one length */
	struct weir_local_grid starts, edges; /**< of windows; of panes */
	int64_t origin_s;                     /**< with a zone: position 0 in seconds of the realtime clock */
};

/**
 * @brief Check the arguments of a node: a size and a step of one kind.
 * @param size_name the parameter that has the size.
 * @return 0, or what weir_fail_arg() returned. Free with weir_layout_close() in any case.
 */
int weir_layout_open(struct weir_layout *layout, struct weir_node *node, const struct weir_layout_args *args,
		     const char *size_name) WEIR_MUST_CHECK;

void weir_layout_close(struct weir_layout *layout);

/**
 * @brief Where there is no size: refuse each argument that belongs to one.
 * @param why the message, with a %s for the argument's name.
 * @return 0, or what weir_fail_arg() returned.
 */
int weir_layout_refuse(struct weir_node *node, const struct weir_layout_args *args, const char *why) WEIR_PRINTF(3, 0);

/** @brief The stream begins with a record at `t`: the start of the first window that comes out. */
int64_t weir_layout_begin(struct weir_layout *layout, int64_t t);

/** @brief By time: the position of a time; -1: of none that is near enough to the first record. */
int64_t weir_layout_position(const struct weir_layout *layout, int64_t t);
/** @brief By time: the time of a position. Wraps near the end of time. */
static inline int64_t weir_layout_time(const struct weir_layout *layout, int64_t position)
{
	return (int64_t)((uint64_t)layout->origin + (uint64_t)position);
}

struct weir_pane weir_layout_pane(const struct weir_layout *layout, int64_t position);
/** @brief Most panes that a window has, and one step more. */
uint64_t weir_layout_panes(const struct weir_layout *layout);
/** @brief Of the windows from the one at `start` on, the start of the first that ends after `position`. */
int64_t weir_layout_after(const struct weir_layout *layout, int64_t start, int64_t position);

/** @brief At the end of the stream: does the window that is still open come out? */
bool weir_layout_shows_last(const struct weir_layout *layout);

/** @brief With a zone: the position that is `ns`, a size or a step, of local time after the start of a window. */
int64_t weir_layout_local_after(const struct weir_layout *layout, int64_t start, int64_t ns);

/** @brief Where the window that begins at `start` ends. Inline, as the next one: both are asked for at each pane. */
static inline int64_t weir_layout_end(const struct weir_layout *layout, int64_t start)
{
	return layout->zone ? weir_layout_local_after(layout, start, layout->size) : start + layout->size;
}

/** @brief Where the window after the one at `start` begins. */
static inline int64_t weir_layout_next(const struct weir_layout *layout, int64_t start)
{
	return layout->zone ? weir_layout_local_after(layout, start, layout->step) : start + layout->step;
}

#ifdef __cplusplus
}
#endif
#endif
