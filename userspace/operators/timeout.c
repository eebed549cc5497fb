/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tell when a stream has gone quiet. Every record passes, with a field `stale` that is 0. When none has come for the span,
 * one record says so, with `stale` 1 and the time at which the span was over; its real numbers are NaN, so that an actuator
 * behind it parks, or with `keep` what they were. Other fields are as they were. Before the first record nothing is missing.
 */
#include <errno.h>
#include <math.h>

#include "weir/watch.h"

struct timeout {
	int64_t span, now;
	bool keeps;
	struct weir_block *last; /* the latest record and, behind it, the mark */
	int64_t fresh[WEIR_BLOCK_MAX];
};

static int timeout_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct timeout *timeout = weir_state(node);
	int mark;

	timeout->now = INT64_MIN;
	if (timeout->span < 1)
		return weir_fail_arg(node, "span", "write a duration such as 5s",
				     "the span must be longer than nothing");
	*out = *in;
	mark = weir_schema_add(out, "stale", WEIR_BOOL, "", 0);
	if (mark == -EEXIST)
		return weir_fail_arg(node, NULL, "rename that one before", "there is a field 'stale' already");
	if (mark < 0)
		return weir_fail_arg(node, NULL, NULL, "no room for the field 'stale'");
	return weir_block_open(&timeout->last, weir_out(node));
}

/* How many records follow each other without a silence between. */
static uint32_t run_length(struct timeout *timeout, const struct weir_block *in)
{
	uint32_t n = 0;

	do {
		timeout->now = weir_watch_now(timeout->now, in->t[n++]);
	} while (n < in->n && in->t[n] <= weir_watch_later(timeout->now, timeout->span));
	return n;
}

static void remember(struct timeout *timeout, const struct weir_block *in, uint32_t row)
{
	timeout->last->n = 0;
	weir_block_append(timeout->last, in, row);
	timeout->last->column[in->schema->n_fields].integer[0] = 1;
}

static int timeout_push(struct weir_node *node, const struct weir_block *in)
{
	struct timeout *timeout = weir_state(node);
	uint32_t n = run_length(timeout, in);
	struct weir_block out = *in;

	if (n < in->n)
		weir_took(node, n);
	remember(timeout, in, n - 1);
	weir_tick_at(node, weir_watch_later(timeout->now, timeout->span));
	out.schema = timeout->last->schema;
	out.n = n;
	out.column[in->schema->n_fields].integer = timeout->fresh;
	return weir_emit(node, &out);
}

static int timeout_tick(struct weir_node *node, int64_t now_ns)
{
	struct timeout *timeout = weir_state(node);
	struct weir_block *last = timeout->last;

	timeout->now = last->t[0] = now_ns;
	for (uint32_t i = 0; i < last->schema->n_fields && !timeout->keeps; i++)
		if (last->schema->field[i].kind == WEIR_REAL)
			last->column[i].real[0] = NAN;
	return weir_emit(node, last);
}

static void timeout_close(struct weir_node *node)
{
	struct timeout *timeout = weir_state(node);

	weir_block_close(timeout->last);
}

static const struct weir_param params[] = {
	WEIR_P_DURATION("span", struct timeout, span, NULL, "silence after which the stream counts as stale",
			.style = WEIR_POSITIONAL, .required = true),
	WEIR_P_BOOL("keep", struct timeout, keeps, "no", "the stale record keeps its numbers instead of NaN"),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops timeout_ops = {
	.state_bytes = sizeof(struct timeout),
	.open = timeout_open,
	.push = timeout_push,
	.tick = timeout_tick,
	.close = timeout_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_timeout = {
	.name = "timeout",
	.doc = "mark a stream as stale when no record has come for a time",
	.operator_params = params,
	.stage = &timeout_ops,
};
