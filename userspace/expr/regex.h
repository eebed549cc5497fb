/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file regex.h
 * @brief Regular expressions over UTF-8, by PCRE2: compiled once, by its JIT where the machine lets it, and run with bounded effort.
 *
 * Characters have the properties of Unicode. A byte that is not UTF-8 matches nothing.
 */
#ifndef WEIR_EXPR_REGEX_H
#define WEIR_EXPR_REGEX_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR_REGEX_WHY 160 /**< bytes that say what is wrong with a pattern */

struct weir_regex;

/**
 * @brief Compile a pattern.
 * @param jit false: leave it to the interpreter.
 * @param why set to what is wrong, and *at to the byte of the pattern where.
 * @return 0; -EINVAL: a bad pattern; -ENOMEM. Free with weir_regex_close(), which takes NULL.
 */
int weir_regex_open(struct weir_regex **out, const char *pattern, bool jit, char why[WEIR_REGEX_WHY], uint32_t *at);
void weir_regex_close(struct weir_regex *regex);

/**
 * @brief Does it match anywhere in a text? One thread at a time.
 * @param from, to set where it does: the first group, or nothing where that took no part.
 * @return 1, 0, or -E2BIG: the match limit was reached before that was known.
 */
int weir_regex_match(struct weir_regex *regex, const char *text, uint32_t bytes, uint32_t *from, uint32_t *to);

bool weir_regex_has_group(const struct weir_regex *regex);
/** @brief For a list of those that belong together. */
struct weir_regex **weir_regex_next(struct weir_regex *regex);

#endif
