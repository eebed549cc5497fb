/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Condense windows of records, by count or by time, one after the other or overlapping or with gaps between.
 *
 * Where windows lie is the layout's (weir/layout.h). A pane lies in a window whole or not at all, so records are summed up by
 * pane and windows are merged from panes (two for each step: what Krishnamurthy et al. 2006 call paired windows). Memory follows
 * from size / step, not from the rate of the records, and is taken at open.
 *
 * - By count a window comes out with its last record, and has that record's time. By time it comes out when the stream's time
 *   has come to its end, and has that end as its time; where no record fell into a window nothing comes out.
 * - At the end of the stream the oldest open window comes out, if it has records that no window has shown yet: by time unless
 *   `whole` is given, by count if `partial` is, and then with the time at which the stream ended.
 * - A record older than the last edge that was passed comes too late: it is counted as late and left out.
 *
 * A window by count that moves by one record at a time gives a result for each record: functions that can do without panes then do.
 *
 * A session is a window without an edge of its own: it goes on while each record comes less than `session` after the one before,
 * and ends that long after its last. All of it is one pane.
 */
#include <errno.h>
#include <stdlib.h>

#include "weir/condense.h"
#include "weir/layout.h"

#define PANES_MAX (1u << 20)          /* and so some 60 MiB for each function, touched only as far as they are used */
#define MEDIAN_RECORDS_MAX (1u << 20) /* 20 MiB of addresses; touched only as far as a window is really that full */

/** All times are of records. */
struct session {
	int64_t gap;         /**< 0: there are windows and no sessions */
	int64_t first, last; /**< oldest and newest of the session that is open */
	int64_t closed; /**< what is older belongs to a session that has come out, or to none; INT64_MIN at first */
};

/* From where on records of a pane, and of the panes after it, are needed. */
struct need {
	int64_t start; /**< of the pane */
	uint64_t place;
};

/** One for each pane with records, the oldest first: a ring. */
struct needs {
	struct need *need;
	uint32_t size, first, n;
};

struct window {
	struct weir_layout_args args;
	struct weir_bindings aggregates;
	bool skips_nan;
	struct session session;
	struct needs needs;
	struct weir_layout layout;
	bool is_fresh;    /**< there are records that no window has shown */
	bool is_in_hole;  /**< by time: that has been counted */
	int64_t gap;      /**< by time: after such a silence no window comes out that shows nothing new */
	int64_t newest;   /**< by time: of the newest record */
	int64_t position; /**< by count: of the next record */
	int64_t start;    /**< of the oldest window that is open */
	int64_t last_t;
	struct weir_pane pane; /**< into which records fall just now */
	struct weir_condenser *condenser;
};

/* --------------------------------------------------------------------- open */

static int read_gap(struct weir_node *node, struct window *window)
{
	window->layout.is_time = true;
	window->session.closed = INT64_MIN;
	if (window->session.gap < 1)
		return weir_fail_arg(node, "session", "write a duration such as 5s",
				     "the silence that ends a session must be longer than nothing");
	return weir_layout_refuse(node, &window->args, "a session takes no '%s': it has no size");
}

static int read_layout(struct weir_node *node, struct window *window)
{
	int err = weir_layout_open(&window->layout, node, &window->args, "size");

	if (err < 0)
		return err;
	if (weir_layout_panes(&window->layout) > PANES_MAX)
		return weir_fail_arg(node, "step", "use a longer step",
				     "the window has more than a million steps in it");
	return 0;
}

static int open_condenser(struct weir_node *node, struct window *window, struct weir_schema *out)
{
	const struct weir_layout *layout = &window->layout;
	bool fits = layout->size <= MEDIAN_RECORDS_MAX;
	struct weir_gathering gathering = {
		.panes = window->session.gap ? 1 : (uint32_t)weir_layout_panes(layout),
		.records = !layout->is_time && fits ? (uint32_t)layout->size : MEDIAN_RECORDS_MAX,
		.argument = layout->is_time || fits ? NULL : "size",
		.moving = !layout->is_time && layout->step == 1 ? (uint32_t)layout->size : 0,
		.leaving = { .skips_nan = window->skips_nan,
			     .hole_ns = window->session.gap ? window->session.gap - 1 : window->gap },
	};

	return weir_condenser_open(&window->condenser, node, &window->aggregates, out, &gathering);
}

/* A window that moves by one record has no panes, and one need for each record. */
static int open_needs(struct weir_node *node, struct window *window)
{
	const struct weir_layout *layout = &window->layout;
	bool moves = weir_condenser_moves(window->condenser);

	window->needs.size = (moves ? (uint32_t)layout->size : (uint32_t)weir_layout_panes(layout)) + 1;
	window->needs.need = calloc(window->needs.size, sizeof(*window->needs.need));
	weir_keeps(node, layout->is_time ? 0 : (uint64_t)layout->size, layout->is_time ? layout->size : 0);
	return window->needs.need ? 0 : -ENOMEM;
}

