/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr/arena.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 512  /* a value that stands alone, as a default does, needs no more */
#define CHUNK_BYTES 8192 /* most arenas belong to one short expression: each chunk is twice the last, up to this */

struct weir_chunk {
	struct weir_chunk *before;
	size_t used, bytes;
	_Alignas(max_align_t) char memory[];
};

static struct weir_chunk *add_chunk(struct weir_arena *arena, size_t bytes)
{
	struct weir_chunk *chunk;

	size_t least = arena->chunk ? 2 * arena->chunk->bytes : FIRST_BYTES;

	if (least > CHUNK_BYTES)
		least = CHUNK_BYTES;
	if (bytes < least)
		bytes = least;
	chunk = calloc(1, sizeof(*chunk) + bytes);
	if (!chunk) {
		arena->failed = true;
		return NULL;
	}
	chunk->bytes = bytes;
	chunk->before = arena->chunk;
	arena->chunk = chunk;
	return chunk;
}

void *weir_arena_take(struct weir_arena *arena, size_t bytes)
{
	size_t alignment = _Alignof(max_align_t);
	size_t whole = (bytes + alignment - 1) & ~(alignment - 1);
	struct weir_chunk *chunk = arena->chunk;
	void *memory;

	if (!chunk || whole > chunk->bytes - chunk->used)
		chunk = add_chunk(arena, whole);
	if (!chunk)
		return NULL;
	memory = chunk->memory + chunk->used;
	chunk->used += whole;
	return memory;
}

/* Room is doubled whenever it is used up, which is when `n` is a power of two. */
void *weir_arena_grow(struct weir_arena *arena, void *array, uint32_t n, size_t element_bytes)
{
	void *grown;

	if (n & (n - 1))
		return array;
	grown = weir_arena_take(arena, (n ? 2 * (size_t)n : 1) * element_bytes);
	if (grown && n)
		memcpy(grown, array, n * element_bytes);
	return grown;
}

char *weir_arena_copy(struct weir_arena *arena, const char *text, size_t length)
{
	char *copy = weir_arena_take(arena, length + 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

void weir_arena_release(struct weir_arena *arena)
{
	while (arena->chunk) {
		struct weir_chunk *before = arena->chunk->before;

		free(arena->chunk);
		arena->chunk = before;
	}
}
