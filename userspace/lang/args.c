/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lang/lang.h"

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

static void free_bindings(struct weir_arg *arg)
{
	for (uint32_t i = 0; i < arg->n_bindings; i++) {
		free((char *)arg->bindings[i].name);
		weir_expr_close((struct weir_expr *)arg->bindings[i].expr);
	}
	free(arg->bindings);
}

void weir_args_free(struct weir_args *args)
{
	if (!args)
		return;
	for (uint32_t i = 0; args->arg && i < args->n_params; i++) {
		free(args->arg[i].text);
		weir_expr_close(args->arg[i].expr);
		free_bindings(&args->arg[i]);
	}
	for (uint32_t i = 0; i < args->n_columns; i++)
		free(args->columns[i]);
	free(args->columns);
	free(args->arg);
	free(args->target);
	free(args);
}
