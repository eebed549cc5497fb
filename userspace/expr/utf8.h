/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file utf8.h
 * @brief Characters of a text by code points, and their case. No locale has any influence.
 *
 * A byte that is not a part of well-formed UTF-8 (RFC 3629) counts as one character, and no function changes it.
 */
#ifndef WEIR_EXPR_UTF8_H
#define WEIR_EXPR_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR_UTF8_MAX 4        /**< bytes of a character */
#define WEIR_UTF8_BAD 0x110000 /**< plus the byte: it is not UTF-8 */

/** @brief The character at `at`, which is before `end`, and its bytes. */
uint32_t weir_utf8_next(const char *at, const char *end, uint32_t *length);
/** @brief Write a character, or a byte that is none. @return bytes, at most WEIR_UTF8_MAX. */
uint32_t weir_utf8_put(char *to, uint32_t character);
/** @brief How many characters. */
uint32_t weir_utf8_count(const char *text, uint32_t bytes);
/** @brief Where character `n` begins; `bytes` where there are not so many. */
uint32_t weir_utf8_skip(const char *text, uint32_t bytes, uint64_t n);
/** @brief As much of a text as fits into `room` bytes without half of a character. */
uint32_t weir_utf8_fit(const char *text, uint32_t bytes, uint32_t room);
/** @brief The property White_Space. */
bool weir_utf8_is_blank(uint32_t character);

/* case_map.c */

/** @brief The simple case mappings of UnicodeData.txt. A character has at most half as many bytes more in the other case. */
uint32_t weir_to_upper(uint32_t character);
uint32_t weir_to_lower(uint32_t character);

#endif
