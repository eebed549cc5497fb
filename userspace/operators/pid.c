/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PID controller: out = kp * e + I + D, where e = set - measured.
 *
 * - The integral and the derivative go by the time between records, whatever it is. A time that goes back counts as none.
 * - The derivative is that of the measurement, so that moving the set point gives no kick; `tau` smooths it.
 * - The integral stands still while the output is at a bound and the error would drive it further, and never holds more than
 *   takes the output there.
 * - It starts without a bump: with `start` the first output is that, and the integral holds what the other terms leave open.
 * - Where the measurement or the set point is NaN so is the output, and an actuator behind it parks. When they are numbers
 *   again the first output is the last one before, and the time in between does not count.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/driver.h"

struct pid {
	const struct weir_expr *measured, *set;
	double kp, ki, kd, min, max, tau;
	int64_t tau_ns;
	bool parts;      /* the error and the terms are fields too */
	bool has_before; /* the record before was usable */
	bool has_out;    /* there is an output from which to go on */
	int64_t t;
	double x, integral, slope, out;
	struct weir_block *block;
	double *values; /* measured, then set: WEIR_BLOCK_MAX of each */
};

enum { OUT, ERROR, P, I, D, FIELDS };

static int add_fields(const struct pid *pid, const struct weir_schema *in, struct weir_schema *out)
{
	static const char *const names[] = { [OUT] = "out", [ERROR] = "error", [P] = "p", [I] = "i", [D] = "d" };
	uint32_t n = pid->parts ? FIELDS : OUT + 1;

	weir_schema_init(out, in->clock);
	for (uint32_t i = 0; i < n; i++)
		if (weir_schema_add(out, names[i], WEIR_REAL, "", 0) < 0)
			return -E2BIG;
	return 0;
}

static void set_bounds(const struct weir_node *node, struct pid *pid)
{
	if (!weir_given(node, &pid->min))
		pid->min = -INFINITY;
	if (!weir_given(node, &pid->max))
		pid->max = INFINITY;
	pid->tau = (double)pid->tau_ns * 1e-9;
	pid->has_out = weir_given(node, &pid->out);
}

static int pid_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct pid *pid = weir_state(node);

	weir_one_for_one(node);
	set_bounds(node, pid);
	if (pid->min > pid->max)
		return weir_fail_arg(node, "max", NULL, "the greatest output is below the least");
	if (pid->has_out && (pid->out < pid->min || pid->out > pid->max))
		return weir_fail_arg(node, "start", NULL, "the first output is not within min and max");
	pid->values = malloc(2 * WEIR_BLOCK_MAX * sizeof(*pid->values));
	if (!pid->values || add_fields(pid, in, out) < 0)
		return -ENOMEM;
	return weir_block_open(&pid->block, weir_out(node));
}

static double within(const struct pid *pid, double value)
{
	return fmin(fmax(value, pid->min), pid->max);
}

static double step_s(const struct pid *pid, int64_t t)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return pid->has_before && t > pid->t ? (double)((uint64_t)t - (uint64_t)pid->t) * 1e-9 : 0;
}

/* The slope of the measurement by a low pass of the first order, which without tau is no low pass. */
static void update_slope(struct pid *pid, double x, double dt)
{
	if (dt > 0)
		pid->slope += ((x - pid->x) / dt - pid->slope) * (dt / (pid->tau + dt));
}

/* As much of a step as the output has room for in its direction. */
static void integrate(struct pid *pid, double others, double step)
{
	double out = others + pid->integral;

	if (step > 0)
		pid->integral += fmax(fmin(step, pid->max - out), 0);
	else if (step < 0)
		pid->integral += fmin(fmax(step, pid->min - out), 0);
}

static void say(struct pid *pid, uint32_t row, double error, double d)
{
	struct weir_block *block = pid->block;
	double parts[FIELDS] = { pid->out, error, pid->kp * error, pid->integral, d };

	for (uint32_t i = 0; i < block->schema->n_fields; i++)
		block->column[i].real[row] = isnan(error) ? NAN : parts[i];
}

/* Go on from the last output: by the integral that gives it. At a bound many do, of which the nearest to the old one has not
 * wound up. */
static void resume(struct pid *pid, double others)
{
	double integral = pid->out - others;

	if (pid->out <= pid->min)
		integral = fmin(integral, pid->integral);
	else if (pid->out >= pid->max)
		integral = fmax(integral, pid->integral);
	pid->integral = integral;
}

static void update_out(struct pid *pid, double error, double d, double dt)
{
	double others = pid->kp * error + d;

	if (pid->has_out && !pid->has_before) {
		resume(pid, others);
		return;
	}
	integrate(pid, others, pid->ki * error * dt);
	pid->out = within(pid, others + pid->integral);
}

static void control(struct pid *pid, uint32_t row, int64_t t, double x, double set)
{
	double error = set - x, dt = step_s(pid, t), d;

	if (!isfinite(error)) {
		pid->has_before = false;
		say(pid, row, NAN, 0);
		return;
	}
	if (!pid->has_before)
		pid->slope = 0;
	update_slope(pid, x, dt);
	d = 0 - pid->kd * pid->slope;
	update_out(pid, error, d, dt);
	if (!pid->has_before || t > pid->t) {
		pid->t = t;
		pid->x = x;
	}
	pid->has_before = pid->has_out = true;
	say(pid, row, error, d);
}

static int pid_push(struct weir_node *node, const struct weir_block *in)
{
	struct pid *pid = weir_state(node);
	double *x = pid->values, *set = pid->values + WEIR_BLOCK_MAX;
	struct weir_block out = *pid->block;

	weir_expr_eval(pid->measured, in, x);
	weir_expr_eval(pid->set, in, set);
	for (uint32_t i = 0; i < in->n; i++)
		control(pid, i, in->t[i], x[i], set[i]);
	out.n = in->n;
	out.t = in->t;
	return weir_emit(node, &out);
}

static void pid_close(struct weir_node *node)
{
	struct pid *pid = weir_state(node);

	weir_block_close(pid->block);
	free(pid->values);
}

static const struct weir_param params[] = {
	WEIR_P_EXPR("measured", struct pid, measured, "measurement, which the controller brings to the set point",
		    .style = WEIR_POSITIONAL, .required = true),
	WEIR_P_EXPR("set", struct pid, set, "the set point: a number, a field or an expression", .required = true),
	WEIR_P_REAL("kp", struct pid, kp, "0",
		    "output with an error of 1; negative where more output lowers the measurement"),
	WEIR_P_REAL("ki", struct pid, ki, "0", "growth of the output per second, with an error of 1"),
	WEIR_P_REAL("kd", struct pid, kd, "0", "output with a measurement that falls by 1 per second"),
	WEIR_P_REAL("min", struct pid, min, NULL, "the least output"),
	WEIR_P_REAL("max", struct pid, max, NULL, "the greatest output"),
	WEIR_P_DURATION("tau", struct pid, tau_ns, "0s", "time constant that smooths the derivative"),
	WEIR_P_REAL("start", struct pid, out, NULL, "first output, from which it continues without a bump"),
	WEIR_P_BOOL("parts", struct pid, parts, "no", "also the error and the three terms, for tuning"),
	{ 0 }
};

static const struct weir_operator_ops pid_ops = {
	.state_bytes = sizeof(struct pid),
	.open = pid_open,
	.push = pid_push,
	.close = pid_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_pid = {
	.name = "pid",
	.doc = "control a quantity: a PID controller",
	.operator_params = params,
	.stage = &pid_ops,
};
