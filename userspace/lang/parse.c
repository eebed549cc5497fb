/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr/foreign.h"
#include "lang/parser.h"

static const char *const reserved[] = { "and", "or", "not", "true", "false", "t", "on" };

static bool is_among(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

/* x,y in [x,y] */
static bool read_columns(struct weir_parser *parser, struct weir_tree_part *part, struct weir_span open)
{
	do {
		struct weir_token token = weir_peek(parser);
		bool is_word = token.word == WEIR_W_ADDRESS || token.word == WEIR_W_STRING || token.word == WEIR_W_NAME;

		if (weir_at_end(parser)) {
			weir_wrong(parser, open, NULL, "this '[' is never closed");
			return false;
		}
		if (!is_word)
			weir_expected(parser, "a word", "as in [x,y]");
		part->columns = weir_arena_grow(parser->arena, part->columns, part->n_columns, sizeof(char *));
		if (!is_word || !part->columns)
			return false;
		part->columns[part->n_columns] = weir_token_fill(parser, weir_take(parser));
		if (!part->columns[part->n_columns++])
			return false;
	} while (weir_accept(parser, ","));
	if (weir_accept(parser, "]"))
		return true;
	if (weir_at_end(parser))
		weir_wrong(parser, open, NULL, "this '[' is never closed");
	else
		weir_expected(parser, "',' or ']'", NULL);
	return false;
}

/* How a driver of that name is written, and where its targets are shown. */
static bool show_target(const char *name, char *hint)
{
	const struct weir_driver *driver = weir_driver_find(name, WEIR_SOURCE);
	bool has_devices = driver && driver->source->devices;

	for (int role = WEIR_OPERATOR; role <= WEIR_ACTUATOR && !driver; role++)
		driver = weir_driver_find(name, (enum weir_role)role);
	if (driver && driver->target)
		snprintf(hint, WEIR_HINT_BYTES, "as in %s:%s%s", name, driver->target,
			 has_devices ? "; 'weir list devices' shows what there is" : "");
	return driver && driver->target;
}

/* A command is for the shell. In a broker's topic a value is one word of it, and cannot become a wildcard. */
static char *fill_target(struct weir_parser *parser, const struct weir_tree_part *part, struct weir_token token)
{
	static const char *const brokers[] = { "mqtt", "amqp", "kafka" };
	char *target;

	if (!strcmp(part->name, "exec"))
		return weir_token_copy(parser, token);
	parser->to_broker = is_among(part->name, brokers, sizeof(brokers) / sizeof(brokers[0]));
	target = weir_token_fill(parser, token);
	parser->to_broker = false;
	return target;
}

/* :TARGET[COLUMNS] */
static bool read_target(struct weir_parser *parser, struct weir_tree_part *part)
{
	struct weir_token token = weir_peek(parser);
	bool is_quoted = token.word == WEIR_W_STRING;
	char hint[WEIR_HINT_BYTES], *target;

	part->target = "";
	if (parser->before.after_name) {
		weir_take(parser);
		part->target_where = token.where;
		if (token.word == WEIR_W_BAD)
			return false;
		if (!token.where.length || (is_quoted && token.where.length == 2)) {
			weir_wrong(parser, part->name_where, show_target(part->name, hint) ? hint : NULL,
				   "'%s:' needs its target right after the colon", part->name);
			return false;
		}
		target = fill_target(parser, part, token);
		if (!target)
			return false;
		part->target = target;
		if (!*target)
			weir_wrong(parser, token.where, NULL, "the target of '%s' is empty", part->name);
	}
	token = weir_peek(parser);
	if (token.where.at != parser->last_end || !weir_at(parser, "["))
		return true;
	return read_columns(parser, part, weir_take(parser).where);
}

/* `csv out.csv`: the colon is missing. What stands in the target's place is taken, so that nothing else is said of it. */
static bool take_target(struct weir_parser *parser, const struct weir_tree_part *part, char *hint)
{
	const char *text = parser->lexer.text;
	uint32_t at = parser->last_end + (uint32_t)strspn(text + parser->last_end, " \t");
	uint32_t n = weir_word_end(text, at) - at;
	bool is_quoted = text[at] == '"' || text[at] == '\'';

	if (!n || at == parser->last_end || weir_at_end(parser) || weir_at_key(parser) ||
	    (!is_quoted && memchr(text + at, '=', n)))
		return false;
	snprintf(hint, WEIR_HINT_BYTES, "did you mean '%s:%.*s'?", part->name, weir_clip(n), text + at);
	while (!weir_at_end(parser) && weir_peek(parser).where.at < at + n)
		weir_take_quietly(parser);
	return true;
}

/* A driver says in its table whether it takes a target. */
static bool check_target(struct weir_parser *parser, const struct weir_tree_part *part)
{
	const char *wanted = part->driver->target;
	char hint[WEIR_HINT_BYTES];

	if (!wanted && part->target_where.length) {
		weir_wrong(parser, part->target_where, NULL, "'%s' takes no target", part->name);
		return false;
	}
	if (wanted && !part->target_where.length) {
		weir_wrong(parser, part->name_where,
			   take_target(parser, part, hint) ? hint
			   : part->role == WEIR_SOURCE && part->driver->source->devices
				   ? "'weir list devices' shows what there is"
				   : NULL,
			   "'%s' needs a target: %s:%s", part->name, part->name, wanted);
		return false;
	}
	return true;
}

/* The arguments of a part whose name, target and driver are known. */
static void finish_driver(struct weir_parser *parser, struct weir_tree_part *part)
{
	if (!check_target(parser, part))
		part->broken = true;
	weir_read_args(parser, part);
}

static void abandon(struct weir_parser *parser, struct weir_tree_part *part)
{
	part->broken = true;
	weir_skip_part(parser);
}

/* After the name of a stream there is nothing to say, but `on`. */
static void finish_stream(struct weir_parser *parser, struct weir_tree_part *part, bool is_defined)
{
	char hint[WEIR_HINT_BYTES];

	if (weir_at(parser, "on") && weir_find_combiner("on")) {
		if (weir_read_on(parser, part))
			weir_read_args(parser, part);
		else
			abandon(parser, part);
		return;
	}
	part->kind = WEIR_P_STREAM;
	if (weir_at_end(parser))
		return;
	if (!is_defined && weir_hint_head(part->name, hint))
		weir_wrong(parser, part->name_where, hint, "unknown source '%.40s'", part->name);
	else if (!is_defined && weir_hint_from(parser, part, hint))
		weir_wrong(parser, part->name_where, hint, "unknown source '%.40s'", part->name);
	else
		weir_expected(parser, "'|'", "a stage begins with '|'");
	abandon(parser, part);
}

static void read_head(struct weir_parser *parser, struct weir_tree *tree, struct weir_tree_part *part)
{
	bool is_stream = weir_is_defined(tree, part->name) && !weir_at(parser, "(");

	if (weir_find_combiner(part->name) && !is_stream) {
		if (weir_read_combination(parser, part))
			weir_read_args(parser, part);
		else
			abandon(parser, part);
		return;
	}
	weir_find_role(part, WEIR_AT_HEAD);
	if (!part->target_where.length && (!weir_is_driver(part->name) || weir_is_defined(tree, part->name))) {
		part->driver = NULL;
		finish_stream(parser, part, weir_is_defined(tree, part->name));
	} else if (part->driver) {
		finish_driver(parser, part);
	} else {
		weir_unknown_part(parser, tree, part, WEIR_AT_HEAD);
		abandon(parser, part);
	}
}

/* The streams that a combiner reads beside the chain that it stands in. */
static bool read_inputs(struct weir_parser *parser, struct weir_tree_part *part)
{
	return !part->driver->combiner || weir_read_names(parser, &part->inputs, &part->n_inputs);
}

static void read_stage(struct weir_parser *parser, struct weir_tree *tree, struct weir_tree_part *part,
		       enum weir_place place)
{
	weir_find_role(part, place);
	if (!part->driver)
		weir_unknown_part(parser, tree, part, place);
	else if (read_inputs(parser, part)) {
		finish_driver(parser, part);
		return;
	}
	abandon(parser, part);
}

/* NAME[:TARGET] : what every part begins with. */
static bool read_name(struct weir_parser *parser, struct weir_tree_part *part, const char *what)
{
	struct weir_token token = weir_peek(parser);

	if (token.word != WEIR_W_NAME) {
		weir_expected(parser, what,
			      token.word == WEIR_W_END && parser->last_end ? "leave out the '|' behind the last one"
									   : NULL);
		return false;
	}
	weir_take(parser);
	part->name_where = token.where;
	part->name = weir_token_copy(parser, token);
	return part->name && read_target(parser, part);
}

static struct weir_tree_part *add_part(struct weir_parser *parser, struct weir_tree_chain *chain)
{
	chain->parts = weir_arena_grow(parser->arena, chain->parts, chain->n_parts, sizeof(*chain->parts));
	if (!chain->parts)
		return NULL;
	chain->parts[chain->n_parts] = (struct weir_tree_part){ .target = "" };
	return &chain->parts[chain->n_parts++];
}

/* Behind a mistake the end of a named chain may be that of another, which a parenthesis left open has swallowed. */
static enum weir_place find_place(struct weir_parser *parser, const struct weir_tree_chain *chain)
{
	if (weir_bar_follows(parser))
		return WEIR_IN_MIDDLE;
	return chain->n_names && !chain->broken ? WEIR_AT_NAMED_END : WEIR_AT_END;
}

static void read_part(struct weir_parser *parser, struct weir_tree *tree, struct weir_tree_chain *chain)
{
	bool is_head = !chain->n_parts;
	enum weir_place place = find_place(parser, chain);
	struct weir_tree_part *part = add_part(parser, chain);
	uint32_t from = weir_peek(parser).where.at;

	if (!part)
		return;
	if (!read_name(parser, part, is_head ? "a source or the name of a stream" : "a stage"))
		abandon(parser, part);
	else if (is_head)
		read_head(parser, tree, part);
	else
		read_stage(parser, tree, part, place);
	part->where = weir_span_since(parser, from);
	chain->broken |= part->broken;
}

/* A part that could not be made sense of may well have been a sink. */
static void check_end(struct weir_parser *parser, const struct weir_tree_chain *chain)
{
	const struct weir_tree_part *last = &chain->parts[chain->n_parts - 1];
	bool is_known = last->driver || (last->kind == WEIR_P_STREAM && !last->broken);

	if (!chain->n_names && is_known && !last->swallows && last->role != WEIR_SINK && last->role != WEIR_ACTUATOR)
		weir_wrong(parser, last->where, "end it with '| print', say, or give it a name",
			   "this chain ends in no sink");
}

static void read_chain_names(struct weir_parser *parser, struct weir_tree_chain *chain)
{
	if (!weir_at_names(parser))
		return;
	weir_read_names(parser, &chain->names, &chain->n_names);
	weir_take(parser);
	for (uint32_t i = 0; i < chain->n_names; i++) {
		const struct weir_tree_name *name = &chain->names[i];

		if (!is_among(name->name, reserved, sizeof(reserved) / sizeof(reserved[0])))
			continue;
		weir_wrong(parser, name->where, NULL, "'%s' is a word of the language and cannot name a stream",
			   name->name);
		chain->broken = true;
	}
}

static bool begins_driver(struct weir_parser *parser)
{
	struct weir_token token = weir_peek(parser);

	for (size_t i = 0; i < weir_n_drivers && token.word == WEIR_W_NAME; i++)
		if (weir_token_is(&parser->lexer, token, weir_drivers[i]->name))
			return true;
	return false;
}

/* Two bars with nothing between them have been reported already where an expression stands before them. */
static bool accept_bar(struct weir_parser *parser, const struct weir_tree_chain *chain)
{
	if (weir_accept(parser, "|"))
		return true;
	if (!weir_at(parser, "||"))
		return false;
	if (!chain->broken) {
		weir_wrong(parser, weir_peek(parser).where, NULL, "a stage is missing between the two '|'");
		weir_take(parser);
		return true;
	}
	weir_take(parser);
	if (begins_driver(parser))
		return true;
	/* It was meant as 'or', and what follows belongs to the condition. */
	weir_skip_part(parser);
	return accept_bar(parser, chain);
}

static void read_chain(struct weir_parser *parser, struct weir_tree *tree)
{
	struct weir_tree_chain chain = { .where = weir_peek(parser).where };

	read_chain_names(parser, &chain);
	do
		read_part(parser, tree, &chain);
	while (!parser->arena->failed && accept_bar(parser, &chain));
	tree->chains = weir_arena_grow(parser->arena, tree->chains, tree->n_chains, sizeof(chain));
	if (parser->arena->failed)
		return;
	for (uint32_t i = 0; i < chain.n_names; i++)
		if (weir_names_add(&tree->names, chain.names[i].name, tree->n_chains) < 0)
			parser->arena->failed = true;
	check_end(parser, &chain);
	chain.where = weir_span_since(parser, chain.where.at);
	tree->chains[tree->n_chains++] = chain;
}

static int open_tree(struct weir_tree **out, struct weir_tree **tree, struct weir_parser *parser,
		     struct weir_report *report)
{
	*out = NULL;
	*tree = calloc(1, sizeof(**tree));
	if (!*tree)
		return -ENOMEM;
	weir_parser_init(parser, report, &(*tree)->arena);
	return 0;
}

/* The tree is handed out when it is whole. */
static int close_parse(struct weir_tree **out, struct weir_tree *tree, struct weir_parser *parser, bool is_good)
{
	int err = tree->arena.failed ? -ENOMEM : is_good ? 0 : -EINVAL;

	if (!is_good)
		weir_tell_bad(parser);
	if (err)
		weir_tree_close(tree);
	else
		*out = tree;
	return err;
}

static void read_statements(struct weir_parser *parser, struct weir_tree *tree)
{
	while (weir_peek(parser).word != WEIR_W_END && !tree->arena.failed) {
		if (weir_peek(parser).word == WEIR_W_BREAK)
			weir_take(parser);
		else if (weir_at_param(parser))
			weir_read_param(parser, tree);
		else
			read_chain(parser, tree);
	}
}

int weir_parse_given(struct weir_tree **out, struct weir_report *report, const struct weir_given *given)
{
	struct weir_parser parser;
	struct weir_tree *tree;
	int err = open_tree(out, &tree, &parser, report);

	if (err)
		return err;
	tree->parameters.given = *given;
	parser.lexer.parameters = &tree->parameters;
	read_statements(&parser, tree);
	return close_parse(out, tree, &parser, weir_check_given(&parser, tree));
}

int weir_parse(struct weir_tree **out, struct weir_report *report)
{
	return weir_parse_given(out, report, &(struct weir_given){ 0 });
}

static bool is_all_read(struct weir_parser *parser)
{
	while (weir_peek(parser).word == WEIR_W_BREAK)
		weir_take(parser);
	if (weir_peek(parser).word == WEIR_W_END)
		return true;
	weir_expected(parser, "the end", NULL);
	return false;
}

int weir_parse_expr(struct weir_tree **out, struct weir_tree_expr **expr, struct weir_report *report)
{
	struct weir_parser parser;
	struct weir_tree *tree;
	int err = open_tree(out, &tree, &parser, report);

	*expr = NULL;
	if (err)
		return err;
	*expr = weir_read_expr(&parser);
	return close_parse(out, tree, &parser, *expr && is_all_read(&parser));
}

int weir_parse_value(struct weir_tree **out, struct weir_tree_arg *arg, const struct weir_param *param,
		     struct weir_report *report)
{
	struct weir_parser parser;
	struct weir_tree *tree;
	int err = open_tree(out, &tree, &parser, report);

	*arg = (struct weir_tree_arg){ 0 };
	if (err)
		return err;
	return close_parse(out, tree, &parser, weir_read_value(&parser, param, arg) && is_all_read(&parser));
}