/* `position` is that of the record at t: by count it is the first. */
static void begin(struct window *window, int64_t t)
{
	window->start = weir_layout_begin(&window->layout, t);
	window->pane = weir_layout_pane(&window->layout,
					window->layout.is_time ? weir_layout_position(&window->layout, t) : 0);
}

static int window_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct window *window = weir_state(node);
	bool has_sessions = weir_given(node, &window->session.gap);
	int err = has_sessions ? read_gap(node, window) : read_layout(node, window);

	window->newest = INT64_MIN;
	if (window->layout.is_time)
		weir_sorts(node);
	else
		weir_never_ticks(node);
	weir_schema_init(out, in->clock);
	if (!err)
		err = open_condenser(node, window, out);
	if (window->session.gap)
		weir_keeps(node, 0, INT64_MAX);
	return err < 0 || window->session.gap ? err : open_needs(node, window);
}

static void window_close(struct weir_node *node)
{
	struct window *window = weir_state(node);

	weir_condenser_close(window->condenser);
	weir_layout_close(&window->layout);
	free(window->needs.need);
}

/* --------------------------------------------------------------------- needs */

static struct need *need_at(const struct needs *needs, uint32_t i)
{
	return &needs->need[(needs->first + i) % needs->size];
}

/* The record that is being pushed falls into the pane that begins at `start`. */
static void begin_need(struct weir_node *node, struct needs *needs, int64_t start)
{
	if (!weir_is_kept(node) || (needs->n && need_at(needs, needs->n - 1)->start >= start))
		return;
	*need_at(needs, needs->n++) = (struct need){ start, weir_place(node) };
}

/* Panes that begin before `start` are in no window any more. */
static void end_needs(struct weir_node *node, struct needs *needs, int64_t start)
{
	if (!weir_is_kept(node))
		return;
	while (needs->n && needs->need[needs->first].start < start) {
		needs->first = (needs->first + 1) % needs->size;
		needs->n--;
	}
	weir_needs(node, needs->n ? &needs->need[needs->first].place : NULL);
}

/* ------------------------------------------------------------------- output */

static int64_t end_of(const struct window *window)
{
	return weir_layout_time(&window->layout, weir_layout_end(&window->layout, window->start));
}

/* The oldest open window comes out. */
static int show(struct window *window)
{
	window->is_fresh = false;
	return weir_condenser_show(window->condenser, window->layout.is_time ? end_of(window) : window->last_t);
}

/* It has nothing to show but records that other windows have shown, the newest of them long ago. */
static bool is_stale(const struct window *window)
{
	int64_t end = end_of(window);

	return window->layout.is_time && !window->is_fresh && end > window->newest &&
	       (uint64_t)end - (uint64_t)window->newest > (uint64_t)window->gap;
}

static int show_unless_stale(struct weir_node *node, struct window *window)
{
	if (!is_stale(window))
		return show(window);
	if (!window->is_in_hole)
		weir_hole(node, window->gap, "no windows there that show nothing new");
	window->is_in_hole = true;
	return 0;
}

/* Every window that ends at or before `position` comes out; a long silence is crossed in one stride. */
static int close_until(struct weir_node *node, struct window *window, int64_t position)
{
	while (weir_layout_end(&window->layout, window->start) <= position) {
		int err = weir_condenser_is_empty(window->condenser) ? 0 : show_unless_stale(node, window);

		if (err)
			return err;
		window->start = weir_layout_next(&window->layout, window->start);
		weir_condenser_evict(window->condenser, window->start);
		if (weir_condenser_is_empty(window->condenser))
			window->start = weir_layout_after(&window->layout, window->start, position);
	}
	return 0;
}

/* -------------------------------------------------------------------- input */

static int64_t position_of(const struct window *window, int64_t t)
{
	return window->layout.is_time ? weir_layout_position(&window->layout, t) : window->position;
}

/* How many records from t[0] on, which is in the pane, stay in it. */
static uint32_t run_length(const struct window *window, const int64_t *t, uint32_t n)
{
	uint64_t begin = (uint64_t)weir_layout_time(&window->layout, window->pane.start);
	uint64_t length = (uint64_t)(window->pane.end - window->pane.start);
	int64_t left = window->pane.end - window->position;
	uint32_t run = 1;

	if (!window->layout.is_time)
		return left < n ? (uint32_t)left : n;
	/* Unsigned, so that a time before the pane is as far from its beginning as one long after. */
	while (run < n && (uint64_t)t[run] - begin < length)
		run++;
	return run;
}

