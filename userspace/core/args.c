/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments of a driver, in the members of its state that the rows of its table name. lang/check_args.c makes them. */
#include <stdint.h>
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

/* --- members ---------------------------------------------------------------- */

static void args_put_integer(void *member, uint32_t bytes, int64_t value)
{
	switch (bytes) {
	case 1:
		*(uint8_t *)member = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)member = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)member = (uint32_t)value;
		break;
	default:
		*(int64_t *)member = value;
	}
}

static void args_put(const struct weir_param *param, const struct weir_arg *arg, void *member)
{
	switch (param->value) {
	case WEIR_V_REAL:
	case WEIR_V_RATE:
		*(double *)member = arg->real;
		break;
	case WEIR_V_SPAN:
		*(struct weir_length *)member =
			(struct weir_length){ .n = arg->integer, .is_time = arg->is_time, .is_weeks = arg->is_weeks };
		break;
	case WEIR_V_TEXT:
		*(const char **)member = arg->text;
		break;
	case WEIR_V_EXPR:
		*(const struct weir_expr **)member = arg->expr;
		break;
	case WEIR_V_FIELDS:
	case WEIR_V_AGGREGATES:
		*(struct weir_bindings *)member = (struct weir_bindings){ .at = arg->bindings, .n = arg->n_bindings };
		break;
	default:
		args_put_integer(member, param->bytes, arg->integer);
	}
}

void weir_args_place(const struct weir_args *args, void *state)
{
	for (uint32_t i = 0; i < args->n_params; i++) {
		const struct weir_param *param = &args->params[i];

		/* Two rows may have one member: only one of them has a value. */
		if (param->is_placed && (args->arg[i].given || param->fallback))
			args_put(param, &args->arg[i], (char *)state + param->offset);
	}
}

bool weir_args_visit_exprs(const struct weir_args *args, weir_visit_expr *visit, void *context)
{
	for (uint32_t i = 0; i < args->n_params; i++) {
		const struct weir_arg *arg = &args->arg[i];

		if (arg->expr && visit(args, arg->expr, context))
			return true;
		for (uint32_t k = 0; k < arg->n_bindings; k++)
			if ((arg->bindings[k].expr && visit(args, arg->bindings[k].expr, context)) ||
			    (arg->bindings[k].second && visit(args, arg->bindings[k].second, context)))
				return true;
	}
	return false;
}

bool weir_given(const struct weir_node *node, const void *member)
{
	const struct weir_args *args = node->args;
	uint32_t offset = (uint32_t)((const char *)member - (const char *)node->state), n = 0;

	for (uint32_t i = 0; i < args->n_params; i++) {
		if (!args->params[i].is_placed || args->params[i].offset != offset)
			continue;
		if (args->arg[i].given)
			return true;
		n++;
	}
	return n ? false : (abort(), false);
}

/* --- in the program --------------------------------------------------------- */

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

/* --- memory ----------------------------------------------------------------- */

struct weir_args *weir_args_new(const struct weir_param *params)
{
	struct weir_args *args = calloc(1, sizeof(*args));

	if (!args)
		return NULL;
	args->params = params;
	while (params[args->n_params].name)
		args->n_params++;
	args->arg = calloc(args->n_params + 1, sizeof(*args->arg));
	args->target = strdup("");
	if (args->arg && args->target)
		return args;
	weir_args_free(args);
	return NULL;
}

static void free_bindings(const struct weir_args *args, struct weir_arg *arg)
{
	for (uint32_t i = 0; i < arg->n_bindings; i++) {
		free((char *)arg->bindings[i].name);
		if (arg->bindings[i].expr)
			args->expr->close((struct weir_expr *)arg->bindings[i].expr);
		if (arg->bindings[i].second)
			args->expr->close((struct weir_expr *)arg->bindings[i].second);
	}
	free(arg->bindings);
}

void weir_args_free(struct weir_args *args)
{
	if (!args)
		return;
	for (uint32_t i = 0; args->arg && i < args->n_params; i++) {
		free(args->arg[i].text);
		if (args->arg[i].expr)
			args->expr->close(args->arg[i].expr);
		free_bindings(args, &args->arg[i]);
	}
	for (uint32_t i = 0; i < args->n_columns; i++)
		free(args->columns[i]);
	free(args->columns);
	free(args->arg);
	free(args->target);
	free(args);
}
