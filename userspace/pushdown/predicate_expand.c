/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "pushdown/polynomial.h"

#define OFFSET_MAX 0x1p40

static int expand(struct weir_polynomial *p, const struct weir_tree_expr *tree);

bool weir_is_raw(const struct weir_schema *schema, const struct weir_tree_expr *tree)
{
	return tree->op == WEIR_E_CALL && tree->function == WEIR_F_RAW &&
	       weir_raw_is_recovered(&schema->field[tree->field]);
}

/* ------------------------------------------------------------------ variables */

static int check_field(struct weir_polynomial *p, const struct weir_field *field)
{
	if (field->is_float)
		return weir_refuse(p->why, "'%s' is a floating-point value, and a filter in the kernel sees integers",
				   field->name);
	if (field->kind == WEIR_BOOL)
		return weir_refuse(p->why, "'%s' is a truth value that is computed with", field->name);
	if (field->kind == WEIR_INT && (field->scale != 1 || field->offset != 0))
		return weir_refuse(p->why, "'%s' is rounded to an integer", field->name);
	if (!isfinite(field->scale) || !(fabs(field->offset) <= OFFSET_MAX))
		return weir_refuse(p->why, "the offset of '%s' is too large", field->name);
	return 0;
}

static int find_variable(struct weir_polynomial *p, int field)
{
	double offset = p->schema->field[field].offset;
	struct weir_variable *variable = &p->variable[p->n_variables];
	int err = check_field(p, &p->schema->field[field]);

	if (err)
		return err;
	for (uint32_t i = 0; i < p->n_variables; i++)
		if (p->variable[i].field == field)
			return (int)i;
	if (p->n_variables == WEIR_POLY_CHANNELS_MAX)
		return weir_refuse(p->why, "more than %d channels are computed with at once", WEIR_POLY_CHANNELS_MAX);
	*variable = (struct weir_variable){ .field = field, .offset = llrint(offset) };
	variable->fraction = offset - (double)variable->offset;
	return (int)p->n_variables++;
}

/* ------------------------------------------------------------------ monomials */

bool weir_is_constant_term(const struct weir_monomial *monomial)
{
	static const uint8_t none[WEIR_POLY_CHANNELS_MAX];

	return !memcmp(monomial->power, none, sizeof(none));
}

static int add_monomial(struct weir_polynomial *p, const struct weir_monomial *monomial)
{
	if (weir_real_is_zero(monomial->factor))
		return 0;
	if (!weir_real_is_finite(monomial->factor))
		return weir_refuse(p->why, "the factors of the polynomial overflow");
	for (uint32_t i = 0; i < p->n; i++) {
		struct weir_monomial *same = &p->monomial[i];

		if (memcmp(same->power, monomial->power, sizeof(same->power)))
			continue;
		same->factor = weir_real_add(same->factor, monomial->factor);
		if (weir_real_is_zero(same->factor))
			*same = p->monomial[--p->n];
		return 0;
	}
	if (p->n == WEIR_MONOMIALS_MAX)
		return weir_refuse(p->why, "the polynomial has more than %d terms", WEIR_POLY_TERMS_MAX);
	p->monomial[p->n++] = *monomial;
	return 0;
}

static int add_constant(struct weir_polynomial *p, struct weir_real value)
{
	return add_monomial(p, &(struct weir_monomial){ .factor = value });
}

static int add_linear(struct weir_polynomial *p, int variable, struct weir_real factor)
{
	struct weir_monomial monomial = { .factor = factor };

	monomial.power[variable] = 1;
	return add_monomial(p, &monomial);
}

/* (raw + offset) * scale, where u is raw and the whole part of the offset. */
static int expand_field(struct weir_polynomial *p, int index)
{
	int variable = find_variable(p, index), err;
	struct weir_real scale = weir_real_of(p->schema->field[index].scale);

	if (variable < 0)
		return variable;
	err = add_linear(p, variable, scale);
	return err ? err : add_constant(p, weir_real_multiply(weir_real_of(p->variable[variable].fraction), scale));
}

static int expand_raw(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	int variable = find_variable(p, tree->field), err;

	if (variable < 0)
		return variable;
	err = add_linear(p, variable, weir_real_of(1));
	return err ? err : add_constant(p, weir_real_of(-(double)p->variable[variable].offset));
}

