/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "lang/check.h"
#include "lang/parser.h"

static bool no_memory(const struct weir_checking *c, struct weir_span where)
{
	weir_report_add(c->report, WEIR_EXIT_RUNTIME, where, NULL, "out of memory");
	return false;
}

static bool copy_target(const struct weir_checking *c, struct weir_args *args, const struct weir_tree_part *part)
{
	free(args->target);
	args->target = strdup(part->target);
	args->columns = calloc(part->n_columns + 1, sizeof(char *));
	if (!args->target || !args->columns)
		return no_memory(c, part->where);
	for (; args->n_columns < part->n_columns; args->n_columns++) {
		args->columns[args->n_columns] = strdup(part->columns[args->n_columns]);
		if (!args->columns[args->n_columns])
			return no_memory(c, part->where);
	}
	return true;
}

/* A default is read by the very code that reads what is written, so a table cannot hold what a program could not say. */
static bool apply_fallback(const struct weir_checking *c, const struct weir_tree_part *part,
			   const struct weir_param *param, struct weir_arg *arg)
{
	struct weir_checking own = { .schema = c->schema };
	struct weir_tree_arg tree_arg;
	struct weir_tree *tree;
	bool good;

	if (weir_report_open(&own.report, param->name, param->fallback))
		return no_memory(c, part->where);
	good = !weir_parse_value(&tree, &tree_arg, param, own.report) && weir_check_value(&own, param, &tree_arg, arg);
	if (!good)
		weir_report_add(c->report, WEIR_EXIT_RUNTIME, part->where, NULL,
				"the driver '%s' has a default for '%s' that is none: '%s'", part->name, param->name,
				param->fallback);
	weir_tree_close(tree);
	weir_report_close(own.report);
	return good;
}

static bool missing(const struct weir_checking *c, const struct weir_tree_part *part, const struct weir_param *param)
{
	const char *example = weir_value_example(param);
	char hint[256];

	/* What is missing may be what could not be read. */
	if (part->broken)
		return false;
	snprintf(hint, sizeof(hint), "%s: %s", param->name, param->help);
	if (param->style == WEIR_POSITIONAL)
		return weir_check_wrong(c, part->where, hint, "'%s' needs %s", part->name, weir_value_noun(param));
	return weir_check_wrong(c, part->where, hint, "'%s' needs '%s', as in %s%s%s", part->name, param->name,
				param->name, param->style == WEIR_KEY ? "=" : " ", example);
}

static bool check_policy(const struct weir_checking *c, const struct weir_tree_arg *tree, struct weir_args *args)
{
	static const char *const words[] = { [WEIR_BLOCK] = "block",
					     [WEIR_DROP_OLDEST] = "drop_oldest",
					     [WEIR_DROP_NEWEST] = "drop_newest",
					     [WEIR_DROP_NEWEST + 1] = NULL };
	int index = weir_check_word(c, tree, "policy", words);

	if (index < 0)
		return false;
	args->policy = (enum weir_policy)index;
	args->policy_given = true;
	return true;
}

static bool check_given(const struct weir_checking *c, const struct weir_tree_part *part, struct weir_args *args)
{
	bool good = true;

	for (uint32_t i = 0; i < part->n_args; i++) {
		const struct weir_tree_arg *tree = &part->args[i];
		struct weir_arg *arg = tree->param ? &args->arg[tree->param - args->params] : NULL;

		if (arg) {
			arg->given = true;
			arg->where = tree->value_where.length ? tree->value_where : tree->where;
		}
		if (tree->broken)
			good = false;
		else if (arg)
			good &= weir_check_value(c, tree->param, tree, arg);
		else
			good &= check_policy(c, tree, args);
	}
	return good;
}

static const struct weir_arg *find_given(const struct weir_args *args, const char *name)
{
	for (uint32_t i = 0; name && i < args->n_params; i++)
		if (args->arg[i].given && !strcmp(args->params[i].name, name))
			return &args->arg[i];
	return NULL;
}

static bool check_instead(const struct weir_checking *c, const struct weir_tree_part *part,
			  const struct weir_args *args)
{
	for (uint32_t i = 0; i < args->n_params; i++) {
		const struct weir_param *param = &args->params[i];
		const struct weir_arg *instead = find_given(args, param->instead);

		if (instead && args->arg[i].given)
			return weir_check_wrong(c, instead->where, NULL, "'%s' takes %s or '%s', not both", part->name,
						weir_value_noun(param), param->instead);
	}
	return true;
}

static bool check_rest(const struct weir_checking *c, const struct weir_tree_part *part, struct weir_args *args)
{
	bool good = true;

	for (uint32_t i = 0; i < args->n_params; i++) {
		const struct weir_param *param = &args->params[i];

		if (args->arg[i].given || find_given(args, param->instead))
			continue;
		if (param->required)
			good &= missing(c, part, param);
		else if (param->fallback)
			good &= apply_fallback(c, part, param, &args->arg[i]);
	}
	return good;
}

struct weir_args *weir_check_args(const struct weir_checking *c, const struct weir_tree_part *part)
{
	struct weir_args *args = weir_args_new(weir_driver_params(part->driver, part->role));
	bool good;

	if (!args) {
		no_memory(c, part->where);
		return NULL;
	}
	args->expr = &weir_expr_ops;
	args->where = part->where;
	args->target_where = part->target_where;
	good = copy_target(c, args, part);
	good &= check_given(c, part, args);
	good &= check_instead(c, part, args);
	good &= check_rest(c, part, args);
	if (good && !part->broken)
		return args;
	weir_args_free(args);
	return NULL;
}
