/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Time-proportional control of what can only be on or off, a relay for a heater say: of each period it is on for the share that
 * the input asks for.
 *
 * - Periods are a raster of the records' own time that begins with the first record. The share of a period is the input at its
 *   first record, so that within a period the output goes off once at most.
 * - It changes at the first record at or after the time; its input should come many times in a period.
 * - A share that would be on, or off, for less than `least` is rounded to nothing, or to all of the period: a relay has no use
 *   for clicks.
 * - Not a number is passed on as it is, so that the output parks.
 */
#include <math.h>

#include "weir/driver.h"

struct slowpwm {
	const struct weir_expr *share;
	int64_t period, least;
	bool has_begun;
	int64_t begun;   /* of the present period */
	int64_t on_time; /* in it */
	double said;     /* what came out last; NaN: nothing, or that */
	bool has_said;
	struct weir_block *out;
	double value[WEIR_BLOCK_MAX];
};

static int slowpwm_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct slowpwm *pwm = weir_state(node);

	if (pwm->least > pwm->period / 2)
		return weir_fail_arg(node, "least", NULL, "least= is more than half of period=");
	weir_schema_init(out, in->clock);
	if (weir_schema_add(out, "on", WEIR_REAL, "", 0) < 0)
		return weir_fail_arg(node, NULL, NULL, "no room for the field 'on'");
	return weir_block_open(&pwm->out, weir_out(node));
}

static int64_t time_on(const struct slowpwm *pwm, double share)
{
	int64_t on = share <= 0 ? 0 : share >= 1 ? pwm->period : llround(share * (double)pwm->period);

	if (on < pwm->least)
		return 0;
	return pwm->period - on < pwm->least ? pwm->period : on;
}

/* Unsigned, since the distance of two times may not fit in a signed integer; a time before the period counts as its beginning. */
static uint64_t since(const struct slowpwm *pwm, int64_t t)
{
	return t > pwm->begun ? (uint64_t)t - (uint64_t)pwm->begun : 0;
}

static void begin_period(struct slowpwm *pwm, int64_t t, double share)
{
	if (pwm->has_begun)
		pwm->begun = (int64_t)((uint64_t)t - since(pwm, t) % (uint64_t)pwm->period);
	else
		pwm->begun = t;
	pwm->has_begun = true;
	pwm->on_time = time_on(pwm, share);
}

static void say(struct slowpwm *pwm, int64_t t, double value)
{
	struct weir_block *out = pwm->out;

	if (pwm->has_said && (value == pwm->said || (isnan(value) && isnan(pwm->said))))
		return;
	pwm->has_said = true;
	pwm->said = value;
	out->t[out->n] = t;
	out->column[0].real[weir_block_add(out)] = value;
}

static int slowpwm_push(struct weir_node *node, const struct weir_block *in)
{
	struct slowpwm *pwm = weir_state(node);

	weir_expr_eval(pwm->share, in, pwm->value);
	pwm->out->n = 0;
	for (uint32_t i = 0; i < in->n; i++) {
		int64_t t = in->t[i];

		if (isnan(pwm->value[i])) {
			say(pwm, t, NAN);
			continue;
		}
		if (!pwm->has_begun || since(pwm, t) >= (uint64_t)pwm->period)
			begin_period(pwm, t, pwm->value[i]);
		say(pwm, t, since(pwm, t) < (uint64_t)pwm->on_time);
	}
	return weir_emit(node, pwm->out);
}

static void slowpwm_close(struct weir_node *node)
{
	struct slowpwm *pwm = weir_state(node);

	weir_block_close(pwm->out);
}

static const struct weir_param params[] = {
	WEIR_P_EXPR("share", struct slowpwm, share, "the share of time to be on, from 0 to 1", .style = WEIR_POSITIONAL,
		    .required = true),
	WEIR_P_DURATION("period", struct slowpwm, period, "10s", "period of the share", .min = 1e-3, .max = 86400),
	WEIR_P_DURATION("least", struct slowpwm, least, "0s", "never on or off for less than this"),
	{ 0 },
};

static const struct weir_operator_ops slowpwm_ops = {
	.state_bytes = sizeof(struct slowpwm),
	.open = slowpwm_open,
	.push = slowpwm_push,
	.close = slowpwm_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_slowpwm = {
	.name = "slowpwm",
	.doc = "slow PWM for relays: on for a share of each period",
	.operator_params = params,
	.stage = &slowpwm_ops,
};
