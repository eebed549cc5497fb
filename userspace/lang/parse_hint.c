/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was perhaps meant by a word that cannot stand where it stands: told by the text around it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "expr/foreign.h"
#include "expr/unit.h"
#include "lang/parser.h"

uint32_t weir_part_end(const struct weir_parser *parser, uint32_t at)
{
	const char *text = parser->lexer.text;
	char quote = 0;

	for (; text[at] && text[at] != '\n' && (quote || !strchr("|;", text[at])); at++)
		if (quote ? text[at] == quote : text[at] == '"' || text[at] == '\'')
			quote = quote ? 0 : text[at];
	while (at && (text[at - 1] == ' ' || text[at - 1] == '\t' || text[at - 1] == '\r'))
		at--;
	return at;
}

uint32_t weir_word_end(const char *text, uint32_t at)
{
	uint32_t end = at;
	char quote = text[at];

	if (quote != '"' && quote != '\'')
		return at + (uint32_t)strcspn(text + at, " \t\r\n|;[");
	for (end++; text[end] && text[end] != '\n' && text[end] != quote; end++)
		;
	return end + (text[end] == quote);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What stands before `at` and the blanks there. */
static uint32_t before(const char *text, uint32_t at)
{
	while (at && is_blank(text[at - 1]))
		at--;
	return at;
}

/* `synth:sine where x > 0`: a stage begins within another one. */
static bool guess_bar(struct weir_parser *parser, const struct weir_tree_part *part, struct weir_token token,
		      char *hint)
{
	const char *text = parser->lexer.text;
	uint32_t from = part->name_where.at, to = before(text, token.where.at),
		 end = weir_part_end(parser, token.where.at);
	char name[WEIR_NAME_MAX];

	if (token.word != WEIR_W_NAME || token.where.length >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)token.where.length, text + token.where.at);
	if (!weir_is_stage(name))
		return false;
	snprintf(hint, WEIR_HINT_BYTES, "a '|' is missing before it: %.*s | %.*s", weir_hint_shown(from, to),
		 text + from, weir_hint_shown(token.where.at, end), text + token.where.at);
	return true;
}

/* `10 Hz` */
static bool guess_unit(const char *text, struct weir_token token, char *hint)
{
	uint32_t at = token.where.at, to = before(text, at), from = to, length;
	const struct weir_unit *unit = weir_unit_written(text + at, &length);

	while (from && (isdigit((unsigned char)text[from - 1]) || text[from - 1] == '.'))
		from--;
	if (!unit || to == at || from == to || isalpha((unsigned char)text[at + length]) ||
	    (from && (isalnum((unsigned char)text[from - 1]) || text[from - 1] == '_')))
		return false;
	snprintf(hint, WEIR_HINT_BYTES, "a unit stands right behind its number: %.*s%.*s", weir_hint_shown(from, to),
		 text + from, (int)length, text + at);
	return true;
}

bool weir_hint_unit(const struct weir_parser *parser, struct weir_token token, char *hint)
{
	return guess_unit(parser->lexer.text, token, hint);
}

/* `--rate 5Hz`: an argument of the driver, or an option of the command line. */
static bool guess_option(const struct weir_parser *parser, const struct weir_tree_part *part, struct weir_token token,
			 char *hint)
{
	const struct weir_param *param = weir_driver_params(part->driver, part->role);
	const char *word = parser->lexer.text + token.where.at;
	size_t n, value;

	if (*word != '-')
		return false;
	word += strspn(word, "-");
	n = strcspn(word, " \t=|;\n");
	if (!isalpha((unsigned char)*word))
		return false;
	value = n + strspn(word + n, " \t=");
	for (; param->name; param++)
		if (strlen(param->name) == n && !strncmp(param->name, word, n) && param->style != WEIR_POSITIONAL)
			break;
	if (param->name)
		snprintf(hint, WEIR_HINT_BYTES, "arguments have no dashes: %s%s%.*s", param->name,
			 param->style == WEIR_KEY ? "=" : " ", (int)strcspn(word + value, " \t|;\n"), word + value);
	else
		snprintf(hint, WEIR_HINT_BYTES, "options of weir stand behind the quotes: weir run 'PROGRAM' %.*s",
			 weir_hint_shown(token.where.at, weir_part_end(parser, token.where.at)),
			 parser->lexer.text + token.where.at);
	return true;
}

