/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file letters.h
 * @brief Classes of characters. Locales do not change the language, so <ctype.h> is not used.
 */
#ifndef WEIR_EXPR_LETTERS_H
#define WEIR_EXPR_LETTERS_H

#include <stdbool.h>

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

#endif
