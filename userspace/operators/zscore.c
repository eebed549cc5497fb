/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How unusual a value is: its distance from the mean of the N values before it, in standard deviations of those. The value
 * itself is not among them, else one that is far out would hide itself.
 *
 * - With fewer than two values before it nothing can be said: the result is 0.
 * - After values that were all the same, the same again is 0 and any other is infinitely far.
 *
 * The N values are the end of one lap of N and the beginning of the next; summaries of all ends of a lap are made when it is
 * complete. So nothing is subtracted, nothing drifts, and a step that has left the window is forgotten to the last bit.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/aggregate.h"
#include "weir/channels.h"

#define SIZE_MAX_RECORDS (1u << 20)

struct lap {
	uint32_t at;             /**< values of this lap */
	struct weir_summary now; /**< of them */
	double *value;           /**< of this lap */
	struct weir_summary
		*end; /**< by number of a value: of it and all behind it in the lap before; size + 1 of them */
};

struct zscore {
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	uint32_t size;
	struct lap *lap; /**< by channel */
};

static int open_lap(struct lap *lap, uint32_t size)
{
	lap->value = malloc(size * sizeof(*lap->value));
	lap->end = calloc(size + 1, sizeof(*lap->end));
	return lap->value && lap->end ? 0 : -ENOMEM;
}

static int zscore_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct zscore *zscore = weir_state(node);
	int err = weir_channels_open(&zscore->channels, node, &zscore->channels_args);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_replace(zscore->channels, out, false);
	if (err)
		return err;
	zscore->lap = calloc(zscore->channels->n, sizeof(*zscore->lap));
	if (!zscore->lap)
		return -ENOMEM;
	for (uint32_t c = 0; c < zscore->channels->n && !err; c++)
		err = open_lap(&zscore->lap[c], zscore->size);
	return err ? err : weir_channels_ready(zscore->channels);
}

static double score(const struct weir_summary *before, double x)
{
	double apart = x - before->spread.origin - before->spread.mean;

	if (before->n < 2 || apart == 0)
		return 0;
	return apart / weir_summary_result(WEIR_STD, before);
}

static void turn(struct lap *lap, uint32_t size)
{
	struct weir_summary all = { 0 };
	struct weir_values value = { .n = 1 };

	for (uint32_t i = size; i-- > 0;) {
		value.x = &lap->value[i];
		weir_summary_add(WEIR_STD, &all, &value);
		lap->end[i] = all;
	}
	lap->at = 0;
	lap->now = (struct weir_summary){ 0 };
}

static void run(struct lap *lap, uint32_t size, const double *x, double *y, uint32_t n)
{
	struct weir_values value = { .n = 1 };

	for (uint32_t i = 0; i < n; i++) {
		struct weir_summary before = lap->end[lap->at];

		weir_summary_merge(WEIR_STD, &before, &lap->now);
		y[i] = score(&before, x[i]);
		value.x = &x[i];
		weir_summary_add(WEIR_STD, &lap->now, &value);
		lap->value[lap->at++] = x[i];
		if (lap->at == size)
			turn(lap, size);
	}
}

static int zscore_push(struct weir_node *node, const struct weir_block *in)
{
	struct zscore *zscore = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(zscore->channels, in, &out);

	if (err)
		return err;
	for (uint32_t c = 0; c < zscore->channels->n; c++) {
		const struct weir_channel *channel = &zscore->channels->channel[c];

		run(&zscore->lap[c], zscore->size, channel->x, out.column[channel->to].real, out.n);
	}
	return weir_emit(node, &out);
}

static void zscore_close(struct weir_node *node)
{
	struct zscore *zscore = weir_state(node);

	for (uint32_t c = 0; zscore->lap && c < zscore->channels->n; c++) {
		free(zscore->lap[c].value);
		free(zscore->lap[c].end);
	}
	free(zscore->lap);
	weir_channels_close(zscore->channels);
}

static const struct weir_param params[] = {
	WEIR_P_INT("size", struct zscore, size, NULL, "values before it that each is compared with",
		   .style = WEIR_POSITIONAL, .required = true, .min = 2, .max = SIZE_MAX_RECORDS),
	WEIR_CHANNELS_PARAMS(struct zscore, channels_args),
	{ 0 }
};

static const struct weir_operator_ops zscore_ops = {
	.state_bytes = sizeof(struct zscore),
	.open = zscore_open,
	.push = zscore_push,
	.close = zscore_close,
};

const struct weir_driver weir_operator_zscore = {
	.name = "zscore",
	.doc = "how many standard deviations each value is from those before it",
	.operator_params = params,
	.stage = &zscore_ops,
};
