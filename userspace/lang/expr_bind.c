/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lang/expr.h"

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
	[WEIR_E_OR] = { "or", WEIR_T_BOOL, WEIR_T_BOOL },
};

struct binding {
	const struct weir_schema *schema;
	struct weir_arena *arena;
	struct weir_report *report;
};

static struct weir_tree_expr *bind(struct binding *b, const struct weir_tree_expr *tree);

enum weir_type weir_expr_type(const struct weir_tree_expr *expr, const struct weir_schema *schema)
{
	switch (expr->op) {
	case WEIR_E_NUMBER:
		return expr->name ? WEIR_T_BOTH : WEIR_T_NUMBER;
	case WEIR_E_FIELD:
		return expr->field >= 0 && schema->field[expr->field].kind == WEIR_BOOL ? WEIR_T_BOTH : WEIR_T_NUMBER;
	case WEIR_E_CALL:
		return weir_functions[expr->function].type;
	default:
		return operators[expr->op].result;
	}
}

static void WEIR_PRINTF(4, 5)
	wrong(struct binding *b, struct weir_span where, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(b->report, WEIR_EXIT_USAGE, where, hint, format, arguments);
	va_end(arguments);
}

static bool is_function(const char *name)
{
	for (uint32_t i = 0; i < weir_n_functions; i++)
		if (!strcmp(weir_functions[i].name, name))
			return true;
	return false;
}

static void unknown_field(struct binding *b, const struct weir_tree_expr *tree)
{
	const struct weir_schema *schema = b->schema;
	const char *names[WEIR_FIELDS_MAX], *near;
	char hint[300], *end = hint;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		names[i] = schema->field[i].name;
	near = weir_nearest(tree->name, strlen(tree->name), names, schema->n_fields);
	if (is_function(tree->name))
		snprintf(hint, sizeof(hint), "'%s' is a function: write %s(...)", tree->name, tree->name);
	else if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else
		end += snprintf(hint, sizeof(hint), "its fields are: t");
	for (uint32_t i = 0; end > hint && i < schema->n_fields && end < hint + sizeof(hint) - WEIR_NAME_MAX - 2; i++)
		end += snprintf(end, WEIR_NAME_MAX + 2, ", %s", names[i]);
	wrong(b, tree->where, hint, "unknown field '%s' in this stream", tree->name);
}

static bool bind_field(struct binding *b, struct weir_tree_expr *expr)
{
	int field = weir_schema_find(b->schema, expr->name);

	if (field < 0 && !strcmp(expr->name, "t")) {
		expr->field = WEIR_FIELD_TIME;
		return true;
	}
	expr->field = field;
	if (field < 0)
		unknown_field(b, expr);
	else if (b->schema->field[field].kind == WEIR_TEXT)
		wrong(b, expr->where, NULL, "'%s' is text; expressions work on numbers", expr->name);
	else
		return true;
	return false;
}

static void unknown_function(struct binding *b, const struct weir_tree_expr *expr)
{
	const char *names[64], *near;
	char hint[128];
	uint32_t n = 0;

	for (; n < weir_n_functions && n < 64; n++)
		names[n] = weir_functions[n].name;
	near = weir_nearest(expr->name, strlen(expr->name), names, n);
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	wrong(b, (struct weir_span){ expr->where.at, (uint32_t)strlen(expr->name) }, near ? hint : NULL,
	      "unknown function '%s'", expr->name);
}

static bool find_function(struct binding *b, struct weir_tree_expr *expr)
{
	const struct weir_function *function;
	char hint[64];

	for (uint32_t i = 0; i < weir_n_functions && expr->function < 0; i++)
		if (!strcmp(weir_functions[i].name, expr->name))
			expr->function = (int)i;
	if (expr->function < 0) {
		unknown_function(b, expr);
		return false;
	}
	function = &weir_functions[expr->function];
	if (expr->n >= function->least && expr->n <= function->most)
		return true;
	snprintf(hint, sizeof(hint), "write %s", function->usage);
	wrong(b, expr->where, hint, "'%s' takes %s%u argument%s, not %u", function->name,
	      function->most > function->least ? "at least " : "", function->least, function->least == 1 ? "" : "s",
	      expr->n);
	return false;
}

/* raw() has the number of its field from the schema, so nothing but a field will do. */
static bool check_raw(struct binding *b, struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *argument = expr->argument[0];

	expr->field = argument->field;
	if (argument->op == WEIR_E_FIELD && argument->field >= 0)
		return true;
	wrong(b, argument->where, "as in raw(x)", "raw() takes a field");
	return false;
}

static bool check_bit(struct binding *b, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *n = expr->argument[1];

	if (n->op == WEIR_E_NUMBER && n->number >= 0 && n->number <= 63 && n->number == floor(n->number))
		return true;
	wrong(b, n->where, "as in bit(raw(x), 3)", "bit() takes the number of a bit, 0 to 63");
	return false;
}

/* A constant has no past, and a condition that is made of one only would not be one of the record. */
static bool check_memory(struct binding *b, const struct weir_tree_expr *expr)
{
	char hint[32];

	if (expr->argument[0]->op != WEIR_E_NUMBER)
		return true;
	snprintf(hint, sizeof(hint), "as in %s(x)", expr->name);
	wrong(b, expr->argument[0]->where, hint, "'%s' works on what changes, and this is a constant", expr->name);
	return false;
}

