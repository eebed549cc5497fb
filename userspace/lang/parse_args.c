/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "expr/foreign.h"
#include "lang/parser.h"

#define WORDS_MAX 64 /* that are offered as corrections */

/* What the arguments of one part have come to. */
struct reading {
	struct weir_parser *parser;
	struct weir_tree_part *part;
	const struct weir_param *params;
	bool has_key; /* an argument by name was read: no positional one may follow */
};

static const struct weir_param *find_param(const struct reading *reading, struct weir_token token,
					   enum weir_style style)
{
	for (const struct weir_param *param = reading->params; param->name; param++)
		if (param->style == style && weir_token_is(&reading->parser->lexer, token, param->name))
			return param;
	return NULL;
}

static bool is_given(const struct reading *reading, const struct weir_param *param)
{
	for (uint32_t i = 0; i < reading->part->n_args; i++)
		if (reading->part->args[i].param == param)
			return true;
	return false;
}

static bool is_replaced(const struct reading *reading, const struct weir_param *positional)
{
	for (uint32_t i = 0; i < reading->part->n_args && positional->instead; i++) {
		const struct weir_param *param = reading->part->args[i].param;

		if (param && !strcmp(param->name, positional->instead))
			return true;
	}
	return false;
}

static const struct weir_param *next_positional(const struct reading *reading)
{
	for (const struct weir_param *param = reading->params; param->name; param++)
		if (param->style == WEIR_POSITIONAL && !is_given(reading, param) && !is_replaced(reading, param))
			return param;
	return NULL;
}

static struct weir_tree_arg *add_arg(struct reading *reading, const struct weir_param *param, uint32_t from)
{
	struct weir_tree_part *part = reading->part;
	struct weir_tree_arg *args = weir_arena_grow(reading->parser->arena, part->args, part->n_args, sizeof(*args));

	if (!args)
		return NULL;
	part->args = args;
	args[part->n_args] = (struct weir_tree_arg){ .param = param, .where.at = from };
	return &args[part->n_args++];
}

/* It was meant to be there: nobody shall say that it is missing. */
static void add_broken(struct reading *reading, const struct weir_param *param, uint32_t from)
{
	struct weir_tree_arg *arg = add_arg(reading, param, from);

	reading->part->broken = true;
	if (arg)
		arg->broken = true;
}

/* After a value that could not be read, what stands there is taken for the next argument only where that makes sense. */
static bool read_value(struct reading *reading, const struct weir_param *param, uint32_t from)
{
	struct weir_tree_arg *arg = add_arg(reading, param, from);
	enum weir_value value = param ? param->value : WEIR_V_WORD;
	struct weir_token token;

	if (!arg)
		return false;
	if (!weir_read_value(reading->parser, param, arg))
		reading->part->broken = true;
	arg->where = weir_span_since(reading->parser, from);
	if (!arg->broken)
		return true;
	if (value == WEIR_V_EXPR || value == WEIR_V_FIELDS || value == WEIR_V_AGGREGATES)
		return false;
	token = weir_peek(reading->parser);
	return token.word != WEIR_W_OPERATOR;
}

static void wrong(struct reading *reading, struct weir_span where, const char *hint, const char *what, const char *why)
{
	struct weir_parser *parser = reading->parser;

	reading->part->broken = true;
	weir_wrong(parser, where, hint, "%s '%.*s' %s '%s'", what, weir_clip(where.length),
		   parser->lexer.text + where.at, why, reading->part->name);
}

/* The words by which an argument of this driver may be called, into `words`. */
static size_t list_words(const struct reading *reading, const char *words[WORDS_MAX])
{
	size_t n = 0;

	for (const struct weir_param *param = reading->params; param->name && n < WORDS_MAX - 1; param++)
		if (param->style != WEIR_POSITIONAL)
			words[n++] = param->name;
	if (reading->part->role != WEIR_SOURCE)
		words[n++] = "policy";
	return n;
}

static bool is_same(const struct reading *reading, struct weir_token token, const char *word)
{
	return strlen(word) == token.where.length &&
	       !memcmp(reading->parser->lexer.text + token.where.at, word, token.where.length);
}

static void unknown_key(struct reading *reading, struct weir_token token)
{
	const char *words[WORDS_MAX], *near;
	size_t n = list_words(reading, words);
	char hint[300], *end = hint;

	near = weir_nearest(reading->parser->lexer.text + token.where.at, token.where.length, words, n);
	if (near)
		snprintf(hint, sizeof(hint),
			 is_same(reading, token, near) ? "write '%s' without '='" : "did you mean '%s'?", near);
	else
		end += snprintf(hint, sizeof(hint), n ? "it takes" : "it takes none");
	for (size_t i = 0; !near && i < n && end < hint + sizeof(hint) - WEIR_NAME_MAX; i++)
		end += snprintf(end, WEIR_NAME_MAX, " %s", words[i]);
	wrong(reading, token.where, hint, "unknown key", "of");
}

