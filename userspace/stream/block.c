/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks, and the rows that a source is asked for: memory of a bounded number of records, and all that adds a record to it.
 *
 * A block is one allocation: the columns follow the struct, each on a cache line, and a guard follows each column. A stage that
 * writes past a column meets the guard and not another column, whose values would be wrong and nobody would see it. Guards are looked at
 * when the block is closed, and by the address sanitizer at once.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream/record.h"

#define CACHE_LINE 64u
#define GUARD_BYTE 0xa5

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define HAS_SANITIZER 1
#endif
#endif

static size_t round_up(size_t n)
{
	return (n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static size_t cell_bytes(const struct weir_field *field)
{
	return field->kind == WEIR_TEXT ? field->bytes : 8;
}

/* --------------------------------------------------------------------- guards */

static void set_guard(char *guard)
{
#ifdef HAS_SANITIZER
	__asan_poison_memory_region(guard, CACHE_LINE);
#else
	memset(guard, GUARD_BYTE, CACHE_LINE);
#endif
}

static void check_guard(const char *guard)
{
#ifdef HAS_SANITIZER
	__asan_unpoison_memory_region(guard, CACHE_LINE);
#else
	for (uint32_t i = 0; i < CACHE_LINE; i++)
		assert((unsigned char)guard[i] == GUARD_BYTE);
#endif
}

/* ---------------------------------------------------------------------- blocks */

/* What a block is allocated as. */
struct owned {
	uint32_t n_guards;
	uint32_t guard[WEIR_FIELDS_MAX + 1]; /* offsets */
	struct weir_block block;
};

static struct owned *owner_of(struct weir_block *block)
{
	return (struct owned *)((char *)block - offsetof(struct owned, block));
}

int weir_block_open(struct weir_block **out, const struct weir_schema *schema)
{
	return weir_block_open_rows(out, schema, WEIR_BLOCK_MAX);
}

static size_t bytes_of(const struct weir_schema *schema, uint32_t rows)
{
	size_t bytes = round_up(sizeof(struct owned)) + round_up(rows * sizeof(int64_t)) + CACHE_LINE;

	for (uint32_t i = 0; i < schema->n_fields; i++)
		bytes += round_up(rows * cell_bytes(&schema->field[i])) + CACHE_LINE;
	return bytes;
}

/* The next column of the allocation, which has come to `*at`. */
static void *lay_column(struct owned *owned, size_t *at, size_t bytes)
{
	void *column = (char *)owned + *at;

	*at += round_up(bytes);
	owned->guard[owned->n_guards++] = (uint32_t)*at;
	set_guard((char *)owned + *at);
	*at += CACHE_LINE;
	return column;
}

int weir_block_open_rows(struct weir_block **out, const struct weir_schema *schema, uint32_t rows)
{
	struct owned *owned = aligned_alloc(CACHE_LINE, bytes_of(schema, rows));
	size_t at = round_up(sizeof(*owned));

	*out = owned ? &owned->block : NULL;
	if (!owned)
		return -ENOMEM;
	owned->n_guards = 0;
	owned->block = (struct weir_block){ .schema = schema, .max = rows };
	owned->block.t = lay_column(owned, &at, rows * sizeof(int64_t));
	for (uint32_t i = 0; i < schema->n_fields; i++)
		owned->block.column[i].any = lay_column(owned, &at, rows * cell_bytes(&schema->field[i]));
	return 0;
}

void weir_block_close(struct weir_block *block)
{
	struct owned *owned = block ? owner_of(block) : NULL;

	if (!owned)
		return;
	for (uint32_t i = 0; i < owned->n_guards; i++)
		check_guard((char *)owned + owned->guard[i]);
	free(owned);
}

void weir_block_append(struct weir_block *dst, const struct weir_block *src, uint32_t from)
{
	weir_block_gather(dst, src, &from, 1);
}

/* A column of doubles is moved as words too. */
typedef int64_t __attribute__((may_alias)) word;

static void gather_words(word *to, const word *from, const uint32_t *index, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = from[index[i]];
}

static void gather_cells(char *to, const char *from, size_t bytes, const uint32_t *index, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		memcpy(to + i * bytes, from + index[i] * bytes, bytes);
}

void weir_block_gather(struct weir_block *dst, const struct weir_block *src, const uint32_t *index, uint32_t n)
{
	assert(dst->n <= dst->max && n <= dst->max - dst->n);
	gather_words(dst->t + dst->n, src->t, index, n);
	for (uint32_t i = 0; i < src->schema->n_fields; i++) {
		const struct weir_field *field = &src->schema->field[i];

		if (field->kind == WEIR_TEXT)
			gather_cells(dst->column[i].text + (size_t)dst->n * field->bytes, src->column[i].text,
				     field->bytes, index, n);
		else
			gather_words(dst->column[i].integer + dst->n, src->column[i].integer, index, n);
	}
	dst->n += n;
}

void weir_block_slice(struct weir_block *view, const struct weir_block *src, uint32_t from, uint32_t n)
{
	*view = (struct weir_block){ .schema = src->schema, .n = n, .t = src->t + from };
	for (uint32_t i = 0; i < src->schema->n_fields; i++)
		view->column[i].text = src->column[i].text + from * cell_bytes(&src->schema->field[i]);
}

/* ----------------------------------------------------------------------- rows */

void *weir_rows_span(struct weir_rows *rows, uint32_t want, uint32_t *got)
{
	char *first = rows->at;

	*got = want < rows->left ? want : rows->left;
	rows->at += (size_t)*got * rows->stride;
	rows->left -= *got;
	rows->n += *got;
	return first;
}

void weir_rows_add(struct weir_rows *rows)
{
	uint32_t got;

	weir_rows_span(rows, 1, &got);
	assert(got == 1);
}

uint32_t weir_rows_copy(struct weir_rows *rows, const void *from, uint32_t n)
{
	uint32_t got;
	void *to = weir_rows_span(rows, n, &got);

	if (got)
		memcpy(to, from, (size_t)got * rows->stride);
	return got;
}

uint32_t weir_rows_put(struct weir_rows *rows, const struct weir_block *block)
{
	uint32_t got;
	void *to = weir_rows_span(rows, block->n, &got);

	assert(block->schema->row_bytes == rows->stride);
	weir_rows_encode(block->schema, block, 0, got, to);
	return got;
}
