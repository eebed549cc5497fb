/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Filters of finite memory: each value becomes a weighted sum of the last ones, the taps being the weights. They are given, or
 * designed by liquid-dsp: a low pass from a Kaiser window, the others as differences of low passes. The library designs in
 * single precision, which is good for some 130 dB; sums are made in double.
 *
 * A filter begins as if its first value had always been there. It delays by half its order.
 */
#include <errno.h>
#include <liquid/liquid.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fir_table.h"
#include "weir/channels.h"
#include "weir/edges.h"
#include "weir/module.h"
#include "weir/text.h"

#define FILE_MAX_BYTES (1u << 20)

enum { TAPS = WEIR_STOP + 1, FROM_FILE };

struct fir {
	struct fir_args args; /**< first: see fir_table.c */
	struct weir_channels *channels;
	uint32_t n; /**< taps */
	double tap[TAPS_MAX];
	bool has_begun;
	double *history; /**< by channel: the n - 1 values before the block, then the block */
};

/* ------------------------------------------------------------- taps as given */

static int read_list(struct weir_node *node, struct fir *fir, const char *param, char *text)
{
	char *rest = NULL;

	for (char *word = strtok_r(text, ", \t\r\n", &rest); word; word = strtok_r(NULL, ", \t\r\n", &rest)) {
		if (fir->n == TAPS_MAX)
			return weir_fail_arg(node, param, NULL, "more than %u taps", TAPS_MAX);
		if (weir_read_real(word, &fir->tap[fir->n]) || !isfinite(fir->tap[fir->n]))
			return weir_fail_arg(node, param, "as in \"0.25 0.5 0.25\"", "'%.40s' is not a number", word);
		fir->n++;
	}
	return fir->n ? 0 : weir_fail_arg(node, param, "as in \"0.25 0.5 0.25\"", "the list of taps is empty");
}

static int read_taps(struct weir_node *node, struct fir *fir)
{
	char *text = strdup(fir->args.taps);
	int err = text ? read_list(node, fir, "taps", text) : -ENOMEM;

	free(text);
	return err;
}

static int read_file(struct weir_node *node, struct fir *fir)
{
	const char *path = fir->args.file;
	FILE *file = fopen(path, "re");
	char *text = file ? calloc(1, FILE_MAX_BYTES) : NULL;
	int err;

	if (!file)
		return weir_fail_device(node, path, "open", errno, "'file' names a file of taps, one a line");
	if (!text)
		err = -ENOMEM;
	else if (fread(text, 1, FILE_MAX_BYTES, file) == FILE_MAX_BYTES)
		err = weir_fail_arg(node, "file", NULL, "'%s' is too long", path);
	else
		err = read_list(node, fir, "file", text);
	free(text);
	fclose(file);
	return err;
}

/* ------------------------------------------------------------------- design */

static int add_low_pass(struct weir_node *node, struct fir *fir, double cut, double sign)
{
	float *tap = malloc(fir->n * sizeof(*tap));
	double sum = 0;

	if (!tap)
		return -ENOMEM;
	if (liquid_firdes_kaiser(fir->n, (float)cut, (float)fir->args.attenuation, 0, tap)) {
		free(tap);
		return weir_fail_arg(node, NULL, NULL, "this filter cannot be designed");
	}
	for (uint32_t i = 0; i < fir->n; i++)
		sum += tap[i];
	for (uint32_t i = 0; i < fir->n; i++)
		fir->tap[i] += sign * tap[i] / sum;
	free(tap);
	return 0;
}

/* All that a low pass keeps back: its middle tap is that of the filter which changes nothing. */
static int add_high_pass(struct weir_node *node, struct fir *fir, double cut)
{
	fir->tap[fir->n / 2] += 1;
	return add_low_pass(node, fir, cut, -1);
}

static int design(struct weir_node *node, struct fir *fir, enum weir_shape shape, double low, double high)
{
	int err;

	switch (shape) {
	case WEIR_LOW:
		return add_low_pass(node, fir, low, 1);
	case WEIR_HIGH:
		return add_high_pass(node, fir, low);
	case WEIR_BAND:
		err = add_low_pass(node, fir, high, 1);
		return err ? err : add_low_pass(node, fir, low, -1);
	default:
		err = add_high_pass(node, fir, high);
		return err ? err : add_low_pass(node, fir, low, 1);
	}
}