/* Does an argument by name begin here? In a list of fields `name =` begins a field, and in a condition it is a mistake that
 * the expression explains better; there it takes a name that is known. */
static bool at_key(const struct reading *reading, bool only_known)
{
	struct weir_token name = weir_peek(reading->parser);

	if (!weir_at_key(reading->parser))
		return false;
	return !only_known || find_param(reading, name, WEIR_KEY) ||
	       weir_token_is(&reading->parser->lexer, name, "policy");
}

static bool needs_value(struct reading *reading, const struct weir_param *param, struct weir_token name,
			const char *glue)
{
	char hint[128];

	if (!weir_at_end(reading->parser) && !at_key(reading, true))
		return false;
	snprintf(hint, sizeof(hint), "as in %s%s%s", param ? param->name : "policy", glue, weir_value_example(param));
	weir_wrong(reading->parser, weir_span_since(reading->parser, name.where.at), hint, "'%s' needs a value",
		   param ? param->name : "policy");
	add_broken(reading, param, name.where.at);
	return true;
}

static bool is_twice(struct reading *reading, const struct weir_param *param, struct weir_token name)
{
	if (!is_given(reading, param))
		return false;
	reading->part->broken = true;
	weir_wrong(reading->parser, name.where, NULL, "'%s' is given twice", param ? param->name : "policy");
	return true;
}

/* An argument that nobody asked for still has a value to go past. */
static bool skip_value(struct weir_parser *parser)
{
	if (weir_at_key(parser))
		return true;
	weir_peek_word(parser);
	if (weir_at_end(parser))
		return true;
	return weir_take(parser).word != WEIR_W_OPERATOR;
}

/* NAME = VALUE */
static bool read_key(struct reading *reading)
{
	struct weir_token name = weir_take(reading->parser);
	const struct weir_param *param = find_param(reading, name, WEIR_KEY);
	bool is_known = param || weir_token_is(&reading->parser->lexer, name, "policy");

	weir_take(reading->parser);
	reading->has_key = true;
	if (!is_known)
		unknown_key(reading, name);
	if (!is_known || is_twice(reading, param, name))
		return skip_value(reading->parser);
	return needs_value(reading, param, name, "=") || read_value(reading, param, name.where.at);
}

/* `file=x`, of one that has its value right behind it. It is read all the same. */
static void refuse_equals(struct reading *reading, const struct weir_param *param)
{
	struct weir_parser *parser = reading->parser;
	struct weir_token equals = weir_peek(parser);
	const char *text = parser->lexer.text;
	char hint[WEIR_HINT_BYTES];
	uint32_t at, end;

	if (!weir_at(parser, "="))
		return;
	at = equals.where.at + 1;
	at += (uint32_t)strspn(text + at, " \t");
	end = at < weir_part_end(parser, at) ? weir_word_end(text, at) : at;
	snprintf(hint, sizeof(hint), "did you mean '%s %.*s'?", param->name, weir_clip(end - at), text + at);
	weir_wrong(parser, equals.where, hint, "'%s' of '%s' has no '=' before its value", param->name,
		   reading->part->name);
	reading->part->broken = true;
	weir_take(parser);
}

/* NAME VALUE */
static bool read_keyword(struct reading *reading, const struct weir_param *param)
{
	struct weir_token name = weir_take(reading->parser);

	if (is_twice(reading, param, name))
		return false;
	refuse_equals(reading, param);
	return needs_value(reading, param, name, " ") || read_value(reading, param, name.where.at);
}

/* NAME alone, for yes */
static bool read_flag(struct reading *reading, const struct weir_param *param)
{
	struct weir_token name = weir_take(reading->parser);
	struct weir_tree_arg *arg;

	if (is_twice(reading, param, name))
		return true;
	arg = add_arg(reading, param, name.where.at);
	if (!arg)
		return false;
	arg->where = arg->value_where = name.where;
	arg->text = "yes";
	return true;
}

static bool suits(const struct weir_param *param, struct weir_token token)
{
	return (param->value == WEIR_V_RATE && token.dimension == WEIR_DIM_RATE) ||
	       (param->value == WEIR_V_DURATION && token.dimension == WEIR_DIM_TIME) ||
	       (param->value == WEIR_V_SIZE && token.dimension == WEIR_DIM_SIZE);
}

