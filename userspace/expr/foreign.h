/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file foreign.h
 * @brief Words that other languages and shells have, and how weir says the same.
 */
#ifndef WEIR_EXPR_FOREIGN_H
#define WEIR_EXPR_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/report.h"

#define WEIR_HINT_BYTES 300
#define WEIR_HINT_SHOWN 60 /**< bytes of the program that a hint quotes */

/** @brief For "%.*s": as much of [from, to) of a program as a hint quotes. */
static inline int weir_hint_shown(uint32_t from, uint32_t to)
{
	return to <= from ? 0 : to - from < WEIR_HINT_SHOWN ? (int)(to - from) : WEIR_HINT_SHOWN;
}

/** @brief Of a stage or sink that there is not. `rest` is what follows it in its part, of n bytes. False: nothing is known of it. */
bool weir_foreign_stage(const char *word, const char *rest, uint32_t n, char hint[WEIR_HINT_BYTES]);
/** @brief Of the head of a chain. */
bool weir_foreign_head(const char *word, char hint[WEIR_HINT_BYTES]);
/** @brief Of a function in an expression. */
bool weir_foreign_function(const char *word, char hint[WEIR_HINT_BYTES]);
/** @brief Is there a decimal comma at this place of a program? */
bool weir_point_for_comma(const char *text, struct weir_span where, char hint[WEIR_HINT_BYTES]);
/** @brief An aggregate's name, or NULL. */
const char *weir_foreign_aggregate(const char *word);

#endif
