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
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/aggregate.h"

#define PANES_MAX (1u << 20)          /* and so some 60 MiB for each function, touched only as far as they are used */
#define MEDIAN_RECORDS_MAX (1u << 20) /* 20 MiB of addresses; touched only as far as a window is really that full */
#define POSITION_MAX (INT64_MAX / 4)  /* 73 years of ns: what is further out is not a time but a mistake */

struct pane {
	int64_t start, end;
	bool is_gap; /**< between two windows */
};

struct window {
	int64_t size, step; /**< records or ns */
	bool is_time;
	bool has_begun;
	bool is_fresh;    /**< there are records that no window has shown */
	int64_t origin;   /**< by time: of the first record */
	int64_t position; /**< by count: of the next record */
	int64_t start;    /**< of the oldest window that is open */
	int64_t last_t;
	uint32_t last_row; /**< moving: of `out`, which has the last result */
	struct pane pane;  /**< into which records fall just now */
	const struct weir_binding *binding;
	uint32_t n;
	struct weir_panes *panes;
	struct weir_moving *moving[WEIR_FIELDS_MAX]; /**< in place of panes, by function */
	bool is_moving;
	double *values; /**< a column of WEIR_BLOCK_MAX for each expression */
	const double *x[WEIR_FIELDS_MAX];
	struct weir_block *out;
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

/* -------------------------------------------------------------- schema, open */

static void unit_of(char unit[WEIR_UNIT_MAX], const struct weir_binding *binding)
{
	bool has_unit = binding->function != WEIR_COUNT && binding->function != WEIR_VAR;
	const char *base = has_unit ? weir_expr_unit(binding->expr) : "";
	int n = snprintf(unit, WEIR_UNIT_MAX, "%s%s", base, *base && binding->function == WEIR_SLOPE ? "/s" : "");

	/* Half a unit would be a wrong one. */
	if (n >= WEIR_UNIT_MAX)
		unit[0] = 0;
}

static int check_parameter(struct weir_node *node, const struct weir_binding *binding)
{
	const char *word = weir_aggregate_words[binding->function];

	if (binding->function != WEIR_QUANTILE)
		return isnan(binding->parameter) ? 0
						 : weir_fail_arg(node, "aggregates", NULL,
								 "%s() takes an expression and nothing more", word);
	if (binding->parameter >= 0 && binding->parameter <= 1)
		return 0;
	return weir_fail_arg(node, "aggregates", "as in quantile(x, 0.95)",
			     "a quantile needs a number between 0 and 1");
}

static int add_field(struct weir_node *node, const struct weir_binding *binding, struct weir_schema *out)
{
	char unit[WEIR_UNIT_MAX];
	int err;

	if (!binding->expr && binding->function != WEIR_COUNT)
		return weir_fail_arg(node, "aggregates", NULL, "%s() needs an expression",
				     weir_aggregate_words[binding->function]);
	unit_of(unit, binding);
	err = weir_schema_add(out, binding->name, binding->function == WEIR_COUNT ? WEIR_INT : WEIR_REAL, unit, 0);
	if (err == -EEXIST)
		return weir_fail_arg(node, "aggregates", "give each a name of its own: mean(x) as average",
				     "window makes two fields named '%s'", binding->name);
	return err < 0 ? weir_fail_arg(node, "aggregates", NULL, "'%s' does not fit in one record", binding->name) : 0;
}

static int read_spans(struct weir_node *node, struct window *window)
{
	window->size = weir_arg_int(node, "size");
	window->is_time = weir_arg_is_time(node, "size");
	window->step = weir_arg_given(node, "step") ? weir_arg_int(node, "step") : window->size;
	if (window->size < 1 || window->size > POSITION_MAX)
		return weir_fail_arg(node, "size", "write a count such as 100 or a duration such as 1s",
				     "the window must be longer than nothing and shorter than 73 years");
	if (window->step < 1 || window->step > POSITION_MAX)
		return weir_fail_arg(node, "step", NULL,
				     "the step must be longer than nothing and shorter than 73 years");
	if (weir_arg_given(node, "step") && weir_arg_is_time(node, "step") != window->is_time)
		return weir_fail_arg(node, "step", "give size and step both as counts or both as durations",
				     "the step does not match the window");
	if (panes_per_window(window) > PANES_MAX)
		return weir_fail_arg(node, "step", "use a longer step",
				     "the window has more than a million steps in it");
	return 0;
}

static int open_panes(struct weir_node *node, struct window *window)
{
	enum weir_function function[WEIR_FIELDS_MAX];
	bool fits = !window->is_time && window->size <= MEDIAN_RECORDS_MAX;
	int err;

	for (uint32_t i = 0; i < window->n; i++) {
		function[i] = (enum weir_function)window->binding[i].function;
		if (weir_function_is_ordered(function[i]) && !window->is_time && !fits)
			return weir_fail_arg(node, "size", NULL, "a median is of at most %u records",
					     MEDIAN_RECORDS_MAX);
	}
	err = weir_panes_open(&window->panes, function, window->n, (uint32_t)panes_per_window(window),
			      fits ? (uint32_t)window->size : MEDIAN_RECORDS_MAX);
	for (uint32_t i = 0; !err && i < window->n; i++)
		if (function[i] == WEIR_QUANTILE)
			weir_panes_aim(window->panes, i, window->binding[i].parameter);
	return err;
}

static bool can_move(const struct window *window)
{
	bool can = !window->is_time && window->step == 1;

	for (uint32_t i = 0; i < window->n; i++)
		can &= weir_function_moves((enum weir_function)window->binding[i].function);
	return can;
}

static int open_moving(struct window *window)
{
	int err = 0;

	window->is_moving = true;
	for (uint32_t i = 0; i < window->n && !err; i++)
		err = weir_moving_open(&window->moving[i], (enum weir_function)window->binding[i].function,
				       (uint32_t)window->size);
	return err;
}

static int window_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct window *window = weir_state(node);
	int err;

