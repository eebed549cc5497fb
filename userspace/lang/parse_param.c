/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `param NAME = VALUE "help"`, and the values that come from outside. */
#include <string.h>

#include "expr/foreign.h"
#include "expr/letters.h"
#include "lang/lex.h"
#include "lang/parser.h"

#define WORDS_MAX 64 /* names that are offered as corrections */
#define LIST_BYTES 400

bool weir_at_param(struct weir_parser *parser)
{
	struct weir_lexer ahead;

	if (!weir_at(parser, "param"))
		return false;
	ahead = parser->before;
	ahead.report = NULL;
	weir_lexer_next(&ahead);
	return !ahead.after_name && weir_lexer_next(&ahead).word == WEIR_W_NAME;
}

/* The names of all parameters, or of those without a value. */
static void param_list(const struct weir_parameters *parameters, bool only_lacking, char list[LIST_BYTES])
{
	size_t at = 0;

	list[0] = '\0';
	for (uint32_t i = 0; i < parameters->n; i++) {
		const struct weir_parameter *parameter = &parameters->parameter[i];

		if (only_lacking && parameter->text)
			continue;
		if (strlen(parameter->name) + sizeof(", …") > LIST_BYTES - at) {
			snprintf(list + at, LIST_BYTES - at, " …");
			return;
		}
		at += (size_t)snprintf(list + at, LIST_BYTES - at, "%s%s", at ? ", " : "", parameter->name);
	}
}

/* The last value of that name; NULL: none. */
static const char *param_given(const struct weir_given *given, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (const char *const *value = given->values; value && *value; value++)
		if (!strncmp(*value, name, length) && (*value)[length] == '=')
			found = *value + length + 1;
	return found;
}

static bool param_fits(const struct weir_parameter *value, const struct weir_parameter *fallback)
{
	if (!value->unit || !fallback->unit)
		return !value->unit && !fallback->unit;
	return value->unit->dimension == fallback->unit->dimension;
}

/* What comes from outside is of the kind and the dimension of the default, where there is one. */
static void param_set(struct weir_parser *parser, struct weir_parameter *parameter, const char *value)
{
	struct weir_parameter given = *parameter;
	struct weir_span where = { parameter->at, parameter->length };
	char hint[WEIR_HINT_BYTES];
	bool is_number = weir_parameter_number(&given, value);

	snprintf(hint, sizeof(hint), "the default is %.40s", parameter->fallback ? parameter->fallback : "");
	if (parameter->fallback && parameter->is_number && !is_number) {
		weir_wrong(parser, where, hint, "parameter '%s' is a number, and '%.40s' is none", parameter->name,
			   value);
	} else if (parameter->fallback && parameter->is_number && !param_fits(&given, parameter)) {
		weir_wrong(parser, where, hint, "'%.40s' does not have the unit of parameter '%s'", value,
			   parameter->name);
	} else if (is_number && (parameter->is_number || !parameter->fallback)) {
		*parameter = given;
		parameter->is_number = true;
	}
	parameter->text = weir_arena_copy(parser->arena, value, strlen(value));
}

/* = VALUE */
static bool param_read_default(struct weir_parser *parser, struct weir_parameter *parameter)
{
	struct weir_token token;
	bool is_quoted;

	if (!weir_accept(parser, "="))
		return true;
	token = weir_peek_word(parser);
	is_quoted = token.word == WEIR_W_STRING;
	if (!is_quoted && token.word != WEIR_W_NAME && token.word != WEIR_W_ADDRESS) {
		weir_expected(parser, "the default of the parameter",
			      "as in: param limit = 30C \"switch on above this\"");
		return false;
	}
	parameter->fallback = weir_token_fill(parser, weir_take(parser));
	if (!parameter->fallback)
		return false;
	parameter->is_number = !is_quoted && weir_parameter_number(parameter, parameter->fallback);
	parameter->text = parameter->fallback;
	return true;
}

static bool param_read(struct weir_parser *parser, struct weir_parameter *parameter)
{
	struct weir_token name;

	weir_take(parser);
	name = weir_take(parser);
	*parameter = (struct weir_parameter){ .help = "", .at = name.where.at, .length = name.where.length };
	parameter->name = weir_token_copy(parser, name);
	if (!parameter->name || !param_read_default(parser, parameter))
		return false;
	if (weir_peek(parser).word == WEIR_W_STRING)
		parameter->help = weir_token_copy(parser, weir_take(parser));
	if (weir_peek(parser).word != WEIR_W_BREAK && weir_peek(parser).word != WEIR_W_END) {
		weir_expected(parser, "the end of the statement", "as in: param limit = 30C \"switch on above this\"");
		return false;
	}
	if (parser->lexer.text[name.where.at] != '`')
		return parameter->help;
	weir_wrong(parser, name.where, NULL, "the name of a parameter has no backquotes");
	return false;
}

void weir_read_param(struct weir_parser *parser, struct weir_tree *tree)
{
	struct weir_parameters *parameters = &tree->parameters;
	struct weir_parameter read;
	const char *value;

	if (!param_read(parser, &read)) {
		while (weir_peek(parser).word != WEIR_W_BREAK && weir_peek(parser).word != WEIR_W_END)
			weir_take_quietly(parser);
		return;
	}
	if (weir_parameter_find(parameters, read.name, read.length)) {
		weir_wrong(parser, (struct weir_span){ read.at, read.length }, NULL, "parameter '%s' is declared twice",
			   read.name);
		return;
	}
	value = param_given(&parameters->given, read.name);
	if (value)
		param_set(parser, &read, value);
	parameters->parameter = weir_arena_grow(parser->arena, parameters->parameter, parameters->n, sizeof(read));
	if (parameters->parameter)
		parameters->parameter[parameters->n++] = read;
}

