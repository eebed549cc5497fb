/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Correct a sensor by points at which both its value and the true one are known: by the straight line or the polynomial that
 * fits them best, in the sense of least squares, or by a table, with straight lines from point to point.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "weir/channels.h"
#include "weir/fit.h"

struct calibrate {
	struct weir_bindings fields;
	struct weir_channels *channels;
	const char *text, *unit;
	enum { LINEAR, POLYNOMIAL, TABLE } method;
	enum { EXTEND, LIMIT, UNKNOWN } outside;
	uint32_t degree;
	uint32_t n;
	double low, high; /* of the points' x */
	struct weir_polynomial polynomial;
	struct weir_point points[WEIR_POINTS_MAX];
};

static int read_points(struct weir_node *node, struct calibrate *calibrate)
{
	const char *where;
	int n = weir_points_read(calibrate->points, calibrate->text, &where);

	if (n == -E2BIG)
		return weir_fail_arg(node, "points", NULL, "more than %d points", WEIR_POINTS_MAX);
	if (n < 0)
		return weir_fail_arg(node, "points", "as in points=\"0 -> 0.1, 100 -> 98.7\"",
				     "invalid list of points, from '%.20s' on", where);
	calibrate->n = (uint32_t)n;
	return 0;
}

static int fit(struct weir_node *node, struct calibrate *calibrate, uint32_t degree)
{
	if (!weir_polynomial_fit(&calibrate->polynomial, calibrate->points, calibrate->n, degree))
		return 0;
	return weir_fail_arg(node, "points", NULL, "a polynomial of degree %u needs %u points that differ in x", degree,
			     degree + 1);
}

static int prepare(struct weir_node *node, struct calibrate *calibrate)
{
	bool differ = !weir_points_sort(calibrate->points, calibrate->n);

	calibrate->low = calibrate->points[0].x;
	calibrate->high = calibrate->points[calibrate->n - 1].x;
	if (calibrate->method == POLYNOMIAL)
		return fit(node, calibrate, calibrate->degree);
	if (weir_given(node, &calibrate->degree))
		return weir_fail_arg(node, "degree", "as in method=polynomial degree=2",
				     "only a polynomial has a degree");
	if (calibrate->method == LINEAR)
		return fit(node, calibrate, 1);
	if (!differ || calibrate->n < 2)
		return weir_fail_arg(node, "points", NULL,
				     "a table needs two points or more, and one true value for each x");
	return 0;
}

static int set_unit(struct weir_node *node, const struct calibrate *calibrate, struct weir_schema *out)
{
	for (uint32_t i = 0; calibrate->unit && i < calibrate->channels->n; i++) {
		char *to = out->field[calibrate->channels->channel[i].to].unit;

		if (snprintf(to, WEIR_UNIT_MAX, "%s", calibrate->unit) >= WEIR_UNIT_MAX)
			return weir_fail_arg(node, "unit", NULL, "a unit has at most %d letters", WEIR_UNIT_MAX - 1);
	}
	return 0;
}

static int calibrate_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct calibrate *calibrate = weir_state(node);
	int err = read_points(node, calibrate);

	weir_one_for_one(node);
	(void)in;
	if (!err)
		err = prepare(node, calibrate);
	if (!err)
		err = weir_channels_open_any(&calibrate->channels, node, &calibrate->fields, out);
	return err < 0 ? err : set_unit(node, calibrate, out);
}

static double corrected(const struct calibrate *calibrate, double x)
{
	if (isnan(x))
		return x;
	if (calibrate->outside != EXTEND && !(x >= calibrate->low && x <= calibrate->high)) {
		if (calibrate->outside == UNKNOWN)
			return NAN;
		x = x < calibrate->low ? calibrate->low : calibrate->high;
	}
	return calibrate->method == TABLE ? weir_table_at(calibrate->points, calibrate->n, x)
					  : weir_polynomial_at(&calibrate->polynomial, x);
}

static int calibrate_push(struct weir_node *node, const struct weir_block *in)
{
	struct calibrate *calibrate = weir_state(node);
	struct weir_block out;
	int err = weir_channels_read(calibrate->channels, in, &out);

	if (err)
		return err;
	for (uint32_t i = 0; i < calibrate->channels->n; i++) {
		const double *x = calibrate->channels->channel[i].x;
		double *y = out.column[calibrate->channels->channel[i].to].real;

		for (uint32_t row = 0; row < in->n; row++)
			y[row] = corrected(calibrate, x[row]);
	}
	return weir_emit(node, &out);
}

static void calibrate_close(struct weir_node *node)
{
	struct calibrate *calibrate = weir_state(node);

	weir_channels_close(calibrate->channels);
}

static const char *const methods[] = { [LINEAR] = "linear", [POLYNOMIAL] = "polynomial", [TABLE] = "table", NULL };
static const char *const outside_words[] = { [EXTEND] = "extend", [LIMIT] = "limit", [UNKNOWN] = "nan", NULL };

static const struct weir_param params[] = {
	WEIR_CHANNELS_FIELDS(struct calibrate, fields),
	WEIR_P_TEXT("points", struct calibrate, text, NULL, "measured and true values: \"0 -> 0.1, 100 -> 98.7\"",
		    .required = true),
	WEIR_P_WORD("method", struct calibrate, method, "linear", methods,
		    "the best straight line, the best polynomial, or straight lines from point to point"),
	WEIR_P_INT("degree", struct calibrate, degree, "2", "of the polynomial", .min = 1, .max = WEIR_DEGREE_MAX),
	WEIR_P_WORD("outside", struct calibrate, outside, "extend", outside_words,
		    "beyond the outermost points the curve goes on, stops at their values, or has no value"),
	WEIR_P_TEXT("unit", struct calibrate, unit, NULL, "of the result, where it is another"),
	{ 0 }
};

static const struct weir_operator_ops calibrate_ops = {
	.state_bytes = sizeof(struct calibrate),
	.open = calibrate_open,
	.push = calibrate_push,
	.close = calibrate_close,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_calibrate = {
	.name = "calibrate",
	.doc = "correct a sensor by points at which its true value is known",
	.operator_params = params,
	.stage = &calibrate_ops,
};
