/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/check_streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int weir_streams_open(struct weir_checker *checker)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < checker->tree->n_chains; i++)
		n += checker->tree->chains[i].n_names;
	checker->names = calloc(n + 1, sizeof(*checker->names));
	checker->circles = calloc(checker->tree->n_chains + 1, sizeof(*checker->circles));
	if (!checker->names || !checker->circles)
		return -ENOMEM;
	for (uint32_t i = 0; i < checker->tree->n_chains; i++)
		for (uint32_t k = 0; k < checker->tree->chains[i].n_names; k++)
			checker->names[checker->n_names++] =
				(struct weir_stream_name){ .tree = &checker->tree->chains[i].names[k], .chain = i };
	return 0;
}

void weir_streams_close(struct weir_checker *checker)
{
	free(checker->names);
	free(checker->circles);
}

/* The first of that name in chain `from` or a later one, before `to`. */
static struct weir_stream_name *find(const struct weir_checker *checker, const char *name, uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < checker->n_names; i++) {
		struct weir_stream_name *stream = &checker->names[i];

		if (stream->chain >= from && stream->chain < to && !strcmp(stream->tree->name, name))
			return stream;
	}
	return NULL;
}

/* ----------------------------------------------------------- use of a name */

/* Do the heads of the chains from `chain` on lead back to one of the streams that chain `target` makes? */
static bool leads_to(const struct weir_checker *checker, uint32_t chain, uint32_t target, uint32_t depth)
{
	const struct weir_tree_chain *tree = &checker->tree->chains[chain];

	if (chain == target)
		return true;
	for (uint32_t i = 0; i < tree->n_parts && depth; i++) {
		const struct weir_tree_part *part = &tree->parts[i];
		const struct weir_stream_name *up = part->kind == WEIR_P_STREAM && part->name
							    ? find(checker, part->name, 0, UINT32_MAX)
							    : NULL;

		if (up && leads_to(checker, up->chain, target, depth - 1))
			return true;
		for (uint32_t k = 0; k < part->n_inputs; k++) {
			up = find(checker, part->inputs[k].name, 0, UINT32_MAX);
			if (up && leads_to(checker, up->chain, target, depth - 1))
				return true;
		}
	}
	return false;
}

#define DEPTH_MAX 16 /* of a circle that is recognised as one */

static void defined_later(struct weir_checker *checker, const struct weir_tree_name *name, uint32_t chain,
			  const struct weir_stream_name *later)
{
	uint32_t line, column;
	char hint[96];

	if (leads_to(checker, later->chain, chain, DEPTH_MAX)) {
		weir_check_wrong(
			&checker->to, name->where,
			"a circle needs a delay and a zip: past = echo | delay 10 y=0; echo = zip(x, past) | …",
			"stream '%s' is made from itself", name->name);
		return;
	}
	weir_report_locate(checker->to.report, later->tree->where.at, &line, &column);
	snprintf(hint, sizeof(hint), "its definition on line %u must come before its use", line);
	weir_check_wrong(&checker->to, name->where, hint, "stream '%s' is not defined yet", name->name);
}

static const char *nearest_head(const struct weir_checker *checker, const char *name, uint32_t chain)
{
	const char **words = calloc(checker->n_names + weir_n_drivers + 1, sizeof(char *)), *near = NULL;
	size_t n = 0;

	for (uint32_t i = 0; words && i < checker->n_names; i++)
		if (checker->names[i].chain < chain)
			words[n++] = checker->names[i].tree->name;
	for (size_t i = 0; words && i < weir_n_drivers; i++)
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
	char hint[128];

	if (later) {
		later->is_used = true;
		defined_later(checker, name, chain, later);
		return;
	}
	near = nearest_head(checker, name->name, chain);
	snprintf(hint, sizeof(hint), "did you mean '%s'?", near ? near : "");
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
	uint32_t line, column;
	char hint[64];

	if (first == stream)
		return true;
	weir_report_locate(checker->to.report, first->tree->where.at, &line, &column);
	snprintf(hint, sizeof(hint), "the first one is on line %u", line);
	return weir_check_wrong(&checker->to, stream->tree->where, hint, "there is a stream '%s' already",
				stream->tree->name);
}

void weir_name_stream(struct weir_checker *checker, uint32_t chain, uint32_t i, struct weir_node *node)
{
	struct weir_stream_name *stream = checker->names;

	while (stream->tree != &checker->tree->chains[chain].names[i])
		stream++;
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
