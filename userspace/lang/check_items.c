/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lang/check.h"

/* Words that an expression could not read back, or that mean something else in it. */
static const char *const reserved[] = { "and", "or", "not", "true", "false" };

static bool check_name(const struct weir_checking *c, const struct weir_tree_item *item, const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcmp(name, reserved[i]))
			return weir_check_wrong(c, item->where, NULL,
						"'%s' is a word of the language and cannot name a field", name);
	if (!strcmp(name, "t"))
		return weir_check_wrong(c, item->where, "every record keeps its time, so there is no need to name it",
					"'t' is the record's time and cannot name a field");
	if (strlen(name) >= WEIR_NAME_MAX)
		return weir_check_wrong(c, item->where, NULL, "a name has at most %d letters", WEIR_NAME_MAX - 1);
	return true;
}

static bool is_text_field(const struct weir_schema *schema, const struct weir_tree_expr *expr, int *field)
{
	*field = expr->op == WEIR_E_FIELD ? weir_schema_find(schema, expr->name) : -1;
	return *field >= 0 && schema->field[*field].kind == WEIR_TEXT;
}

/* The item's expression, and which field it is when it is no more than that. */
static bool bind_expr(const struct weir_checking *c, const struct weir_tree_item *item, struct weir_binding *binding)
{
	struct weir_expr *expr;
	const struct weir_tree_expr *tree;

	if (item->function < 0 && is_text_field(c->schema, item->expr, &binding->field))
		return true;
	if (weir_expr_open(&expr, item->expr, c->schema, c->report))
		return false;
	tree = weir_expr_tree(expr);
	binding->expr = expr;
	binding->field = tree->op == WEIR_E_FIELD ? tree->field : -1;
	return true;
}

/* A field that is not named keeps its own name; an aggregate of one is named after both. */
static bool default_name(const struct weir_checking *c, const struct weir_param *param,
			 const struct weir_tree_item *item, const struct weir_binding *binding,
			 char name[2 * WEIR_NAME_MAX])
{
	const char *function = item->function < 0 ? NULL : param->words[item->function];
	const char *field = binding->field < 0 ? NULL : c->schema->field[binding->field].name;

	if (!function && item->expr->op == WEIR_E_FIELD)
		snprintf(name, 2 * WEIR_NAME_MAX, "%s", item->expr->name);
	else if (!function)
		return weir_check_wrong(c, item->where, "write 'name = ...'", "this needs a name");
	else if (!item->expr)
		snprintf(name, 2 * WEIR_NAME_MAX, "%s", function);
	else if (field)
		snprintf(name, 2 * WEIR_NAME_MAX, "%s_%s", function, field);
	else
		return weir_check_wrong(c, item->where, "write '... as name'", "this needs a name");
	return true;
}

static bool check_item(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_item *item,
		       struct weir_binding *binding)
{
	char made[2 * WEIR_NAME_MAX];
	const char *name = item->name;

	binding->function = item->function;
	binding->field = -1;
	binding->parameter = item->parameter;
	if (!item->expr && strcmp(param->words[item->function], "count"))
		return weir_check_wrong(c, item->where, "as in mean(x)", "'%s' needs something to work on",
					param->words[item->function]);
	if (name && !check_name(c, item, name))
		return false;
	if (!c->schema)
		return true;
	if (item->expr && !bind_expr(c, item, binding))
		return false;
	if (!name) {
		if (!default_name(c, param, item, binding, made) || !check_name(c, item, made))
			return false;
		name = made;
	}
	binding->name = strdup(name);
	return binding->name;
}

bool weir_check_items(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		      struct weir_arg *arg)
{
	bool good = true;

	arg->bindings = calloc(tree->n_items, sizeof(*arg->bindings));
	if (!arg->bindings) {
		weir_report_add(c->report, WEIR_EXIT_RUNTIME, tree->where, NULL, "out of memory");
		return false;
	}
	arg->n_bindings = tree->n_items;
	for (uint32_t i = 0; i < tree->n_items; i++)
		good &= check_item(c, param, &tree->items[i], &arg->bindings[i]);
	return good;
}
