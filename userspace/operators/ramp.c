/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Follow a number no faster than a rate. The first value is taken at once, since nothing is known from before it, unless
 * `from` says where to begin. Time is the records' own; one that goes back counts as standing still.
 *
 * NaN comes out as NaN, so that an output behind it goes to its safe state. What follows sets out from the value before the
 * NaN, and the time in between does not count: a gap is no licence to jump.
 */
#include <math.h>

#include "weir/channels.h"

struct follower {
	bool has_begun;
	double y;
};

struct ramp {
	struct weir_channels *channels;
	double up, down; /* per second */
	bool has_begun;
	int64_t t;
	double step_s[WEIR_BLOCK_MAX]; /* since the record before */
	struct follower follower[WEIR_FIELDS_MAX];
};

static int ramp_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct ramp *ramp = weir_state(node);
	int err = weir_channels_open_any(&ramp->channels, node, out);

	(void)in;
	if (err < 0)
		return err;
	ramp->up = weir_arg_real(node, "rate");
	ramp->down = weir_arg_given(node, "down") ? weir_arg_real(node, "down") : ramp->up;
	for (uint32_t i = 0; i < ramp->channels->n; i++)
		ramp->follower[i] = (struct follower){ weir_arg_given(node, "from"), weir_arg_real(node, "from") };
	return 0;
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
	if (isnan(x))
		return NAN;
	if (!follower->has_begun)
		follower->y = x;
	else if (x > follower->y)
		follower->y = fmin(x, follower->y + ramp->up * step_s);
	else
		follower->y = fmax(x, follower->y - ramp->down * step_s);
	follower->has_begun = true;
	return follower->y;
}

static int ramp_push(struct weir_node *node, const struct weir_block *in)
{
	struct ramp *ramp = weir_state(node);
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
	return weir_emit(node, &out);
}

static void ramp_close(struct weir_node *node)
{
	struct ramp *ramp = weir_state(node);

	weir_channels_close(ramp->channels);
}

static const struct weir_param params[] = {
	WEIR_CHANNELS_FIELDS,
	{ .name = "rate",
	  .style = WEIR_KEY,
	  .value = WEIR_V_REAL,
	  .required = true,
	  .min = 0,
	  .max = 1e300,
	  .help = "greatest change in a second, in the field's unit" },
	{ .name = "down",
	  .style = WEIR_KEY,
	  .value = WEIR_V_REAL,
	  .min = 0,
	  .max = 1e300,
	  .help = "the same for falling values, where it is another" },
	{ .name = "from",
	  .style = WEIR_KEY,
	  .value = WEIR_V_REAL,
	  .help = "the value to set out from; without it the first value is taken as it is" },
	{ 0 }
};

static const struct weir_operator_ops ramp_ops = {
	.state_bytes = sizeof(struct ramp),
	.open = ramp_open,
	.push = ramp_push,
	.close = ramp_close,
};

const struct weir_driver weir_operator_ramp = {
	.name = "ramp",
	.doc = "follow a number no faster than a rate",
	.operator_params = params,
	.stage = &ramp_ops,
};