static bool check_calendar(struct binding *b, const struct weir_tree_expr *expr)
{
	const struct weir_tree_expr *argument = expr->argument[0];
	char hint[64];

	if (argument->op != WEIR_E_FIELD || argument->field != WEIR_FIELD_TIME) {
		snprintf(hint, sizeof(hint), "write %s(t)", expr->name);
		wrong(b, argument->where, hint, "'%s' works on the record's time alone", expr->name);
		return false;
	}
	if (b->schema->clock != WEIR_CLOCK_NOMINAL)
		return true;
	wrong(b, expr->where, "only records of live sources know the time of day",
	      "'%s' needs a clock, and the time of this stream is counted from its beginning", expr->name);
	return false;
}

static bool check_number(struct binding *b, const struct weir_tree_expr *expr, const char *what)
{
	if (weir_expr_type(expr, b->schema) & WEIR_T_NUMBER)
		return true;
	wrong(b, expr->where, NULL, "'%s' works on numbers, and this is a condition", what);
	return false;
}

static bool check_truth(struct binding *b, const struct weir_tree_expr *expr, const char *what)
{
	if (weir_expr_type(expr, b->schema) & WEIR_T_BOOL)
		return true;
	wrong(b, expr->where, "compare it, as in 'x > 0'", "'%s' works on conditions, and this is a number", what);
	return false;
}

static bool check_call(struct binding *b, struct weir_tree_expr *expr)
{
	bool good = true;

	for (uint32_t i = 0; i < expr->n; i++)
		good &= check_number(b, expr->argument[i], expr->name);
	if (!good)
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

/* Two conditions can be compared with each other, and so can two numbers. */
static bool check_equality(struct binding *b, const struct weir_tree_expr *expr)
{
	enum weir_type left = weir_expr_type(expr->argument[0], b->schema);
	enum weir_type right = weir_expr_type(expr->argument[1], b->schema);

	if (left & right)
		return true;
	wrong(b, expr->where, NULL, "this compares a condition with a number");
	return false;
}

static bool check_types(struct binding *b, struct weir_tree_expr *expr)
{
	bool good = true;

	if (expr->op == WEIR_E_CALL)
		return check_call(b, expr);
	if (expr->op == WEIR_E_EQ || expr->op == WEIR_E_NE)
		return check_equality(b, expr);
	for (uint32_t i = 0; i < expr->n; i++)
		good &= operators[expr->op].operands == WEIR_T_BOOL
				? check_truth(b, expr->argument[i], operators[expr->op].word)
				: check_number(b, expr->argument[i], operators[expr->op].word);
	return good;
}

static bool is_constant(const struct weir_tree_expr *expr)
{
	for (uint32_t i = 0; i < expr->n; i++)
		if (expr->argument[i]->op != WEIR_E_NUMBER)
			return false;
	return expr->n > 0;
}

/* What is constant is computed now, by the very steps that would compute it for each record. */
static struct weir_tree_expr *fold(struct binding *b, struct weir_tree_expr *expr)
{
	struct weir_program program;
	bool is_truth = weir_expr_type(expr, b->schema) == WEIR_T_BOOL;

	if (!is_constant(expr))
		return expr;
	if (weir_expr_compile(&program, expr, b->schema, b->arena))
		return NULL;
	expr->number = weir_program_constant(&program, b->arena);
	expr->op = WEIR_E_NUMBER;
	expr->n = 0;
	expr->name = !is_truth ? NULL : expr->number ? "true" : "false";
	return expr;
}

/* All operands are looked at even when one is wrong, so that everything wrong is told at once. */
static bool bind_arguments(struct binding *b, struct weir_tree_expr *expr, const struct weir_tree_expr *tree)
{
	bool good = true;

	expr->argument = weir_arena_take(b->arena, expr->n * sizeof(struct weir_tree_expr *));
	for (uint32_t i = 0; expr->argument && i < expr->n; i++) {
		expr->argument[i] = bind(b, tree->argument[i]);
		good &= expr->argument[i] != NULL;
	}
	return good && expr->argument;
}

static struct weir_tree_expr *bind(struct binding *b, const struct weir_tree_expr *tree)
{
	struct weir_tree_expr *expr = weir_arena_take(b->arena, sizeof(*expr));
	bool good = true;

	if (!expr)
		return NULL;
	*expr = *tree;
	expr->function = expr->field = -1;
	if (tree->name) {
		expr->name = weir_arena_copy(b->arena, tree->name, strlen(tree->name));
		if (!expr->name)
			return NULL;
	}
	if (expr->op == WEIR_E_CALL)
		good = find_function(b, expr);
	else if (expr->op == WEIR_E_FIELD)
		good = bind_field(b, expr);
	good &= bind_arguments(b, expr, tree);
	if (!good || !check_types(b, expr))
		return NULL;
	if (!weir_expr_settle_units(expr, b->schema, b->arena, b->report))
		return NULL;
	expr->is_bound = true;
	return fold(b, expr);
}

struct weir_tree_expr *weir_expr_bind(const struct weir_tree_expr *tree, const struct weir_schema *schema,
				      struct weir_arena *arena, struct weir_report *report)
{
	struct binding b = { .schema = schema, .arena = arena, .report = report };
	struct weir_tree_expr *expr = bind(&b, tree);

	if (expr && !tree->is_bound)
		weir_expr_settle_result(expr);
	return expr;
}