static int add(struct weir_node *node, struct window *window, const struct weir_block *in, uint32_t from, uint32_t n)
{
	window->position += n;
	if (window->pane.is_gap || window->pane.start < window->start)
		return 0; /* in no window that comes out */
	begin_need(node, &window->needs, window->pane.start);
	window->is_fresh = true;
	window->is_in_hole = false;
	window->last_t = in->t[from + n - 1];
	for (uint32_t i = from; i < from + n && window->layout.is_time; i++)
		window->newest = in->t[i] > window->newest ? in->t[i] : window->newest;
	return weir_condenser_add(window->condenser, window->pane.start, in, from, n);
}

/* Take in records from `from` on, as many as fall into one pane. Returns how many, or what ended the run. */
static int take_run(struct weir_node *node, struct window *window, const struct weir_block *in, uint32_t from,
		    uint32_t *taken)
{
	int64_t position = position_of(window, in->t[from]);
	int err;

	*taken = 1;
	if (position < window->pane.start) {
		weir_lost(node, WEIR_LOST_LATE, 1);
		return 0;
	}
	if (position >= window->pane.end) {
		err = close_until(node, window, position);
		if (err)
			return err;
		window->pane = weir_layout_pane(&window->layout, position);
	}
	*taken = run_length(window, in->t + from, in->n - from);
	err = add(node, window, in, from, *taken);
	if (err)
		return err;
	/* By count the last record of a window is known to be the last. By time it never is. */
	return window->layout.is_time ? 0 : close_until(node, window, window->position);
}

/* From the window's first record on, or from where it is full, each record ends one. */
static int push_moving(struct weir_node *node, struct window *window, const struct weir_block *in)
{
	int64_t last = window->layout.size - 1, wanting = -window->start < last ? last - window->position : 0;
	uint32_t skip = wanting < 0 ? 0 : wanting < in->n ? (uint32_t)wanting : in->n;
	int err;

	begin_need(node, &window->needs, window->position);
	window->position += in->n;
	err = weir_condenser_move(window->condenser, in, skip);
	end_needs(node, &window->needs, window->position - last);
	return err;
}

/* A window by time that has records comes out when its end is reached, whether or not another record comes. One that ends beyond
 * all time does not. */
static void ask_for_end(struct weir_node *node, const struct window *window, int64_t now_ns)
{
	int64_t end = end_of(window);

	if (window->layout.is_time)
		weir_tick_at(node, weir_condenser_is_empty(window->condenser) || end == INT64_MIN || end - 1 <= now_ns
					   ? INT64_MAX
					   : end - 1);
}

/* ----------------------------------------------------------------- sessions */

static int64_t end_of_session(const struct session *session)
{
	int64_t end;

	return __builtin_add_overflow(session->last, session->gap, &end) ? INT64_MAX : end;
}

/* Records may be out of order, also by more than what is open is long. */
static bool belongs(const struct session *session, int64_t t)
{
	uint64_t gap = (uint64_t)session->gap;

	if (t < session->closed)
		return false;
	if (t > session->last)
		return (uint64_t)t - (uint64_t)session->last < gap;
	return t >= session->first || (uint64_t)session->first - (uint64_t)t < gap;
}

static int close_session(struct window *window)
{
	int err = weir_condenser_show(window->condenser, end_of_session(&window->session));

	weir_condenser_evict(window->condenser, INT64_MAX);
	window->session.closed = end_of_session(&window->session);
	return err;
}

/* How many of these records go with the session that is open; it grows by them. */
static uint32_t extend(struct session *session, const int64_t *t, uint32_t n)
{
	uint32_t run = 0;

	for (; run < n && belongs(session, t[run]); run++) {
		session->first = t[run] < session->first ? t[run] : session->first;
		session->last = t[run] > session->last ? t[run] : session->last;
	}
	return run;
}

/* Take in records from `from` on, as many as one session has. Returns how many, or what ended the run. */
static int take_session(struct weir_node *node, struct window *window, const struct weir_block *in, uint32_t from,
			uint32_t *taken)
{
	struct session *session = &window->session;
	int64_t t = in->t[from];
	int err = 0;

	*taken = 1;
	if (!weir_condenser_is_empty(window->condenser) && t > session->last && !belongs(session, t))
		err = close_session(window);
	if (err)
		return err;
	if (weir_condenser_is_empty(window->condenser) && t >= session->closed)
		session->first = session->last = t;
	else if (!belongs(session, t)) {
		weir_lost(node, WEIR_LOST_LATE, 1);
		return 0;
	}
	*taken = extend(session, in->t + from, in->n - from);
	return weir_condenser_add(window->condenser, 0, in, from, *taken);
}

