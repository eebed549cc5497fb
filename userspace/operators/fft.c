/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The power spectrum of windows of N records, by FFTW. The mean of a window is taken off first, then it is tapered.
 *
 * - The spectrum comes as one record for each frequency from 0 to half the rate: the field `freq`, and each channel's power
 *   there. Power is scaled so that a sine of amplitude A at one of the frequencies has A * A / 2, as much as its mean square.
 * - With `peak`, one record for each window: each channel's strongest frequency, placed between the neighbours by a parabola
 *   through their logarithms, and the power there. The frequency 0 does not take part.
 *
 * A record of either has the time of the window's last record. Frequencies relate to `rate` or, where it is not given, to the
 * window's own: N - 1 records in the time from its first to its last. A window that the stream's end cuts short is left out.
 */
#include <errno.h>
#include <fftw3.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fft_table.h"
#include "weir/module.h"

struct fft {
	struct fft_args args; /**< first: see fft_table.c */
	struct weir_channels *channels;
	struct weir_frames frames;
	double *taper, *in;
	fftw_complex *out;
	fftw_plan plan;
	double scale;
	double *power; /**< by channel, then by frequency: size / 2 + 1 of them */
	struct weir_block *block;
};

/* FFTW keeps what it knows of making plans in one place for the whole process, and has pipelines on several threads wait. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

/* --------------------------------------------------------------------- open */

static double taper_at(int64_t shape, uint32_t i, uint32_t n)
{
	double turn = 2 * M_PI * i / n;

	switch (shape) {
	case 0:
		return 0.5 - 0.5 * cos(turn);
	case 1:
		return 0.54 - 0.46 * cos(turn);
	case 2:
		return 0.42 - 0.5 * cos(turn) + 0.08 * cos(2 * turn);
	default:
		return 1;
	}
}

static int make_taper(struct fft *fft)
{
	double sum = 0;

	fft->taper = malloc(fft->frames.size * sizeof(*fft->taper));
	if (!fft->taper)
		return -ENOMEM;
	for (uint32_t i = 0; i < fft->frames.size; i++) {
		fft->taper[i] = taper_at(fft->args.shape, i, fft->frames.size);
		sum += fft->taper[i];
	}
	fft->scale = 2 / (sum * sum);
	return 0;
}

/* By estimate, not by measuring: plans that differ from run to run would round differently. */
static int make_plan(struct fft *fft)
{
	uint32_t size = fft->frames.size;

	fft->in = fftw_alloc_real(size);
	fft->out = fftw_alloc_complex(size / 2 + 1);
	fft->power = malloc((size_t)(size / 2 + 1) * fft->channels->n * sizeof(*fft->power));
	if (!fft->in || !fft->out || !fft->power)
		return -ENOMEM;
	pthread_mutex_lock(&planner);
	fft->plan = fftw_plan_dft_r2c_1d((int)size, fft->in, fft->out, FFTW_ESTIMATE);
	pthread_mutex_unlock(&planner);
	return fft->plan ? 0 : -ENOMEM;
}

static int add_peak_fields(struct fft *fft, const struct weir_channel *channel, struct weir_schema *out)
{
	char name[2 * WEIR_NAME_MAX];
	int to;

	snprintf(name, sizeof(name), "%s_freq", channel->name);
	to = weir_channels_append(fft->channels, out, name, WEIR_REAL, "Hz");
	if (to < 0)
		return to;
	snprintf(name, sizeof(name), "%s_power", channel->name);
	return weir_channels_append(fft->channels, out, name, WEIR_REAL, "");
}

static int make_schema(struct fft *fft, const struct weir_schema *in, struct weir_schema *out)
{
	int to = 0;

	weir_schema_init(out, in->clock);
	if (!fft->args.peak)
		to = weir_channels_append(fft->channels, out, "freq", WEIR_REAL, "Hz");
	for (uint32_t c = 0; c < fft->channels->n && to >= 0; c++) {
		const struct weir_channel *channel = &fft->channels->channel[c];

		to = fft->args.peak ? add_peak_fields(fft, channel, out)
				    : weir_channels_append(fft->channels, out, channel->name, WEIR_REAL, "");
	}
	return to < 0 ? to : 0;
}

static int fft_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct fft *fft = weir_state(node);
	uint32_t step = weir_given(node, &fft->args.step) ? fft->args.step : fft->args.size;
	int err = weir_channels_open(&fft->channels, node, &fft->args.channels_args);

	if (!err)
		err = make_schema(fft, in, out);
	if (!err)
		err = weir_frames_open(&fft->frames, fft->channels->n, fft->args.size, step);
	if (!err)
		err = make_taper(fft);
	if (!err)
		err = make_plan(fft);
	return err ? err : weir_block_open(&fft->block, weir_out(node));
}

static void fft_close(struct weir_node *node)
{
	struct fft *fft = weir_state(node);

	pthread_mutex_lock(&planner);
	fftw_destroy_plan(fft->plan);
	pthread_mutex_unlock(&planner);
	fftw_free(fft->in);
	fftw_free(fft->out);
	free(fft->power);
	free(fft->taper);
	weir_block_close(fft->block);
	weir_frames_close(&fft->frames);
	weir_channels_close(fft->channels);
}

