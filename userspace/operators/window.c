/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Condense windows of records, by count or by time, one after the other or overlapping or with gaps between.
 *
 * Positions: a record's number, or its time since the first record. Window k covers [k * step, k * step + size). Every edge
 * of a window, a start or an end, cuts the line into panes; a pane lies in a window whole or not at all, so records are
 * summed up by pane and windows are merged from panes (two for each step: what Krishnamurthy et al. 2006 call paired
 * windows). Memory follows from size / step, not from the rate of the records, and is taken at open.
 *
 * - By count a window comes out with its last record, and has that record's time. By time it comes out when the stream's time
 *   has come to its end, and has that end as its time; where no record fell into a window nothing comes out.
 * - At the end of the stream the oldest open window comes out, if it has records that no window has shown yet; by count with the
 *   time at which the stream ended.
 * - `partial` also gives the windows that began before the first record.
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

#define PANES_MAX (1u << 20)          /* and so some 60 MiB for each function, touched only as far as they are used */
#define MEDIAN_RECORDS_MAX (1u << 20) /* 20 MiB of addresses; touched only as far as a window is really that full */
#define POSITION_MAX (INT64_MAX / 4)  /* 73 years of ns: what is further out is not a time but a mistake */

struct pane {
	int64_t start, end;
	bool is_gap; /**< between two windows */
};

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
	struct weir_length length, step_length;
	struct weir_bindings aggregates;
	bool partial, skips_nan;
	struct session session;
	struct needs needs;
	int64_t size, step; /**< records or ns */
	bool is_time;
	bool has_begun;
	bool is_fresh;    /**< there are records that no window has shown */
	bool is_in_hole;  /**< by time: that has been counted */
	int64_t gap;      /**< by time: after such a silence no window comes out that shows nothing new */
	int64_t newest;   /**< by time: of the newest record */
	int64_t origin;   /**< by time: of the first record */
	int64_t position; /**< by count: of the next record */
	int64_t start;    /**< of the oldest window that is open */
	int64_t last_t;
	struct pane pane; /**< into which records fall just now */
	struct weir_condenser *condenser;
};

/* ---------------------------------------------------------------- geometry */

static struct pane pane_around(const struct window *window, int64_t position)
{
	int64_t within = position % window->step, base = position - within;
	int64_t odd = window->size %
		      window->step; /* where in a step a window ends; all of size when windows leave gaps */

	if (within < odd)
		return (struct pane){ base, base + odd, false };
	return (struct pane){ base + odd, base + window->step, window->step > window->size };
}

static uint64_t panes_per_window(const struct window *window)
{
	uint64_t steps = (uint64_t)(window->size / window->step) + 2;

	return window->size % window->step ? 2 * steps : steps;
}

/* The start of the first window that ends after `position`, not before `start`. */
static int64_t first_start_after(const struct window *window, int64_t position)
{
	int64_t behind = position - window->size - window->start;

	return behind < 0 ? window->start : window->start + (behind / window->step + 1) * window->step;
}

/* --------------------------------------------------------------------- open */

static int read_gap(struct weir_node *node, struct window *window)
{
	bool has_step = weir_given(node, &window->step_length);

	window->session.closed = INT64_MIN;
	if (window->session.gap < 1)
		return weir_fail_arg(node, "session", "write a duration such as 5s",
				     "the silence that ends a session must be longer than nothing");
	if (has_step || weir_given(node, &window->partial)) {
		const char *foreign = has_step ? "step" : "partial";

		return weir_fail_arg(node, foreign, NULL, "a session takes no '%s': it has no size", foreign);
	}
	return 0;
}

static int read_spans(struct weir_node *node, struct window *window)
{
	bool has_step = weir_given(node, &window->step_length);

	window->size = window->length.n;
	window->step = has_step ? window->step_length.n : window->size;
	if (window->size < 1 || window->size > POSITION_MAX)
		return weir_fail_arg(node, "size", "write a count such as 100 or a duration such as 1s",
				     "the window must be longer than nothing and shorter than 73 years");
	if (window->step < 1 || window->step > POSITION_MAX)
		return weir_fail_arg(node, "step", NULL,
				     "the step must be longer than nothing and shorter than 73 years");
	if (has_step && window->step_length.is_time != window->is_time)
		return weir_fail_arg(node, "step", "give size and step both as counts or both as durations",
				     "the step does not match the window");
	if (panes_per_window(window) > PANES_MAX)
		return weir_fail_arg(node, "step", "use a longer step",
				     "the window has more than a million steps in it");
	return 0;
}