static void param_refuse(struct weir_parser *parser, const struct weir_parameters *parameters, const char *value)
{
	char list[LIST_BYTES], hint[LIST_BYTES + 80];
	size_t length = strcspn(value, "="), n = 0;
	const char *words[WORDS_MAX], *near;

	for (; n < parameters->n && n < WORDS_MAX; n++)
		words[n] = parameters->parameter[n].name;
	near = weir_nearest(value, length, words, n);
	param_list(parameters, false, list);
	if (!n)
		snprintf(hint, sizeof(hint), "it has none; a statement declares one: param NAME = VALUE \"help\"");
	else
		snprintf(hint, sizeof(hint), "%s%.60s%sit has %s", near ? "did you mean '" : "", near ? near : "",
			 near ? "'? " : "", list);
	weir_wrong(parser, (struct weir_span){ 0, 0 }, hint, "the program has no parameter '%.*s'",
		   length < 60 ? (int)length : 60, value);
}

/* PATH and the like: variables for programs that are started. */
static bool param_is_capitals(const char *value)
{
	while ((*value >= 'A' && *value <= 'Z') || weir_is_digit(*value) || *value == '_')
		value++;
	return *value == '=';
}

bool weir_check_given(struct weir_parser *parser, const struct weir_tree *tree)
{
	const struct weir_parameters *parameters = &tree->parameters;
	const struct weir_given *given = &parameters->given;
	const struct weir_parameter *first = NULL;
	char list[LIST_BYTES];

	for (uint32_t i = 0; given->values && given->values[i]; i++)
		if (!weir_parameter_find(parameters, given->values[i], strcspn(given->values[i], "=")) &&
		    (i >= given->n_shared || !param_is_capitals(given->values[i])))
			param_refuse(parser, parameters, given->values[i]);
	for (uint32_t i = 0; i < parameters->n && !first; i++)
		first = parameters->parameter[i].text ? NULL : &parameters->parameter[i];
	if (!first || parameters->given.may_lack)
		return true;
	param_list(parameters, true, list);
	weir_wrong(parser, (struct weir_span){ first->at, first->length },
		   "give one behind the program, as in NAME=VALUE, or a default here", "no value was given for: %s",
		   list);
	return false;
}

/* A place of a parameter in a token: its value, or NULL after a report. */
static const char *param_value(struct weir_parser *parser, const char *name, uint32_t length, struct weir_span where)
{
	const struct weir_parameter *parameter = weir_parameter_find(parser->lexer.parameters, name, length);

	if (!parameter) {
		weir_parameter_unknown(&parser->lexer, parser->report, where, name, length);
		return NULL;
	}
	if (!parameter->text) /* a report follows at the end, and nothing is checked before */
		return "?";
	if (parser->to_broker && strpbrk(parameter->text, "{}+#")) {
		weir_wrong(parser, where, NULL, "the value of '%s' has one of { } + #, which have a meaning in topics",
			   parameter->name);
		return NULL;
	}
	return parameter->text;
}

/* The text of a token that began at `at`, with values in place of parameters; into `to`, unless NULL. False after a report. */
static bool param_put(struct weir_parser *parser, const char *text, uint32_t n, uint32_t at, bool is_quoted, char *to,
		      size_t *bytes)
{
	const char *name, *value;
	uint32_t place, length;
	char plain[2] = { 0 };

	*bytes = 0;
	for (uint32_t i = 0; i < n; i += place) {
		place = weir_parameter_place(text + i, &name, &length);
		if (place > n - i)
			place = 0;
		value = place ? param_value(parser, name, length, (struct weir_span){ at + i, place }) : plain;
		if (!value)
			return false;
		if (!place) {
			bool is_pair = (text[i] == '$' && i + 1 < n && text[i + 1] == '$') ||
				       (is_quoted && text[i] == '\\' && i + 1 < n &&
					(text[i + 1] == '"' || text[i + 1] == '\\'));

			plain[0] = text[i + is_pair];
			place = 1 + is_pair;
		}
		if (to)
			memcpy(to + *bytes, value, strlen(value));
		*bytes += strlen(value);
	}
	return true;
}

char *weir_token_fill(struct weir_parser *parser, struct weir_token token)
{
	const char *text = parser->lexer.text + token.where.at;
	bool is_quoted = token.word == WEIR_W_STRING && *text == '"';
	uint32_t at = token.where.at + is_quoted, n = token.where.length - 2 * is_quoted;
	size_t bytes;
	char *copy;

	if ((token.word != WEIR_W_ADDRESS && token.word != WEIR_W_STRING) ||
	    (token.word == WEIR_W_STRING && *text == '\'') || !memchr(text, '$', token.where.length))
		return weir_token_copy(parser, token);
	if (!param_put(parser, text + is_quoted, n, at, is_quoted, NULL, &bytes))
		return NULL;
	copy = weir_arena_take(parser->arena, bytes + 1);
	if (copy)
		param_put(parser, text + is_quoted, n, at, is_quoted, copy, &bytes);
	return copy;
}
