/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file parser.h
 * @brief What the files of the parser share with each other and with nobody else.
 *
 * The parser descends recursively with one token of look-ahead. A function that cannot go on has reported why, exactly once;
 * its caller then skips to the next `|` or to the end of the statement and goes on from there.
 */
#ifndef WEIR_LANG_PARSER_H
#define WEIR_LANG_PARSER_H

#include "lang/lang.h"

struct weir_parser {
	struct weir_lexer lexer;
	struct weir_lexer before; /**< the lexer as it was before the token that was peeked at */
	struct weir_token token;  /**< the one that was peeked at */
	struct weir_token (*read)(struct weir_lexer *lexer); /**< how that was read */
	bool peeked;
	bool told;         /**< what is wrong with it, if anything, has been reported */
	uint32_t last_end; /**< where the last token that was taken ended */
	struct weir_report *report;
	struct weir_arena *arena;
	uint32_t depth, terms; /**< of the expression that is being read */
	bool to_broker;        /**< the target that is being read is a broker's: values cannot be wildcards */
};

/* parser.c: tokens */

void weir_parser_init(struct weir_parser *parser, struct weir_report *report, struct weir_arena *arena);
struct weir_token weir_peek(struct weir_parser *parser);
/** @brief As weir_peek(), where the value of a textual argument may stand: see weir_lexer_word(). */
struct weir_token weir_peek_word(struct weir_parser *parser);
struct weir_token weir_take(struct weir_parser *parser);
/** @brief The same of a token of which nothing is to be said, even if it is bad. */
struct weir_token weir_take_quietly(struct weir_parser *parser);
/** @brief Report what is wrong with the next token, unless that has been done. weir_take() and weir_skip_part() do so, and
 *  weir_expected(): looking alone does not, since what is bad as one kind of token may be good as another. */
void weir_tell_bad(struct weir_parser *parser);
/** @brief Is the next token this word or this operator? */
bool weir_at(struct weir_parser *parser, const char *word);
/** @brief Take the next token if it is this one. */
bool weir_accept(struct weir_parser *parser, const char *word);
/** @brief Is the next token a name with a single `=` behind it? */
bool weir_at_key(struct weir_parser *parser);
/** @brief Does the next token end a part of a chain: `|`, the end of the statement, or that of the text? */
bool weir_at_end(struct weir_parser *parser);
/** @brief Will a `|` follow before the statement ends? Says nothing, takes nothing. */
bool weir_bar_follows(struct weir_parser *parser);
/** @brief Go to the end of the part, whatever stands before it. */
void weir_skip_part(struct weir_parser *parser);
/** @brief A copy of a token's text; without its quotes and escapes for a string. */
char *weir_token_copy(struct weir_parser *parser, struct weir_token token);
/** @brief From the beginning of `from` to the end of what was last taken. */
struct weir_span weir_span_since(const struct weir_parser *parser, uint32_t from);

/** @brief Report an error of the program. */
void weir_wrong(struct weir_parser *parser, struct weir_span where, const char *hint, const char *format, ...)
	WEIR_PRINTF(4, 5);
/** @brief Report that `what` is missing at the next token. Where that token is bad, that is reported instead. */
void weir_expected(struct weir_parser *parser, const char *what, const char *hint);

/** @brief The length of a quotation in a message. */
static inline int weir_clip(uint32_t length)
{
	return length < 40 ? (int)length : 40;
}

/* parse_role.c */

/** Where a part stands in its chain decides which roles it may have. */
enum weir_place { WEIR_AT_HEAD, WEIR_IN_MIDDLE, WEIR_AT_END, WEIR_AT_NAMED_END };

/** @brief Find the driver of a part that stands there; part->driver stays NULL when there is none. */
void weir_find_role(struct weir_tree_part *part, enum weir_place place);
/** @brief Report why there is no driver of that name there: it does not exist, or it is something else. */
void weir_unknown_part(struct weir_parser *parser, const struct weir_tree *tree, const struct weir_tree_part *part,
		       enum weir_place place);