/* ---------------------------------------------------------------- operations */

/* Results first: what is not needed any more is in them. */
static int emit(struct weir_node *node, struct window *window)
{
	int err = weir_condenser_emit(window->condenser);

	end_needs(node, &window->needs, window->start);
	return err;
}

/* What is open comes out when its end is reached, whether or not another record comes. */
static void ask_for_end_of_session(struct weir_node *node, const struct window *window)
{
	int64_t end = end_of_session(&window->session);

	weir_tick_at(node, weir_condenser_is_empty(window->condenser) || end == INT64_MAX ? INT64_MAX : end - 1);
}

static int session_push(struct weir_node *node, struct window *window, const struct weir_block *in)
{
	for (uint32_t i = 0, taken; i < in->n; i += taken) {
		int err = take_session(node, window, in, i, &taken);

		if (err)
			return err;
	}
	ask_for_end_of_session(node, window);
	return weir_condenser_emit(window->condenser);
}

static int session_end(struct window *window)
{
	int err = weir_condenser_is_empty(window->condenser) ? 0 : close_session(window);

	return err ? err : weir_condenser_emit(window->condenser);
}

static int window_push(struct weir_node *node, const struct weir_block *in)
{
	struct window *window = weir_state(node);

	weir_condenser_look(window->condenser, in);
	if (window->session.gap)
		return session_push(node, window, in);
	if (!window->layout.has_begun && in->n)
		begin(window, in->t[0]);
	if (weir_condenser_moves(window->condenser))
		return push_moving(node, window, in);
	for (uint32_t i = 0, taken; i < in->n; i += taken) {
		int err = take_run(node, window, in, i, &taken);

		if (err)
			return err;
	}
	ask_for_end(node, window, window->last_t);
	return emit(node, window);
}

/* Every record before the end of the oldest window has been seen. */
static int window_tick(struct weir_node *node, int64_t now_ns)
{
	struct window *window = weir_state(node);
	int64_t position = position_of(window, now_ns) + 1;
	int err;

	if (window->session.gap)
		return session_end(window);
	err = close_until(node, window, position);
	if (err)
		return err;
	if (position >= window->pane.end)
		window->pane = weir_layout_pane(&window->layout, position);
	ask_for_end(node, window, now_ns);
	return emit(node, window);
}

static int window_flush(struct weir_node *node)
{
	struct window *window = weir_state(node);
	int err = 0;

	if (window->session.gap)
		return session_end(window);
	if (!weir_layout_shows_last(&window->layout)) {
		/* A broker's messages come again, for the window that they will fill. */
		if (window->needs.n)
			weir_undone(node, WEIR_LOST_END, 0);
		return 0;
	}
	if (!window->is_fresh)
		return 0;
	window->last_t = weir_time_at_end(node, window->last_t);
	err = show(window);
	return err ? err : weir_condenser_emit(window->condenser);
}

static const char *const nan_words[] = { "keep", "skip", NULL };

static const struct weir_param params[] = {
	WEIR_P_SPAN("size", struct window, args.size, NULL,
		    "length of a window: a count such as 100, or a duration such as 1s", .style = WEIR_POSITIONAL,
		    .words = weir_layout_weeks, .required = true, .instead = "session"),
	WEIR_P_DURATION("session", struct window, session.gap, NULL, "in place of a length: silence that ends a window",
			.style = WEIR_KEYWORD),
	WEIR_P_SPAN("step", struct window, args.step, NULL,
		    "from the start of a window to the start of the next; by default its size", .style = WEIR_KEYWORD,
		    .words = weir_layout_weeks),
	WEIR_P_AGGREGATES("aggregates", struct window, aggregates, weir_aggregate_words,
			  "such as rms(m) as level, max(m) as peak; NaN in a window makes its results NaN",
			  .style = WEIR_POSITIONAL, .required = true, .pairs = weir_aggregate_pairs,
			  .texts = weir_aggregate_texts),
	WEIR_P_WORD("nan", struct window, skips_nan, "keep", nan_words,
		    "keep: NaN makes the results of its window NaN; skip: aggregates leave it out"),
	WEIR_LAYOUT_PARAMS(struct window, args),
	WEIR_WINDOW_GAP_PARAM(struct window, gap),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops window_ops = {
	.state_bytes = sizeof(struct window),
	.open = window_open,
	.push = window_push,
	.tick = window_tick,
	.flush = window_flush,
	.close = window_close,
};

const struct weir_driver weir_operator_window = {
	.name = "window",
	.doc = "condense windows of records, by count or by time",
	.operator_params = params,
	.stage = &window_ops,
};
