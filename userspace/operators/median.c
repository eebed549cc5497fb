/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A sliding median: each value becomes the middle one of the last N, which takes glitches out and keeps steps sharp. */
#include <errno.h>
#include <stdlib.h>

#include "weir/aggregate.h"
#include "weir/channels.h"

#define SIZE_MAX_RECORDS (1u << 20)

struct median {
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	uint32_t size, n;          /**< n: values in the window */
	struct weir_order **order; /**< by channel */
};

static int median_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct median *median = weir_state(node);
	int err = weir_channels_open(&median->channels, node, &median->channels_args);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_replace(median->channels, out, true);
	if (err)
		return err;
	median->order = calloc(median->channels->n, sizeof(struct weir_order *));
	if (!median->order)
		return -ENOMEM;
	for (uint32_t c = 0; c < median->channels->n && !err; c++)
		err = weir_order_open(&median->order[c], median->size);
	return err ? err : weir_channels_ready(median->channels);
}

static int slide(struct weir_order *order, uint32_t room, const double *x, double *y, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int err;

		if (i >= room)
			weir_order_pop(order, 1);
		err = weir_order_push(order, x[i]);
		if (err)
			return err;
		y[i] = weir_order_median(order);
	}
	return 0;
}

static int median_push(struct weir_node *node, const struct weir_block *in)
{
	struct median *median = weir_state(node);
	uint32_t room = median->size - median->n;
	struct weir_block out;
	int err = weir_channels_read(median->channels, in, &out);

	for (uint32_t c = 0; c < median->channels->n && !err; c++) {
		const struct weir_channel *channel = &median->channels->channel[c];

		err = slide(median->order[c], room, channel->x, out.column[channel->to].real, out.n);
	}
	if (err)
		return err;
	median->n += out.n < room ? out.n : room;
	return weir_emit(node, &out);
}

static void median_close(struct weir_node *node)
{
	struct median *median = weir_state(node);

	for (uint32_t c = 0; median->order && c < median->channels->n; c++)
		weir_order_close(median->order[c]);
	free(median->order);
	weir_channels_close(median->channels);
}

static const struct weir_param params[] = {
	WEIR_P_INT("size", struct median, size, NULL,
		   "values of which the middle one is taken, fewer at the start; an odd number never makes a new "
		   "value",
		   .style = WEIR_POSITIONAL, .required = true, .min = 1, .max = SIZE_MAX_RECORDS),
	WEIR_CHANNELS_PARAMS(struct median, channels_args),
	{ 0 },
};

static const struct weir_operator_ops median_ops = {
	.state_bytes = sizeof(struct median),
	.open = median_open,
	.push = median_push,
	.close = median_close,
};

const struct weir_driver weir_operator_median = {
	.name = "median",
	.doc = "the middle one of the last values",
	.operator_params = params,
	.stage = &median_ops,
};
