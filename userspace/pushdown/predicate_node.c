/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes of a predicate, and of the expression that they come from. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "pushdown/predicate.h"

int weir_refuse(char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, WEIR_WHY_BYTES, format, arguments);
	va_end(arguments);
	return -ENOTSUP;
}

int weir_predicate_add(struct weir_predicate *predicate, struct weir_predicate_node node, char *why)
{
	if (predicate->n == WEIR_PREDICATE_NODES_MAX)
		return weir_refuse(why, "the condition has too many parts");
	predicate->node[predicate->n] = node;
	return (int)predicate->n++;
}

int weir_depends_on(const struct weir_tree_expr *tree)
{
	int on = WEIR_ON_NOTHING;

	if (tree->op == WEIR_E_FIELD)
		return tree->field < 0 ? WEIR_ON_SEVERAL : tree->field;
	for (uint32_t i = 0; i < tree->n; i++) {
		int other = weir_depends_on(tree->argument[i]);

		if (on == WEIR_ON_NOTHING)
			on = other;
		else if (other != WEIR_ON_NOTHING && other != on)
			return WEIR_ON_SEVERAL;
	}
	return on;
}

bool weir_is_constant(const struct weir_tree_expr *tree)
{
	return weir_depends_on(tree) == WEIR_ON_NOTHING;
}

const char *weir_word_of(const struct weir_tree_expr *tree)
{
	if (tree->name)
		return tree->name;
	return tree->op == WEIR_E_NUMBER ? "a constant" : weir_operator_word(tree->op);
}
