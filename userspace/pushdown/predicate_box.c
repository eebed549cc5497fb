/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of the space of all rows that 64 bits can be made to say something about, and what can be said of the rest without
 * them: far out, a sum of squares is large.
 */
#include <math.h>

#include "pushdown/polynomial.h"

#define MOST_BITS 60
#define FAR (INT64_C(1) << 61) /* beyond any box, and an offset more does not overflow */

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* u from -2^bits to 2^bits, if the channel goes that far. False: it has nothing there. */
bool weir_box_set(struct weir_polynomial *p, uint32_t bits)
{
	const int64_t most = INT64_C(1) << bits;

	p->box = most;
	for (uint32_t i = 0; i < p->n_variables; i++) {
		struct weir_variable *variable = &p->variable[i];
		const struct weir_field *field = &p->schema->field[variable->field];
		int64_t lo, hi;

		weir_raw_bounds(field, &lo, &hi);
		if (weir_raw_is_unsigned(field))
			hi = INT64_MAX;
		variable->lo = greater(-most, greater(lo, -FAR) + variable->offset);
		variable->hi = lesser(most, lesser(hi, FAR) + variable->offset);
		if (variable->lo > variable->hi)
			return false;
		variable->is_bounded = weir_raw_is_unsigned(field) || variable->lo - variable->offset > lo ||
				       variable->hi - variable->offset < hi;
	}
	return true;
}

bool weir_box_is_bounded(const struct weir_polynomial *p)
{
	for (uint32_t i = 0; i < p->n_variables; i++)
		if (p->variable[i].is_bounded)
			return true;
	return false;
}

uint32_t weir_box_most_bits(struct weir_polynomial *p)
{
	uint32_t bits = WEIR_BOX_LEAST_BITS;

	while (bits < MOST_BITS && (!weir_box_set(p, bits) || weir_box_is_bounded(p)))
		bits++;
	return bits;
}

/* ------------------------------------------------------------------- outside */

/* The only variable of a monomial that is not constant; -1: it has none, or several, or one with an odd power. */
static int square_of(const struct weir_monomial *monomial)
{
	int found = -1;

	for (int i = 0; i < WEIR_POLY_CHANNELS_MAX; i++) {
		if (!monomial->power[i])
			continue;
		if (found >= 0 || monomial->power[i] % 2)
			return -1;
		found = i;
	}
	return found;
}

/* Sum up, for each variable, what its squares come to at the box's edge. False: there is more than squares. */
static bool add_squares(const struct weir_polynomial *p, double *square, double *constant)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct weir_monomial *monomial = &p->monomial[i];
		int variable = square_of(monomial);
		double at_edge = monomial->factor.lo;

		if (weir_is_constant_term(monomial)) {
			*constant = monomial->factor.lo;
			continue;
		}
		if (variable < 0 || !(monomial->factor.lo > 0))
			return false;
		for (uint32_t k = 0; k < monomial->power[variable]; k++)
			at_edge = nextafter(at_edge * (double)p->box, 0);
		square[variable] = nextafter(square[variable] + at_edge, 0);
	}
	return true;
}

/* What user space computes for all rows, also outside, is as far off as the largest box says. */
static double error_everywhere(const struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	struct weir_polynomial everywhere = *p;
	struct weir_rounding rounding;

	if (!weir_box_set(&everywhere, MOST_BITS) || weir_box_is_bounded(&everywhere))
		return INFINITY;
	rounding = weir_rounding_of(&everywhere, tree);
	return rounding.size < 0x1p1000 ? rounding.error : INFINITY;
}

double weir_box_least_outside(const struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	double square[WEIR_POLY_CHANNELS_MAX] = { 0 }, constant = 0, least = INFINITY;

	if (!add_squares(p, square, &constant))
		return -INFINITY;
	for (uint32_t i = 0; i < p->n_variables; i++)
		if (p->variable[i].is_bounded)
			least = fmin(least, square[i]);
	return nextafter(nextafter(least + constant, -INFINITY) - error_everywhere(p, tree), -INFINITY);
}
