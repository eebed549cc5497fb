/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "expr/foreign.h"
#include "lang/parser.h"

static const struct {
	const char *noun, *example;
} kinds[] = {
	[WEIR_V_INT] = { "a whole number", "100" },
	[WEIR_V_REAL] = { "a number", "0.5" },
	[WEIR_V_DURATION] = { "a duration", "10ms" },
	[WEIR_V_RATE] = { "a rate", "200Hz" },
	[WEIR_V_SIZE] = { "a size", "64KiB" },
	[WEIR_V_SPAN] = { "a count or a duration", "1s" },
	[WEIR_V_BOOL] = { "yes or no", "yes" },
	[WEIR_V_WORD] = { "a word", "block" },
	[WEIR_V_TEXT] = { "a word or a string", "\"some text\"" },
	[WEIR_V_EXPR] = { "an expression", "x > 0" },
	[WEIR_V_FIELDS] = { "fields", "x, m = x + y" },
	[WEIR_V_AGGREGATES] = { "aggregates", "mean(x) as m" },
};

const char *weir_value_noun(const struct weir_param *param)
{
	if (param && param->must_be_bool)
		return "a condition";
	return kinds[param ? param->value : WEIR_V_WORD].noun;
}

const char *weir_value_example(const struct weir_param *param)
{
	if (param && param->value == WEIR_V_WORD)
		return param->words[0];
	return kinds[param ? param->value : WEIR_V_WORD].example;
}

/* A value of the wrong kind is taken, so that what follows it is still read. */
static bool fail(struct weir_parser *parser, const struct weir_param *param)
{
	struct weir_token token = weir_peek(parser);
	char hint[64];

	snprintf(hint, sizeof(hint), "as in %s", weir_value_example(param));
	if (token.word == WEIR_W_STRING || token.word == WEIR_W_NUMBER)
		weir_wrong(parser, token.where, hint, "'%s' is %s", param ? param->name : "policy",
			   weir_value_noun(param));
	else
		weir_expected(parser, weir_value_noun(param), hint);
	if (token.word != WEIR_W_OPERATOR && !weir_at_end(parser))
		weir_take(parser);
	return false;
}

/* A command is for the shell, which has the parameters among its variables. */
static bool read_text(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg)
{
	struct weir_token token = weir_peek_word(parser);
	bool is_command;

	if (token.word != WEIR_W_NAME && token.word != WEIR_W_ADDRESS && token.word != WEIR_W_STRING)
		return fail(parser, param);
	is_command = param && !strcmp(param->name, "command");
	arg->text = is_command ? weir_token_copy(parser, weir_take(parser))
			       : weir_token_fill(parser, weir_take(parser));
	return arg->text;
}

/* `0,5`: what is behind the comma is taken with it. */
static bool refuse_comma(struct weir_parser *parser)
{
	struct weir_span where = { parser->last_end, 1 };
	char hint[WEIR_HINT_BYTES];

	if (!weir_point_for_comma(parser->lexer.text, where, hint))
		return false;
	weir_wrong(parser, where, hint, "a number ends before this ','");
	weir_take(parser);
	weir_take_quietly(parser);
	return true;
}

/* A word is let through: what `max` or `yes` means, the parameter's table decides. */
static bool read_number(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg)
{
	bool negative = weir_accept(parser, "-");
	struct weir_token token = weir_peek(parser);

	if (!negative &&
	    (token.word == WEIR_W_NAME || (token.word == WEIR_W_STRING && parser->lexer.text[token.where.at] == '$')))
		return read_text(parser, param, arg);
	if (token.word != WEIR_W_NUMBER)
		return fail(parser, param);
	weir_take(parser);
	arg->number = negative ? -token.number : token.number;
	arg->dimension = token.dimension;
	arg->in_weeks = token.unit && weir_unit_is_week(token.unit);
	if (arg->in_weeks && !(param && param->value == WEIR_V_SPAN && param->words)) {
		weir_wrong(parser, token.where, "write 7d", "only the size of windows is in weeks");
		return false;
	}
	return !refuse_comma(parser);
}

static bool read(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg)
{
	switch (param ? param->value : WEIR_V_WORD) {
	case WEIR_V_WORD:
	case WEIR_V_TEXT:
		return read_text(parser, param, arg);
	case WEIR_V_EXPR:
		arg->expr = weir_read_expr(parser);
		return arg->expr;
	case WEIR_V_FIELDS:
	case WEIR_V_AGGREGATES:
		return weir_read_items(parser, param, arg);
	default:
		return read_number(parser, param, arg);
	}
}

bool weir_read_value(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg)
{
	bool is_word = !param || param->value == WEIR_V_WORD || param->value == WEIR_V_TEXT;
	struct weir_token first = is_word ? weir_peek_word(parser) : weir_peek(parser);

	arg->param = param;
	arg->broken = !read(parser, param, arg);
	arg->value_where = weir_span_since(parser, first.where.at);
	return !arg->broken;
}
