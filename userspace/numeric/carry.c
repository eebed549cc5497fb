/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "weir/operands.h"

enum place {
	CARRY_FIRST, /* there is no record before */
	CARRY_OLDER, /* than the record before, or left out */
	CARRY_APART, /* too far away for an integral */
	CARRY_NEXT,
};

/* Unsigned, since the distance of two times may not fit in a signed integer. */
static enum place carry_place(const struct weir_carry *carry, int64_t t, uint64_t hole)
{
	if (!carry->is_there)
		return CARRY_FIRST;
	if (t < carry->t)
		return (uint64_t)carry->t - (uint64_t)t > hole ? CARRY_FIRST : CARRY_OLDER;
	return (uint64_t)t - (uint64_t)carry->t > hole ? CARRY_APART : CARRY_NEXT;
}

static double carry_sign(double x)
{
	return x > 0 ? 1 : x < 0 ? -1 : x;
}

static bool is_integral(enum weir_function function)
{
	return function == WEIR_INTEGRAL || function == WEIR_TMEAN;
}

static double share_of(enum weir_function function, double before, double x, double ns)
{
	if (is_integral(function))
		return (before / 2 + x / 2) * ns;
	if (before != before || x != x)
		return NAN;
	if (function == WEIR_CROSSINGS)
		return carry_sign(before) * carry_sign(x) < 0;
	return x < before ? x : x - before;
}

/* One record. True: it is carried on. */
static bool carry_step(enum weir_function function, const struct weir_carry *carry, enum place place, int64_t t,
		       double x, double *share, double *ns)
{
	bool has_share = place == CARRY_NEXT || (place == CARRY_APART && !is_integral(function));

	*ns = has_share ? (double)((uint64_t)t - (uint64_t)carry->t) : 0;
	*share = has_share ? share_of(function, carry->x, x, *ns) : x != x ? x : 0;
	return place != CARRY_OLDER;
}

void weir_carry_on(enum weir_function function, struct weir_carry *carry, const struct weir_leaving *leaving,
		   const int64_t *t, const double *x, double *share, double *ns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool is_left = leaving->skips_nan && x[i] != x[i];
		enum place place = is_left ? CARRY_OLDER : carry_place(carry, t[i], (uint64_t)leaving->hole_ns);
		double apart;
		bool goes_on = carry_step(function, carry, place, t[i], x[i], &share[i], &apart);

		if (ns)
			ns[i] = apart;
		if (!goes_on)
			continue;
		/* At 0 a signal has no side: it is still on the one where it was. */
		if (function != WEIR_CROSSINGS || x[i] != 0 || place == CARRY_FIRST || carry->x != carry->x)
			carry->x = x[i];
		carry->t = t[i];
		carry->is_there = true;
	}
}
