/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file lang.h
 * @brief The language: text -> words (lex.c) -> tree (parse.c) -> nodes of a pipeline (check.c).
 */
#ifndef WEIR_LANG_H
#define WEIR_LANG_H

#include "expr/expr.h"
#include "lang/tree.h"

/* lex.c ------------------------------------------------------------------ */

enum weir_word {
	WEIR_W_END,
	WEIR_W_BREAK, /**< end of a statement: newline or `;` that does not continue a chain */
	WEIR_W_NAME,
	WEIR_W_NUMBER, /**< with or without a unit */
	WEIR_W_STRING,
	WEIR_W_ADDRESS, /**< what follows `name:` without a space, up to a space, `[`, `|`, `;`; also a word that is no name */
	WEIR_W_OPERATOR, /**< punctuation; its text tells which */
	WEIR_W_BAD,      /**< reported by the lexer, unless it only looked ahead */
};

struct weir_token {
	enum weir_word word;
	struct weir_span where;
	double number; /**< in base units */
	enum weir_dimension dimension;
	double written;               /**< the number as it stands there */
	const struct weir_unit *unit; /**< as it stands there; NULL: none */
};

/** A place in the text and what decides how the next token is read. A plain value: copy it to look ahead. */
struct weir_lexer {
	const char *text;
	uint32_t at;                              /**< next byte */
	uint32_t parentheses;                     /**< open ones: a newline within them means nothing */
	bool in_brackets;                         /**< the words of `[x,y]` are not those of the language */
	bool after_name;                          /**< an address may follow */
	bool continues;                           /**< the last token was `|` or `,`: a newline means nothing */
	const struct weir_parameters *parameters; /**< that were declared so far; NULL: there are none */
	struct weir_report *report;               /**< NULL: say nothing, for looking ahead */
};

void weir_lexer_init(struct weir_lexer *lexer, struct weir_report *report);
/** @brief The next token. Bad input is reported and comes as WEIR_W_BAD; after the end always WEIR_W_END. */
struct weir_token weir_lexer_next(struct weir_lexer *lexer);
/**
 * @brief The next token where the value of a textual argument may stand: a run such as `my-trigger` or `/dev/video0` comes in
 * one piece, as WEIR_W_ADDRESS when it is no name.
 */
struct weir_token weir_lexer_word(struct weir_lexer *lexer);
/** @brief Is the token, as it stands in the text, this word? */
bool weir_token_is(const struct weir_lexer *lexer, struct weir_token token, const char *word);

/* check.c ---------------------------------------------------------------- */

/** @brief Turn the tree of a program into nodes. Everything wrong is in the pipeline's report. 0 or -EINVAL. */
int weir_check(struct weir_pipeline *pipeline, const struct weir_tree *tree);

#endif
