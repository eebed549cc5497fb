/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/parser.h"

#include <string.h>

void weir_parser_init(struct weir_parser *parser, struct weir_report *report, struct weir_arena *arena)
{
	*parser = (struct weir_parser){ .report = report, .arena = arena };
	weir_lexer_init(&parser->lexer, report);
}

/* What is looked at may yet be read as a word: whatever is wrong with it is told when that is settled. */
static void look(struct weir_parser *parser, struct weir_token (*read)(struct weir_lexer *lexer))
{
	parser->before = parser->lexer;
	parser->lexer.report = NULL;
	parser->token = read(&parser->lexer);
	parser->lexer.report = parser->before.report;
	parser->read = read;
	parser->peeked = true;
	parser->told = false;
}

struct weir_token weir_peek(struct weir_parser *parser)
{
	if (!parser->peeked)
		look(parser, weir_lexer_next);
	return parser->token;
}

struct weir_token weir_peek_word(struct weir_parser *parser)
{
	if (parser->peeked)
		parser->lexer = parser->before;
	look(parser, weir_lexer_word);
	return parser->token;
}

void weir_tell_bad(struct weir_parser *parser)
{
	struct weir_lexer again = parser->before;

	if (!parser->peeked || parser->told || parser->token.word != WEIR_W_BAD)
		return;
	parser->told = true;
	again.report = parser->lexer.report;
	parser->read(&again);
}

struct weir_token weir_take(struct weir_parser *parser)
{
	struct weir_token token = weir_peek(parser);

	weir_tell_bad(parser);
	parser->peeked = false;
	parser->last_end = token.where.at + token.where.length;
	return token;
}

struct weir_token weir_take_quietly(struct weir_parser *parser)
{
	weir_peek(parser);
	parser->told = true;
	return weir_take(parser);
}

bool weir_at(struct weir_parser *parser, const char *word)
{
	struct weir_token token = weir_peek(parser);

	return (token.word == WEIR_W_NAME || token.word == WEIR_W_OPERATOR) &&
	       weir_token_is(&parser->lexer, token, word);
}

bool weir_accept(struct weir_parser *parser, const char *word)
{
	if (!weir_at(parser, word))
		return false;
	weir_take(parser);
	return true;
}

bool weir_at_key(struct weir_parser *parser)
{
	struct weir_lexer ahead;

	weir_peek(parser);
	ahead = parser->before;
	ahead.report = NULL;
	if (weir_lexer_next(&ahead).word != WEIR_W_NAME)
		return false;
	return weir_token_is(&ahead, weir_lexer_next(&ahead), "=");
}

static bool ends_part(const struct weir_lexer *lexer, struct weir_token token)
{
	return token.word == WEIR_W_END || token.word == WEIR_W_BREAK ||
	       (token.word == WEIR_W_OPERATOR && lexer->text[token.where.at] == '|');
}

bool weir_at_end(struct weir_parser *parser)
{
	struct weir_token token = weir_peek(parser);

	return ends_part(&parser->lexer, token);
}

bool weir_bar_follows(struct weir_parser *parser)
{
	struct weir_lexer ahead = parser->peeked ? parser->before : parser->lexer;
	struct weir_token token;

	ahead.report = NULL;
	do
		token = weir_lexer_next(&ahead);
	while (!ends_part(&ahead, token));
	/* A bar with nothing behind it is one too many, and makes no sink of the end a stage. */
	return token.word == WEIR_W_OPERATOR && ahead.text[ahead.at + strspn(ahead.text + ahead.at, " \t\r\n")];
}

/* What is skipped is not looked at: it may be wrong only because of what came before. */
void weir_skip_part(struct weir_parser *parser)
{
	weir_tell_bad(parser);
	parser->lexer.report = NULL;
	while (!weir_at_end(parser))
		weir_take(parser);
	parser->lexer.report = parser->report;
}

/* Double quotes know \" and \\; any other backslash stands for itself. */
static char *copy_string(struct weir_parser *parser, const char *text, uint32_t length)
{
	char *copy = weir_arena_take(parser->arena, length + 1), *end = copy;

	for (uint32_t i = 1; copy && i + 1 < length; i++) {
		if (text[0] == '"' && text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\'))
			i++;
		*end++ = text[i];
	}
	return copy;
}

char *weir_token_copy(struct weir_parser *parser, struct weir_token token)
{
	const char *text = parser->lexer.text + token.where.at;

	if (token.word == WEIR_W_STRING)
		return copy_string(parser, text, token.where.length);
	if (token.word == WEIR_W_NAME && *text == '`')
		return weir_arena_copy(parser->arena, text + 1, token.where.length - 2);
	return weir_arena_copy(parser->arena, text, token.where.length);
}

struct weir_span weir_span_since(const struct weir_parser *parser, uint32_t from)
{
	return (struct weir_span){ from, parser->last_end > from ? parser->last_end - from : 1 };
}

void weir_wrong(struct weir_parser *parser, struct weir_span where, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(parser->report, WEIR_EXIT_USAGE, where, hint, format, arguments);
	va_end(arguments);
}

void weir_expected(struct weir_parser *parser, const char *what, const char *hint)
{
	struct weir_token token = weir_peek(parser);
	const char *text = parser->lexer.text;

	weir_tell_bad(parser);
	if (token.word == WEIR_W_BAD)
		return;
	if (token.word == WEIR_W_END || token.word == WEIR_W_BREAK)
		weir_wrong(parser, (struct weir_span){ parser->last_end, 1 }, hint, "expected %s", what);
	else
		weir_wrong(parser, token.where, hint, "expected %s before '%.*s'", what, weir_clip(token.where.length),
			   text + token.where.at);
}
