/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "expr/measure.h"

#define TOLERANCE 1e-12 /* factors that were multiplied in another order */

struct powers {
	int8_t of[WEIR_BASES];
};

#define S [WEIR_BASE_SECOND]
#define M [WEIR_BASE_METRE]
#define A [WEIR_BASE_AMPERE]
#define V [WEIR_BASE_VOLT]

/* A watt is a volt times an ampere, a farad an ampere times a second by a volt, a pascal a joule by a cubic metre. */
static const struct powers powers[WEIR_DIM_OTHER] = {
	[WEIR_DIM_TIME] = { { S = 1 } },
	[WEIR_DIM_RATE] = { { S = -1 } },
	[WEIR_DIM_SIZE] = { { [WEIR_BASE_BYTE] = 1 } },
	[WEIR_DIM_LENGTH] = { { M = 1 } },
	[WEIR_DIM_VELOCITY] = { { M = 1, S = -1 } },
	[WEIR_DIM_ACCELERATION] = { { M = 1, S = -2 } },
	[WEIR_DIM_ANGLE] = { { [WEIR_BASE_RADIAN] = 1 } },
	[WEIR_DIM_ANGULAR_VELOCITY] = { { [WEIR_BASE_RADIAN] = 1, S = -1 } },
	[WEIR_DIM_VOLTAGE] = { { V = 1 } },
	[WEIR_DIM_CURRENT] = { { A = 1 } },
	[WEIR_DIM_POWER] = { { V = 1, A = 1 } },
	[WEIR_DIM_ENERGY] = { { V = 1, A = 1, S = 1 } },
	[WEIR_DIM_RESISTANCE] = { { V = 1, A = -1 } },
	[WEIR_DIM_CAPACITANCE] = { { A = 1, S = 1, V = -1 } },
	[WEIR_DIM_CONDUCTIVITY] = { { A = 1, V = -1, M = -1 } },
	[WEIR_DIM_MAGNETIC] = { { V = 1, S = 1, M = -2 } },
	[WEIR_DIM_CELSIUS] = { { [WEIR_BASE_CELSIUS] = 1 } },
	[WEIR_DIM_KELVIN] = { { [WEIR_BASE_KELVIN] = 1 } },
	[WEIR_DIM_ILLUMINANCE] = { { [WEIR_BASE_LUX] = 1 } },
	[WEIR_DIM_PRESSURE] = { { V = 1, A = 1, S = 1, M = -3 } },
	[WEIR_DIM_PERCENTAGE] = { { [WEIR_BASE_PERCENT] = 1 } },
	[WEIR_DIM_MASS_CONCENTRATION] = { { [WEIR_BASE_MASS_CONCENTRATION] = 1 } },
};

#undef S
#undef M
#undef A
#undef V

static const struct weir_factor one = { 1, 1 };

/* ------------------------------------------------------------------- factors */

static double ratio(struct weir_factor factor)
{
	return factor.times / factor.divided_by;
}

bool weir_factor_same(struct weir_factor a, struct weir_factor b)
{
	double left = a.times * b.divided_by, right = b.times * a.divided_by;

	return fabs(left - right) <= TOLERANCE * fabs(right);
}

bool weir_factor_is_one(struct weir_factor factor)
{
	return weir_factor_same(factor, one);
}

static struct weir_factor product(struct weir_factor a, struct weir_factor b)
{
	return (struct weir_factor){ a.times * b.times, a.divided_by * b.divided_by };
}

struct weir_factor weir_factor_quotient(struct weir_factor a, struct weir_factor b)
{
	return (struct weir_factor){ a.times * b.divided_by, a.divided_by * b.times };
}

static struct weir_factor power(struct weir_factor factor, int n)
{
	struct weir_factor result = one;

	for (int i = 0; i < (n < 0 ? -n : n); i++)
		result = n < 0 ? weir_factor_quotient(result, factor) : product(result, factor);
	return result;
}

double weir_factor_apply(double number, struct weir_factor factor)
{
	double up = factor.times, down = factor.divided_by;

	return up >= down ? number * (up / down) : number / (down / up);
}

/* ------------------------------------------------------------------ measures */

void weir_measure_plain(struct weir_measure *out)
{
	memset(out, 0, sizeof(*out));
	out->factor = one;
	for (int i = 0; i < WEIR_DIM_OTHER; i++)
		out->share[i].scale = one;
}