/* ----------------------------------------------------------------- operations */

/* Add another polynomial over the same variables, times a factor. */
static int add_scaled(struct weir_polynomial *p, const struct weir_polynomial *other, const struct weir_monomial *by)
{
	for (uint32_t i = 0; i < other->n; i++) {
		struct weir_monomial product = other->monomial[i];
		uint32_t degree = 0;
		int err;

		for (uint32_t k = 0; k < WEIR_POLY_CHANNELS_MAX; k++)
			degree += product.power[k] = (uint8_t)(product.power[k] + by->power[k]);
		if (degree > WEIR_DEGREE_MAX)
			return weir_refuse(p->why, "the polynomial has a degree above %d", WEIR_DEGREE_MAX);
		product.factor = weir_real_multiply(product.factor, by->factor);
		err = add_monomial(p, &product);
		if (err)
			return err;
	}
	return 0;
}

/* The second operand, which may bring new variables. */
static int expand_other(struct weir_polynomial *p, struct weir_polynomial *other, const struct weir_tree_expr *tree)
{
	int err;

	*other = *p;
	other->n = 0;
	err = expand(other, tree);
	p->n_variables = other->n_variables;
	memcpy(p->variable, other->variable, sizeof(p->variable));
	return err;
}

static int expand_sum(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	struct weir_monomial sign = { .factor = weir_real_of(tree->op == WEIR_E_SUB ? -1 : 1) };
	struct weir_polynomial other;
	int err = expand(p, tree->argument[0]);

	if (!err)
		err = expand_other(p, &other, tree->argument[1]);
	return err ? err : add_scaled(p, &other, &sign);
}

static int expand_product(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	struct weir_polynomial left, right;
	int err = expand(p, tree->argument[0]);

	if (!err)
		err = expand_other(p, &right, tree->argument[1]);
	left = *p;
	p->n = 0;
	for (uint32_t i = 0; i < left.n && !err; i++)
		err = add_scaled(p, &right, &left.monomial[i]);
	return err;
}

static int expand_quotient(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	const struct weir_tree_expr *divisor = tree->argument[1];
	int err = expand(p, tree->argument[0]);

	if (err)
		return err;
	if (divisor->op != WEIR_E_NUMBER || !isfinite(divisor->number) || divisor->number == 0)
		return weir_refuse(p->why, "the condition divides by what is not a constant, or by zero");
	for (uint32_t i = 0; i < p->n; i++)
		p->monomial[i].factor = weir_real_divide(p->monomial[i].factor, divisor->number);
	return 0;
}

static int expand_negation(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	int err = expand(p, tree->argument[0]);

	for (uint32_t i = 0; i < p->n; i++)
		p->monomial[i].factor = weir_real_negate(p->monomial[i].factor);
	return err;
}

static int expand_number(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	if (!isfinite(tree->number))
		return weir_refuse(p->why, "a constant of the polynomial is not finite");
	return add_constant(p, weir_real_of(tree->number));
}

/* p has the variables found so far, and no monomial. */
static int expand(struct weir_polynomial *p, const struct weir_tree_expr *tree)
{
	switch (tree->op) {
	case WEIR_E_NUMBER:
		return expand_number(p, tree);
	case WEIR_E_FIELD:
		return expand_field(p, tree->field);
	case WEIR_E_NEG:
		return expand_negation(p, tree);
	case WEIR_E_ADD:
	case WEIR_E_SUB:
		return expand_sum(p, tree);
	case WEIR_E_MUL:
		return expand_product(p, tree);
	case WEIR_E_DIV:
		return expand_quotient(p, tree);
	default:
		if (weir_is_raw(p->schema, tree))
			return expand_raw(p, tree);
		return weir_refuse(p->why, "'%s' and several channels are in one value, which is not a polynomial",
				   weir_word_of(tree));
	}
}

/* A factor that cancelled but for the rounding of this file's own arithmetic stays: it is small, and it is sound. */
int weir_expand(struct weir_polynomial *out, const struct weir_tree_expr *tree)
{
	out->n = 0;
	out->n_variables = 0;
	return expand(out, tree);
}
