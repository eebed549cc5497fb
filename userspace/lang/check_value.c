/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lang/check.h"

int weir_check_word(const struct weir_checking *c, const struct weir_tree_arg *tree, const char *name,
		    const char *const *words)
{
	char hint[256], *end = hint;
	const char *near;
	size_t n = 0;

	for (; words[n]; n++)
		if (!strcmp(words[n], tree->text))
			return (int)n;
	near = weir_nearest(tree->text, strlen(tree->text), words, n);
	if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else
		end += snprintf(hint, sizeof(hint), "it is one of:");
	for (size_t i = 0; !near && i < n && end < hint + sizeof(hint) - WEIR_NAME_MAX; i++)
		end += snprintf(end, WEIR_NAME_MAX, " %s", words[i]);
	weir_check_wrong(c, tree->value_where, hint, "'%s' cannot be '%.40s'", name, tree->text);
	return -1;
}

static bool check_text(const struct weir_checking *c, const struct weir_tree_arg *tree, struct weir_arg *arg)
{
	arg->text = strdup(tree->text);
	if (!arg->text)
		weir_report_add(c->report, WEIR_EXIT_RUNTIME, tree->value_where, NULL, "out of memory");
	return arg->text;
}

static bool check_bool(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		       struct weir_arg *arg)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true", NULL };
	int index;

	if (!tree->text && tree->dimension == WEIR_DIM_NONE && (tree->number == 0 || tree->number == 1)) {
		arg->integer = tree->number == 1;
		return true;
	}
	if (!tree->text)
		return weir_check_wrong(c, tree->value_where, NULL, "'%s' is yes or no", param->name);
	index = weir_check_word(c, tree, param->name, words);
	arg->integer = index & 1;
	return index >= 0;
}

static bool check_expr(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		       struct weir_arg *arg)
{
	if (!c->schema)
		return true;
	if (weir_expr_open(&arg->expr, tree->expr, c->schema, c->report))
		return false;
	if (weir_expr_is_text(arg->expr))
		return weir_check_wrong(
			c, tree->value_where,
			param->must_be_bool ? "compare it, as in s == \"on\"" : "number(s) makes a number of a text",
			"a %s is needed here, and this is a text", param->must_be_bool ? "condition" : "number");
	if (!param->must_be_bool || weir_expr_is_bool(arg->expr))
		return true;
	return weir_check_wrong(c, tree->value_where, "compare it, as in 'x > 0'",
				"a condition is needed here, and this is a number");
}

bool weir_check_value(const struct weir_checking *c, const struct weir_param *param, const struct weir_tree_arg *tree,
		      struct weir_arg *arg)
{
	switch (param->value) {
	case WEIR_V_BOOL:
		return check_bool(c, param, tree, arg);
	case WEIR_V_WORD:
		arg->integer = weir_check_word(c, tree, param->name, param->words);
		return arg->integer >= 0 && check_text(c, tree, arg);
	case WEIR_V_TEXT:
		return check_text(c, tree, arg);
	case WEIR_V_EXPR:
		return check_expr(c, param, tree, arg);
	case WEIR_V_FIELDS:
	case WEIR_V_AGGREGATES:
		return weir_check_items(c, param, tree, arg);
	default:
		return weir_check_number(c, param, tree, arg);
	}
}
