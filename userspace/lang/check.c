/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the tree to nodes, in the order of the program, so that upstream comes before downstream. What is wrong with a part
 * keeps all that depends on it from being made, silently; whatever needs nothing from upstream is looked at all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lang/check.h"

/* A named chain, at the index that it has in the tree. */
struct name {
	struct weir_node *node; /* NULL: something in it is wrong */
	bool is_used;
};

struct checker {
	struct weir_pipeline *pipeline;
	const struct weir_tree *tree;
	struct name *names;      /* one for each chain */
	struct weir_checking to; /* where errors are said; its schema is that of the part at hand */
};

/* The first chain of that name at index `from` or later, before `to`; -1 when there is none. */
static int find_chain(const struct weir_tree *tree, const char *name, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		if (tree->chains[i].name && !strcmp(tree->chains[i].name, name))
			return (int)i;
	return -1;
}

static void defined_later(struct checker *checker, const struct weir_tree_part *part,
			  const struct weir_tree_chain *chain)
{
	uint32_t line, column;
	char hint[80];

	weir_report_locate(checker->to.report, chain->name_where.at, &line, &column);
	snprintf(hint, sizeof(hint), "its definition on line %u must come before its use", line);
	weir_check_wrong(&checker->to, part->name_where, hint, "stream '%s' is not defined yet", part->name);
}

static const char *nearest_head(const struct checker *checker, const char *name, uint32_t n_chains)
{
	const char **words = calloc(n_chains + weir_n_drivers + 1, sizeof(char *)), *near = NULL;
	size_t n = 0;

	for (uint32_t i = 0; words && i < n_chains; i++)
		if (checker->tree->chains[i].name)
			words[n++] = checker->tree->chains[i].name;
	for (size_t i = 0; words && i < weir_n_drivers; i++)
		if (weir_drivers[i]->source)
			words[n++] = weir_drivers[i]->name;
	if (words)
		near = weir_nearest(name, strlen(name), words, n);
	free(words);
	return near;
}

static void unknown_stream(struct checker *checker, const struct weir_tree_part *part, uint32_t chain)
{
	int later = find_chain(checker->tree, part->name, chain, checker->tree->n_chains);
	const char *near;
	char hint[128];

	if (later == (int)chain) {
		weir_check_wrong(&checker->to, part->name_where, NULL, "stream '%s' is made from itself", part->name);
		return;
	}
	if (later >= 0) {
		checker->names[later].is_used = true;
		defined_later(checker, part, &checker->tree->chains[later]);
		return;
	}
	near = nearest_head(checker, part->name, chain);
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
	weir_check_wrong(&checker->to, part->name_where, near ? hint : NULL, "unknown stream '%.40s'", part->name);
}

static struct weir_node *find_stream(struct checker *checker, const struct weir_tree_part *part, uint32_t chain)
{
	int index = find_chain(checker->tree, part->name, 0, chain);

	if (index < 0) {
		if (!part->broken)
			unknown_stream(checker, part, chain);
		return NULL;
	}
	checker->names[index].is_used = true;
	return checker->names[index].node;
}

/* A driver that refuses has said why; the core, when it has no memory, has not. */
static struct weir_node *add_node(struct checker *checker, const struct weir_tree_part *part, struct weir_args *args,
				  struct weir_node *up)
{
	unsigned before = weir_report_count(checker->to.report);
	struct weir_node *node;
	int err = weir_pipeline_add(checker->pipeline, part->driver, part->role, args, up, &node);

	if (err < 0 && weir_report_count(checker->to.report) == before)
		weir_report_add(checker->to.report, WEIR_EXIT_RUNTIME, part->where, NULL, "%s: %s", part->name,
				strerror(-err));
	if (node && node->args->n_columns && !node->args->columns_read)
		weir_check_wrong(&checker->to, part->target_where, NULL, "'%s' takes no columns", part->name);
	return node;
}

static struct weir_node *check_driver(struct checker *checker, const struct weir_tree_part *part, struct weir_node *up)
{
	struct weir_args *args;

	if (!part->driver)
		return NULL;
	checker->to.schema = up ? &up->out : NULL;
	args = weir_check_args(&checker->to, part);
	if (args && (up || part->role == WEIR_SOURCE))
		return add_node(checker, part, args, up);
	weir_args_free(args);
	return NULL;
}

static void name_node(struct checker *checker, struct weir_node *node, const struct weir_tree_chain *chain)
{
	if (!node || node->name)
		return;
	node->name = strdup(chain->name);
	if (!node->name)
		weir_report_add(checker->to.report, WEIR_EXIT_RUNTIME, chain->name_where, NULL, "out of memory");
}

static bool check_new(struct checker *checker, const struct weir_tree_chain *chain, uint32_t index)
{
	int first = find_chain(checker->tree, chain->name, 0, index);
	uint32_t line, column;
	char hint[64];

	if (first < 0)
		return true;
	weir_report_locate(checker->to.report, checker->tree->chains[first].name_where.at, &line, &column);
	snprintf(hint, sizeof(hint), "the first one is on line %u", line);
	return weir_check_wrong(&checker->to, chain->name_where, hint, "there is a stream '%s' already", chain->name);
}

static void check_chain(struct checker *checker, uint32_t index)
{
	const struct weir_tree_chain *chain = &checker->tree->chains[index];
	struct weir_node *node = NULL;

	for (uint32_t i = 0; i < chain->n_parts; i++) {
		const struct weir_tree_part *part = &chain->parts[i];

		node = part->kind == WEIR_P_STREAM ? find_stream(checker, part, index)
						   : check_driver(checker, part, node);
	}
	if (!chain->name || !check_new(checker, chain, index))
		return;
	name_node(checker, node, chain);
	checker->names[index].node = node;
}

/* Nobody knows what a chain that could not be read would have used. */
static void check_use(struct checker *checker)
{
	const struct weir_tree *tree = checker->tree;

	for (uint32_t i = 0; i < tree->n_chains; i++)
		if (tree->chains[i].broken)
			return;
	for (uint32_t i = 0; i < tree->n_chains; i++)
		if (tree->chains[i].name && !checker->names[i].is_used &&
		    find_chain(tree, tree->chains[i].name, 0, i) < 0)
			weir_check_wrong(&checker->to, tree->chains[i].name_where,
					 "begin a chain with it, or leave it out",
					 "stream '%s' is defined but never used", tree->chains[i].name);
}

int weir_check(struct weir_pipeline *pipeline, const struct weir_tree *tree)
{
	struct checker checker = {
		.pipeline = pipeline,
		.tree = tree,
		.names = calloc(tree->n_chains + 1, sizeof(struct name)),
		.to.report = pipeline->report,
	};

	if (!checker.names)
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0 }, NULL, "out of memory");
	for (uint32_t i = 0; checker.names && i < tree->n_chains; i++)
		check_chain(&checker, i);
	if (checker.names)
		check_use(&checker);
	free(checker.names);
	return weir_report_count(pipeline->report) ? -EINVAL : 0;
}
