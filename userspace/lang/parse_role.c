/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "expr/foreign.h"
#include "lang/parser.h"

#define ROLES 4
#define WORDS_MAX 256 /* that are offered as corrections */

/* The roles that a place allows, the likeliest first. */
static const struct {
	const char *what;
	enum weir_role role[3];
	size_t n;
} places[] = {
	[WEIR_AT_HEAD] = { "source", { WEIR_SOURCE }, 1 },
	[WEIR_IN_MIDDLE] = { "stage", { WEIR_OPERATOR }, 1 },
	[WEIR_AT_END] = { "stage or sink", { WEIR_SINK, WEIR_ACTUATOR, WEIR_OPERATOR }, 3 },
	[WEIR_AT_NAMED_END] = { "stage", { WEIR_OPERATOR }, 1 },
};

static const struct {
	const char *noun, *what_it_does;
} roles[ROLES] = {
	[WEIR_SOURCE] = { "a source", "begin" },
	[WEIR_OPERATOR] = { "a stage", "stand inside" },
	[WEIR_SINK] = { "a sink", "end" },
	[WEIR_ACTUATOR] = { "an actuator", "end" },
};

void weir_find_role(struct weir_tree_part *part, enum weir_place place)
{
	for (size_t i = 0; i < places[place].n && !part->driver; i++) {
		part->role = places[place].role[i];
		part->driver = weir_driver_find(part->name, part->role);
	}
}

bool weir_is_driver(const char *name)
{
	for (size_t i = 0; i < weir_n_drivers; i++)
		if (!strcmp(weir_drivers[i]->name, name))
			return true;
	return false;
}

bool weir_is_defined(const struct weir_tree *tree, const char *name)
{
	return weir_names_find(&tree->names, name) != WEIR_NO_NAME;
}

/* Says "a source or an actuator" of gpio, and "begin or end". */
static size_t list_roles(const char *name, char nouns[64], char verbs[64])
{
	size_t n = 0;

	nouns[0] = verbs[0] = '\0';
	for (int role = 0; role < ROLES; role++) {
		if (!weir_driver_find(name, (enum weir_role)role))
			continue;
		snprintf(nouns + strlen(nouns), 64 - strlen(nouns), "%s%s", n ? " or " : "", roles[role].noun);
		if (!strstr(verbs, roles[role].what_it_does))
			snprintf(verbs + strlen(verbs), 64 - strlen(verbs), "%s%s", n ? " or " : "",
				 roles[role].what_it_does);
		n++;
	}
	return n;
}

static const char *nearest_driver(const char *name, enum weir_place place)
{
	const char *words[WORDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < weir_n_drivers && n < WORDS_MAX; i++) {
		struct weir_tree_part part = { .name = weir_drivers[i]->name };

		weir_find_role(&part, place);
		if (part.driver)
			words[n++] = part.name;
	}
	return weir_nearest(name, strlen(name), words, n);
}

static void unknown(struct weir_parser *parser, const struct weir_tree *tree, const struct weir_tree_part *part,
		    enum weir_place place)
{
	bool is_shown = weir_report_count(parser->report) < WEIR_REPORT_MESSAGES;
	uint32_t at = part->name_where.at + part->name_where.length, end = weir_part_end(parser, at);
	const char *near = NULL;
	char hint[WEIR_HINT_BYTES];

	if (place != WEIR_AT_HEAD && weir_is_defined(tree, part->name)) {
		weir_wrong(parser, part->name_where, NULL, "'%s' is a stream; it can only begin a chain", part->name);
		return;
	}
	if (is_shown)
		near = place != WEIR_AT_HEAD && weir_foreign_stage(part->name, parser->lexer.text + at,
								   end > at ? end - at : 0, hint)
			       ? hint
		       : weir_guess_colon(part->name, place == WEIR_AT_HEAD, hint) ? hint
										   : nearest_driver(part->name, place);
	if (near && near != hint)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else if (!near)
		snprintf(hint, sizeof(hint), "'weir list %s' shows what there is",
			 place == WEIR_AT_HEAD ? "sensors" : "stages");
	weir_wrong(parser, part->name_where, hint, "unknown %s '%.*s'", places[place].what,
		   weir_clip(part->name_where.length), part->name);
}

void weir_unknown_part(struct weir_parser *parser, const struct weir_tree *tree, const struct weir_tree_part *part,
		       enum weir_place place)
{
	char nouns[64], verbs[64], hint[WEIR_HINT_BYTES];

	if (!list_roles(part->name, nouns, verbs))
		unknown(parser, tree, part, place);
	else if (place == WEIR_AT_NAMED_END && strstr(verbs, "end"))
		weir_wrong(parser, part->name_where, "leave the name out",
			   "'%s' is %s; a chain that ends in it has no name", part->name, nouns);
	else
		weir_wrong(parser, part->name_where,
			   place == WEIR_AT_HEAD && weir_hint_from(parser, part, hint) ? hint : NULL,
			   "'%s' is %s; it can only %s a chain", part->name, nouns, verbs);
}
