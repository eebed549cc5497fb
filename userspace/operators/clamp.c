/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keep numbers within bounds: limit them to the nearer bound, or drop the record when any of them is outside. NaN is neither
 * below nor above anything and passes: `where not isnan(x)` takes it out.
 */
#include <math.h>

#include "weir/channels.h"

enum { LIMIT, DROP };

struct clamp {
	struct weir_bindings fields;
	struct weir_channels *channels;
	double min, max;
	bool drops;
	struct weir_block *kept;
	uint32_t index[WEIR_BLOCK_MAX];
};

static int clamp_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct clamp *clamp = weir_state(node);
	int err;

	if (!weir_given(node, &clamp->min))
		clamp->min = -INFINITY;
	if (!weir_given(node, &clamp->max))
		clamp->max = INFINITY;
	if (clamp->min > clamp->max)
		return weir_fail_arg(node, "max", NULL, "the greatest value is below the least");
	if (clamp->min == -INFINITY && clamp->max == INFINITY)
		return weir_fail_arg(node, NULL, "as in clamp min=0 max=100", "clamp needs min=, max= or both");
	if (!clamp->drops)
		weir_one_for_one(node);
	(void)in;
	err = weir_channels_open_any(&clamp->channels, node, &clamp->fields, out);
	return err < 0 ? err : weir_block_open(&clamp->kept, weir_out(node));
}

static bool is_outside(const struct clamp *clamp, double x)
{
	return x < clamp->min || x > clamp->max;
}

static void limit(const struct clamp *clamp, const double *x, double *y, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		y[i] = x[i] < clamp->min ? clamp->min : x[i] > clamp->max ? clamp->max : x[i];
}

static bool keeps(const struct clamp *clamp, const struct weir_block *block, uint32_t row)
{
	for (uint32_t i = 0; i < clamp->channels->n; i++)
		if (is_outside(clamp, block->column[clamp->channels->channel[i].to].real[row]))
			return false;
	return true;
}

static int push_kept(struct weir_node *node, struct clamp *clamp, const struct weir_block *all)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < all->n; row++)
		if (keeps(clamp, all, row))
			clamp->index[n++] = row;
	clamp->kept->n = 0;
	weir_block_gather(clamp->kept, all, clamp->index, n);
	return weir_emit(node, clamp->kept);
}

static int clamp_push(struct weir_node *node, const struct weir_block *in)
{
	struct clamp *clamp = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(clamp->channels, in, &out);

	if (err)
		return err;
	for (uint32_t i = 0; i < clamp->channels->n; i++) {
		const double *x = clamp->channels->channel[i].x;
		double *y = out.column[clamp->channels->channel[i].to].real;

		for (uint32_t row = 0; clamp->drops && row < in->n; row++)
			y[row] = x[row];
		if (!clamp->drops)
			limit(clamp, x, y, in->n);
	}
	return clamp->drops ? push_kept(node, clamp, &out) : weir_emit(node, &out);
}

static void clamp_close(struct weir_node *node)
{
	struct clamp *clamp = weir_state(node);

	weir_block_close(clamp->kept);
	weir_channels_close(clamp->channels);
}

static const char *const outside_words[] = { [LIMIT] = "limit", [DROP] = "drop", NULL };

static const struct weir_param params[] = {
	WEIR_CHANNELS_FIELDS(struct clamp, fields),
	WEIR_P_REAL("min", struct clamp, min, NULL, "the least value, in the field's unit"),
	WEIR_P_REAL("max", struct clamp, max, NULL, "the greatest value, in the field's unit"),
	WEIR_P_WORD("outside", struct clamp, drops, "limit", outside_words,
		    "limit: a value outside becomes the nearer bound; drop: its record is left out"),
	{ 0 }
};

static const struct weir_operator_ops clamp_ops = {
	.state_bytes = sizeof(struct clamp),
	.open = clamp_open,
	.push = clamp_push,
	.close = clamp_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_clamp = {
	.name = "clamp",
	.doc = "keep numbers within bounds, or drop records outside",
	.operator_params = params,
	.stage = &clamp_ops,
};
