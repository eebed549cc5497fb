/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Take out single outliers. A record comes out for each that comes in, at once, and nothing is invented: what stands in for an
 * outlier is the last good value.
 *
 * With `by`: a value that is further than that from the last good one is withheld until the next value bears it out, by being
 * no further than `by` from it. So a glitch of one record vanishes, a step passes one record late, and all else is unchanged.
 * Without: the median of the last three, which also delays everything else by a record.
 *
 * NaN is an outlier as well: one alone vanishes, a second in a row passes. The first number is good, as there is none before.
 */
#include <math.h>

#include "weir/channels.h"

struct watch {
	bool has_good, has_suspect;
	double good, suspect;
	double before[2]; /* median: the last two numbers, the older one first */
};

struct glitch {
	struct weir_bindings fields;
	struct weir_channels *channels;
	bool has_by;
	double by;
	struct watch watch[WEIR_FIELDS_MAX];
};

static int glitch_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct glitch *glitch = weir_state(node);

	weir_one_for_one(node);
	glitch->has_by = weir_given(node, &glitch->by);
	(void)in;
	return weir_channels_open_any(&glitch->channels, node, &glitch->fields, out);
}

/* Two infinities of one sign are as near as can be; their difference says nothing. */
static bool are_near(double a, double b, double by)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	return a == b || fabs(a - b) <= by;
}

static double judge(struct watch *watch, double x, double by)
{
	bool is_good = !watch->has_good || are_near(x, watch->good, by) ||
		       (watch->has_suspect && are_near(x, watch->suspect, by));

	watch->has_suspect = !is_good;
	watch->suspect = x;
	if (is_good)
		watch->good = x;
	watch->has_good |= !isnan(x);
	return watch->good;
}

static double middle(double a, double b, double c)
{
	return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static double median(struct watch *watch, double x)
{
	bool follows_nan = watch->has_suspect;

	watch->has_suspect = isnan(x);
	if (isnan(x))
		return watch->has_good && !follows_nan ? watch->good : NAN;
	if (!watch->has_good)
		watch->before[0] = watch->before[1] = x;
	watch->good = middle(watch->before[0], watch->before[1], x);
	watch->before[0] = watch->before[1];
	watch->before[1] = x;
	watch->has_good = true;
	return watch->good;
}

static int glitch_push(struct weir_node *node, const struct weir_block *in)
{
	struct glitch *glitch = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(glitch->channels, in, &out);

	if (err)
		return err;
	for (uint32_t i = 0; i < glitch->channels->n; i++) {
		const double *x = glitch->channels->channel[i].x;
		double *y = out.column[glitch->channels->channel[i].to].real;
		struct watch *watch = &glitch->watch[i];

		for (uint32_t row = 0; row < in->n; row++)
			y[row] = glitch->has_by ? judge(watch, x[row], glitch->by) : median(watch, x[row]);
	}
	return weir_emit(node, &out);
}

static void glitch_close(struct weir_node *node)
{
	struct glitch *glitch = weir_state(node);

	weir_channels_close(glitch->channels);
}

static const struct weir_param params[] = {
	WEIR_CHANNELS_FIELDS(struct glitch, fields),
	WEIR_P_REAL("by", struct glitch, by, NULL,
		    "largest change without confirmation by the next record; default: the median of three",
		    .style = WEIR_KEYWORD, .min = 0, .max = 1e300),
	{ 0 }
};

static const struct weir_operator_ops glitch_ops = {
	.state_bytes = sizeof(struct glitch),
	.open = glitch_open,
	.push = glitch_push,
	.close = glitch_close,
	.is_brief = true,
};

const struct weir_driver weir_operator_glitch = {
	.name = "glitch",
	.doc = "removal of single outliers; a real step passes",
	.operator_params = params,
	.stage = &glitch_ops,
};
