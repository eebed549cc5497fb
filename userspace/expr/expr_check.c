/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Do the operands of an operation fit it? */
#include <math.h>
#include <string.h>

#include "expr/expr_bind.h"

/* raw() has the number of its field from the schema, so nothing but a field will do. */
static bool check_raw(struct weir_binder *b, struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *argument = expr->argument[0];

	expr->field = argument->field;
	if (argument->op == WEIR_E_FIELD && argument->field >= 0)
		return true;
	weir_bind_wrong(b, argument->where, "as in raw(x)", "raw() takes a field");
	return false;
}

static bool check_bit(struct weir_binder *b, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *n = expr->argument[1];

	if (n->op == WEIR_E_NUMBER && !n->unit && n->number >= 0 && n->number <= 63 && n->number == floor(n->number))
		return true;
	weir_bind_wrong(b, n->where, "as in bit(raw(x), 3)",
			"bit() takes the number of a bit, 0 to 63, without a unit");
	return false;
}

/* A constant has no past, and a condition that is made of one only would not be one of the record. */
static bool check_memory(struct weir_binder *b, const struct weir_tree_expr *expr)
{
	char hint[32];

	if (expr->argument[0]->op != WEIR_E_NUMBER)
		return true;
	snprintf(hint, sizeof(hint), "as in %s(x)", expr->name);
	weir_bind_wrong(b, expr->argument[0]->where, hint, "'%s' works on what changes, and this is a constant",
			expr->name);
	return false;
}

static bool check_calendar(struct weir_binder *b, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *argument = expr->argument[0];
	char hint[64];

	if (argument->op != WEIR_E_FIELD || argument->field != WEIR_FIELD_TIME) {
		snprintf(hint, sizeof(hint), "write %s(t)", expr->name);
		weir_bind_wrong(b, argument->where, hint, "'%s' works on the record's time alone", expr->name);
		return false;
	}
	if (b->schema->clock != WEIR_CLOCK_NOMINAL)
		return true;
	weir_bind_wrong(b, expr->where, "live sources, csv:FILE time=COLUMN and recordings of dated streams have dates",
			"'%s' needs a clock, and the time of this stream is counted from its beginning", expr->name);
	return false;
}

static bool check_call(struct weir_binder *b, struct weir_tree_expr *expr)
{
	if (!weir_bind_check_arguments(b, expr))
		return false;
	switch (expr->function) {
	case WEIR_F_RAW:
		return check_raw(b, expr);
	case WEIR_F_BIT:
		return check_bit(b, expr);
	case WEIR_F_PREV:
	case WEIR_F_DELTA:
		return check_memory(b, expr);
	case WEIR_F_HOUR:
	case WEIR_F_MINUTE:
	case WEIR_F_WEEKDAY:
		return check_calendar(b, expr);
	default:
		return true;
	}
}

static bool is_comparison(enum weir_expr_op op)
{
	return op == WEIR_E_EQ || op == WEIR_E_NE || op == WEIR_E_LT || op == WEIR_E_LE || op == WEIR_E_GT ||
	       op == WEIR_E_GE;
}

bool weir_bind_check(struct weir_binder *b, struct weir_tree_expr *expr)
{
	const char *word = weir_operator_word(expr->op);
	bool good = true;

	if (expr->op == WEIR_E_CALL)
		return check_call(b, expr);
	if (is_comparison(expr->op))
		return weir_bind_check_comparison(b, expr);
	for (uint32_t i = 0; i < expr->n; i++)
		good &= weir_operator_takes_truth(expr->op) ? weir_bind_check_truth(b, expr->argument[i], word)
							    : weir_bind_check_number(b, expr->argument[i], word);
	return good;
}