/* A number whose unit is that of an argument which was not given. */
static const char *guess_number(const struct reading *reading, struct weir_token token, char *hint)
{
	for (const struct weir_param *param = reading->params; param->name; param++) {
		if (param->style != WEIR_KEY || !suits(param, token) || is_given(reading, param))
			continue;
		snprintf(hint, WEIR_HINT_BYTES, "did you mean %s=%.*s?", param->name, weir_clip(token.where.length),
			 reading->parser->lexer.text + token.where.at);
		return hint;
	}
	return NULL;
}

static bool is_number(const struct weir_param *param)
{
	return param->value == WEIR_V_INT || param->value == WEIR_V_REAL || param->value == WEIR_V_DURATION ||
	       param->value == WEIR_V_RATE || param->value == WEIR_V_SPAN || param->value == WEIR_V_SIZE;
}

/* An argument by keyword that is missing, of which this may be the value; one that must be there comes first. */
static const struct weir_param *missing_keyword(const struct reading *reading, struct weir_token token)
{
	const struct weir_param *found = NULL;

	for (const struct weir_param *param = reading->params; param->name; param++) {
		if (param->style != WEIR_KEYWORD || is_given(reading, param))
			continue;
		if (param->required)
			return param;
		if (token.word == WEIR_W_NUMBER && is_number(param) && !found)
			found = param;
	}
	return found;
}

/* The value of an argument whose word before it was forgotten: `switch x > 0`. */
static const char *guess_keyword(const struct reading *reading, struct weir_token token, char *hint)
{
	const struct weir_parser *parser = reading->parser;
	uint32_t from = reading->part->name_where.at, to = token.where.at, end = weir_part_end(parser, to);
	const struct weir_param *param = missing_keyword(reading, token);
	int at;

	if (!param ||
	    (token.word != WEIR_W_NAME && token.word != WEIR_W_NUMBER && !weir_token_is(&parser->lexer, token, "(")))
		return NULL;
	at = snprintf(hint, WEIR_HINT_BYTES, "did you mean '%.*s%s %.*s", to - from < 60 ? (int)(to - from) : 60,
		      parser->lexer.text + from, param->name, end - to < 60 ? (int)(end - to) : 60,
		      parser->lexer.text + to);
	for (param++; param->name && at < WEIR_HINT_BYTES - WEIR_NAME_MAX; param++)
		if (param->style == WEIR_KEYWORD && param->required && !is_given(reading, param))
			at += snprintf(hint + at, (size_t)(WEIR_HINT_BYTES - at), " %s …", param->name);
	snprintf(hint + at, (size_t)(WEIR_HINT_BYTES - at), "'?");
	return hint;
}

/* `within 10ms` */
static const char *guess_equals(const struct reading *reading, struct weir_token token, char *hint)
{
	const struct weir_param *param = token.word == WEIR_W_NAME ? find_param(reading, token, WEIR_KEY) : NULL;
	const char *text = reading->parser->lexer.text;
	uint32_t at = token.where.at + token.where.length;

	if (!param)
		return NULL;
	at += (uint32_t)strspn(text + at, " \t");
	snprintf(hint, WEIR_HINT_BYTES, "did you mean '%s=%.*s'?", param->name, weir_clip(weir_word_end(text, at) - at),
		 text + at);
	return hint;
}

/* Does a stage begin here, for which a `|` is missing? */
static bool begins_stage(const struct reading *reading, struct weir_token token)
{
	const struct weir_lexer *lexer = &reading->parser->lexer;

	for (size_t i = 0; i < weir_n_drivers && token.word == WEIR_W_NAME; i++)
		if (weir_token_is(lexer, token, weir_drivers[i]->name))
			return weir_is_stage(weir_drivers[i]->name);
	return false;
}

/* `exec ls -l`: a text of several words. */
static const char *guess_quotes(const struct reading *reading, struct weir_token token, char *hint)
{
	const struct weir_tree_part *part = reading->part;
	const struct weir_tree_arg *last = part->n_args ? &part->args[part->n_args - 1] : NULL;
	uint32_t at, end;

	if (!last || last->broken || !last->param || last->param->value != WEIR_V_TEXT ||
	    last->param->style != WEIR_POSITIONAL || token.word == WEIR_W_NUMBER ||
	    reading->parser->lexer.text[last->value_where.at] == '"')
		return NULL;
	at = last->value_where.at;
	end = weir_part_end(reading->parser, at);
	snprintf(hint, WEIR_HINT_BYTES, "write a text of several words in quotes: %s \"%.*s\"", part->name,
		 end - at < 100 ? (int)(end - at) : 100, reading->parser->lexer.text + at);
	return hint;
}

