/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * At most one record in a span of time. The first passes at once, and so does any that comes when a span has gone by since the
 * last one out. What becomes of those in between, `keep` says:
 *
 * - first: nothing.
 * - last: the newest comes out when the span is over, with that time. So the stream never ends on a stale value.
 * - mean: the same, with the mean of each real number since the last one out; other fields are those of the newest.
 *
 * With `by`, a record that is so far from the last one out passes at once, and a new span begins.
 */
#include <math.h>

#include "weir/watch.h"

enum { FIRST, LAST, MEAN };

struct throttle {
	const char *field_name;
	int64_t span;
	int keep;
	bool has_by;
	double by;
	uint32_t field; /* that `by` is about */
	bool has_out;
	int64_t last_t; /* of the last one out */
	double last;
	uint64_t n_held;
	struct weir_block *held; /* the newest */
	struct weir_block *out;
	double sum[WEIR_FIELDS_MAX];
};

static int throttle_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct throttle *throttle = weir_state(node);
	int field = 0, err;

	*out = *in;
	throttle->has_by = weir_given(node, &throttle->by);
	if (throttle->span < 1)
		return weir_fail_arg(node, "span", "write a duration such as 1s",
				     "the span must be longer than nothing");
	if (throttle->has_by)
		field = weir_watch_find(node, throttle->field_name, in);
	else if (throttle->field_name)
		return weir_fail_arg(node, "field", "as in throttle 1s x by 0.5", "a field is watched only with 'by'");
	if (field < 0)
		return field;
	throttle->field = (uint32_t)field;
	err = weir_block_open(&throttle->held, weir_out(node));
	return err < 0 ? err : weir_block_open(&throttle->out, weir_out(node));
}

static bool is_over(const struct throttle *throttle, int64_t t)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return t >= throttle->last_t && (uint64_t)t - (uint64_t)throttle->last_t >= (uint64_t)throttle->span;
}

/* To become unknown is a great change, and so is to become known again. */
static bool is_great(const struct throttle *throttle, double value)
{
	if (!throttle->has_by)
		return false;
	if (isnan(value) || isnan(throttle->last))
		return isnan(value) != isnan(throttle->last);
	return fabs(value - throttle->last) >= throttle->by;
}

static void begin_span(struct weir_node *node, struct throttle *throttle, int64_t t, double value)
{
	/* One that comes late does not take the beginning back. */
	throttle->last_t = throttle->has_out ? weir_watch_now(throttle->last_t, t) : t;
	throttle->has_out = true;
	throttle->last = value;
	throttle->n_held = 0;
	weir_tick_at(node, INT64_MAX);
}

static void hold(struct weir_node *node, struct throttle *throttle, const struct weir_block *in, uint32_t i)
{
	throttle->held->n = 0;
	weir_block_append(throttle->held, in, i);
	for (uint32_t f = 0; f < in->schema->n_fields && throttle->keep == MEAN; f++)
		if (in->schema->field[f].kind == WEIR_REAL)
			throttle->sum[f] = (throttle->n_held ? throttle->sum[f] : 0) + in->column[f].real[i];
	if (!throttle->n_held++)
		weir_tick_at(node, weir_watch_later(throttle->last_t, throttle->span));
}

static void consider(struct weir_node *node, struct throttle *throttle, const struct weir_block *in, uint32_t i)
{
	double value = throttle->has_by ? weir_watch_value(in, throttle->field, i) : 0;
	bool passes = !throttle->has_out || is_great(throttle, value) ||
		      (!throttle->n_held && is_over(throttle, in->t[i]));

	if (passes) {
		weir_block_append(throttle->out, in, i);
		begin_span(node, throttle, in->t[i], value);
	} else if (throttle->keep != FIRST) {
		hold(node, throttle, in, i);
	}
}

/* With a record held, the next one may have to wait for the tick. */
static bool reaches_tick(const struct throttle *throttle, const struct weir_block *in, uint32_t next)
{
	return throttle->n_held && next < in->n && in->t[next] > weir_watch_later(throttle->last_t, throttle->span);
}

static int throttle_push(struct weir_node *node, const struct weir_block *in)
{
	struct throttle *throttle = weir_state(node);

	throttle->out->n = 0;
	for (uint32_t i = 0; i < in->n; i++) {
		consider(node, throttle, in, i);
		if (reaches_tick(throttle, in, i + 1)) {
			weir_took(node, i + 1);
			break;
		}
	}
	return weir_emit(node, throttle->out);
}

static int emit_held(struct weir_node *node, struct throttle *throttle, int64_t t)
{
	struct weir_block *held = throttle->held;

	for (uint32_t f = 0; f < held->schema->n_fields && throttle->keep == MEAN; f++)
		if (held->schema->field[f].kind == WEIR_REAL)
			held->column[f].real[0] = throttle->sum[f] / (double)throttle->n_held;
	held->t[0] = t;
	begin_span(node, throttle, t, throttle->has_by ? weir_watch_value(held, throttle->field, 0) : 0);
	return weir_emit(node, held);
}

static int throttle_tick(struct weir_node *node, int64_t now_ns)
{
	return emit_held(node, weir_state(node), now_ns);
}

static int throttle_flush(struct weir_node *node)
{
	struct throttle *throttle = weir_state(node);

	return throttle->n_held ? emit_held(node, throttle, weir_time_at_end(node, throttle->held->t[0])) : 0;
}

static void throttle_close(struct weir_node *node)
{
	struct throttle *throttle = weir_state(node);

	weir_block_close(throttle->out);
	weir_block_close(throttle->held);
}

static const char *const keep_words[] = { [FIRST] = "first", [LAST] = "last", [MEAN] = "mean", NULL };

static const struct weir_param params[] = {
	WEIR_P_DURATION("span", struct throttle, span, NULL, "the least time from one record to the next",
			.style = WEIR_POSITIONAL, .required = true),
	WEIR_WATCH_PARAM(struct throttle, field_name),
	WEIR_P_REAL("by", struct throttle, by, NULL, "change of the field that passes at once", .style = WEIR_KEYWORD,
		    .min = 0, .max = 1e300),
	WEIR_P_WORD("keep", struct throttle, keep, "first", keep_words,
		    "output of a span: its first record alone, then also its newest, or their mean"),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops throttle_ops = {
	.state_bytes = sizeof(struct throttle),
	.open = throttle_open,
	.push = throttle_push,
	.tick = throttle_tick,
	.flush = throttle_flush,
	.close = throttle_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_throttle = {
	.name = "throttle",
	.doc = "at most one record in a span of time; a large change may pass at once",
	.operator_params = params,
	.stage = &throttle_ops,
};
