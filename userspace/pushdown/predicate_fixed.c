/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A polynomial P with real factors becomes Q with integer ones: rate * P = Q + rest, where each factor of the rest is what
 * rounding left over. So bounds on P are bounds on Q, moved outward by the most that the rest, and the rounding in user space,
 * can come to. Moved inward by the same they tell which rows pass for certain: where no integer is in between, none is in doubt.
 */
#include <math.h>
#include <string.h>

#include "pushdown/polynomial.h"
#include "weir/whole.h"

#define SUM_MAX 0x1p62

/* What is to be found. */
struct fixing {
	const struct weir_polynomial *polynomial;
	double reach[WEIR_MONOMIALS_MAX]; /* the greatest magnitude of each product of powers, and at least 1 */
	struct weir_real constant;
	double error;
	double rate; /* the best yet */
	double slack;
};

/* Products of fewer powers are then within the same reach. */
static double reach_of(const struct weir_polynomial *p, const struct weir_monomial *monomial)
{
	double reach = 1;

	for (uint32_t i = 0; i < p->n_variables; i++) {
		const struct weir_variable *variable = &p->variable[i];
		double most = fmax(fmax(fabs((double)variable->lo), fabs((double)variable->hi)), 1);

		for (uint32_t k = 0; k < monomial->power[i]; k++)
			reach = weir_up(reach * weir_up(most));
	}
	return reach;
}

static double middle_of(struct weir_real x)
{
	return x.lo + (x.hi - x.lo) / 2;
}

/* One factor as an integer, and the most by which that is wrong. */
static double round_factor(const struct weir_monomial *monomial, double rate, double *wrong)
{
	struct weir_real exact = weir_real_multiply(monomial->factor, weir_real_of(rate));
	double factor = rint(middle_of(exact));

	*wrong = exact.lo == factor && exact.hi == factor
			 ? 0
			 : weir_up(fmax(fabs(exact.hi - factor), fabs(factor - exact.lo)));
	return factor;
}

struct outcome {
	double sum;  /* no sum of terms is beyond this */
	double rest; /* nor is the rest */
};

static struct outcome outcome_of(const struct fixing *f, double rate)
{
	struct outcome outcome = { 0 };

	for (uint32_t i = 0; i < f->polynomial->n; i++) {
		const struct weir_monomial *monomial = &f->polynomial->monomial[i];
		double wrong, factor;

		if (weir_is_constant_term(monomial))
			continue;
		factor = fabs(round_factor(monomial, rate, &wrong));
		outcome.sum = weir_up(outcome.sum + weir_up(factor * f->reach[i]));
		if (wrong > 0)
			outcome.rest = weir_up(outcome.rest + weir_up(wrong * f->reach[i]));
	}
	return outcome;
}

/* ------------------------------------------------------------------- the rate */

static void try_rate(struct fixing *f, double rate)
{
	struct outcome outcome = outcome_of(f, rate);
	double slack = outcome.rest / rate + f->error;

	if (!(outcome.sum <= SUM_MAX) || !(slack < f->slack))
		return;
	f->slack = slack;
	f->rate = rate;
}

/* This rate, and that times the power of two that makes the most of 64 bits. */
static void try_rates(struct fixing *f, double rate)
{
	double sum = 0;

	if (!(rate > 0x1p-900 && rate < 0x1p900))
		return;
	try_rate(f, rate);
	/* As real numbers: at this rate factors may be far below 1. */
	for (uint32_t i = 0; i < f->polynomial->n; i++)
		if (!weir_is_constant_term(&f->polynomial->monomial[i]))
			sum += fabs(middle_of(f->polynomial->monomial[i].factor)) * rate * f->reach[i];
	if (sum > 0x1p-900 && sum < 0x1p900)
		try_rate(f, ldexp(rate, 61 - ilogb(sum)));
}

/* Where factors are multiples of one of them, as those of x*x + y*y are, a rate that makes that one an integer leaves no rest. */
static bool find_rate(struct fixing *f)
{
	f->slack = INFINITY;
	try_rates(f, 1);
	for (uint32_t i = 0; i < f->polynomial->n; i++)
		if (!weir_is_constant_term(&f->polynomial->monomial[i]))
			try_rates(f, 1 / fabs(middle_of(f->polynomial->monomial[i].factor)));
	return isfinite(f->slack);
}

/* The least rate that leaves no rest either. */
static void simplify(struct fixing *f)
{
	struct outcome half = outcome_of(f, f->rate / 2);

	while (half.rest == 0 && half.sum > 0) {
		f->rate /= 2;
		half = outcome_of(f, f->rate / 2);
	}
}

/* ----------------------------------------------------------------- the bounds */

/* All values of a product of powers within the box. A square is not negative. */
static struct weir_real range_of(const struct weir_polynomial *p, const struct weir_monomial *monomial)
{
	struct weir_real range = weir_real_of(1);

	for (uint32_t i = 0; i < p->n_variables; i++) {
		struct weir_real u = { nextafter((double)p->variable[i].lo, -INFINITY),
				       weir_up((double)p->variable[i].hi) };
		struct weir_real square;

		u.lo = fabs(u.lo) < 0x1p53 ? (double)p->variable[i].lo : u.lo;
		u.hi = fabs(u.hi) < 0x1p53 ? (double)p->variable[i].hi : u.hi;
		square = weir_real_multiply(u, u);
		if (u.lo <= 0 && u.hi >= 0)
			square.lo = 0;
		for (uint32_t k = 0; k < monomial->power[i] / 2u; k++)
			range = weir_real_multiply(range, square);
		if (monomial->power[i] % 2)
			range = weir_real_multiply(range, u);
	}
	return range;
}

