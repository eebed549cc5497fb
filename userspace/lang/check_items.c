/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lang/check.h"

#define MADE_NAME_BYTES (3 * WEIR_NAME_MAX)

/* Words that an expression could not read back, or that mean something else in it. */
static const char *const reserved[] = { "and", "or", "not", "AND", "OR", "NOT", "true", "false" };

static bool check_name(const struct weir_checking *c, const struct weir_tree_item *item, const char *name)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcmp(name, reserved[i]))
			return weir_check_wrong(c, item->where, NULL,
						"'%s' is a word of the language and cannot name a field", name);
	if (!strcmp(name, "t"))
		return weir_check_wrong(c, item->where, "every record keeps its time, and needs no name for it",
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

/* A number where the stage takes no texts. */
static bool check_kind(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_item *item,
		       const struct weir_expr *expr)
{
	const char *word = item->function < 0 ? NULL : param->words[item->function];

	if (!weir_expr_is_text(expr) || param->takes_text || weir_is_listed(param->texts, word))
		return true;
	if (word && !strcmp(word, "count"))
		return weir_check_wrong(c, item->expr->where, "as in count(s != \"\")",
					"'count' takes a condition, and this is a text");
	if (word)
		return weir_check_wrong(c, item->expr->where, "number(s) makes a number of a text",
					"'%s' works on numbers, and this is a text", word);
	return weir_check_wrong(c, item->expr->where, "number(s) makes a number of a text",
				"this stage works on numbers, and this is a text");
}

/* The number of a number's values is that of all records, unless some are NaN. */
static bool check_condition(const struct weir_checking *c, const struct weir_param *param,
			    const struct weir_tree_item *item, const struct weir_expr *expr)
{
	const struct weir_span where = item->expr->where;
	char hint[128];

	if (item->function < 0 || strcmp(param->words[item->function], "count") || weir_expr_is_bool(expr))
		return true;
	snprintf(hint, sizeof(hint), "write 'count(not isnan(%.*s))', or 'count()' for all records",
		 where.length < 60 ? (int)where.length : 60, weir_report_text(c->report) + where.at);
	return weir_check_wrong(c, where, hint, "'count' takes a condition, and this is a number");
}

static bool bind_second(const struct weir_checking *c, const struct weir_tree_item *item, struct weir_binding *binding)
{
	struct weir_expr *expr;

	if (!item->second)
		return true;
	if (weir_expr_open(&expr, item->second, c->schema, c->report))
		return false;
	binding->second = expr;
	return !weir_expr_is_text(expr) ||
	       weir_check_wrong(c, item->second->where, "number(s) makes a number of a text",
				"a number is needed here, and this is a text");
}

/* The item's expression, and which field it is when it is no more than that. */
static bool bind_expr(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_item *item,
		      struct weir_binding *binding)
{
	struct weir_expr *expr;
	const struct weir_tree_expr *tree;

	if (item->function < 0 && is_text_field(c->schema, item->expr, &binding->field))
		return true;
	if (weir_expr_open(&expr, item->expr, c->schema, c->report))
		return false;
	tree = weir_expr_tree(expr);
	binding->expr = expr;
	if (!check_kind(c, param, item, expr) || !check_condition(c, param, item, expr) ||
	    !bind_second(c, item, binding))
		return false;
	binding->field = tree->op == WEIR_E_FIELD ? tree->field : -1;
	return true;
}

/* A condition was perhaps meant to choose records, and a number to be one of several digits. */
static bool name_wanted(const struct weir_checking *c, const struct weir_tree_item *item)
{
	const char *text = weir_report_text(c->report);
	uint32_t at = item->where.at, n = item->where.length;
	enum weir_expr_op op = item->expr->op;
	char hint[160];

	snprintf(hint, sizeof(hint), "write 'name = ...'");
	if (op == WEIR_E_NUMBER && at > 1 && text[at - 1] == ',' && text[at - 2] >= '0' && text[at - 2] <= '9')
		snprintf(hint, sizeof(hint), "the decimal mark is a point, as in 0.%.*s", n < 40 ? (int)n : 40,
			 text + at);
	else if (op == WEIR_E_LT || op == WEIR_E_LE || op == WEIR_E_GT || op == WEIR_E_GE || op == WEIR_E_EQ ||
		 op == WEIR_E_NE || op == WEIR_E_AND || op == WEIR_E_OR || op == WEIR_E_NOT || op == WEIR_E_IN)
		snprintf(hint, sizeof(hint), "write 'name = ...'; records are chosen by 'where %.*s'",
			 n < 60 ? (int)n : 60, text + at);
	return weir_check_wrong(c, item->where, hint, "this needs a name");
}

/* A field that is not named keeps its own name; an aggregate of one is named after both. */
static bool default_name(const struct weir_checking *c, const struct weir_param *param,
			 const struct weir_tree_item *item, const struct weir_binding *binding,
			 char name[MADE_NAME_BYTES])
{
	const char *function = item->function < 0 ? NULL : param->words[item->function];
	const char *field = binding->field < 0 ? NULL : c->schema->field[binding->field].name;
	bool is_pair = item->second, names_both = is_pair && item->second->op == WEIR_E_FIELD;

	if (!function && item->expr->op == WEIR_E_FIELD)
		snprintf(name, MADE_NAME_BYTES, "%s", item->expr->name);
	else if (!function)
		return name_wanted(c, item);
	else if (!item->expr)
		snprintf(name, MADE_NAME_BYTES, "%s", function);
	else if (field && !is_pair)
		snprintf(name, MADE_NAME_BYTES, "%s_%s", function, field);
	else if (field && names_both)
		snprintf(name, MADE_NAME_BYTES, "%s_%s_%s", function, field, item->second->name);
	else
		return weir_check_wrong(c, item->where, "write '... as name'", "this needs a name");
	return true;
}

static bool check_item(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_item *item,
		       struct weir_binding *binding)
{
	char made[MADE_NAME_BYTES];
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
	if (item->expr && !bind_expr(c, param, item, binding))
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