static int open_condenser(struct weir_node *node, struct window *window, struct weir_schema *out)
{
	bool fits = window->size <= MEDIAN_RECORDS_MAX;
	struct weir_gathering gathering = {
		.panes = window->session.gap ? 1 : (uint32_t)panes_per_window(window),
		.records = !window->is_time && fits ? (uint32_t)window->size : MEDIAN_RECORDS_MAX,
		.argument = window->is_time || fits ? NULL : "size",
		.moving = !window->is_time && window->step == 1 ? (uint32_t)window->size : 0,
		.leaving = { .skips_nan = window->skips_nan,
			     .hole_ns = window->session.gap ? window->session.gap - 1 : window->gap },
	};

	return weir_condenser_open(&window->condenser, node, &window->aggregates, out, &gathering);
}

/* A window that moves by one record has no panes, and one need for each record. */
static int open_needs(struct weir_node *node, struct window *window)
{
	bool moves = weir_condenser_moves(window->condenser);

	window->needs.size = (moves ? (uint32_t)window->size : (uint32_t)panes_per_window(window)) + 1;
	window->needs.need = calloc(window->needs.size, sizeof(*window->needs.need));
	weir_keeps(node, window->is_time ? 0 : (uint64_t)window->size, window->is_time ? window->size : 0);
	return window->needs.need ? 0 : -ENOMEM;
}

static int window_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct window *window = weir_state(node);
	int err;

	bool has_sessions = weir_given(node, &window->session.gap);

	window->is_time = has_sessions || window->length.is_time;
	window->newest = INT64_MIN;
	err = has_sessions ? read_gap(node, window) : read_spans(node, window);
	if (window->is_time)
		weir_sorts(node);
	else
		weir_never_ticks(node);
	weir_schema_init(out, in->clock);
	if (!err)
		err = open_condenser(node, window, out);
	if (window->session.gap)
		weir_keeps(node, 0, INT64_MAX);
	if (err < 0 || window->session.gap)
		return err;
	if (window->partial)
		window->start = -((window->size - 1) / window->step * window->step);
	window->pane = pane_around(window, 0);
	return open_needs(node, window);
}

static void window_close(struct weir_node *node)
{
	struct window *window = weir_state(node);

	weir_condenser_close(window->condenser);
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
	/* Unsigned: with a first record near the end of time this wraps, and does nothing worse. */
	return (int64_t)((uint64_t)window->origin + (uint64_t)(window->start + window->size));
}

/* The oldest open window comes out. */
static int show(struct window *window)
{
	window->is_fresh = false;
	return weir_condenser_show(window->condenser, window->is_time ? end_of(window) : window->last_t);
}

/* It has nothing to show but records that other windows have shown, the newest of them long ago. */
static bool is_stale(const struct window *window)
{
	int64_t end = end_of(window);

	return window->is_time && !window->is_fresh && end > window->newest &&
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
	while (window->start + window->size <= position) {
		int err = weir_condenser_is_empty(window->condenser) ? 0 : show_unless_stale(node, window);

		if (err)
			return err;
		window->start += window->step;
		weir_condenser_evict(window->condenser, window->start);
		if (weir_condenser_is_empty(window->condenser))
			window->start = first_start_after(window, position);
	}
	return 0;
}

/* -------------------------------------------------------------------- input */

static int64_t position_of(const struct window *window, int64_t t)
{
	int64_t position;

	if (!window->is_time)
		return window->position;
	if (__builtin_sub_overflow(t, window->origin, &position) || position > POSITION_MAX)
		return -1;
	return position;
}

