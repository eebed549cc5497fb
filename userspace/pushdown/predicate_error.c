/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 3.3) of the very operations that user space
 * does, in their order: each is rounded once. A result that is a multiple of 2^grain and no greater than 2^(grain + 53) is a
 * double, so it is not rounded at all.
 */
#include <math.h>

#include "pushdown/polynomial.h"

#define UNIT 0x1p-53
#define LEAST_GRAIN (-1074)
#define NO_GRAIN (-5000) /* not a multiple of any */

static struct weir_rounding rounded(struct weir_rounding exact)
{
	bool is_double = exact.grain >= LEAST_GRAIN && exact.size <= ldexp(1, exact.grain + 53);
	double loss = weir_up(weir_up(exact.size * UNIT) + 0x1p-1074);

	if (is_double)
		return exact;
	return (struct weir_rounding){ .size = weir_up(exact.size + loss),
				       .error = weir_up(exact.error + loss),
				       .grain = exact.grain < LEAST_GRAIN ? LEAST_GRAIN : exact.grain };
}

/* The place of the lowest bit that is set. Of zero any will do, and of what is not finite, whose size says that it is no use. */
static int grain_of(double x)
{
	int exponent;
	double fraction = frexp(x, &exponent);

	if (x == 0 || !isfinite(x))
		return 0;
	return exponent - 53 + __builtin_ctzll((uint64_t)fabs(ldexp(fraction, 53)));
}

static struct weir_rounding constant(double x)
{
	return (struct weir_rounding){ .size = fabs(x), .grain = grain_of(x) };
}

static struct weir_rounding sum(struct weir_rounding a, struct weir_rounding b)
{
	return rounded((struct weir_rounding){ .size = weir_up(a.size + b.size),
					       .error = a.error + b.error > 0 ? weir_up(a.error + b.error) : 0,
					       .grain = a.grain < b.grain ? a.grain : b.grain });
}

/* |ab - a'b'| <= |a||b - b'| + |b'||a - a'|, with b' no further from zero than b and its error together. */
static struct weir_rounding product(struct weir_rounding a, struct weir_rounding b)
{
	double from_b = weir_up(a.size * b.error), from_a = weir_up(a.error * weir_up(b.size + b.error));

	return rounded((struct weir_rounding){ .size = weir_up(a.size * b.size),
					       .error = a.error > 0 || b.error > 0 ? weir_up(from_a + from_b) : 0,
					       .grain = a.grain + b.grain });
}

static struct weir_rounding quotient(struct weir_rounding a, double by)
{
	int exponent;
	bool is_power = fabs(frexp(by, &exponent)) == 0.5;

	return rounded((struct weir_rounding){ .size = weir_up(a.size / fabs(by)),
					       .error = a.error > 0 ? weir_up(a.error / fabs(by)) : 0,
					       .grain = is_power ? a.grain - (exponent - 1) : NO_GRAIN });
}

static double magnitude(int64_t raw)
{
	double size = fabs((double)raw);

	return size <= 0x1p53 ? size : weir_up(size);
}

/* As a double, which is rounded above 2^53. */
static struct weir_rounding raw_of(const struct weir_polynomial *p, int index)
{
	const struct weir_variable *variable = p->variable;

	while (variable->field != index)
		variable++;
	return rounded((struct weir_rounding){
		.size = fmax(magnitude(variable->lo - variable->offset), magnitude(variable->hi - variable->offset)) });
}

static struct weir_rounding field_of(const struct weir_polynomial *p, int index)
{
	const struct weir_field *field = &p->schema->field[index];
	struct weir_rounding value = raw_of(p, index);

	if (field->offset != 0)
		value = sum(value, constant(field->offset));
	return field->scale != 1 ? product(value, constant(field->scale)) : value;
}

struct weir_rounding weir_rounding_of(const struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	struct weir_rounding a, b;

	if (tree->op == WEIR_E_NUMBER)
		return constant(tree->number);
	if (tree->op == WEIR_E_FIELD)
		return field_of(p, tree->field);
	if (tree->op == WEIR_E_CALL)
		return raw_of(p, tree->field);
	a = weir_rounding_of(p, tree->argument[0]);
	if (tree->op == WEIR_E_NEG)
		return a;
	if (tree->op == WEIR_E_DIV)
		return quotient(a, tree->argument[1]->number);
	b = weir_rounding_of(p, tree->argument[1]);
	return tree->op == WEIR_E_MUL ? product(a, b) : sum(a, b);
}
