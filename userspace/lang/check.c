/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the tree to nodes, in the order of the program, so that upstream comes before downstream. What is wrong with a part
 * keeps all that depends on it from being made, silently; whatever needs nothing from upstream is looked at all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lang/check_streams.h"

/* A driver that refuses has said why; the core, when it has no memory, has not. */
static struct weir_node *made(struct weir_checker *checker, const struct weir_tree_part *part, struct weir_node *node,
			      int err, unsigned before)
{
	if (err < 0 && weir_report_count(checker->to.report) == before)
		weir_report_add(checker->to.report, WEIR_EXIT_RUNTIME, part->where, NULL, "%s: %s", part->name,
				strerror(-err));
	if (node && node->args->n_columns && !node->args->columns_read)
		weir_check_wrong(&checker->to, part->target_where, NULL, "'%s' takes no columns", part->name);
	return node;
}

static struct weir_node *add_node(struct weir_checker *checker, const struct weir_tree_part *part,
				  struct weir_args *args, struct weir_node *up)
{
	unsigned before = weir_report_count(checker->to.report);
	struct weir_node *node;
	int err = weir_pipeline_add(checker->pipeline, part->driver, part->role, args, up, &node);

	return made(checker, part, node, err, before);
}

/* A stage that may close a circle has no records to compute with when it begins: its expressions are constants. */
static const struct weir_schema *schema_for(const struct weir_tree_part *part, const struct weir_node *up)
{
	static const struct weir_schema nothing;
	const struct weir_operator_ops *stage = part->role == WEIR_OPERATOR ? part->driver->stage : NULL;

	return stage && stage->resolve ? &nothing : up ? &up->out : NULL;
}

static struct weir_node *check_driver(struct weir_checker *checker, const struct weir_tree_part *part,
				      struct weir_node *up, uint32_t branch, uint32_t n_branches)
{
	struct weir_args *args;

	if (!part->driver)
		return NULL;
	checker->to.schema = schema_for(part, up);
	args = weir_check_args(&checker->to, part);
	if (args && (up || part->role == WEIR_SOURCE)) {
		args->branch = branch;
		args->n_branches = n_branches;
		return add_node(checker, part, args, up);
	}
	weir_args_free(args);
	return NULL;
}

/* ----------------------------------------------------------- many to one */

static bool find_inputs(struct weir_checker *checker, const struct weir_tree_part *part, uint32_t chain,
			struct weir_node **up, const char **name)
{
	bool good = true;

	for (uint32_t i = 0; i < part->n_inputs; i++) {
		up[i] = weir_find_stream(checker, &part->inputs[i], chain, part->broken);
		name[i] = part->inputs[i].name;
		good &= up[i] != NULL;
	}
	return good;
}

/* `up` is what the chain brings where the combiner stands within one. */
static struct weir_node *check_combiner(struct weir_checker *checker, const struct weir_tree_part *part, uint32_t chain,
					bool is_head, struct weir_node *up)
{
	unsigned before = weir_report_count(checker->to.report);
	struct weir_node *ups[WEIR_INPUTS_MAX + 1] = { up }, *node = NULL;
	const char *names[WEIR_INPUTS_MAX + 1] = { up && up->name ? up->name : "in1" };
	uint32_t n = part->n_inputs + !is_head;
	struct weir_args *args;
	int err;

	checker->to.schema = NULL;
	if (n > WEIR_INPUTS_MAX) {
		weir_check_wrong(&checker->to, part->where, NULL, "'%s' takes at most %d streams", part->name,
				 WEIR_INPUTS_MAX);
		return NULL;
	}
	args = weir_check_args(&checker->to, part);
	if (!find_inputs(checker, part, chain, ups + !is_head, names + !is_head) || !args || !ups[0]) {
		weir_args_free(args);
		return NULL;
	}
	err = weir_pipeline_combine(checker->pipeline, part->driver, args, ups, names, n, &node);
	return made(checker, part, node, err, before);
}

/* --------------------------------------------------------------- circles */

static bool may_close_circle(const struct weir_tree_chain *chain)
{
	const struct weir_tree_part *next = &chain->parts[1];

	return chain->n_parts > 1 && next->driver && next->role == WEIR_OPERATOR && next->driver->stage &&
	       next->driver->stage->resolve;
}

