/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records are kept in columns twice as long as the largest window: when the end is reached, what is still needed moves to the
 * front, which happens at most once for as many records as have moved.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/members.h"

#define SPAN_MAX (INT64_MAX / 4) /* 73 years of ns */

struct weir_members {
	struct weir_node *node;
	int64_t size, step; /* records or ns */
	bool is_time, has_begun;
	bool is_fresh;          /* there are records that no window has shown */
	bool is_shown;          /* the oldest window has been, and ends with the next call */
	int64_t origin, last;   /* by time: of the first record and of the latest, the latter since the first */
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

static int read_spans(struct weir_members *members, const struct weir_windows_args *args)
{
	struct weir_node *node = members->node;
	bool has_step = weir_given(node, &args->step);

	members->size = args->size.n;
	members->is_time = args->size.is_time;
	members->gap = args->gap_ns;
	members->step = has_step ? args->step.n : members->size;
	if (members->size < 1 || members->size > (members->is_time ? SPAN_MAX : WEIR_MEMBERS_MAX))
		return weir_fail_arg(node, "window", "write a count such as 100 or a duration such as 1s",
				     "the window must be longer than nothing, and of at most %u records",
				     WEIR_MEMBERS_MAX);
	if (members->step < 1 || members->step > SPAN_MAX)
		return weir_fail_arg(node, "step", NULL, "the step must be longer than nothing");
	if (has_step && args->step.is_time != members->is_time)
		return weir_fail_arg(node, "step", "give window and step both as counts or both as durations",
				     "the step does not match the window");
	return 0;
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
	err = read_spans(members, args);
	members->most = members->is_time ? WEIR_MEMBERS_MAX : (uint32_t)members->size;
	return err < 0 ? err : open_columns(members, schema);
}

void weir_members_close(struct weir_members *members)
{
	if (!members)
		return;
	for (uint32_t i = 0; members->kept.schema && i < members->kept.schema->n_fields; i++)
		free(members->kept.column[i].any);
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

/* Where a time is, counted from the first; -1: it is too old, or no time at all. */
static int64_t position_of(struct weir_members *members, int64_t t)
{
	/* Unsigned: the distance of two times that make no sense may not fit. */
	int64_t position = (int64_t)((uint64_t)t - (uint64_t)members->origin);

	return position < members->last || position > INT64_MAX / 2 ? -1 : position;
}

static void begin(struct weir_members *members, const struct weir_block *in)
{
	if (!members->has_begun)
		members->origin = in->t[0];
	members->has_begun = true;
}

/* By time: it has nothing to show but records that other windows have shown, the newest of them long ago. */
static bool is_stale(struct weir_members *members)
{
	if (!members->is_time || members->is_fresh || members->start + members->size - members->newest <= members->gap)
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
	window->t = members->is_time ? (int64_t)((uint64_t)members->origin + (uint64_t)(members->start + members->size))
				     : window->block.t[n - 1];
	members->is_shown = true;
	members->is_fresh = false;
	return true;
}

/* Go to the next window; from an empty one to the first that ends behind `front`. */
static void advance(struct weir_members *members, int64_t front)
{
	int64_t behind = front - members->size - members->start;

	members->start += members->is_shown ? members->step : (behind / members->step + 1) * members->step;
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
		int64_t position = members->is_time ? has_more ? position_of(members, in->t[*from]) : -1
						    : members->count;

		if (members->is_shown)
			advance(members, position);
		if (position >= members->start + members->size) {
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
	int64_t start = members->start + (members->is_shown ? members->step : 0), end;
	bool has_records = members->kept.n && members->position[members->kept.n - 1] >= start;

	if (!members->is_time || !has_records || __builtin_add_overflow(members->origin, start + members->size, &end) ||
	    end == INT64_MIN)
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
	int64_t position = (int64_t)((uint64_t)now_ns - (uint64_t)members->origin) + 1;

	/* What is older has had its time. */
	if (position > members->last)
		members->last = position;
	for (;;) {
		if (members->is_shown)
			advance(members, position);
		if (position < members->start + members->size)
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
	if (!members->is_fresh || !show(members, window))
		return false;
	window->t = weir_time_at_end(members->node, window->t);
	return true;
}
