/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file lex.h
 * @brief What the two halves of the lexer share. Locales do not change the language, so <ctype.h> is not used.
 */
#ifndef WEIR_LANG_LEX_H
#define WEIR_LANG_LEX_H

#include "lang/lang.h"

static inline bool weir_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool weir_is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool weir_is_name(char c)
{
	return weir_is_name_start(c) || weir_is_digit(c);
}

/** May it stand within a unit, other than in front of the operators that are part of some? */
static inline bool weir_is_unit_char(char c)
{
	return weir_is_name(c) || c == '.' || (unsigned char)c >= 0x80;
}

/** @brief Report on behalf of the lexer, unless it only looks ahead, and give the bad token. */
struct weir_token weir_lex_bad(const struct weir_lexer *lexer, struct weir_span where, const char *hint,
			       const char *format, ...) WEIR_PRINTF(4, 5);

/** @brief Read a number and its unit, at a digit or at a point before a digit. */
struct weir_token weir_lex_number(struct weir_lexer *lexer);

#endif
