/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exponential smoothing: each value pulls the result towards itself, y += a * (x - y). With `alpha` by the same share each
 * time; with `tau` by a = 1 - exp(-dt / tau), which makes it the same low pass at any rate and over gaps. The first value is
 * the first result. A record that is no later than the one before it has dt = 0 and pulls by nothing.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/channels.h"

struct ewma {
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	double alpha; /**< 0: by tau */
	int64_t tau_ns;
	bool has_begun;
	int64_t last_t;
	uint64_t last_dt; /**< for which `last_share` holds: at a constant rate there is one exp() in all */
	double last_share;
	double *y; /**< by channel */
	double share[WEIR_BLOCK_MAX];
};

static int read_speed(struct weir_node *node, struct ewma *ewma)
{
	bool by_tau = weir_given(node, &ewma->tau_ns);

	if (by_tau == weir_given(node, &ewma->alpha))
		return weir_fail_arg(node, by_tau ? "alpha" : NULL, "as in ewma tau=1s, or ewma alpha=0.1",
				     "ewma takes one of 'tau' and 'alpha'");
	return 0;
}

static int ewma_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct ewma *ewma = weir_state(node);
	int err = read_speed(node, ewma);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_open(&ewma->channels, node, &ewma->channels_args);
	if (!err)
		err = weir_channels_replace(ewma->channels, out, true);
	if (err)
		return err;
	ewma->y = calloc(ewma->channels->n, sizeof(*ewma->y));
	return ewma->y ? weir_channels_ready(ewma->channels) : -ENOMEM;
}

static double share_of(struct ewma *ewma, int64_t t)
{
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	uint64_t dt = t > ewma->last_t ? (uint64_t)t - (uint64_t)ewma->last_t : 0;

	if (dt != ewma->last_dt) {
		ewma->last_dt = dt;
		ewma->last_share = -expm1(-(double)dt / (double)ewma->tau_ns);
	}
	if (t > ewma->last_t)
		ewma->last_t = t;
	return ewma->last_share;
}

static void begin(struct ewma *ewma, const struct weir_block *block)
{
	ewma->has_begun = true;
	ewma->last_t = block->t[0];
	for (uint32_t c = 0; c < ewma->channels->n; c++)
		ewma->y[c] = ewma->channels->channel[c].x[0];
}

static void smooth(double *state, const double *share, const double *x, double *out, uint32_t n)
{
	double y = *state;

	for (uint32_t i = 0; i < n; i++)
		out[i] = y += share[i] * (x[i] - y);
	*state = y;
}

static int ewma_push(struct weir_node *node, const struct weir_block *in)
{
	struct ewma *ewma = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(ewma->channels, in, &out);

	if (err)
		return err;
	if (out.n && !ewma->has_begun)
		begin(ewma, &out);
	for (uint32_t i = 0; i < out.n; i++)
		ewma->share[i] = ewma->alpha > 0 ? ewma->alpha : share_of(ewma, out.t[i]);
	for (uint32_t c = 0; c < ewma->channels->n; c++) {
		const struct weir_channel *channel = &ewma->channels->channel[c];

		smooth(&ewma->y[c], ewma->share, channel->x, out.column[channel->to].real, out.n);
	}
	return weir_emit(node, &out);
}

static void ewma_close(struct weir_node *node)
{
	struct ewma *ewma = weir_state(node);

	free(ewma->y);
	weir_channels_close(ewma->channels);
}

static const struct weir_param params[] = {
	WEIR_CHANNELS_PARAMS(struct ewma, channels_args),
	WEIR_P_DURATION("tau", struct ewma, tau_ns, NULL, "time after which 63 % of a step has come through",
			.min = 1e-9, .max = 1e9),
	WEIR_P_REAL("alpha", struct ewma, alpha, NULL, "share of each new value, independent of its time", .min = 1e-12,
		    .max = 1),
	{ 0 },
};

static const struct weir_operator_ops ewma_ops = {
	.state_bytes = sizeof(struct ewma),
	.open = ewma_open,
	.push = ewma_push,
	.close = ewma_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_ewma = {
	.name = "ewma",
	.doc = "smooth exponentially, by time or by record",
	.operator_params = params,
	.stage = &ewma_ops,
};