void weir_measure_of(struct weir_measure *out, const struct weir_unit *unit, bool is_field)
{
	struct weir_share *share = &out->share[unit->dimension];

	weir_measure_plain(out);
	for (int i = 0; i < WEIR_BASES; i++)
		out->power[i] = powers[unit->dimension].of[i];
	out->factor = (struct weir_factor){ unit->times, unit->divided_by };
	*share = (struct weir_share){ .has_field = is_field, .numbers = !is_field, .scale = out->factor };
}

void weir_measure_letter(struct weir_measure *out, uint32_t letter, bool is_named)
{
	weir_measure_plain(out);
	out->letter[letter] = 1;
	out->named = (uint64_t)is_named << letter;
}

void weir_measure_opaque(struct weir_measure *out)
{
	weir_measure_plain(out);
	out->is_opaque = true;
}

/* In what the numbers of both stand from now on. */
static struct weir_factor common_scale(const struct weir_share *a, const struct weir_share *b)
{
	if (a->has_field && b->has_field)
		return ratio(a->scale) <= ratio(b->scale) ? a->scale : b->scale;
	return a->has_field ? a->scale : b->has_field ? b->scale : one;
}

static struct weir_share share_of(const struct weir_share *a, const struct weir_share *b, int sign,
				  struct weir_factor *fix_a, struct weir_factor *fix_b)
{
	struct weir_factor scale = common_scale(a, b);

	if (a->numbers && !weir_factor_same(a->scale, scale))
		*fix_a = product(*fix_a, power(weir_factor_quotient(a->scale, scale), a->numbers));
	if (b->numbers && !weir_factor_same(b->scale, scale))
		*fix_b = product(*fix_b, power(weir_factor_quotient(b->scale, scale), b->numbers));
	return (struct weir_share){
		.has_field = a->has_field || b->has_field,
		.numbers = (int16_t)(a->numbers + sign * b->numbers),
		.scale = scale,
	};
}

void weir_measure_multiply(struct weir_measure *out, const struct weir_measure *a, const struct weir_measure *b,
			   int sign, struct weir_factor *fix_a, struct weir_factor *fix_b)
{
	struct weir_factor left, right;

	*fix_a = *fix_b = one;
	out->is_opaque = a->is_opaque || b->is_opaque;
	out->named = a->named | b->named;
	for (int i = 0; i < WEIR_BASES; i++)
		out->power[i] = (int16_t)(a->power[i] + sign * b->power[i]);
	for (int i = 0; i < WEIR_FIELDS_MAX; i++)
		out->letter[i] = (int16_t)(a->letter[i] + sign * b->letter[i]);
	for (int i = 0; i < WEIR_DIM_OTHER; i++)
		out->share[i] = share_of(&a->share[i], &b->share[i], sign, fix_a, fix_b);
	left = weir_factor_quotient(a->factor, *fix_a);
	right = weir_factor_quotient(b->factor, *fix_b);
	out->factor = sign > 0 ? product(left, right) : weir_factor_quotient(left, right);
	/* Dozens of factors of ns have no number any more by which they could be converted. */
	if (!isnormal(out->factor.times) || !isnormal(out->factor.divided_by))
		weir_measure_opaque(out);
}

bool weir_measure_is_pure(const struct weir_measure *measure)
{
	for (int i = 0; i < WEIR_BASES; i++)
		if (measure->power[i])
			return false;
	return true;
}

static bool has_letters(const struct weir_measure *measure)
{
	for (int i = 0; i < WEIR_FIELDS_MAX; i++)
		if (measure->letter[i])
			return true;
	return false;
}

bool weir_measure_is_firm(const struct weir_measure *measure)
{
	for (int i = 0; i < WEIR_FIELDS_MAX; i++)
		if (measure->letter[i] && !(measure->named >> i & 1))
			return false;
	return !measure->is_opaque && (!weir_measure_is_pure(measure) || has_letters(measure));
}

bool weir_measure_alike(const struct weir_measure *a, const struct weir_measure *b)
{
	return !a->is_opaque && !b->is_opaque && !memcmp(a->power, b->power, sizeof(a->power)) &&
	       !memcmp(a->letter, b->letter, sizeof(a->letter));
}

bool weir_measure_is_plain(const struct weir_measure *measure)
{
	for (int i = 0; i < WEIR_DIM_OTHER; i++)
		if (measure->share[i].numbers || measure->share[i].has_field)
			return false;
	return !measure->is_opaque && weir_measure_is_pure(measure) && !has_letters(measure);
}

void weir_measure_close(struct weir_measure *measure)
{
	for (int i = 0; i < WEIR_DIM_OTHER; i++)
		measure->share[i] = (struct weir_share){ .scale = one };
}