/* How many records from t[0] on, which is in the pane, stay in it. */
static uint32_t run_length(const struct window *window, const int64_t *t, uint32_t n)
{
	uint64_t begin = (uint64_t)window->origin + (uint64_t)window->pane.start;
	uint64_t length = (uint64_t)(window->pane.end - window->pane.start);
	int64_t left = window->pane.end - window->position;
	uint32_t run = 1;

	if (!window->is_time)
		return left < n ? (uint32_t)left : n;
	/* Unsigned, so that a time before the pane is as far from its beginning as one long after. */
	while (run < n && (uint64_t)t[run] - begin < length)
		run++;
	return run;
}

static int add(struct weir_node *node, struct window *window, const struct weir_block *in, uint32_t from, uint32_t n)
{
	window->position += n;
	if (window->pane.is_gap)
		return 0;
	begin_need(node, &window->needs, window->pane.start);
	window->is_fresh = true;
	window->is_in_hole = false;
	window->last_t = in->t[from + n - 1];
	for (uint32_t i = from; i < from + n && window->is_time; i++)
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
		window->pane = pane_around(window, position);
	}
	*taken = run_length(window, in->t + from, in->n - from);
	err = add(node, window, in, from, *taken);
	if (err)
		return err;
	/* By count the last record of a window is known to be the last. By time it never is. */
	return window->is_time ? 0 : close_until(node, window, window->position);
}

/* From the window's first record on, or from where it is full, each record ends one. */
static int push_moving(struct weir_node *node, struct window *window, const struct weir_block *in)
{
	int64_t wanting = -window->start < window->size - 1 ? window->size - 1 - window->position : 0;
	uint32_t skip = wanting < 0 ? 0 : wanting < in->n ? (uint32_t)wanting : in->n;
	int err;

	begin_need(node, &window->needs, window->position);
	window->position += in->n;
	window->is_fresh = skip == in->n;
	window->last_t = in->t[in->n - 1];
	err = weir_condenser_move(window->condenser, in, skip);
	end_needs(node, &window->needs, window->position - window->size + 1);
	return err;
}

/* A window by time that has records comes out when its end is reached, whether or not another record comes. One that ends beyond
 * all time does not. */
static void ask_for_end(struct weir_node *node, const struct window *window, int64_t now_ns)
{
	int64_t end = end_of(window);

	if (window->is_time)
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
	if (!window->has_begun && in->n) {
		window->has_begun = true;
		window->origin = in->t[0];
	}
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
		window->pane = pane_around(window, position);
	ask_for_end(node, window, now_ns);
	return emit(node, window);
}

static int window_flush(struct weir_node *node)
{
	struct window *window = weir_state(node);
	int err = 0;

	if (window->session.gap)
		return session_end(window);
	window->last_t = weir_time_at_end(node, window->last_t);
	/* What the stream's end leaves unshown is what the last record has made of the window. */
	if (weir_condenser_moves(window->condenser))
		return window->is_fresh ? weir_condenser_show_last(window->condenser, window->last_t) : 0;
	if (window->is_fresh)
		err = show(window);
	return err ? err : weir_condenser_emit(window->condenser);
}

static const char *const nan_words[] = { "keep", "skip", NULL };

static const struct weir_param params[] = {
	WEIR_P_SPAN("size", struct window, length, NULL,
		    "length of a window: a count such as 100, or a duration such as 1s", .style = WEIR_POSITIONAL,
		    .required = true, .instead = "session"),
	WEIR_P_DURATION("session", struct window, session.gap, NULL, "in place of a length: silence that ends a window",
			.style = WEIR_KEYWORD),
	WEIR_P_SPAN("step", struct window, step_length, NULL,
		    "from the start of a window to the start of the next; by default its size", .style = WEIR_KEYWORD),
	WEIR_P_AGGREGATES("aggregates", struct window, aggregates, weir_aggregate_words,
			  "such as rms(m) as level, max(m) as peak; NaN in a window makes its results NaN",
			  .style = WEIR_POSITIONAL, .required = true, .pairs = weir_aggregate_pairs,
			  .texts = weir_aggregate_texts),
	WEIR_P_WORD("nan", struct window, skips_nan, "keep", nan_words,
		    "keep: NaN makes the results of its window NaN; skip: aggregates leave it out"),
	WEIR_P_BOOL("partial", struct window, partial, "no",
		    "begin with growing windows instead of waiting for the first full one"),
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