	window->binding = weir_arg_bindings(node, "aggregates", &window->n);
	err = read_spans(node, window);
	if (!window->is_time)
		weir_never_ticks(node);
	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < window->n && !err; i++) {
		err = check_parameter(node, &window->binding[i]);
		if (!err)
			err = add_field(node, &window->binding[i], out);
	}
	if (!err)
		err = can_move(window) ? open_moving(window) : open_panes(node, window);
	if (err < 0)
		return err;
	if (weir_arg_int(node, "partial"))
		window->start = -((window->size - 1) / window->step * window->step);
	window->pane = pane_around(window, 0);
	window->values = malloc(window->n * WEIR_BLOCK_MAX * sizeof(*window->values));
	return window->values ? weir_block_open(&window->out, weir_out(node)) : -ENOMEM;
}

static void window_close(struct weir_node *node)
{
	struct window *window = weir_state(node);

	weir_block_close(window->out);
	free(window->values);
	weir_panes_close(window->panes);
	for (uint32_t i = 0; i < window->n; i++)
		weir_moving_close(window->moving[i]);
}

/* ------------------------------------------------------------------- output */

static int emit(struct weir_node *node, struct window *window)
{
	int err = weir_emit(node, window->out);

	window->out->n = 0;
	return err;
}

static int64_t end_of(const struct window *window)
{
	/* Unsigned: with a first record near the end of time this wraps, and does nothing worse. */
	return (int64_t)((uint64_t)window->origin + (uint64_t)(window->start + window->size));
}

/* The oldest open window comes out. */
static int show(struct weir_node *node, struct window *window)
{
	struct weir_block *out = window->out;
	double result[WEIR_FIELDS_MAX];
	uint32_t row = out->n++;

	out->t[row] = window->is_time ? end_of(window) : window->last_t;
	weir_panes_results(window->panes, result);
	for (uint32_t i = 0; i < window->n; i++) {
		if (window->binding[i].function == WEIR_COUNT)
			out->column[i].integer[row] = (int64_t)result[i];
		else
			out->column[i].real[row] = result[i];
	}
	window->is_fresh = false;
	return out->n == WEIR_BLOCK_MAX ? emit(node, window) : 0;
}

