/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How drivers read their arguments. lang/args.c makes them. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

const char *const weir_on_error_words[] = { "stop", "skip", NULL };

/* A name that the driver's own table does not have is a mistake in the driver, found by its first test. */
static const struct weir_arg *find(const struct weir_node *node, const char *name)
{
	const struct weir_args *args = node->args;

	for (uint32_t i = 0; i < args->n_params; i++)
		if (!strcmp(args->params[i].name, name))
			return &args->arg[i];
	abort();
}

bool weir_arg_given(const struct weir_node *node, const char *name)
{
	return find(node, name)->given;
}

int64_t weir_arg_int(const struct weir_node *node, const char *name)
{
	return find(node, name)->integer;
}

double weir_arg_real(const struct weir_node *node, const char *name)
{
	return find(node, name)->real;
}

bool weir_arg_is_time(const struct weir_node *node, const char *name)
{
	return find(node, name)->is_time;
}

const char *weir_arg_text(const struct weir_node *node, const char *name)
{
	return find(node, name)->text;
}

const struct weir_expr *weir_arg_expr(const struct weir_node *node, const char *name)
{
	return find(node, name)->expr;
}

const struct weir_binding *weir_arg_bindings(const struct weir_node *node, const char *name, uint32_t *n)
{
	const struct weir_arg *arg = find(node, name);

	*n = arg->n_bindings;
	return arg->bindings;
}

uint32_t weir_branch(const struct weir_node *node, uint32_t *n)
{
	*n = node->args->n_branches;
	return node->args->branch;
}

const char *weir_target(const struct weir_node *node)
{
	return node->args->target;
}

const char *const *weir_columns(const struct weir_node *node, uint32_t *n)
{
	node->args->columns_read = true;
	*n = node->args->n_columns;
	return (const char *const *)node->args->columns;
}