/* -------------------------------------------------------------------- window */

static double mean_of(const double *x, uint32_t n)
{
	double sum = 0, shift = x[0];

	for (uint32_t i = 0; i < n; i++)
		sum += x[i] - shift;
	return shift + sum / n;
}

static double *power_of(const struct fft *fft, uint32_t c)
{
	return fft->power + (size_t)c * (fft->frames.size / 2 + 1);
}

static void transform(struct fft *fft, uint32_t c)
{
	const double *x = weir_frames_values(&fft->frames, c);
	uint32_t size = fft->frames.size;
	double mean = mean_of(x, size), *power = power_of(fft, c);

	for (uint32_t i = 0; i < size; i++)
		fft->in[i] = (x[i] - mean) * fft->taper[i];
	fftw_execute(fft->plan);
	for (uint32_t k = 0; k <= size / 2; k++)
		power[k] = fft->scale * (fft->out[k][0] * fft->out[k][0] + fft->out[k][1] * fft->out[k][1]);
	/* These two are not there twice, at a positive and a negative frequency. */
	power[0] /= 2;
	if (size % 2 == 0)
		power[size / 2] /= 2;
}

static double bin_hz(const struct fft *fft)
{
	uint32_t size = fft->frames.size;
	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	double ns = (double)((uint64_t)fft->frames.t[size - 1] - (uint64_t)fft->frames.t[0]);
	double rate = fft->args.rate > 0 ? fft->args.rate : (size - 1) / ns * 1e9;

	return rate / size;
}

/* -------------------------------------------------------------------- output */

static int emit(struct weir_node *node, struct fft *fft)
{
	int err = weir_emit(node, fft->block);

	fft->block->n = 0;
	return err;
}

static int show_spectrum(struct weir_node *node, struct fft *fft)
{
	struct weir_block *out = fft->block;
	double hz = bin_hz(fft);

	for (uint32_t k = 0; k <= fft->frames.size / 2; k++) {
		int err = 0;

		out->t[out->n] = fft->frames.t[fft->frames.size - 1];
		out->column[0].real[out->n] = k * hz;
		for (uint32_t c = 0; c < fft->channels->n; c++)
			out->column[1 + c].real[out->n] = power_of(fft, c)[k];
		if (++out->n == WEIR_BLOCK_MAX)
			err = emit(node, fft);
		if (err)
			return err;
	}
	return 0;
}

static uint32_t strongest(const double *power, uint32_t last)
{
	uint32_t best = 1;

	for (uint32_t k = 2; k <= last; k++)
		if (power[k] > power[best])
			best = k;
	return best;
}

/* How far the top of a parabola through three logarithms is from the middle one, in bins. */
static double top(const double *power, uint32_t k, uint32_t last)
{
	double left, middle, right, bend;

	if (k == last || power[k - 1] <= 0 || power[k + 1] <= 0)
		return 0;
	left = log(power[k - 1]);
	middle = log(power[k]);
	right = log(power[k + 1]);
	bend = left - 2 * middle + right;
	return bend < 0 ? 0.5 * (left - right) / bend : 0;
}

static int show_peak(struct weir_node *node, struct fft *fft)
{
	struct weir_block *out = fft->block;
	uint32_t last = fft->frames.size / 2;
	double hz = bin_hz(fft);

	out->t[out->n] = fft->frames.t[fft->frames.size - 1];
	for (uint32_t c = 0; c < fft->channels->n; c++) {
		const double *power = power_of(fft, c);
		uint32_t k = strongest(power, last);

		out->column[2 * c].real[out->n] = power[k] > 0 ? (k + top(power, k, last)) * hz : 0;
		out->column[2 * c + 1].real[out->n] = power[k];
	}
	return ++out->n == WEIR_BLOCK_MAX ? emit(node, fft) : 0;
}

static int fft_push(struct weir_node *node, const struct weir_block *in)
{
	struct fft *fft = weir_state(node);
	struct weir_block usable;
	int err = weir_channels_read(fft->channels, in, &usable);

	for (uint32_t i = 0; !err && i < usable.n;) {
		i += weir_frames_add(&fft->frames, fft->channels, &usable, i);
		if (!weir_frames_full(&fft->frames))
			continue;
		for (uint32_t c = 0; c < fft->channels->n; c++)
			transform(fft, c);
		err = fft->args.peak ? show_peak(node, fft) : show_spectrum(node, fft);
		weir_frames_advance(&fft->frames);
	}
	return err ? err : emit(node, fft);
}

/* ------------------------------------------------------------------- driver */

static const struct weir_operator_ops fft_ops = {
	.state_bytes = sizeof(struct fft),
	.open = fft_open,
	.push = fft_push,
	.close = fft_close,
};

const struct weir_module weir_module_fft = {
	.abi = WEIR_ABI,
	.stage = &fft_ops,
};