/** @brief Is there a driver of that name, in whatever role? */
bool weir_is_driver(const char *name);
/** @brief Has a chain before this place been given that name? */
bool weir_is_defined(const struct weir_tree *tree, const char *name);

/* parse_hint.c: what was perhaps meant. Hints are of WEIR_HINT_BYTES; false: nothing is known */

/** @brief By the text around a word that cannot stand among the arguments of `part`. */
bool weir_guess_text(struct weir_parser *parser, const struct weir_tree_part *part, struct weir_token token,
		     char *hint);
/** @brief Is the token a unit that stands apart from its number? */
bool weir_hint_unit(const struct weir_parser *parser, struct weir_token token, char *hint);
/** @brief Is it a driver's name and its target without a colon? */
bool weir_guess_colon(const char *name, bool is_head, char *hint);
/** @brief Of a head that is neither a source nor a stream. */
bool weir_hint_head(const char *name, char *hint);
/** @brief Does a `from` follow the name of a stage at the head of a chain? */
bool weir_hint_from(const struct weir_parser *parser, const struct weir_tree_part *part, char *hint);
/** @brief Where the word or the string ends that begins at `at`. */
uint32_t weir_word_end(const char *text, uint32_t at);
/** @brief Where the part that goes on at `at` ends, without the blanks there. */
uint32_t weir_part_end(const struct weir_parser *parser, uint32_t at);

/* parse_streams.c */

/** @brief Are names and a single `=` next, as at the beginning of a chain that makes streams? */
bool weir_at_names(struct weir_parser *parser);
/** @brief NAME { "," NAME }. False after a report. */
bool weir_read_names(struct weir_parser *parser, struct weir_tree_name **names, uint32_t *n);
/** @brief Is there a driver of that name that combines streams? */
const struct weir_driver *weir_find_combiner(const char *name);
/** @brief What follows the name of a combiner at the head of a chain: "(" names { "," key "=" value } ")". */
bool weir_read_combination(struct weir_parser *parser, struct weir_tree_part *part);
/** @brief What follows the name of a stream at the head of a chain, at `on`. */
bool weir_read_on(struct weir_parser *parser, struct weir_tree_part *part);

/* parse_param.c */

/** @brief Does a `param` statement begin here? */
bool weir_at_param(struct weir_parser *parser);
/** @brief Read it, up to the end of the statement. */
void weir_read_param(struct weir_parser *parser, struct weir_tree *tree);
/** @brief At the end of the program: report parameters without a value, and values without a parameter. False: a value is missing,
 *  so that nothing else of the program can be checked. */
bool weir_check_given(struct weir_parser *parser, const struct weir_tree *tree);
/** @brief A copy of a token's text, as weir_token_copy(), with values in place of parameters and `$` for `$$`. NULL after a report
 *  or without memory. Single quotes have no parameters. */
char *weir_token_fill(struct weir_parser *parser, struct weir_token token);

/* parse_expr.c */

/** @brief One expression, up to a token that cannot go on with it. NULL after a report. */
struct weir_tree_expr *weir_read_expr(struct weir_parser *parser);

/* parse_args.c, parse_value.c, parse_items.c */

/** @brief All arguments of a part whose driver and role are known, up to its end. Marks the part broken after a report. */
void weir_read_args(struct weir_parser *parser, struct weir_tree_part *part);
/** @brief KEY "=" value { "," … } of such a part, up to something else. False after a report that leaves nothing to go on with. */
bool weir_read_keys(struct weir_parser *parser, struct weir_tree_part *part);
/** @brief The value of an argument; `param` NULL is policy=. False after a report. */
bool weir_read_value(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg);
/** @brief The items of WEIR_V_FIELDS or WEIR_V_AGGREGATES. False after a report. */
bool weir_read_items(struct weir_parser *parser, const struct weir_param *param, struct weir_tree_arg *arg);
/** @brief What kind of thing a value is, with its article: "a duration". `param` NULL is policy=. */
const char *weir_value_noun(const struct weir_param *param);
/** @brief How one is written: "10ms". */
const char *weir_value_example(const struct weir_param *param);

#endif