static int read_design(struct weir_node *node, struct fir *fir, enum weir_shape shape)
{
	struct weir_edges edges;
	int err;

	if (!weir_given(node, &fir->args.rate))
		return weir_fail_arg(node, NULL, "rate=200Hz: records a second that come here",
				     "a frequency means nothing without 'rate'");
	if (fir->args.order % 2)
		return weir_fail_arg(node, "order", NULL, "the order must be even, so that the delay is whole records");
	fir->n = fir->args.order + 1;
	err = weir_edges_read(node, shape, &fir->args.edges, fir->args.rate, &edges);
	return err ? err : design(node, fir, shape, edges.low / fir->args.rate, edges.high / fir->args.rate);
}

/* --------------------------------------------------------------------- open */

static int read_filter(struct weir_node *node, struct fir *fir)
{
	const struct weir_choice choices[] = { WEIR_EDGES_CHOICES(&fir->args.edges),
					       [TAPS] = { "taps", &fir->args.taps },
					       [FROM_FILE] = { "file", &fir->args.file },
					       { 0 } };
	int shape = weir_edges_find(node, choices, "as in fir low 10Hz rate=200Hz, or fir taps \"0.25 0.5 0.25\"",
				    "which filter: low, high, band, stop, taps or file?");

	if (shape < 0)
		return shape;
	if (shape == TAPS)
		return read_taps(node, fir);
	if (shape == FROM_FILE)
		return read_file(node, fir);
	return read_design(node, fir, (enum weir_shape)shape);
}

static size_t history_values(const struct fir *fir)
{
	return fir->n - 1 + WEIR_BLOCK_MAX;
}

static int fir_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct fir *fir = weir_state(node);
	int err = read_filter(node, fir);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = weir_channels_open(&fir->channels, node, &fir->args.channels_args);
	if (!err)
		err = weir_channels_replace(fir->channels, out, true);
	if (err)
		return err;
	fir->history = malloc(fir->channels->n * history_values(fir) * sizeof(*fir->history));
	return fir->history ? weir_channels_ready(fir->channels) : -ENOMEM;
}

/* ---------------------------------------------------------------------- run */

/* Tap by tap over the whole block, which the compiler makes vectors of; each sum is made in the order of the taps. */
static void convolve(const struct fir *fir, const double *history, double *restrict y, uint32_t n)
{
	memset(y, 0, n * sizeof(*y));
	for (uint32_t k = 0; k < fir->n; k++) {
		const double *x = history + fir->n - 1 - k;
		double tap = fir->tap[k];

		for (uint32_t i = 0; i < n; i++)
			y[i] += tap * x[i];
	}
}

static int fir_push(struct weir_node *node, const struct weir_block *in)
{
	struct fir *fir = weir_state(node);
	uint32_t before = fir->n - 1;
	struct weir_block out;
	int err = weir_channels_read(fir->channels, in, &out);

	if (err)
		return err;
	for (uint32_t c = 0; c < fir->channels->n && out.n; c++) {
		const struct weir_channel *channel = &fir->channels->channel[c];
		double *history = fir->history + c * history_values(fir);

		for (uint32_t i = 0; i < before && !fir->has_begun; i++)
			history[i] = channel->x[0];
		memcpy(history + before, channel->x, out.n * sizeof(*history));
		convolve(fir, history, out.column[channel->to].real, out.n);
		memmove(history, history + out.n, before * sizeof(*history));
	}
	fir->has_begun = fir->has_begun || out.n;
	return weir_emit(node, &out);
}

static void fir_close(struct weir_node *node)
{
	struct fir *fir = weir_state(node);

	free(fir->history);
	weir_channels_close(fir->channels);
}

/* ------------------------------------------------------------------- driver */

static const struct weir_operator_ops fir_ops = {
	.state_bytes = sizeof(struct fir),
	.open = fir_open,
	.push = fir_push,
	.close = fir_close,
};

const struct weir_module weir_module_fir = {
	.abi = WEIR_ABI,
	.stage = &fir_ops,
};
