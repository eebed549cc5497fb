/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Learn a number from others as the records come: linear regression by least squares. Each record is first predicted from
 * all before it, then taken in.
 *
 * Fields more: `predicted`, `residual` (the value less its prediction), `intercept`, and for each input NAME its slope NAME_slope,
 * these as they are after the record. The first record predicts itself, since nothing else can be known; as long as inputs do
 * not vary, or depend on each other, those that tell nothing new have the slope 0.
 */
#include <errno.h>
#include <stdio.h>

#include "weir/channels.h"
#include "weir/moments.h"

struct learn {
	struct weir_bindings target, from;
	double memory;
	bool stops;
	struct weir_channels *channels; /**< the first is what is learned */
	struct weir_moments *moments;
	uint32_t n;         /**< inputs */
	uint32_t predicted; /**< first field of the stage's own */
	double intercept, slope[WEIR_MOMENTS_MAX];
};

static int add_fields(struct learn *learn, struct weir_schema *out)
{
	struct weir_channels *channels = learn->channels;
	const char *unit = channels->channel[0].unit;
	int to = weir_channels_append(channels, out, "predicted", WEIR_REAL, unit);

	learn->predicted = (uint32_t)to;
	if (to >= 0)
		to = weir_channels_append(channels, out, "residual", WEIR_REAL, unit);
	if (to >= 0)
		to = weir_channels_append(channels, out, "intercept", WEIR_REAL, unit);
	for (uint32_t i = 0; i < learn->n && to >= 0; i++) {
		char name[2 * WEIR_NAME_MAX];

		snprintf(name, sizeof(name), "%s_slope", channels->channel[i + 1].name);
		to = weir_channels_append(channels, out, name, WEIR_REAL, "");
	}
	return to < 0 ? to : 0;
}

static int learn_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct learn *learn = weir_state(node);
	const struct weir_bindings *lists[] = { &learn->target, &learn->from, NULL };
	int err = weir_channels_open_from(&learn->channels, node, lists, learn->stops);

	(void)in;
	if (err)
		return err;
	if (learn->target.n > 1)
		return weir_fail_arg(node, "target", "use learn once for each", "one number is learned at a time");
	if (learn->channels->n > WEIR_MOMENTS_MAX)
		return weir_fail_arg(node, "from", NULL, "it learns from at most %d numbers", WEIR_MOMENTS_MAX - 1);
	learn->n = learn->channels->n - 1;
	err = weir_channels_pass(learn->channels, out);
	if (!err)
		err = add_fields(learn, out);
	if (!err)
		err = weir_moments_open(&learn->moments, learn->channels->n, learn->memory);
	return err ? err : weir_channels_ready(learn->channels);
}

static double predict(const struct learn *learn, const double *x)
{
	double y = learn->intercept;

	for (uint32_t i = 0; i < learn->n; i++)
		y += learn->slope[i] * x[i + 1];
	return y;
}

static void take(struct learn *learn, const struct weir_block *out, uint32_t i)
{
	const union weir_column *own = out->column + learn->predicted;
	double x[WEIR_MOMENTS_MAX], predicted;

	for (uint32_t c = 0; c < learn->channels->n; c++)
		x[c] = learn->channels->channel[c].x[i];
	predicted = weir_moments_count(learn->moments) ? predict(learn, x) : x[0];
	weir_moments_add(learn->moments, x);
	learn->intercept = weir_moments_solve(learn->moments, learn->slope);
	own[0].real[i] = predicted;
	own[1].real[i] = x[0] - predicted;
	own[2].real[i] = learn->intercept;
	for (uint32_t k = 0; k < learn->n; k++)
		own[3 + k].real[i] = learn->slope[k];
}

static int learn_push(struct weir_node *node, const struct weir_block *in)
{
	struct learn *learn = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(learn->channels, in, &out);

	if (err)
		return err;
	for (uint32_t i = 0; i < out.n; i++)
		take(learn, &out, i);
	return weir_emit(node, &out);
}

static void learn_close(struct weir_node *node)
{
	struct learn *learn = weir_state(node);

	weir_moments_close(learn->moments);
	weir_channels_close(learn->channels);
}

static const struct weir_param params[] = {
	WEIR_P_FIELDS("target", struct learn, target, "the number to learn", .style = WEIR_POSITIONAL,
		      .required = true),
	WEIR_P_FIELDS("from", struct learn, from, "the numbers to learn it from: a, b, or aa = a*a",
		      .style = WEIR_KEYWORD, .required = true),
	WEIR_MOMENTS_PARAM_MEMORY(struct learn, memory),
	WEIR_CHANNELS_PARAM_ON_ERROR(struct learn, stops),
	{ 0 },
};

static const struct weir_operator_ops learn_ops = {
	.state_bytes = sizeof(struct learn),
	.open = learn_open,
	.push = learn_push,
	.close = learn_close,
};

const struct weir_driver weir_operator_learn = {
	.name = "learn",
	.doc = "linear regression, kept up record by record: prediction, residual, coefficients",
	.operator_params = params,
	.stage = &learn_ops,
};
