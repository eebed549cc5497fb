/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/check_streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr/foreign.h"
#include "lang/parser.h"

static int add_name(struct weir_checker *checker, const struct weir_tree_name *tree, uint32_t chain, uint32_t *last)
{
	uint32_t at = checker->n_names++, first = weir_names_find(&checker->index, tree->name);

	checker->names[at] = (struct weir_stream_name){ .tree = tree, .chain = chain, .next = WEIR_NO_NAME };
	if (first == WEIR_NO_NAME) {
		last[at] = at;
		return weir_names_add(&checker->index, tree->name, at);
	}
	checker->names[last[first]].next = at;
	last[first] = at;
	return 0;
}

/* `last` is room, for the last so far of each name. */
static int add_names(struct weir_checker *checker, uint32_t *last)
{
	const struct weir_tree *tree = checker->tree;
	int err = 0;

	for (uint32_t i = 0; i < tree->n_chains; i++) {
		checker->first[i] = checker->n_names;
		for (uint32_t k = 0; k < tree->chains[i].n_names && !err; k++)
			err = add_name(checker, &tree->chains[i].names[k], i, last);
	}
	return err;
}

int weir_streams_open(struct weir_checker *checker)
{
	uint32_t n = 0, *last;
	int err = -ENOMEM;

	for (uint32_t i = 0; i < checker->tree->n_chains; i++)
		n += checker->tree->chains[i].n_names;
	checker->names = calloc(n + 1, sizeof(*checker->names));
	checker->first = calloc(checker->tree->n_chains + 1, sizeof(*checker->first));
	checker->circles = calloc(checker->tree->n_chains + 1, sizeof(*checker->circles));
	last = calloc(n + 1, sizeof(*last));
	if (checker->names && checker->first && checker->circles && last)
		err = add_names(checker, last);
	free(last);
	return err;
}

void weir_streams_close(struct weir_checker *checker)
{
	weir_names_close(&checker->index);
	free(checker->names);
	free(checker->first);
	free(checker->circles);
}

/* The first of that name in chain `from` or a later one, before `to`. */
static struct weir_stream_name *find(const struct weir_checker *checker, const char *name, uint32_t from, uint32_t to)
{
	for (uint32_t at = weir_names_find(&checker->index, name); at != WEIR_NO_NAME; at = checker->names[at].next)
		if (checker->names[at].chain >= from)
			return checker->names[at].chain < to ? &checker->names[at] : NULL;
	return NULL;
}

/* ----------------------------------------------------------- use of a name */

/* A walk up from one chain through all that it reads. */
struct walk {
	const struct weir_checker *checker;
	bool *seen;       /* of each chain */
	uint32_t *to_see; /* chains */
	uint32_t n;
};

static void walk_to(struct walk *walk, const char *name)
{
	const struct weir_stream_name *up = find(walk->checker, name, 0, UINT32_MAX);

	if (!up || walk->seen[up->chain])
		return;
	walk->seen[up->chain] = true;
	walk->to_see[walk->n++] = up->chain;
}

static void walk_up(struct walk *walk, const struct weir_tree_chain *chain)
{
	for (uint32_t i = 0; i < chain->n_parts; i++) {
		const struct weir_tree_part *part = &chain->parts[i];

		if (part->kind == WEIR_P_STREAM && part->name)
			walk_to(walk, part->name);
		for (uint32_t k = 0; k < part->n_inputs; k++)
			walk_to(walk, part->inputs[k].name);
	}
}

/* Do the heads of the chains from `chain` on lead back to one of the streams that chain `target` makes? */
static bool leads_to(const struct weir_checker *checker, uint32_t chain, uint32_t target)
{
	uint32_t n = checker->tree->n_chains;
	struct walk walk = { checker, calloc(n, sizeof(bool)), calloc(n, sizeof(uint32_t)), 0 };

	if (walk.seen && walk.to_see) {
		walk.seen[chain] = true;
		walk.to_see[walk.n++] = chain;
		while (walk.n && !walk.seen[target])
			walk_up(&walk, &checker->tree->chains[walk.to_see[--walk.n]]);
	}
	chain = walk.seen && walk.seen[target];
	free(walk.seen);
	free(walk.to_see);
	return chain;
}

#define DEPTH_MAX 16 /* of a circle that is recognised as one */

/* What is beyond the messages that are kept needs no hint, which takes time to find. */
static bool is_shown(const struct weir_checker *checker)
{
	return weir_report_count(checker->to.report) < WEIR_REPORT_MESSAGES;
}

static void defined_later(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain,
			  const struct weir_stream_name *later)
{
	uint32_t line = 0, column;
	char hint[96];

	if (is_shown(checker) && leads_to(checker, later->chain, chain)) {
		weir_check_wrong(
			&checker->to, name->where,
			"a circle needs a delay and a zip: past = echo | delay 10 y=0; echo = zip(x, past) | …",
			"stream '%s' is made from itself", name->name);
		return;
	}
	if (is_shown(checker))
		weir_report_locate(checker->to.report, later->tree->where.at, &line, &column);
	snprintf(hint, sizeof(hint), "its definition on line %u must come before its use", line);
	weir_check_wrong(&checker->to, name->where, hint, "stream '%s' is not defined yet", name->name);
}

