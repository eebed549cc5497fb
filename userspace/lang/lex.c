/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "lang/lex.h"
#include "lang/parameter.h"

/* Longer ones before those that they begin with. Some are here only so that the parser can say what to write instead. */
static const char *const operators[] = {
	"==", "!=", "<=", ">=", "<>", "=>", "=<", "!~", "&&", "||", "**", "=", "<", ">", "+",
	"-",  "*",  "/",  "%",  "(",  ")",  "[",  "]",  ",",  "|",  ":",  "!", "&", "^", "~",
};

/* What an editor or a web page makes of plain characters. */
static const struct {
	const char *bytes, *hint;
} lookalikes[] = {
	{ "\342\200\234", "write a plain \"" }, { "\342\200\235", "write a plain \"" },
	{ "\342\200\230", "write a plain '" },  { "\342\200\231", "write a plain '" },
	{ "\342\210\222", "write a plain -" },  { "\342\200\223", "write a plain -" },
	{ "\302\240", "write a plain space" },  { "\342\211\244", "write <=" },
	{ "\342\211\245", "write >=" },
};

void weir_lexer_init(struct weir_lexer *lexer, struct weir_report *report)
{
	*lexer = (struct weir_lexer){ .text = weir_report_text(report), .report = report };
	if (!strncmp(lexer->text, "\357\273\277", 3))
		lexer->at = 3; /* the mark that some editors put before UTF-8 */
}

bool weir_token_is(const struct weir_lexer *lexer, struct weir_token token, const char *word)
{
	return token.where.length == strlen(word) && !memcmp(lexer->text + token.where.at, word, token.where.length);
}

/* A backslash before the end of a line joins the next one to it, as in the shell. */
static uint32_t joint_bytes(const char *text)
{
	if (text[0] != '\\')
		return 0;
	return text[1] == '\n' ? 2 : text[1] == '\r' && text[2] == '\n' ? 3 : 0;
}