/* @return all values of the term. */
static struct weir_real add_term(struct weir_fixed *out, const struct fixing *f, const struct weir_monomial *monomial)
{
	struct weir_poly *poly = &out->poly;
	double wrong, factor = round_factor(monomial, f->rate, &wrong);

	if (factor == 0)
		return weir_real_of(0);
	poly->term[poly->n_terms].factor = (int64_t)factor;
	memcpy(poly->term[poly->n_terms].power, monomial->power, sizeof(monomial->power));
	poly->n_terms++;
	return weir_real_multiply(weir_real_of(factor), range_of(f->polynomial, monomial));
}

/* @return all values of the sum. */
static struct weir_real make_poly(struct weir_fixed *out, const struct fixing *f)
{
	const struct weir_polynomial *p = f->polynomial;
	struct weir_real sum = { 0 };

	out->poly = (struct weir_poly){ .n_channels = p->n_variables };
	for (uint32_t i = 0; i < p->n_variables; i++) {
		out->poly.channel[i].field = (uint16_t)p->variable[i].field;
		out->poly.channel[i].is_bounded = p->variable[i].is_bounded;
		out->poly.channel[i].lo = p->variable[i].lo - p->variable[i].offset;
		out->poly.channel[i].hi = p->variable[i].hi - p->variable[i].offset;
		out->poly.channel[i].offset = p->variable[i].offset;
	}
	for (uint32_t i = 0; i < p->n; i++)
		if (!weir_is_constant_term(&p->monomial[i]))
			sum = weir_real_add(sum, add_term(out, f, &p->monomial[i]));
	return sum;
}

/* An end of an interval, as one of Q but for the slack. */
static struct weir_real scale_end(const struct fixing *f, double end)
{
	struct weir_real from_zero = weir_real_add(weir_real_of(end), weir_real_negate(f->constant));

	return isfinite(end) ? weir_real_multiply(from_zero, weir_real_of(f->rate)) : weir_real_of(end);
}

static double less(double x, double slack)
{
	return slack == 0 ? x : nextafter(x - slack, -INFINITY);
}

static double more(double x, double slack)
{
	return slack == 0 ? x : weir_up(x + slack);
}

/* From a least to a greatest integer, or infinite. */
struct span {
	double least, most;
};

/* The integers that pass, and perhaps more. */
static struct span outer_bounds(struct weir_real from, struct weir_real to, double slack)
{
	return (struct span){ ceil(less(from.lo, slack)), floor(more(to.hi, slack)) };
}

/* Those that pass for certain. */
static struct span inner_bounds(struct weir_real from, struct weir_real to, double slack)
{
	return (struct span){ ceil(more(from.hi, slack)), floor(less(to.lo, slack)) };
}

/* Bounds that are beyond all sums are the same as infinite ones. */
static struct span clip(struct span bounds, struct weir_real sum)
{
	if (!(bounds.least > sum.lo))
		bounds.least = -INFINITY;
	if (!(bounds.most < sum.hi))
		bounds.most = INFINITY;
	if (!(bounds.least <= bounds.most) || bounds.least > sum.hi || bounds.most < sum.lo)
		return (struct span){ INFINITY, -INFINITY };
	return bounds;
}

static void add_range(struct weir_fixed *out, struct span bounds)
{
	/* Whole numbers, or infinite. */
	int64_t lo = weir_whole(bounds.least), hi = weir_whole(bounds.most);
	struct weir_range *last = out->n ? &out->range[out->n - 1] : NULL;

	if (bounds.least > bounds.most)
		return;
	if (last && (last->hi == INT64_MAX || lo <= last->hi + 1))
		last->hi = hi > last->hi ? hi : last->hi;
	else
		out->range[out->n++] = (struct weir_range){ lo, hi };
}

static void add_interval(struct weir_fixed *out, const struct fixing *f, const struct weir_interval *interval,
			 double slack, struct weir_real sum)
{
	struct weir_real from = scale_end(f, interval->from), to = scale_end(f, interval->to);
	struct span outer = clip(outer_bounds(from, to, slack), sum), inner = clip(inner_bounds(from, to, slack), sum);

	add_range(out, outer);
	out->is_exact &= outer.least == inner.least && outer.most == inner.most;
}

void weir_fix(struct weir_fixed *out, const struct weir_polynomial *polynomial, double error,
	      const struct weir_interval *interval, uint32_t n)
{
	struct fixing f = { .polynomial = polynomial, .error = error };
	struct weir_real sum;
	double slack;

	for (uint32_t i = 0; i < polynomial->n; i++) {
		f.reach[i] = reach_of(polynomial, &polynomial->monomial[i]);
		if (weir_is_constant_term(&polynomial->monomial[i]))
			f.constant = polynomial->monomial[i].factor;
	}
	*out = (struct weir_fixed){ .slack = INFINITY, .is_exact = true };
	if (!find_rate(&f))
		return;
	simplify(&f);
	out->slack = f.slack;
	slack = outcome_of(&f, f.rate).rest;
	if (error > 0)
		slack = weir_up(slack + weir_up(error * f.rate));
	sum = make_poly(out, &f);
	for (uint32_t i = 0; i < n; i++)
		add_interval(out, &f, &interval[i], slack, sum);
}
