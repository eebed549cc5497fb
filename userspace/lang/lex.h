/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file lex.h
 * @brief What the two halves of the lexer share.
 */
#ifndef WEIR_LANG_LEX_H
#define WEIR_LANG_LEX_H

#include "expr/letters.h"
#include "lang/lang.h"

/** @brief Report on behalf of the lexer, unless it only looks ahead, and give the bad token. */
struct weir_token weir_lex_bad(const struct weir_lexer *lexer, struct weir_span where, const char *hint,
			       const char *format, ...) WEIR_PRINTF(4, 5);

/** @brief Report that no parameter of that name was declared before its place. `report` NULL: say nothing. */
void weir_parameter_unknown(const struct weir_lexer *lexer, struct weir_report *report, struct weir_span where,
			    const char *name, uint32_t length);

/** @brief Read the place of a parameter: a number, or a text as WEIR_W_STRING. */
struct weir_token weir_lex_parameter(struct weir_lexer *lexer);

/** @brief Read a number and its unit, at a digit or at a point before a digit. */
struct weir_token weir_lex_number(struct weir_lexer *lexer);

#endif
