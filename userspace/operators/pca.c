/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Principal components, kept up as the records come: each record is taken in, then told in the directions in which the records so
 * far vary most. Fields more: `pc1`, `pc2`, … (the record's distance from the mean along each), `rest` (its distance from the
 * space that these span, which is how unusual it is) and `share` (of the whole variance, what they explain).
 *
 * With `loadings` the directions themselves come out in place of the records: one record for each component with its number,
 * its share, and each channel's part in it.
 *
 * Directions are found anew with each of the first hundred records, then each time that there is one in a hundred more (with
 * `memory`, one in a hundred of that), and at the end. Loadings come out then, but for the first hundred.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "weir/channels.h"
#include "weir/moments.h"

#define EAGER_RECORDS 100

struct pca {
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	struct weir_moments *moments;
	uint32_t n;   /**< components */
	uint32_t own; /**< first field of the stage's own */
	bool loadings;
	double memory;
	uint64_t due;  /**< number of records at which directions are found anew */
	bool is_fresh; /**< there are records that no loadings have shown */
	int64_t last_t;
	double share;
	double value[WEIR_MOMENTS_MAX], vector[WEIR_MOMENTS_MAX * WEIR_MOMENTS_MAX];
	struct weir_block *out; /**< loadings */
};

/* --------------------------------------------------------------------- open */

static int add_score_fields(struct pca *pca, struct weir_schema *out)
{
	int to = weir_channels_pass(pca->channels, out);

	pca->own = out->n_fields;
	for (uint32_t i = 0; i < pca->n && to >= 0; i++) {
		char name[16];

		snprintf(name, sizeof(name), "pc%u", i + 1);
		to = weir_channels_append(pca->channels, out, name, WEIR_REAL, "");
	}
	if (to >= 0)
		to = weir_channels_append(pca->channels, out, "rest", WEIR_REAL, "");
	if (to >= 0)
		to = weir_channels_append(pca->channels, out, "share", WEIR_REAL, "");
	return to < 0 ? to : 0;
}

static int add_loading_fields(struct pca *pca, const struct weir_schema *in, struct weir_schema *out)
{
	int to;

	weir_schema_init(out, in->clock);
	to = weir_channels_append(pca->channels, out, "component", WEIR_INT, "");
	if (to >= 0)
		to = weir_channels_append(pca->channels, out, "share", WEIR_REAL, "");
	for (uint32_t c = 0; c < pca->channels->n && to >= 0; c++)
		to = weir_channels_append(pca->channels, out, pca->channels->channel[c].name, WEIR_REAL, "");
	return to < 0 ? to : 0;
}

static int pca_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct pca *pca = weir_state(node);
	int err = weir_channels_open(&pca->channels, node, &pca->channels_args);

	if (err)
		return err;
	pca->due = 1;
	if (pca->channels->n > WEIR_MOMENTS_MAX)
		return weir_fail_arg(node, "fields", NULL, "at most %d numbers", WEIR_MOMENTS_MAX);
	if (pca->n > pca->channels->n)
		return weir_fail_arg(node, "components", NULL, "%u numbers have no more than %u components",
				     pca->channels->n, pca->channels->n);
	err = pca->loadings ? add_loading_fields(pca, in, out) : add_score_fields(pca, out);
	if (!err)
		err = weir_moments_open(&pca->moments, pca->channels->n, pca->memory);
	if (err)
		return err;
	return pca->loadings ? weir_block_open(&pca->out, weir_out(node)) : weir_channels_ready(pca->channels);
}

static void pca_close(struct weir_node *node)
{
	struct pca *pca = weir_state(node);

	weir_block_close(pca->out);
	weir_moments_close(pca->moments);
	weir_channels_close(pca->channels);
}

/* --------------------------------------------------------------- directions */

