/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "expr/expr_bind.h"
#include "expr/foreign.h"

/* `in` repeats what stands in front of it; to bind once more takes as many again. */
#define TERMS_MAX (20 * WEIR_EXPR_TERMS_MAX)

static struct weir_tree_expr *bind(struct weir_binder *b, const struct weir_tree_expr *tree);

static bool is_function(const char *name)
{
	for (uint32_t i = 0; i < weir_n_functions; i++)
		if (!strcmp(weir_functions[i].name, name))
			return true;
	return false;
}

static bool has_texts(const struct weir_schema *schema)
{
	for (uint32_t i = 0; i < schema->n_fields; i++)
		if (schema->field[i].kind == WEIR_TEXT)
			return true;
	return false;
}

static void unknown_field(struct weir_binder *b, const struct weir_tree_expr *tree)
{
	const struct weir_schema *schema = b->schema;
	const char *names[WEIR_FIELDS_MAX], *near;
	char hint[300], *end = hint;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		names[i] = schema->field[i].name;
	near = weir_nearest(tree->name, strlen(tree->name), names, schema->n_fields);
	if (!near && weir_is_stage(tree->name) && !is_function(tree->name))
		snprintf(hint, sizeof(hint), "'%s' is a stage: a '|' is missing before it", tree->name);
	else if (is_function(tree->name))
		snprintf(hint, sizeof(hint), "'%s' is a function: write %s(...)", tree->name, tree->name);
	else if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else
		end += snprintf(hint, sizeof(hint), "its fields are: t");
	for (uint32_t i = 0; end > hint && i < schema->n_fields && end < hint + sizeof(hint) - WEIR_NAME_MAX - 2; i++)
		end += snprintf(end, WEIR_NAME_MAX + 2, ", %s", names[i]);
	if (end > hint && has_texts(schema) && end < hint + sizeof(hint) - WEIR_NAME_MAX - 32)
		snprintf(end, WEIR_NAME_MAX + 32, "; a text is in quotes: \"%.*s\"", WEIR_NAME_MAX - 1, tree->name);
	weir_bind_wrong(b, tree->where, hint, "unknown field '%s' in this stream", tree->name);
}

static bool bind_field(struct weir_binder *b, struct weir_tree_expr *expr)
{
	int field = weir_schema_find(b->schema, expr->name);

	if (field < 0 && !strcmp(expr->name, "t")) {
		expr->field = WEIR_FIELD_TIME;
		return true;
	}
	expr->field = field;
	if (field < 0)
		unknown_field(b, expr);
	return field >= 0;
}

static void unknown_function(struct weir_binder *b, const struct weir_tree_expr *expr)
{
	const char *names[96], *near;
	char hint[WEIR_HINT_BYTES];
	uint32_t n = 0;

	for (; n < weir_n_functions && n < 96; n++)
		names[n] = weir_functions[n].name;
	near = weir_foreign_function(expr->name, hint) ? hint : NULL;
	if (!near && (near = weir_nearest(expr->name, strlen(expr->name), names, n)))
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	weir_bind_wrong(b, (struct weir_span){ expr->where.at, (uint32_t)strlen(expr->name) }, near ? hint : NULL,
			"unknown function '%s'", expr->name);
}

static bool find_function(struct weir_binder *b, struct weir_tree_expr *expr)
{
	const struct weir_function *function;
	char hint[WEIR_HINT_BYTES];

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
	if (!weir_point_for_comma(weir_report_text(b->report), expr->where, hint))
		snprintf(hint, sizeof(hint), "write %s", function->usage);
	weir_bind_wrong(b, expr->where, hint, "'%s' takes %s%u argument%s, not %u", function->name,
			function->most > function->least ? "at least " : "", function->least,
			function->least == 1 ? "" : "s", expr->n);
	return false;
}

static bool is_constant(const struct weir_tree_expr *expr)
{
	for (uint32_t i = 0; i < expr->n; i++)
		if (expr->argument[i]->op != WEIR_E_NUMBER && expr->argument[i]->op != WEIR_E_TEXT)
			return false;
	return expr->n > 0;
}

static struct weir_tree_expr *become(struct weir_tree_expr *expr, enum weir_expr_op op, const char *name)
{
	expr->op = op;
	expr->n = 0;
	expr->function = -1;
	expr->name = name;
	return expr;
}