static bool guess_operator(const char *word, uint32_t n, char *hint)
{
	static const struct {
		const char *word, *hint;
	} known[] = {
		{ ">", "a file is a sink of its own, csv:FILE; or write > FILE behind the quotes, for the shell" },
		{ "<", "a file is a source of its own: csv:FILE or lines:FILE" },
		{ "&", "write & behind the quotes, for the shell" },
		{ "&&", "write && behind the quotes, for the shell; conditions are joined by 'and'" },
		{ "/", "a comment begins with #" },
		{ "AND", "did you mean 'and'?" },
		{ "OR", "did you mean 'or'?" },
		{ "NOT", "did you mean 'not'?" },
		{ "contains", "write contains(s, \"part\")" },
		{ "starts", "write starts(s, \"part\")" },
		{ "ends", "write ends(s, \"part\")" },
		{ "matches", "write matches(s, \"regex\")" },
		{ "like", "write contains(s, \"part\") or matches(s, \"regex\")" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (n == strlen(known[i].word) && !strncasecmp(word, known[i].word, n)) {
			snprintf(hint, WEIR_HINT_BYTES, "%s", known[i].hint);
			return true;
		}
	return false;
}

/* `print out.csv` */
static bool guess_file(const struct weir_parser *parser, const struct weir_tree_part *part, struct weir_token token,
		       char *hint)
{
	const char *word = parser->lexer.text + token.where.at;
	int n = (int)strcspn(word, " \t|;\n\"'");
	bool is_path = memchr(word, '.', (size_t)n) || memchr(word, '/', (size_t)n);

	if (strcmp(part->name, "print") || (token.word != WEIR_W_NAME && token.word != WEIR_W_STRING) ||
	    (!is_path && token.word != WEIR_W_STRING && strncmp(word, "file", 4)))
		return false;
	if (token.word == WEIR_W_STRING)
		n = (int)token.where.length;
	snprintf(hint, WEIR_HINT_BYTES, "print writes to standard output, and a file is a sink of its own: csv:%.*s",
		 n < WEIR_HINT_SHOWN ? n : WEIR_HINT_SHOWN, word);
	return true;
}

bool weir_guess_text(struct weir_parser *parser, const struct weir_tree_part *part, struct weir_token token, char *hint)
{
	const char *text = parser->lexer.text;

	return guess_bar(parser, part, token, hint) ||
	       weir_point_for_comma(text, (struct weir_span){ token.where.at, 1 }, hint) ||
	       guess_unit(text, token, hint) || guess_option(parser, part, token, hint) ||
	       guess_operator(text + token.where.at, token.where.length, hint) || guess_file(parser, part, token, hint);
}

/* ------------------------------------------------------------- names of drivers */

/* `gpio17` and `csv_log`: the driver that the name begins with, with the rest as its target. */
bool weir_guess_colon(const char *name, bool is_head, char *hint)
{
	const char *best = NULL;

	for (size_t i = 0; i < weir_n_drivers; i++) {
		const struct weir_driver *driver = weir_drivers[i];
		size_t n = strlen(driver->name);

		if (!driver->target || strncmp(name, driver->name, n) || !name[n] || (best && strlen(best) > n))
			continue;
		if (is_head ? weir_driver_find(driver->name, WEIR_SOURCE) == driver : weir_is_stage(driver->name))
			best = driver->name;
	}
	if (!best)
		return false;
	name += strlen(best);
	if (!isdigit((unsigned char)*name) && *name != '_')
		return false;
	name += *name == '_';
	if (*name)
		snprintf(hint, WEIR_HINT_BYTES, "did you mean '%s:%s'?", best, name);
	return *name;
}

bool weir_hint_head(const char *name, char *hint)
{
	return weir_foreign_head(name, hint) || weir_guess_colon(name, true, hint);
}

/* `select x from synth:sine`: the source, which comes first. */
bool weir_hint_from(const struct weir_parser *parser, const struct weir_tree_part *part, char *hint)
{
	const char *text = parser->lexer.text;
	uint32_t from = part->name_where.at, end = weir_part_end(parser, from);

	for (uint32_t at = from; at + 6 < end; at++) {
		if (!is_blank(text[at]) || strncasecmp(text + at + 1, "from", 4) || !is_blank(text[at + 5]))
			continue;
		snprintf(hint, WEIR_HINT_BYTES, "a chain begins with its source: %.*s | %.*s",
			 weir_hint_shown(at + 6, end), text + at + 6, weir_hint_shown(from, at), text + from);
		return true;
	}
	return false;
}
