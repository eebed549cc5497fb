/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seismologist's trigger: the power of the last few values over that of many (STA/LTA; Allen 1978, Withers et al. 1998). Both
 * windows end with the value itself and power is the mean of squares, so take an offset off before: `demean`.
 *
 * Until the long window is full the ratio is 0, and it is 0 where there is no power at all. With `on`, a field `picked` says
 * whether some channel has reached that ratio, from then until all are below `off`.
 */
#include <errno.h>
#include <stdlib.h>

#include "weir/channels.h"
#include "weir/sliding.h"

struct stalta {
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	uint32_t short_length, length;       /**< of the two windows */
	uint64_t n;                          /**< records so far */
	struct weir_sliding *shorts, *longs; /**< by channel */
	double on, off;
	int picked; /**< field of the output; -1: none */
	bool is_on;
	double square[WEIR_BLOCK_MAX], base[WEIR_BLOCK_MAX];
};

static int read_arguments(struct weir_node *node, struct stalta *stalta)
{
	bool has_off = weir_given(node, &stalta->off);

	if (!has_off)
		stalta->off = stalta->on;
	if (stalta->short_length >= stalta->length)
		return weir_fail_arg(node, "short", NULL, "the short window must be shorter than the long one");
	if (has_off && !weir_given(node, &stalta->on))
		return weir_fail_arg(node, "off", "as in on=4 off=1.5", "'off' means nothing without 'on'");
	if (stalta->off > stalta->on)
		return weir_fail_arg(node, "off", NULL, "'off' must not be above 'on'");
	return 0;
}

static int open_windows(struct stalta *stalta)
{
	uint32_t n = stalta->channels->n;
	int err = 0;

	stalta->shorts = calloc(n, sizeof(*stalta->shorts));
	stalta->longs = calloc(n, sizeof(*stalta->longs));
	if (!stalta->shorts || !stalta->longs)
		return -ENOMEM;
	for (uint32_t c = 0; c < n && !err; c++) {
		err = weir_sliding_open(&stalta->shorts[c], stalta->short_length);
		if (!err)
			err = weir_sliding_open(&stalta->longs[c], stalta->length);
	}
	return err;
}

static int stalta_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct stalta *stalta = weir_state(node);
	int err = read_arguments(node, stalta);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_open(&stalta->channels, node, &stalta->channels_args);
	if (!err)
		err = weir_channels_replace(stalta->channels, out, false);
	stalta->picked = -1;
	if (!err && weir_given(node, &stalta->on))
		err = stalta->picked = weir_channels_append(stalta->channels, out, "picked", WEIR_BOOL, "");
	if (err >= 0)
		err = open_windows(stalta);
	return err < 0 ? err : weir_channels_ready(stalta->channels);
}

static void divide(struct stalta *stalta, uint32_t c, const double *x, double *ratio, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		stalta->square[i] = x[i] * x[i];
	weir_sliding_means(&stalta->shorts[c], stalta->square, ratio, n);
	weir_sliding_means(&stalta->longs[c], stalta->square, stalta->base, n);
	for (uint32_t i = 0; i < n; i++) {
		bool is_full = stalta->n + i + 1 >= (uint64_t)stalta->length;

		ratio[i] = is_full && stalta->base[i] > 0 ? ratio[i] / stalta->base[i] : 0;
	}
}

static double highest(const struct stalta *stalta, const struct weir_block *out, uint32_t i)
{
	double most = 0;

	for (uint32_t c = 0; c < stalta->channels->n; c++) {
		double ratio = out->column[stalta->channels->channel[c].to].real[i];

		if (ratio > most)
			most = ratio;
	}
	return most;
}

static void pick(struct stalta *stalta, const struct weir_block *out)
{
	for (uint32_t i = 0; i < out->n; i++) {
		double most = highest(stalta, out, i);

		stalta->is_on = stalta->is_on ? most >= stalta->off : most >= stalta->on;
		out->column[stalta->picked].integer[i] = stalta->is_on;
	}
}

static int stalta_push(struct weir_node *node, const struct weir_block *in)
{
	struct stalta *stalta = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(stalta->channels, in, &out);

	if (err)
		return err;
	for (uint32_t c = 0; c < stalta->channels->n; c++) {
		const struct weir_channel *channel = &stalta->channels->channel[c];

		divide(stalta, c, channel->x, out.column[channel->to].real, out.n);
	}
	stalta->n += out.n;
	if (stalta->picked >= 0)
		pick(stalta, &out);
	return weir_emit(node, &out);
}

static void stalta_close(struct weir_node *node)
{
	struct stalta *stalta = weir_state(node);

	for (uint32_t c = 0; stalta->shorts && stalta->longs && c < stalta->channels->n; c++) {
		weir_sliding_close(&stalta->shorts[c]);
		weir_sliding_close(&stalta->longs[c]);
	}
	free(stalta->shorts);
	free(stalta->longs);
	weir_channels_close(stalta->channels);
}

static const struct weir_param params[] = {
	WEIR_CHANNELS_PARAMS(struct stalta, channels_args),
	WEIR_P_INT("short", struct stalta, short_length, NULL,
		   "records in the short window: about the length of the event", .required = true, .min = 1,
		   .max = WEIR_SLIDING_MAX),
	WEIR_P_INT("long", struct stalta, length, NULL, "records in the long window: some ten times as many",
		   .required = true, .min = 2, .max = WEIR_SLIDING_MAX),
	WEIR_P_REAL("on", struct stalta, on, NULL, "ratio at which a field picked becomes true", .min = 0,
		    .max = 1e300),
	WEIR_P_REAL("off", struct stalta, off, NULL, "ratio below which it becomes false again; default: that of on",
		    .min = 0, .max = 1e300),
	{ 0 },
};

static const struct weir_operator_ops stalta_ops = {
	.state_bytes = sizeof(struct stalta),
	.open = stalta_open,
	.push = stalta_push,
	.close = stalta_close,
};

const struct weir_driver weir_operator_stalta = {
	.name = "stalta",
	.doc = "power of a short window over that of a long one, to find where a signal sets in",
	.operator_params = params,
	.stage = &stalta_ops,
};