/* `past = later | delay 5`: 1 when this chain begins so, and then *node is what it makes of it. */
static bool check_circle(struct weir_checker *checker, uint32_t index, struct weir_node **node)
{
	const struct weir_tree_chain *chain = &checker->tree->chains[index];
	const struct weir_tree_part *head = &chain->parts[0], *part = &chain->parts[1];
	struct weir_tree_name name = { .name = head->name, .where = head->name_where };
	unsigned before = weir_report_count(checker->to.report);
	enum weir_clock clock;
	struct weir_args *args;
	int err;

	if (head->kind != WEIR_P_STREAM || !may_close_circle(chain) || !weir_is_circle(checker, &name, index, &clock))
		return false;
	checker->to.schema = schema_for(part, NULL);
	args = weir_check_args(&checker->to, part);
	*node = NULL;
	if (!args)
		return true;
	err = weir_pipeline_add_circle(checker->pipeline, part->driver, args, clock, node);
	made(checker, part, *node, err, before);
	if (*node)
		weir_keep_circle(checker, *node, &name);
	return true;
}

/* ----------------------------------------------------------------- chains */

static bool splits(const struct weir_tree_part *part)
{
	return part->driver && part->role == WEIR_OPERATOR && part->driver->stage && part->driver->stage->splits;
}

static struct weir_node *check_part(struct weir_checker *checker, uint32_t chain, uint32_t at, struct weir_node *up)
{
	const struct weir_tree_part *part = &checker->tree->chains[chain].parts[at];
	struct weir_tree_name name = { .name = part->name, .where = part->name_where };

	if (part->kind == WEIR_P_STREAM)
		return weir_find_stream(checker, &name, chain, part->broken);
	if (part->driver && part->role == WEIR_OPERATOR && part->driver->combiner)
		return check_combiner(checker, part, chain, !at, up);
	if (!splits(part))
		return check_driver(checker, part, up, 0, 0);
	weir_check_wrong(&checker->to, part->where, "as in 'a, b = x | split v > 0'",
			 "'%s' makes several streams, so it ends a chain that names them", part->name);
	return NULL;
}

/* Every name gets a use of the stage of its own, and all of them are given the same records. */
static void check_split(struct weir_checker *checker, uint32_t index, struct weir_node *up)
{
	const struct weir_tree_chain *chain = &checker->tree->chains[index];
	const struct weir_tree_part *last = &chain->parts[chain->n_parts - 1];

	for (uint32_t i = 0; i < chain->n_names; i++) {
		struct weir_node *node = check_driver(checker, last, up, i, chain->n_names);

		weir_name_stream(checker, index, i, node);
		if (!node)
			return;
	}
}

static void check_names(struct weir_checker *checker, uint32_t index, struct weir_node *node, bool split)
{
	const struct weir_tree_chain *chain = &checker->tree->chains[index];

	if (split)
		check_split(checker, index, node);
	else if (chain->n_names > 1 && !chain->broken)
		weir_check_wrong(&checker->to, chain->names[1].where, "split and unzip make several streams of one",
				 "this chain makes one stream, and it has %u names", chain->n_names);
	else if (chain->n_names)
		weir_name_stream(checker, index, 0, node);
}

static void check_chain(struct weir_checker *checker, uint32_t index)
{
	const struct weir_tree_chain *chain = &checker->tree->chains[index];
	bool split = chain->n_names > 1 && splits(&chain->parts[chain->n_parts - 1]);
	struct weir_node *node = NULL;
	uint32_t i = 0;

	if (chain->n_parts && check_circle(checker, index, &node))
		i = 2;
	for (; i < chain->n_parts - split; i++)
		node = check_part(checker, index, i, node);
	check_names(checker, index, node, split);
}

int weir_check(struct weir_pipeline *pipeline, const struct weir_tree *tree)
{
	struct weir_checker checker = { .pipeline = pipeline, .tree = tree, .to.report = pipeline->report };

	if (weir_streams_open(&checker) < 0)
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0 }, NULL, "out of memory");
	else {
		for (uint32_t i = 0; i < tree->n_chains; i++)
			check_chain(&checker, i);
		weir_close_circles(&checker);
		weir_check_use(&checker);
	}
	weir_streams_close(&checker);
	return weir_report_count(pipeline->report) ? -EINVAL : 0;
}