/* What is constant is computed now, by the very steps that would compute it for each record. A pattern that gives up is left to them. */
static struct weir_tree_expr *fold(struct weir_binder *b, struct weir_tree_expr *expr)
{
	struct weir_program program;
	bool is_truth = weir_expr_type(expr, b->schema) == WEIR_T_BOOL, is_known;
	const char *text;

	if (expr->op == WEIR_E_CALL && expr->function == WEIR_F_PI) {
		expr->number = M_PI;
		return become(expr, WEIR_E_NUMBER, NULL);
	}
	if (!is_constant(expr))
		return expr;
	if (weir_expr_compile(&program, expr, b->schema, b->arena))
		return NULL;
	is_known = weir_program_constant(&program, b->arena, &expr->number, &text);
	weir_program_release(&program);
	if (!is_known)
		return b->arena->failed ? NULL : expr;
	if (text)
		return become(expr, WEIR_E_TEXT, text);
	return become(expr, WEIR_E_NUMBER, !is_truth ? NULL : expr->number ? "true" : "false");
}

/* All operands are looked at even when one is wrong, so that everything wrong is told at once. */
static bool bind_arguments(struct weir_binder *b, struct weir_tree_expr *expr, const struct weir_tree_expr *tree)
{
	bool good = true;

	expr->argument = weir_arena_take(b->arena, expr->n * sizeof(struct weir_tree_expr *));
	for (uint32_t i = 0; expr->argument && i < expr->n; i++) {
		expr->argument[i] = bind(b, tree->argument[i]);
		good &= expr->argument[i] != NULL;
	}
	return good && expr->argument;
}

static struct weir_tree_expr *make_pair(struct weir_binder *b, enum weir_expr_op op, struct weir_span where,
					struct weir_tree_expr *left, struct weir_tree_expr *right)
{
	struct weir_tree_expr *expr = weir_arena_take(b->arena, sizeof(*expr));
	struct weir_tree_expr **argument = weir_arena_take(b->arena, 2 * sizeof(struct weir_tree_expr *));

	if (!expr || !argument)
		return NULL;
	*expr = (struct weir_tree_expr){
		.op = op, .where = where, .function = -1, .field = -1, .n = 2, .argument = argument
	};
	argument[0] = left;
	argument[1] = right;
	return expr;
}

/* x in (a, b) is x == a or x == b, with an x of its own for each. */
static struct weir_tree_expr *bind_in(struct weir_binder *b, const struct weir_tree_expr *tree)
{
	struct weir_tree_expr *x = bind(b, tree->argument[0]), *sum = NULL;
	bool good = x;

	for (uint32_t i = 1; i < tree->n; i++) {
		struct weir_tree_expr *item, *pair;

		item = x ? make_pair(b, WEIR_E_EQ, tree->argument[i]->where, x, tree->argument[i]) : tree->argument[i];
		pair = item ? bind(b, item) : NULL;
		good &= pair != NULL;
		if (good && i > 1)
			pair = make_pair(b, WEIR_E_OR, tree->where, sum, pair);
		if (good && i > 1 && pair) {
			pair->is_bound = true;
			pair = fold(b, pair);
		}
		sum = pair;
		good &= pair != NULL;
	}
	if (good && sum->op != WEIR_E_NUMBER)
		sum->where = tree->where;
	return good ? sum : NULL;
}

static struct weir_tree_expr *bind(struct weir_binder *b, const struct weir_tree_expr *tree)
{
	struct weir_tree_expr *expr = weir_arena_take(b->arena, sizeof(*expr));
	bool good = true;

	if (!expr)
		return NULL;
	if (++b->terms > TERMS_MAX) {
		if (b->terms == TERMS_MAX + 1)
			weir_bind_wrong(b, tree->where, NULL, "the expression in front of 'in' has too many terms");
		return NULL;
	}
	if (tree->op == WEIR_E_IN)
		return bind_in(b, tree);
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
	if (!good || !weir_bind_check(b, expr))
		return NULL;
	if (!weir_expr_settle_units(expr, b->schema, b->arena, b->report))
		return NULL;
	expr->is_bound = true;
	return fold(b, expr);
}

struct weir_tree_expr *weir_expr_bind(const struct weir_tree_expr *tree, const struct weir_schema *schema,
				      struct weir_arena *arena, struct weir_report *report)
{
	struct weir_binder b = { .schema = schema, .arena = arena, .report = report };
	struct weir_tree_expr *expr = bind(&b, tree);

	if (expr && !tree->is_bound && !weir_expr_settle_result(&expr, schema, arena))
		return NULL;
	return expr;
}
