/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Follow a number no faster than a rate. The first value is taken at once, since nothing is known from before it, unless
 * `from` says where to begin. Time is the records' own; one that goes back counts as standing still.
 *
 * With `every`, records come out at that distance, counted from the last one in, until the number is reached: a set point that is
 * told once is then approached all the same. Their other fields are those of the last record.
 *
 * NaN comes out as NaN, so that an output behind it goes to its safe state. What follows sets out from the value before the
 * NaN, and the time in between does not count: a gap is no licence to jump.
 */
#include <math.h>

#include "weir/channels.h"
#include "weir/watch.h"

struct follower {
	bool has_begun;
	double y, x; /* where it is, and where it is to go */
};

struct ramp {
	struct weir_bindings fields;
	struct weir_channels *channels;
	double up, down; /* per second */
	double from;
	bool has_begun;
	int64_t t;
	int64_t every;                 /* 0: only when records come */
	struct weir_block *last;       /* with `every`: the last record out, whatever brought it */
	double step_s[WEIR_BLOCK_MAX]; /* since the record before */
	struct follower follower[WEIR_FIELDS_MAX];
};

static int ramp_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct ramp *ramp = weir_state(node);
	int err = weir_channels_open_any(&ramp->channels, node, &ramp->fields, out);

	(void)in;
	if (err < 0)
		return err;
	if (!weir_given(node, &ramp->down))
		ramp->down = ramp->up;
	for (uint32_t i = 0; i < ramp->channels->n; i++)
		ramp->follower[i] = (struct follower){ .has_begun = weir_given(node, &ramp->from), .y = ramp->from };
	return ramp->every ? weir_block_open(&ramp->last, weir_out(node)) : 0;
}

static void measure_steps(struct ramp *ramp, const int64_t *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool is_later = ramp->has_begun && t[i] > ramp->t;

		/* Unsigned, since the distance of two times may not fit in a signed integer. */
		ramp->step_s[i] = is_later ? (double)((uint64_t)t[i] - (uint64_t)ramp->t) * 1e-9 : 0;
		if (is_later || !ramp->has_begun)
			ramp->t = t[i];
		ramp->has_begun = true;
	}
}

static double follow(const struct ramp *ramp, struct follower *follower, double x, double step_s)
{
	bool was_lost = isnan(follower->x);

	follower->x = x;
	if (isnan(x) || (was_lost && follower->has_begun))
		return isnan(x) ? NAN : follower->y;
	if (!follower->has_begun)
		follower->y = x;
	else if (x > follower->y)
		follower->y = fmin(x, follower->y + ramp->up * step_s);
	else
		follower->y = fmax(x, follower->y - ramp->down * step_s);
	follower->has_begun = true;
	return follower->y;
}

static bool is_under_way(const struct ramp *ramp)
{
	for (uint32_t i = 0; i < ramp->channels->n; i++)
		if (!isnan(ramp->follower[i].x) && ramp->follower[i].y != ramp->follower[i].x)
			return true;
	return false;
}

static void expect_tick(struct weir_node *node, const struct ramp *ramp)
{
	weir_tick_at(node, is_under_way(ramp) ? weir_watch_later(ramp->t, ramp->every) : INT64_MAX);
}

static int push_all(struct weir_node *node, struct ramp *ramp, const struct weir_block *in)
{
	struct weir_block out;
	int err = weir_channels_read(ramp->channels, in, &out);

	if (err)
		return err;
	measure_steps(ramp, in->t, in->n);
	for (uint32_t i = 0; i < ramp->channels->n; i++) {
		const double *x = ramp->channels->channel[i].x;
		double *y = out.column[ramp->channels->channel[i].to].real;

		for (uint32_t row = 0; row < in->n; row++)
			y[row] = follow(ramp, &ramp->follower[i], x[row], ramp->step_s[row]);
	}
	if (ramp->every) {
		ramp->last->n = 0;
		weir_block_append(ramp->last, &out, in->n - 1);
		expect_tick(node, ramp);
	}
	return weir_emit(node, &out);
}

static int ramp_push(struct weir_node *node, const struct weir_block *in)
{
	struct ramp *ramp = weir_state(node);
	struct weir_block one;

	if (!ramp->every || in->n == 1)
		return push_all(node, ramp, in);
	/* Whether a tick comes before the next record is known only behind this one. */
	weir_block_slice(&one, in, 0, 1);
	weir_took(node, 1);
	return push_all(node, ramp, &one);
}

static int ramp_tick(struct weir_node *node, int64_t now_ns)
{
	struct ramp *ramp = weir_state(node);
	struct weir_block *last = ramp->last;
	bool moves = false;

	measure_steps(ramp, &now_ns, 1);
	last->t[0] = now_ns;
	for (uint32_t i = 0; i < ramp->channels->n; i++) {
		struct follower *follower = &ramp->follower[i];
		double before = follower->y, y = follow(ramp, follower, follower->x, ramp->step_s[0]);

		moves |= follower->y != before;
		last->column[ramp->channels->channel[i].to].real[0] = y;
	}
	/* A step that vanishes in the number's last digit, or a rate of 0, arrives nowhere. */
	if (!moves)
		return 0;
	expect_tick(node, ramp);
	return weir_emit(node, last);
}

static void ramp_close(struct weir_node *node)
{
	struct ramp *ramp = weir_state(node);

	weir_block_close(ramp->last);
	weir_channels_close(ramp->channels);
}

static const struct weir_param params[] = {
	WEIR_CHANNELS_FIELDS(struct ramp, fields),
	WEIR_P_REAL("rate", struct ramp, up, NULL, "greatest change in a second, in the field's unit", .required = true,
		    .min = 0, .max = 1e300),
	WEIR_P_REAL("down", struct ramp, down, NULL, "the same for falling values, if different", .min = 0,
		    .max = 1e300),
	WEIR_P_REAL("from", struct ramp, from, NULL, "initial value; default: the first value"),
	WEIR_P_DURATION("every", struct ramp, every, "0s",
			"period of records until the value is reached, also without input"),
	WEIR_PARAM_LATENESS,
	{ 0 }
};

static const struct weir_operator_ops ramp_ops = {
	.state_bytes = sizeof(struct ramp),
	.open = ramp_open,
	.push = ramp_push,
	.tick = ramp_tick,
	.close = ramp_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_ramp = {
	.name = "ramp",
	.doc = "follow a number no faster than a rate",
	.operator_params = params,
	.stage = &ramp_ops,
};
