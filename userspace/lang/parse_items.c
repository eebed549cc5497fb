/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "expr/foreign.h"
#include "lang/parser.h"

static size_t count_words(const char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

/* [NAME =] EXPR */
static bool read_field(struct weir_parser *parser, struct weir_tree_item *item)
{
	if (weir_at_key(parser)) {
		item->name = weir_token_copy(parser, weir_take(parser));
		weir_take(parser);
	}
	item->expr = weir_read_expr(parser);
	return item->expr;
}

static void unknown_function(struct weir_parser *parser, const struct weir_param *param, struct weir_token token)
{
	const char *text = parser->lexer.text + token.where.at;
	const char *near = weir_nearest(text, token.where.length, param->words, count_words(param->words));
	char hint[WEIR_HINT_BYTES], word[WEIR_NAME_MAX], *end = hint;
	const char *foreign;

	snprintf(word, sizeof(word), "%.*s", weir_clip(token.where.length), text);
	foreign = weir_foreign_aggregate(word);
	near = foreign ? foreign : near;
	if (weir_hint_unit(parser, token, hint))
		near = hint;
	else if (near)
		snprintf(hint, sizeof(hint), "did you mean '%s'?", near);
	else
		end += snprintf(hint, sizeof(hint), "there are");
	for (size_t i = 0; !near && param->words[i] && end < hint + sizeof(hint) - 1; i++)
		end += snprintf(end, (size_t)(hint + sizeof(hint) - end), " %s", param->words[i]);
	weir_wrong(parser, token.where, hint, "unknown aggregate '%.*s'", weir_clip(token.where.length), text);
}

/* Behind one that does not exist, the rest of the list is still read. */
static bool read_function(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_item *item)
{
	struct weir_token token = weir_peek(parser);
	char hint[WEIR_HINT_BYTES];

	if (token.word != WEIR_W_NAME) {
		weir_expected(parser, "an aggregate", "as in 'mean(x) as m'");
		return false;
	}
	weir_take(parser);
	for (item->function = 0; param->words[item->function]; item->function++)
		if (weir_token_is(&parser->lexer, token, param->words[item->function]))
			return true;
	unknown_function(parser, param, token);
	/* Behind a unit that stands apart comes what was meant. */
	if (weir_hint_unit(parser, token, hint) && weir_peek(parser).word == WEIR_W_NAME)
		return read_function(parser, param, item);
	return true;
}

static bool read_name(struct weir_parser *parser, struct weir_tree_item *item)
{
	if (weir_peek(parser).word != WEIR_W_NAME) {
		weir_expected(parser, "a name after 'as'", NULL);
		return false;
	}
	item->name = weir_token_copy(parser, weir_take(parser));
	return item->name;
}

bool weir_is_listed(const char *const *list, const char *word)
{
	for (; list && word && *list; list++)
		if (!strcmp(*list, word))
			return true;
	return false;
}

static bool takes_two(const struct weir_param *param, const struct weir_tree_item *item)
{
	return weir_is_listed(param->pairs, param->words[item->function]);
}

/* , EXPR */
static bool read_second(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_item *item)
{
	const char *word = param->words[item->function];
	char hint[WEIR_HINT_BYTES], what[WEIR_HINT_BYTES];

	if (weir_accept(parser, ",")) {
		item->second = weir_read_expr(parser);
		return item->second;
	}
	snprintf(what, sizeof(what), "a second expression of '%s'", word);
	snprintf(hint, sizeof(hint), "as in '%s(y, x) as z'", word);
	weir_expected(parser, what, hint);
	return false;
}

/* , NUMBER */
static bool read_parameter(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_item *item)
{
	struct weir_token token;

	if (takes_two(param, item))
		return read_second(parser, param, item);
	if (!weir_accept(parser, ","))
		return true;
	token = weir_peek(parser);
	if (token.word != WEIR_W_NUMBER || token.dimension != WEIR_DIM_NONE) {
		weir_expected(parser, "a number", "as in 'quantile(x, 0.95)'");
		return false;
	}
	item->parameter = weir_take(parser).number;
	return true;
}

/* FUNCTION([EXPR [, NUMBER | , EXPR]]) [as NAME] */
static bool read_aggregate(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_item *item)
{
	char hint[WEIR_HINT_BYTES];
	struct weir_span open;

	if (!read_function(parser, param, item))
		return false;
	open = weir_peek(parser).where;
	if (!weir_accept(parser, "(")) {
		weir_expected(parser, "'('", "as in 'mean(x) as m'");
		return false;
	}
	if (!weir_at(parser, ")")) {
		item->expr = weir_read_expr(parser);
		if (!item->expr || !read_parameter(parser, param, item))
			return false;
	}
	if (!weir_accept(parser, ")")) {
		if (weir_at_end(parser))
			weir_wrong(parser, open, NULL, "this '(' is never closed");
		else
			weir_expected(parser, "')'",
				      weir_point_for_comma(parser->lexer.text, weir_peek(parser).where, hint) ? hint
													      : NULL);
		return false;
	}
	return !weir_accept(parser, "as") || read_name(parser, item);
}

static bool read_item(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_item *item)
{
	uint32_t from = weir_peek(parser).where.at;
	bool good;

	*item = (struct weir_tree_item){ .function = -1, .parameter = NAN };
	good = param->value == WEIR_V_FIELDS ? read_field(parser, item) : read_aggregate(parser, param, item);
	item->where = weir_span_since(parser, from);
	return good;
}

bool weir_read_items(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg)
{
	unsigned before = weir_report_count(parser->report);

	do {
		arg->items = weir_arena_grow(parser->arena, arg->items, arg->n_items, sizeof(*arg->items));
		if (!arg->items || !read_item(parser, param, &arg->items[arg->n_items]))
			return false;
		arg->n_items++;
	} while (weir_accept(parser, ","));
	return weir_report_count(parser->report) == before;
}