static double sum_of(const double *x, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

static void find(struct pca *pca)
{
	uint64_t count = weir_moments_count(pca->moments);
	uint64_t stride = pca->memory > 0 && pca->memory < (double)count ? (uint64_t)pca->memory / 100 : count / 100;
	double all;

	weir_moments_principal(pca->moments, pca->value, pca->vector);
	all = sum_of(pca->value, pca->channels->n);
	pca->share = all > 0 ? sum_of(pca->value, pca->n) / all : 0;
	pca->due = count + (stride ? stride : 1);
}

/* --------------------------------------------------------------------- push */

static void score(struct pca *pca, const double *x, const struct weir_block *out, uint32_t i)
{
	const union weir_column *own = out->column + pca->own;
	uint32_t n = pca->channels->n;
	double apart[WEIR_MOMENTS_MAX], rest = 0;

	for (uint32_t c = 0; c < n; c++)
		apart[c] = x[c] - weir_moments_mean(pca->moments, c);
	for (uint32_t k = 0; k < n; k++) {
		double along = 0;

		for (uint32_t c = 0; c < n; c++)
			along += pca->vector[k * n + c] * apart[c];
		if (k < pca->n)
			own[k].real[i] = along;
		else
			rest += along * along;
	}
	own[pca->n].real[i] = sqrt(rest);
	own[pca->n + 1].real[i] = pca->share;
}

static int show(struct weir_node *node, struct pca *pca)
{
	struct weir_block *out = pca->out;
	uint32_t n = pca->channels->n;
	double all = sum_of(pca->value, n);

	pca->is_fresh = false;
	out->n = 0;
	for (uint32_t k = 0; k < pca->n; k++) {
		weir_block_add(out);
		out->t[k] = pca->last_t;
		out->column[0].integer[k] = k + 1;
		out->column[1].real[k] = all > 0 ? pca->value[k] / all : 0;
		for (uint32_t c = 0; c < n; c++)
			out->column[2 + c].real[k] = pca->vector[k * n + c];
	}
	return weir_emit(node, out);
}

static int take(struct weir_node *node, struct pca *pca, const struct weir_block *out, uint32_t i)
{
	double x[WEIR_MOMENTS_MAX];
	bool is_due;

	for (uint32_t c = 0; c < pca->channels->n; c++)
		x[c] = pca->channels->channel[c].x[i];
	weir_moments_add(pca->moments, x);
	pca->last_t = out->t[i];
	pca->is_fresh = true;
	is_due = weir_moments_count(pca->moments) == pca->due;
	if (is_due)
		find(pca);
	if (!pca->loadings)
		score(pca, x, out, i);
	else if (is_due && weir_moments_count(pca->moments) >= EAGER_RECORDS)
		return show(node, pca);
	return 0;
}

static int pca_push(struct weir_node *node, const struct weir_block *in)
{
	struct pca *pca = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(pca->channels, in, &out);

	for (uint32_t i = 0; !err && i < out.n; i++)
		err = take(node, pca, &out, i);
	return err || pca->loadings ? err : weir_emit(node, &out);
}

static int pca_flush(struct weir_node *node)
{
	struct pca *pca = weir_state(node);

	if (!pca->loadings || !pca->is_fresh)
		return 0;
	pca->last_t = weir_time_at_end(node, pca->last_t);
	find(pca);
	return show(node, pca);
}

/* ------------------------------------------------------------------- driver */

static const struct weir_param params[] = {
	WEIR_CHANNELS_PARAMS(struct pca, channels_args),
	WEIR_P_INT("components", struct pca, n, "1", "number of directions", .min = 1, .max = WEIR_MOMENTS_MAX),
	WEIR_P_BOOL("loadings", struct pca, loadings, "no", "the directions in place of the records"),
	WEIR_MOMENTS_PARAM_MEMORY(struct pca, memory),
	{ 0 },
};

static const struct weir_operator_ops pca_ops = {
	.state_bytes = sizeof(struct pca),
	.open = pca_open,
	.push = pca_push,
	.flush = pca_flush,
	.close = pca_close,
};

const struct weir_driver weir_operator_pca = {
	.name = "pca",
	.doc = "principal components, kept up record by record",
	.operator_params = params,
	.stage = &pca_ops,
};
