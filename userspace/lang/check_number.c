/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lang/check.h"
#include "lang/parser.h"

#define EXACT 0x1p53    /* beyond it a double is no longer sure to be the integer that was written */
#define LONGEST_S 9.2e9 /* 292 years: what fits in 64 bits of nanoseconds */
#define UNBOUNDED 1e15  /* a limit that nobody reads as one */

/* For people: the largest unit that leaves a number of at least one. */
static void print_quantity(char text[32], double number, enum weir_dimension dimension)
{
	static const struct {
		enum weir_dimension dimension;
		const char *name;
		double is;
	} units[] = {
		{ WEIR_DIM_TIME, "h", 3600 },     { WEIR_DIM_TIME, "s", 1 },        { WEIR_DIM_TIME, "ms", 1e-3 },
		{ WEIR_DIM_TIME, "us", 1e-6 },    { WEIR_DIM_TIME, "ns", 1e-9 },    { WEIR_DIM_RATE, "MHz", 1e6 },
		{ WEIR_DIM_RATE, "kHz", 1e3 },    { WEIR_DIM_RATE, "Hz", 1 },       { WEIR_DIM_SIZE, "GiB", 0x1p30 },
		{ WEIR_DIM_SIZE, "MiB", 0x1p20 }, { WEIR_DIM_SIZE, "KiB", 0x1p10 }, { WEIR_DIM_SIZE, "B", 1 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].dimension != dimension || fabs(number) < units[i].is * (1 - 1e-9))
			continue;
		snprintf(text, 32, "%.12g%s", number / units[i].is, units[i].name);
		return;
	}
	snprintf(text, 32, "%.12g%s", number,
		 dimension == WEIR_DIM_TIME   ? "s"
		 : dimension == WEIR_DIM_RATE ? "Hz"
					      : "");
}

/* Zero needs no unit, and a size without one is in bytes. */
static bool has_dimension(const struct weir_param *param, const struct weir_tree_arg *tree)
{
	switch (param->value) {
	case WEIR_V_DURATION:
		return tree->dimension == WEIR_DIM_TIME || (tree->dimension == WEIR_DIM_NONE && tree->number == 0);
	case WEIR_V_RATE:
		return tree->dimension == WEIR_DIM_RATE;
	case WEIR_V_SIZE:
		return tree->dimension == WEIR_DIM_SIZE || tree->dimension == WEIR_DIM_NONE;
	case WEIR_V_SPAN:
		return tree->dimension == WEIR_DIM_TIME || tree->dimension == WEIR_DIM_NONE;
	default:
		return tree->dimension == WEIR_DIM_NONE;
	}
}

static bool check_dimension(const struct weir_checking *c, const struct weir_param *param,
			    const struct weir_tree_arg *tree)
{
	char hint[64];

	if (has_dimension(param, tree))
		return true;
	if (tree->dimension == WEIR_DIM_NONE) {
		snprintf(hint, sizeof(hint),
			 param->value == WEIR_V_RATE ? "did you mean %gHz?" : "did you mean %gs, or %gms?",
			 tree->number, tree->number);
		return weir_check_wrong(c, tree->value_where, hint, "'%s' needs a unit", param->name);
	}
	snprintf(hint, sizeof(hint), "as in %s", weir_value_example(param));
	return weir_check_wrong(c, tree->value_where, hint, "'%s' is %s", param->name, weir_value_noun(param));
}

static bool is_counted(const struct weir_param *param, const struct weir_tree_arg *tree)
{
	return param->value == WEIR_V_INT || param->value == WEIR_V_SIZE ||
	       (param->value == WEIR_V_SPAN && tree->dimension == WEIR_DIM_NONE);
}

/* What holds whatever the parameter's own range is. */
static bool check_sense(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree)
{
	double most = is_counted(param, tree) ? EXACT : tree->dimension == WEIR_DIM_TIME ? LONGEST_S : HUGE_VAL;

	if (is_counted(param, tree) && tree->number != floor(tree->number))
		return weir_check_wrong(c, tree->value_where, NULL, "'%s' is a whole number", param->name);
	if (fabs(tree->number) > most)
		return weir_check_wrong(c, tree->value_where, NULL, "this is too large for '%s'", param->name);
	if (tree->number < 0 && param->value != WEIR_V_INT && param->value != WEIR_V_REAL)
		return weir_check_wrong(c, tree->value_where, NULL, "'%s' cannot be negative", param->name);
	if (tree->number == 0 && param->value == WEIR_V_SPAN)
		return weir_check_wrong(c, tree->value_where, NULL, "'%s' cannot be zero", param->name);
	return true;
}

static bool check_range(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree)
{
	enum weir_dimension dimension = param->value == WEIR_V_DURATION ? WEIR_DIM_TIME
					: param->value == WEIR_V_RATE   ? WEIR_DIM_RATE
					: param->value == WEIR_V_SIZE   ? WEIR_DIM_SIZE
									: tree->dimension;
	char min[32], max[32];

	if ((!param->min && !param->max) || (tree->number >= param->min && tree->number <= param->max))
		return true;
	print_quantity(min, param->min, dimension);
	print_quantity(max, param->max, dimension);
	if (param->max >= UNBOUNDED)
		return weir_check_wrong(c, tree->value_where, NULL, "'%s' must be at least %s", param->name, min);
	return weir_check_wrong(c, tree->value_where, NULL, "'%s' must be between %s and %s", param->name, min, max);
}

/* `max`, and whatever other word a rate may be. */
static bool check_rate_word(const struct weir_checking *c, const struct weir_param *param,
			    const struct weir_tree_arg *tree, struct weir_arg *arg)
{
	char hint[64];

	for (size_t i = 0; param->words && param->words[i]; i++)
		if (!strcmp(param->words[i], tree->text)) {
			arg->real = INFINITY;
			return true;
		}
	snprintf(hint, sizeof(hint), "as in %s", weir_value_example(param));
	return weir_check_wrong(c, tree->value_where, hint, "'%s' is %s", param->name, weir_value_noun(param));
}

bool weir_check_number(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		       struct weir_arg *arg)
{
	if (tree->text)
		return check_rate_word(c, param, tree, arg);
	if (!check_dimension(c, param, tree) || !check_sense(c, param, tree) || !check_range(c, param, tree))
		return false;
	arg->is_time = param->value == WEIR_V_SPAN && tree->dimension == WEIR_DIM_TIME;
	arg->is_weeks = arg->is_time && tree->in_weeks;
	arg->real = tree->number;
	if (param->value == WEIR_V_DURATION || arg->is_time)
		arg->integer = llround(tree->number * 1e9);
	else if (is_counted(param, tree))
		arg->integer = (int64_t)tree->number;
	return true;
}
