/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file arena.h
 * @brief Memory for a tree.
 */
#ifndef WEIR_EXPR_ARENA_H
#define WEIR_EXPR_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Memory that is all given back at once. Zero is an empty one. */
struct weir_arena {
	struct weir_chunk *chunk;
	bool failed; /**< there was no memory at some time: what was built is not whole */
};

/** @brief Zeroed and aligned for anything; NULL when there is no memory. */
void *weir_arena_take(struct weir_arena *arena, size_t bytes);
/** @brief Make room for one more after the `n` elements of an array that only this function grew. @return the array. */
void *weir_arena_grow(struct weir_arena *arena, void *array, uint32_t n, size_t element_bytes);
/** @brief A zero-terminated copy. */
char *weir_arena_copy(struct weir_arena *arena, const char *text, size_t length);
void weir_arena_release(struct weir_arena *arena);

#endif
