/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr/expr_internal.h"

/* How an operator is written, and what it works on. */
static const struct {
	const char *word;
	enum weir_type operands, result;
} operators[] = {
	[WEIR_E_NEG] = { "-", WEIR_T_NUMBER, WEIR_T_NUMBER }, [WEIR_E_NOT] = { "not", WEIR_T_BOOL, WEIR_T_BOOL },
	[WEIR_E_ADD] = { "+", WEIR_T_NUMBER, WEIR_T_NUMBER }, [WEIR_E_SUB] = { "-", WEIR_T_NUMBER, WEIR_T_NUMBER },
	[WEIR_E_MUL] = { "*", WEIR_T_NUMBER, WEIR_T_NUMBER }, [WEIR_E_DIV] = { "/", WEIR_T_NUMBER, WEIR_T_NUMBER },
	[WEIR_E_MOD] = { "%", WEIR_T_NUMBER, WEIR_T_NUMBER }, [WEIR_E_LT] = { "<", WEIR_T_NUMBER, WEIR_T_BOOL },
	[WEIR_E_LE] = { "<=", WEIR_T_NUMBER, WEIR_T_BOOL },   [WEIR_E_GT] = { ">", WEIR_T_NUMBER, WEIR_T_BOOL },
	[WEIR_E_GE] = { ">=", WEIR_T_NUMBER, WEIR_T_BOOL },   [WEIR_E_EQ] = { "==", WEIR_T_NUMBER, WEIR_T_BOOL },
	[WEIR_E_NE] = { "!=", WEIR_T_NUMBER, WEIR_T_BOOL },   [WEIR_E_AND] = { "and", WEIR_T_BOOL, WEIR_T_BOOL },
	[WEIR_E_OR] = { "or", WEIR_T_BOOL, WEIR_T_BOOL },     [WEIR_E_IN] = { "in", WEIR_T_NUMBER, WEIR_T_BOOL },
};

/* Of if(), whose first argument is the condition, and of coalesce(). A condition beside a number counts as one. */
static enum weir_type type_of_choice(const struct weir_tree_expr *expr, const struct weir_schema *schema)
{
	uint32_t first = expr->function == WEIR_F_IF;
	unsigned common = WEIR_T_BOTH | WEIR_T_TEXT;

	for (uint32_t i = first; i < expr->n; i++)
		common &= weir_expr_type(expr->argument[i], schema);
	return common ? (enum weir_type)common : WEIR_T_NUMBER;
}

enum weir_type weir_expr_type(const struct weir_tree_expr *expr, const struct weir_schema *schema)
{
	switch (expr->op) {
	case WEIR_E_NUMBER:
		return expr->name ? WEIR_T_BOTH : WEIR_T_NUMBER;
	case WEIR_E_FIELD:
		if (expr->field >= 0 && schema->field[expr->field].kind == WEIR_TEXT)
			return WEIR_T_TEXT;
		return expr->field >= 0 && schema->field[expr->field].kind == WEIR_BOOL ? WEIR_T_BOTH : WEIR_T_NUMBER;
	case WEIR_E_TEXT:
		return WEIR_T_TEXT;
	case WEIR_E_CALL:
		if (expr->function == WEIR_F_IF || expr->function == WEIR_F_COALESCE)
			return type_of_choice(expr, schema);
		return weir_functions[expr->function].type;
	default:
		return operators[expr->op].result;
	}
}

bool weir_expr_has_text(const struct weir_tree_expr *expr, const struct weir_schema *schema)
{
	if (weir_expr_type(expr, schema) == WEIR_T_TEXT)
		return true;
	for (uint32_t i = 0; i < expr->n; i++)
		if (weir_expr_has_text(expr->argument[i], schema))
			return true;
	return false;
}

const char *weir_operator_word(enum weir_expr_op op)
{
	return operators[op].word;
}

bool weir_operator_takes_truth(enum weir_expr_op op)
{
	return operators[op].operands == WEIR_T_BOOL;
}