/* A word that is a possible value of some key, or nearly the name of one. */
static const char *guess(const struct reading *reading, struct weir_token token, char *hint)
{
	const struct weir_lexer *lexer = &reading->parser->lexer;
	const char *words[WORDS_MAX], *near;

	if (!begins_stage(reading, token) && guess_quotes(reading, token, hint))
		return hint;
	if (weir_guess_text(reading->parser, reading->part, token, hint) || guess_equals(reading, token, hint))
		return hint;
	if (token.word == WEIR_W_NUMBER && guess_number(reading, token, hint))
		return hint;
	for (const struct weir_param *param = reading->params; param->name; param++)
		for (size_t i = 0; param->value == WEIR_V_WORD && param->style == WEIR_KEY && param->words[i]; i++) {
			if (!weir_token_is(lexer, token, param->words[i]))
				continue;
			snprintf(hint, WEIR_HINT_BYTES, "did you mean %s=%s?", param->name, param->words[i]);
			return hint;
		}
	near = weir_nearest(lexer->text + token.where.at, token.where.length, words, list_words(reading, words));
	if (token.word != WEIR_W_NAME || !near)
		return guess_keyword(reading, token, hint);
	snprintf(hint, WEIR_HINT_BYTES, "did you mean '%s'?", near);
	return hint;
}

/* A number that lacks the unit behind it is not told to lack one. */
static void spare_number(struct reading *reading, struct weir_token token)
{
	char hint[WEIR_HINT_BYTES];

	if (reading->part->n_args && weir_hint_unit(reading->parser, token, hint))
		reading->part->args[reading->part->n_args - 1].broken = true;
}

static bool read_unexpected(struct reading *reading, struct weir_token token)
{
	char hint[WEIR_HINT_BYTES];

	if (token.word != WEIR_W_BAD)
		wrong(reading, token.where, guess(reading, token, hint), "unexpected", "among the arguments of");
	reading->part->broken = true;
	reading->part->swallows = begins_stage(reading, token);
	spare_number(reading, token);
	return false;
}

static bool read_positional(struct reading *reading, const struct weir_param *param)
{
	struct weir_token token = weir_peek(reading->parser);

	if (reading->has_key) {
		weir_wrong(reading->parser, token.where, NULL, "%s of '%s' must come before its arguments by name",
			   weir_value_noun(param), reading->part->name);
		add_broken(reading, param, token.where.at);
		return false;
	}
	return read_value(reading, param, token.where.at);
}

static bool is_textual(const struct weir_param *param)
{
	return param && (param->value == WEIR_V_TEXT || param->value == WEIR_V_WORD);
}

/* One argument. False when nothing more can be made of this part. */
static bool read_arg(struct reading *reading)
{
	const struct weir_param *next = next_positional(reading), *param;
	struct weir_token token = is_textual(next) ? weir_peek_word(reading->parser) : weir_peek(reading->parser);

	if (at_key(reading, next && (next->value == WEIR_V_FIELDS || next->value == WEIR_V_EXPR)))
		return read_key(reading);
	param = find_param(reading, token, WEIR_KEYWORD);
	if (param && token.word == WEIR_W_NAME)
		return read_keyword(reading, param);
	param = find_param(reading, token, WEIR_KEY);
	if (param && param->value == WEIR_V_BOOL && token.word == WEIR_W_NAME)
		return read_flag(reading, param);
	if (!next || token.word == WEIR_W_BAD)
		return read_unexpected(reading, token);
	return read_positional(reading, next);
}

bool weir_read_keys(struct weir_parser *parser, struct weir_tree_part *part)
{
	struct reading reading = {
		.parser = parser,
		.part = part,
		.params = weir_driver_params(part->driver, part->role),
	};

	do {
		if (!weir_at_key(parser)) {
			weir_expected(parser, "an argument by name",
				      "streams come first, then arguments: (a, b, key=value)");
			return false;
		}
		if (!read_key(&reading))
			return false;
	} while (weir_accept(parser, ",") || weir_at_key(parser));
	return true;
}

void weir_read_args(struct weir_parser *parser, struct weir_tree_part *part)
{
	struct reading reading = {
		.parser = parser,
		.part = part,
		.params = weir_driver_params(part->driver, part->role),
	};

	while (!weir_at_end(parser))
		if (!read_arg(&reading)) {
			weir_skip_part(parser);
			return;
		}
}
