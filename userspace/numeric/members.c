/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records are kept in columns twice as long as the largest window: when the end is reached, what is still needed moves to the
 * front, which happens at most once for as many records as have moved.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/members.h"

struct weir_members {
	struct weir_node *node;
	struct weir_layout layout;
	bool is_fresh;          /* there are records that no window has shown */
	bool is_shown;          /* the oldest window has been, and ends with the next call */
	int64_t last;           /* by time: position that the stream has come to */
	int64_t newest;         /* by time: position of the latest record */
	int64_t gap;            /* by time: after such a silence, windows that show nothing new do not come out */
	bool is_in_hole;        /* that has been counted */
	int64_t count;          /* by count: records taken */
	int64_t start;          /* of the oldest window that is open */
	struct weir_block kept; /* from `begin` to kept.n; `position` beside it */
	uint32_t begin, most;
	int64_t *position;
};

/* --------------------------------------------------------------------- open */

static size_t cell_bytes(const struct weir_field *field)
{
	return field->kind == WEIR_TEXT ? field->bytes : 8;
}

static int open_columns(struct weir_members *members, const struct weir_schema *schema)
{
	size_t n = 2 * (size_t)members->most;

	members->kept.schema = schema;
	members->kept.max = (uint32_t)n;
	members->kept.t = calloc(n, sizeof(int64_t));
	members->position = calloc(n, sizeof(int64_t));
	if (!members->kept.t || !members->position)
		return -ENOMEM;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		members->kept.column[i].any = calloc(n, cell_bytes(&schema->field[i]));
		if (!members->kept.column[i].any)
			return -ENOMEM;
	}
	return 0;
}

static int read_layout(struct weir_members *members, const struct weir_windows_args *args)
{
	struct weir_layout *layout = &members->layout;
	int err = weir_layout_open(layout, members->node, &args->layout, "window");

	members->gap = args->gap_ns;
	if (err >= 0 && !layout->is_time && layout->size > WEIR_MEMBERS_MAX)
		return weir_fail_arg(members->node, "window", NULL, "a window has at most %u records",
				     WEIR_MEMBERS_MAX);
	return err;
}

int weir_members_open(struct weir_members **out, struct weir_node *node, const struct weir_windows_args *args,
		      const struct weir_schema *schema)
{
	struct weir_members *members = calloc(1, sizeof(*members));
	int err;

	*out = members;
	if (!members)
		return -ENOMEM;
	members->node = node;
	err = read_layout(members, args);
	members->most = members->layout.is_time ? WEIR_MEMBERS_MAX : (uint32_t)members->layout.size;
	return err < 0 ? err : open_columns(members, schema);
}

void weir_members_close(struct weir_members *members)
{
	if (!members)
		return;
	for (uint32_t i = 0; members->kept.schema && i < members->kept.schema->n_fields; i++)
		free(members->kept.column[i].any);
	weir_layout_close(&members->layout);
	free(members->kept.t);
	free(members->position);
	free(members);
}

/* --------------------------------------------------------- what is kept */

static void move_to_front(struct weir_members *members)
{
	uint32_t begin = members->begin, n = members->kept.n - begin;

	memmove(members->kept.t, members->kept.t + begin, n * sizeof(int64_t));
	memmove(members->position, members->position + begin, n * sizeof(int64_t));
	for (uint32_t i = 0; i < members->kept.schema->n_fields; i++) {
		size_t bytes = cell_bytes(&members->kept.schema->field[i]);
		char *column = members->kept.column[i].any;

		memmove(column, column + begin * bytes, n * bytes);
	}
	members->begin = 0;
	members->kept.n = n;
}

static void drop_before_start(struct weir_members *members)
{
	while (members->begin < members->kept.n && members->position[members->begin] < members->start)
		members->begin++;
}

static void keep(struct weir_members *members, const struct weir_block *in, uint32_t i, int64_t position)
{
	if (position < members->start)
		return; /* between two windows */
	if (members->kept.n - members->begin == members->most) {
		weir_lost(members->node, WEIR_LOST_POISON, 1);
		return;
	}
	if (members->kept.n == 2 * members->most)
		move_to_front(members);
	members->position[members->kept.n] = position;
	weir_block_append(&members->kept, in, i);
	members->is_fresh = true;
	members->is_in_hole = false;
	members->newest = position;
}