/* Every window that ends at or before `position` comes out; a long silence is crossed in one stride. */
static int close_until(struct weir_node *node, struct window *window, int64_t position)
{
	while (window->start + window->size <= position) {
		int err = weir_panes_empty(window->panes) ? 0 : show(node, window);

		if (err)
			return err;
		window->start += window->step;
		weir_panes_evict(window->panes, window->start);
		if (weir_panes_empty(window->panes))
			window->start = first_start_after(window, position);
	}
	return 0;
}

/* -------------------------------------------------------------------- input */

static void evaluate(struct window *window, const struct weir_block *in)
{
	for (uint32_t i = 0; i < window->n; i++) {
		const struct weir_binding *binding = &window->binding[i];
		double *values = window->values + (size_t)i * WEIR_BLOCK_MAX;

		if (binding->field >= 0 && in->schema->field[binding->field].kind == WEIR_REAL) {
			window->x[i] = in->column[binding->field].real;
			continue;
		}
		if (binding->expr)
			weir_expr_eval(binding->expr, in, values);
		window->x[i] = values;
	}
}

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
	const double *x[WEIR_FIELDS_MAX];
	int err;

	window->position += n;
	if (window->pane.is_gap)
		return 0;
	for (uint32_t i = 0; i < window->n; i++)
		x[i] = window->x[i] + from;
	window->is_fresh = true;
	window->last_t = in->t[from + n - 1];
	err = weir_panes_add(window->panes, window->pane.start, in->t + from, x, n);
	if (err == -ENOBUFS) /* left out in silence, the newest values would be missing from every median */
		return weir_fail(node, ENOBUFS,
				 "more than %u records in one window, which is all that a median can hold",
				 MEDIAN_RECORDS_MAX);
	return err;
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
	struct weir_block all = *window->out, shown;

	for (uint32_t i = 0; i < window->n; i++)
		weir_moving_results(window->moving[i], window->x[i], all.column[i].real, in->n);
	window->position += in->n;
	window->is_fresh = skip == in->n;
	window->last_t = in->t[in->n - 1];
	window->last_row = in->n - 1;
	all.n = in->n;
	all.t = in->t;
	weir_block_slice(&shown, &all, skip, in->n - skip);
	return weir_emit(node, &shown);
}

/* What the stream's end leaves unshown is what the last record has made of the window. */
static int flush_moving(struct weir_node *node, struct window *window)
{
	struct weir_block shown;

	if (!window->is_fresh)
		return 0;
	window->out->t[window->last_row] = window->last_t;
	weir_block_slice(&shown, window->out, window->last_row, 1);
	return weir_emit(node, &shown);
}

/* A window by time that has records comes out when its end is reached, whether or not another record comes. One that ends beyond
 * all time does not. */
static void ask_for_end(struct weir_node *node, const struct window *window, int64_t now_ns)
{
	int64_t end = end_of(window);

	if (window->is_time)
		weir_tick_at(node, weir_panes_empty(window->panes) || end == INT64_MIN || end - 1 <= now_ns ? INT64_MAX
													    : end - 1);
}

static int window_push(struct weir_node *node, const struct weir_block *in)
{
	struct window *window = weir_state(node);

	if (!window->has_begun && in->n) {
		window->has_begun = true;
		window->origin = in->t[0];
	}
	evaluate(window, in);
	if (window->is_moving)
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
	int err = close_until(node, window, position);

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

	if (weir_time(node) > window->last_t)
		window->last_t = weir_time(node);
	if (window->is_moving)
		return flush_moving(node, window);
	if (window->is_fresh)
		err = show(node, window);
	return err ? err : emit(node, window);
}

static const struct weir_param params[] = {
	{ .name = "size",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_SPAN,
	  .required = true,
	  .help = "length of a window: a count such as 100, or a duration such as 1s" },
	{ .name = "step",
	  .style = WEIR_KEYWORD,
	  .value = WEIR_V_SPAN,
	  .help = "from the start of a window to the start of the next; by default its size" },
	{ .name = "aggregates",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_AGGREGATES,
	  .required = true,
	  .words = weir_aggregate_words,
	  .help = "what to compute: rms(m) as level, max(m) as peak; NaN in a window makes its results NaN" },
	{ .name = "partial",
	  .style = WEIR_KEY,
	  .value = WEIR_V_BOOL,
	  .fallback = "no",
	  .help = "begin with growing windows instead of waiting for the first full one" },
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