static uint32_t skip_blanks(const char *text, uint32_t at)
{
	for (;;) {
		uint32_t joint = joint_bytes(text + at);

		if (joint)
			at += joint;
		else if (text[at] == '#')
			at += (uint32_t)strcspn(text + at, "\n");
		else if (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r' && text[at] != '\n'))
			at++;
		else
			return at;
	}
}

static uint32_t skip_lines(const char *text, uint32_t at)
{
	for (at = skip_blanks(text, at); text[at] == '\n'; at = skip_blanks(text, at + 1))
		;
	return at;
}

static bool is_naming(const char *text, uint32_t at)
{
	if (!weir_is_name_start(text[at]))
		return false;
	while (weir_is_name(text[at]))
		at++;
	at = skip_blanks(text, at);
	return text[at] == '=' && text[at + 1] != '=';
}

/* Whether the newline at lexer->at means nothing; `next` is where the text goes on. A parenthesis that somebody forgot to
 * close must not swallow the next statement, so within parentheses `name =` is taken for the beginning of one. */
static bool line_goes_on(const struct weir_lexer *lexer, uint32_t next)
{
	if (lexer->continues || lexer->in_brackets || lexer->text[next] == '|')
		return true;
	return lexer->parentheses && !is_naming(lexer->text, next);
}

/* Go to the beginning of the next token, or to the break that is one. */
static void skip_to_token(struct weir_lexer *lexer)
{
	uint32_t next;

	lexer->at = skip_blanks(lexer->text, lexer->at);
	if (lexer->text[lexer->at] != '\n')
		return;
	next = skip_lines(lexer->text, lexer->at);
	if (line_goes_on(lexer, next))
		lexer->at = next;
}

static struct weir_token take(struct weir_lexer *lexer, enum weir_word word, uint32_t length)
{
	struct weir_token token = { .word = word, .where = { lexer->at, length } };

	lexer->at += length;
	return token;
}

static struct weir_token take_break(struct weir_lexer *lexer)
{
	struct weir_token token = take(lexer, WEIR_W_BREAK, 1);

	lexer->at = skip_lines(lexer->text, lexer->at);
	lexer->parentheses = 0;
	lexer->in_brackets = false;
	return token;
}

static struct weir_token take_name(struct weir_lexer *lexer)
{
	uint32_t end = lexer->at;

	while (weir_is_name(lexer->text[end]))
		end++;
	lexer->after_name = lexer->text[end] == ':';
	return take(lexer, WEIR_W_NAME, end - lexer->at);
}

/* In double quotes a backslash keeps the next character from ending the string; single quotes know no such thing. */
static struct weir_token take_string(struct weir_lexer *lexer)
{
	const char *text = lexer->text;
	uint32_t start = lexer->at, end = start + 1;
	char quote = text[start];

	while (text[end] && text[end] != '\n' && text[end] != quote)
		end += text[end] == '\\' && quote == '"' && text[end + 1] && text[end + 1] != '\n' ? 2 : 1;
	if (text[end] == quote)
		return take(lexer, WEIR_W_STRING, end + 1 - start);
	lexer->at = end;
	return weir_lex_bad(lexer, (struct weir_span){ start, 1 }, NULL, "this quote is never closed");
}

/* A name of any characters, up to the next backquote. */
static struct weir_token take_quoted_name(struct weir_lexer *lexer)
{
	const char *text = lexer->text;
	uint32_t start = lexer->at, end = start + 1;

	while (text[end] && text[end] != '\n' && text[end] != '`')
		end++;
	if (text[end] == '`' && end > start + 1)
		return take(lexer, WEIR_W_NAME, end + 1 - start);
	lexer->at = end + (text[end] == '`');
	return weir_lex_bad(lexer, (struct weir_span){ start, 1 }, NULL,
			    text[end] == '`' ? "a name is missing between these backquotes"
					     : "this backquote is never closed");
}

/* A run up to a blank or one of `stops`. */
static struct weir_token take_run(struct weir_lexer *lexer, const char *stops)
{
	uint32_t end = lexer->at;

	while ((unsigned char)lexer->text[end] > ' ' && !strchr(stops, lexer->text[end]))
		end++;
	return take(lexer, WEIR_W_ADDRESS, end - lexer->at);
}

/* As what an editor makes of a quote, that would be part of a file's name. */
static const char *typographic_quote(const char *bytes)
{
	for (size_t i = 0; i < 4; i++)
		if (!strncmp(bytes, lookalikes[i].bytes, strlen(lookalikes[i].bytes)))
			return lookalikes[i].hint;
	return NULL;
}

static struct weir_token take_address(struct weir_lexer *lexer)
{
	const char *hint;

	lexer->after_name = false;
	lexer->at++;
	hint = typographic_quote(lexer->text + lexer->at);
	if (hint) {
		struct weir_token token = take_run(lexer, "[|;");

		return weir_lex_bad(lexer, token.where, hint, "the target begins with a typographic quote");
	}
	if (lexer->text[lexer->at] == '"' || lexer->text[lexer->at] == '\'')
		return take_string(lexer);
	return take_run(lexer, "[|;");
}

static uint32_t name_end(const char *text, uint32_t at)
{
	while (weir_is_name(text[at]))
		at++;
	return at;
}

/* What the character does elsewhere. `sensor.temp` is shown as a name. */
static const char *explain_byte(const struct weir_lexer *lexer, char joined[80])
{
	const char *text = lexer->text;
	uint32_t at = lexer->at, from = at, end;

	if (text[at] == '$')
		return "a parameter is $NAME or ${NAME}, with letters, digits and _";
	if (text[at] == '{' || text[at] == '}')
		return "there are no blocks; the streams of several chains are joined by names: s = SOURCE";
	if (text[at] == '?')
		return "a condition is 1 or 0 in a field: select high = x > 3";
	if (text[at] != '.' || !weir_is_name_start(text[at + 1]))
		return NULL;
	while (from && weir_is_name(text[from - 1]))
		from--;
	end = name_end(text, at + 1);
	if (from == at || end - from > 60)
		return NULL;
	snprintf(joined, 80, "names consist of letters, digits and _: %.*s_%.*s", (int)(at - from), text + from,
		 (int)(end - at - 1), text + at + 1);
	return joined;
}

static struct weir_token take_bad(struct weir_lexer *lexer)
{
	const char *bytes = lexer->text + lexer->at;
	const char *hint = NULL;
	char joined[80];
	uint32_t n = 1;

	for (size_t i = 0; i < sizeof(lookalikes) / sizeof(lookalikes[0]); i++)
		if (!strncmp(bytes, lookalikes[i].bytes, strlen(lookalikes[i].bytes)))
			hint = lookalikes[i].hint;
	if (!hint)
		hint = explain_byte(lexer, joined);
	while (((unsigned char)bytes[0] & 0xc0) == 0xc0 && ((unsigned char)bytes[n] & 0xc0) == 0x80 && n < 4)
		n++;
	lexer->at += n;
	if ((unsigned char)bytes[0] < ' ' || bytes[0] == 0x7f || (n == 1 && (unsigned char)bytes[0] >= 0x80))
		return weir_lex_bad(lexer, (struct weir_span){ lexer->at - n, n }, hint, "unexpected byte 0x%02x",
				    (unsigned char)bytes[0]);
	return weir_lex_bad(lexer, (struct weir_span){ lexer->at - n, n }, hint, "unexpected '%.*s'", (int)n, bytes);
}

static struct weir_token take_operator(struct weir_lexer *lexer)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t length = strlen(operators[i]);

		if (!strncmp(lexer->text + lexer->at, operators[i], length))
			return take(lexer, WEIR_W_OPERATOR, (uint32_t)length);
	}
	return take_bad(lexer);
}

