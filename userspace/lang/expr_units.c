/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which unit an operation gives, and whether its operands' units fit. Units are settled before anything runs: a number with a
 * unit becomes one in the unit of what it meets, else in the base unit of its own dimension.
 */
#include <string.h>

#include "lang/expr.h"
#include "lang/unit.h"

struct settling {
	const struct weir_schema *schema;
	struct weir_arena *arena;
	struct weir_report *report;
};

static bool is_number(const struct weir_tree_expr *expr)
{
	return expr->op == WEIR_E_NUMBER;
}

static void convert(struct weir_tree_expr *number, const struct weir_unit *to)
{
	if (!weir_unit_same(number->unit, to))
		number->number = weir_unit_convert(number->number, number->unit, to);
	number->unit = to;
}

static void convert_to_base(struct weir_tree_expr *expr)
{
	if (is_number(expr) && expr->unit)
		convert(expr, weir_unit_base(expr->unit));
}

/* A unit that is not in the table still is one: it fits no other. */
static const struct weir_unit *other_unit(const struct settling *s, const char *name)
{
	struct weir_unit *unit = weir_arena_take(s->arena, sizeof(*unit));

	if (unit)
		*unit = (struct weir_unit){ weir_arena_copy(s->arena, name, strlen(name)), WEIR_DIM_OTHER, 1, 1 };
	return unit && unit->name ? unit : NULL;
}

static const struct weir_unit *unit_of_field(const struct settling *s, int field)
{
	const char *text = field < 0 ? s->schema->t.unit : s->schema->field[field].unit;
	const struct weir_unit *known = weir_unit_of_field(text);

	return known || !*text ? known : other_unit(s, text);
}

/* It was settled before, for an expression that this one may outlive. */
static void keep_unit(const struct settling *s, struct weir_tree_expr *expr)
{
	if (expr->unit && expr->unit->dimension == WEIR_DIM_OTHER)
		expr->unit = other_unit(s, expr->unit->name);
}

static bool WEIR_PRINTF(4, 5)
	wrong(const struct settling *s, const struct weir_tree_expr *expr, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(s->report, WEIR_EXIT_USAGE, expr->where, hint, format, arguments);
	va_end(arguments);
	return false;
}

static bool mismatch(const struct settling *s, const struct weir_tree_expr *expr, const struct weir_tree_expr *other)
{
	bool is_named = other->op == WEIR_E_FIELD;
	char hint[96];

	if (weir_unit_same_dimension(expr->unit, other->unit))
		snprintf(hint, sizeof(hint), "bring both to one unit, as in a / 1%s and b / 1%s", other->unit->name,
			 other->unit->name);
	else
		snprintf(hint, sizeof(hint), "a number here is in %s, also without a unit", other->unit->name);
	return wrong(s, expr, is_number(expr) || weir_unit_same_dimension(expr->unit, other->unit) ? hint : NULL,
		     "this is in %s, and %s%s%s is in %s", expr->unit->name, is_named ? "'" : "",
		     is_named ? other->name : "what it meets", is_named ? "'" : "", other->unit->name);
}

/* The operand that the others must fit: the first that has a unit, a number only if there is nothing else. */
static const struct weir_tree_expr *find_leader(const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *leader = NULL;

	for (uint32_t i = 0; i < expr->n; i++)
		if (expr->argument[i]->unit && (!leader || (is_number(leader) && !is_number(expr->argument[i]))))
			leader = expr->argument[i];
	return leader;
}

/* Bring all operands to one unit, or say which do not fit. Those that have none are taken to be in it. */
static bool agree(const struct settling *s, struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *leader = find_leader(expr);
	bool good = true;

	if (leader && is_number(leader))
		for (uint32_t i = 0; i < expr->n; i++)
			convert_to_base(expr->argument[i]);
	for (uint32_t i = 0; leader && i < expr->n; i++) {
		struct weir_tree_expr *argument = expr->argument[i];

		if (!argument->unit || weir_unit_same(argument->unit, leader->unit))
			continue;
		if (is_number(argument) && weir_unit_same_dimension(argument->unit, leader->unit))
			convert(argument, leader->unit);
		else
			good = mismatch(s, argument, leader);
	}
	return good;
}

static bool is_plain(const struct weir_tree_expr *expr)
{
	return is_number(expr) && !expr->unit;
}

/* How often `1s` is in `t` does not depend on the unit that `t` is counted in. */
static void settle_quotient(struct weir_tree_expr *expr)
{
	struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];

	if (is_plain(right)) {
		expr->unit = left->unit;
		return;
	}
	if (left->unit && right->unit && weir_unit_same_dimension(left->unit, right->unit)) {
		if (is_number(right))
			convert(right, left->unit);
		else if (is_number(left))
			convert(left, right->unit);
		return;
	}
	convert_to_base(left);
	convert_to_base(right);
}

static void settle_product(struct weir_tree_expr *expr)
{
	struct weir_tree_expr *left = expr->argument[0], *right = expr->argument[1];

	if (is_plain(left) || is_plain(right)) {
		expr->unit = is_plain(left) ? right->unit : left->unit;
		return;
	}
	convert_to_base(left);
	convert_to_base(right);
}

static bool settle_by_rule(const struct settling *s, struct weir_tree_expr *expr, enum weir_unit_rule rule)
{
	const struct weir_tree_expr *leader;

	if (rule == WEIR_U_FREE) {
		for (uint32_t i = 0; i < expr->n; i++)
			convert_to_base(expr->argument[i]);
		return true;
	}
	if (!agree(s, expr))
		return false;
	leader = find_leader(expr);
	if (rule == WEIR_U_KEPT && leader)
		expr->unit = leader->unit;
	return true;
}

bool weir_expr_settle_units(struct weir_tree_expr *expr, const struct weir_schema *schema, struct weir_arena *arena,
			    struct weir_report *report)
{
	struct settling s = { schema, arena, report };

	if (expr->is_bound) {
		keep_unit(&s, expr);
		return true;
	}
	switch (expr->op) {
	case WEIR_E_NUMBER:
		return true;
	case WEIR_E_FIELD:
		expr->unit = unit_of_field(&s, expr->field);
		return true;
	case WEIR_E_MUL:
		settle_product(expr);
		return true;
	case WEIR_E_DIV:
		settle_quotient(expr);
		return true;
	case WEIR_E_CALL:
		return settle_by_rule(&s, expr, weir_functions[expr->function].rule);
	case WEIR_E_NEG:
	case WEIR_E_ADD:
	case WEIR_E_SUB:
	case WEIR_E_MOD:
		return settle_by_rule(&s, expr, WEIR_U_KEPT);
	default:
		return settle_by_rule(&s, expr, WEIR_U_ALIKE);
	}
}

void weir_expr_settle_result(struct weir_tree_expr *expr)
{
	convert_to_base(expr);
}