static const char *nearest_head(const struct weir_checker *checker, const char *name, uint32_t chain, bool with_drivers)
{
	const char **words = calloc(checker->n_names + weir_n_drivers + 1, sizeof(char *)), *near = NULL;
	size_t n = 0;

	for (uint32_t i = 0; words && i < checker->n_names; i++)
		if (checker->names[i].chain < chain)
			words[n++] = checker->names[i].tree->name;
	for (size_t i = 0; words && with_drivers && i < weir_n_drivers; i++)
		if (weir_drivers[i]->source)
			words[n++] = weir_drivers[i]->name;
	if (words)
		near = weir_nearest(name, strlen(name), words, n);
	free(words);
	return near;
}

static void unknown_stream(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain)
{
	struct weir_stream_name *later = find(checker, name->name, chain, UINT32_MAX);
	const char *near;
	char hint[WEIR_HINT_BYTES];

	if (later) {
		later->is_used = true;
		defined_later(checker, name, chain, later);
		return;
	}
	if (!is_shown(checker))
		near = NULL;
	else if (!(near = nearest_head(checker, name->name, chain, false)) && weir_hint_head(name->name, hint))
		near = hint;
	else if (near || (near = nearest_head(checker, name->name, chain, true)))
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	weir_check_wrong(&checker->to, name->where, near ? hint : NULL, "unknown stream '%.40s'", name->name);
}

struct weir_node *weir_find_stream(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain,
				   bool silent)
{
	struct weir_stream_name *stream = find(checker, name->name, 0, chain);

	if (stream) {
		stream->is_used = true;
		return stream->node;
	}
	if (!silent)
		unknown_stream(checker, name, chain);
	return NULL;
}

/* ---------------------------------------------------------- giving of names */

static bool check_new(struct weir_checker *checker, const struct weir_stream_name *stream)
{
	const struct weir_stream_name *first = find(checker, stream->tree->name, 0, UINT32_MAX);
	uint32_t line = 0, column;
	char hint[64];

	if (first == stream)
		return true;
	if (is_shown(checker))
		weir_report_locate(checker->to.report, first->tree->where.at, &line, &column);
	snprintf(hint, sizeof(hint), "the first one is on line %u", line);
	return weir_check_wrong(&checker->to, stream->tree->where, hint, "there is a stream '%s' already",
				stream->tree->name);
}

void weir_name_stream(struct weir_checker *checker, uint32_t chain, uint32_t i, struct weir_node *node)
{
	struct weir_stream_name *stream = &checker->names[checker->first[chain] + i];

	if (!check_new(checker, stream))
		return;
	stream->node = node;
	if (!node || node->name)
		return;
	node->name = strdup(stream->tree->name);
	if (!node->name)
		weir_report_add(checker->to.report, WEIR_EXIT_RUNTIME, stream->tree->where, NULL, "out of memory");
}

/* Nobody knows what a chain that could not be read would have used. */
void weir_check_use(struct weir_checker *checker)
{
	for (uint32_t i = 0; i < checker->tree->n_chains; i++)
		if (checker->tree->chains[i].broken)
			return;
	for (uint32_t i = 0; i < checker->n_names; i++) {
		const struct weir_stream_name *stream = &checker->names[i];

		if (!stream->is_used && find(checker, stream->tree->name, 0, UINT32_MAX) == stream)
			weir_check_wrong(&checker->to, stream->tree->where, "begin a chain with it, or leave it out",
					 "stream '%s' is defined but never used", stream->tree->name);
	}
}

/* ----------------------------------------------------------------- circles */

/* The part that a stream begins with, found by way of the names that its chain and others begin with. */
static const struct weir_tree_part *first_part(const struct weir_checker *checker,
					       const struct weir_stream_name *stream)
{
	for (uint32_t depth = 0; stream && depth < DEPTH_MAX; depth++) {
		const struct weir_tree_part *part = &checker->tree->chains[stream->chain].parts[0];

		if (part->kind != WEIR_P_STREAM)
			return part;
		stream = find(checker, part->name, 0, UINT32_MAX);
	}
	return NULL;
}

bool weir_is_circle(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain,
		    enum weir_clock *clock)
{
	struct weir_stream_name *later = find(checker, name->name, chain + 1, UINT32_MAX);
	const struct weir_tree_part *part = later ? first_part(checker, later) : NULL;

	if (!part || find(checker, name->name, 0, chain) || !part->driver || !part->driver->combiner ||
	    !part->driver->combiner->rows)
		return false;
	for (uint32_t i = 0; i < part->n_inputs; i++) {
		const struct weir_stream_name *other = find(checker, part->inputs[i].name, 0, chain);

		if (!other || !other->node)
			continue;
		later->is_used = true;
		*clock = other->node->out.clock;
		return true;
	}
	return false;
}

void weir_keep_circle(struct weir_checker *checker, struct weir_node *node, const struct weir_tree_name *name)
{
	checker->circles[checker->n_circles++] = (struct weir_circle){ .node = node, .name = *name };
}

void weir_close_circles(struct weir_checker *checker)
{
	for (uint32_t i = 0; i < checker->n_circles; i++) {
		const struct weir_circle *circle = &checker->circles[i];
		const struct weir_stream_name *stream = find(checker, circle->name.name, 0, UINT32_MAX);

		if (stream && stream->node)
			(void)weir_pipeline_close_circle(circle->node, stream->node);
	}
}