/* ------------------------------------------------------------------ windows */

/* -1: it is too old, or no time at all. */
static int64_t position_of(struct weir_members *members, int64_t t)
{
	int64_t position = weir_layout_position(&members->layout, t);

	return position < members->last ? -1 : position;
}

static void begin(struct weir_members *members, const struct weir_block *in)
{
	if (members->layout.has_begun)
		return;
	members->start = weir_layout_begin(&members->layout, in->t[0]);
	members->last = members->layout.is_time ? weir_layout_position(&members->layout, in->t[0]) : 0;
}

/* The position at which the oldest window ends. */
static int64_t oldest_end(const struct weir_members *members)
{
	return weir_layout_end(&members->layout, members->start);
}

/* By time: it has nothing to show but records that other windows have shown, the newest of them long ago. */
static bool is_stale(struct weir_members *members)
{
	if (!members->layout.is_time || members->is_fresh || oldest_end(members) - members->newest <= members->gap)
		return false;
	if (!members->is_in_hole)
		weir_hole(members->node, members->gap, "no windows there that show nothing new");
	members->is_in_hole = true;
	return true;
}

/* No record will come into the oldest window any more: it is shown, unless it is empty. */
static bool show(struct weir_members *members, struct weir_members_window *window)
{
	uint32_t n;

	drop_before_start(members);
	n = members->kept.n - members->begin;
	if (!n || is_stale(members))
		return false;
	weir_block_slice(&window->block, &members->kept, members->begin, n);
	window->t = members->layout.is_time ? weir_layout_time(&members->layout, oldest_end(members))
					    : window->block.t[n - 1];
	members->is_shown = true;
	members->is_fresh = false;
	return true;
}

/* Go to the next window; from an empty one to the first that ends behind `front`. */
static void advance(struct weir_members *members, int64_t front)
{
	members->start = members->is_shown ? weir_layout_next(&members->layout, members->start)
					   : weir_layout_after(&members->layout, members->start, front);
	members->is_shown = false;
	drop_before_start(members);
}

static void take(struct weir_members *members, const struct weir_block *in, uint32_t i, int64_t position)
{
	if (position < 0) {
		weir_lost(members->node, WEIR_LOST_POISON, 1);
		return;
	}
	members->last = position;
	members->count++;
	keep(members, in, i, position);
}

bool weir_members_next(struct weir_members *members, const struct weir_block *in, uint32_t *from,
		       struct weir_members_window *window)
{
	if (in->n)
		begin(members, in);
	for (;;) {
		bool has_more = *from < in->n;
		int64_t position = members->layout.is_time ? has_more ? position_of(members, in->t[*from]) : -1
							   : members->count;

		if (members->is_shown)
			advance(members, position);
		if (position >= oldest_end(members)) {
			if (show(members, window))
				return true;
			advance(members, position);
			continue;
		}
		if (!has_more)
			return false;
		take(members, in, (*from)++, position);
	}
}

static int64_t end_of_oldest(const struct weir_members *members)
{
	const struct weir_layout *layout = &members->layout;
	int64_t start = members->is_shown ? weir_layout_next(layout, members->start) : members->start, end;
	bool has_records = members->kept.n && members->position[members->kept.n - 1] >= start;

	if (!layout->is_time || !has_records ||
	    __builtin_add_overflow(layout->origin, weir_layout_end(layout, start), &end) || end == INT64_MIN)
		return INT64_MAX;
	return end - 1;
}

void weir_members_ask(struct weir_node *node, const struct weir_members *members)
{
	if (members)
		weir_tick_at(node, end_of_oldest(members));
}

bool weir_members_pass(struct weir_members *members, int64_t now_ns, struct weir_members_window *window)
{
	int64_t position = weir_layout_position(&members->layout, now_ns) + 1;

	/* What is older has had its time. */
	if (position > members->last)
		members->last = position;
	for (;;) {
		if (members->is_shown)
			advance(members, position);
		if (position < oldest_end(members))
			return false;
		if (show(members, window))
			return true;
		advance(members, position);
	}
}

bool weir_members_last(struct weir_members *members, struct weir_members_window *window)
{
	if (members->is_shown)
		advance(members, members->last);
	if (!members->is_fresh || !weir_layout_shows_last(&members->layout) || !show(members, window))
		return false;
	window->t = weir_time_at_end(members->node, window->t);
	return true;
}
