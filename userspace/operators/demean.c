/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Take the slow part out of a signal: each value less the mean of the last N, its own included. At the start the mean is of
 * as many as there are, so the first result is 0.
 */
#include <errno.h>
#include <stdlib.h>

#include "weir/channels.h"
#include "weir/sliding.h"

struct demean {
	uint32_t size;
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	struct weir_sliding *sliding; /**< by channel */
};

static int demean_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct demean *demean = weir_state(node);
	int err = weir_channels_open(&demean->channels, node, &demean->channels_args);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_replace(demean->channels, out, true);
	if (err)
		return err;
	demean->sliding = calloc(demean->channels->n, sizeof(*demean->sliding));
	if (!demean->sliding)
		return -ENOMEM;
	for (uint32_t c = 0; c < demean->channels->n && !err; c++)
		err = weir_sliding_open(&demean->sliding[c], demean->size);
	return err ? err : weir_channels_ready(demean->channels);
}

static int demean_push(struct weir_node *node, const struct weir_block *in)
{
	struct demean *demean = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(demean->channels, in, &out);

	if (err)
		return err;
	for (uint32_t c = 0; c < demean->channels->n; c++) {
		const struct weir_channel *channel = &demean->channels->channel[c];
		double *y = out.column[channel->to].real;

		weir_sliding_means(&demean->sliding[c], channel->x, y, out.n);
		for (uint32_t i = 0; i < out.n; i++)
			y[i] = channel->x[i] - y[i];
	}
	return weir_emit(node, &out);
}

static void demean_close(struct weir_node *node)
{
	struct demean *demean = weir_state(node);

	for (uint32_t c = 0; demean->sliding && c < demean->channels->n; c++)
		weir_sliding_close(&demean->sliding[c]);
	free(demean->sliding);
	weir_channels_close(demean->channels);
}

static const struct weir_param params[] = {
	WEIR_P_INT("size", struct demean, size, NULL, "values of which the mean is taken off", .style = WEIR_POSITIONAL,
		   .required = true, .min = 1, .max = WEIR_SLIDING_MAX),
	WEIR_CHANNELS_PARAMS(struct demean, channels_args),
	{ 0 }
};

static const struct weir_operator_ops demean_ops = {
	.state_bytes = sizeof(struct demean),
	.open = demean_open,
	.push = demean_push,
	.close = demean_close,
};

const struct weir_driver weir_operator_demean = {
	.name = "demean",
	.doc = "take the mean of the last values off each",
	.operator_params = params,
	.stage = &demean_ops,
};