static struct weir_token take_punctuation(struct weir_lexer *lexer)
{
	struct weir_token token = take_operator(lexer);
	char c = lexer->text[token.where.at];

	if (token.word != WEIR_W_OPERATOR)
		return token;
	if (c == '(')
		lexer->parentheses++;
	else if (c == ')' && lexer->parentheses)
		lexer->parentheses--;
	else if (c == '|')
		lexer->parentheses = 0; /* none holds a bar: one was not closed */
	if (c == '[')
		lexer->in_brackets = true;
	else if (c == ']' || c == '|')
		lexer->in_brackets = false;
	lexer->continues = c == '|' || c == ',';
	return token;
}

static bool is_parameter(const char *text)
{
	const char *name;
	uint32_t length;

	return weir_parameter_place(text, &name, &length);
}

static bool is_number(const char *text)
{
	return weir_is_digit(text[0]) || (text[0] == '.' && weir_is_digit(text[1]));
}

struct weir_token weir_lexer_next(struct weir_lexer *lexer)
{
	const char *text = lexer->text;

	if (lexer->after_name)
		return take_address(lexer);
	skip_to_token(lexer);
	text += lexer->at;
	if (!*text)
		return take(lexer, WEIR_W_END, 0);
	lexer->continues = false;
	if (*text == '\n' || *text == ';')
		return take_break(lexer);
	if (*text == '"' || *text == '\'')
		return take_string(lexer);
	if (*text == '`')
		return take_quoted_name(lexer);
	if (lexer->in_brackets && (unsigned char)*text > ' ' && !strchr("[],|", *text))
		return take_run(lexer, "[],|;\"'");
	if (weir_is_name_start(*text))
		return take_name(lexer);
	if (is_parameter(text))
		return weir_lex_parameter(lexer);
	return is_number(text) ? weir_lex_number(lexer) : take_punctuation(lexer);
}

static bool is_whole_name(const struct weir_lexer *lexer, struct weir_span where)
{
	for (uint32_t i = 0; i < where.length; i++)
		if (!weir_is_name(lexer->text[where.at + i]))
			return false;
	return weir_is_name_start(lexer->text[where.at]);
}

struct weir_token weir_lexer_word(struct weir_lexer *lexer)
{
	const char *stops = ";|\"'#[](),=";
	struct weir_token token;
	unsigned char c;

	if (lexer->after_name)
		return weir_lexer_next(lexer);
	skip_to_token(lexer);
	c = (unsigned char)lexer->text[lexer->at];
	if (c <= ' ' || c == '`' || strchr(stops, c))
		return weir_lexer_next(lexer);
	lexer->continues = false;
	token = take_run(lexer, stops);
	if (is_whole_name(lexer, token.where))
		token.word = WEIR_W_NAME;
	return token;
}
