/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file record.h
 * @brief Rows to columns and back. record.c is the only file that knows how a value's bits lie in a row; schema.c describes
 * rows and holds columns.
 */
#ifndef WEIR_STREAM_RECORD_H
#define WEIR_STREAM_RECORD_H

#include "weir/driver.h"

/**
 * @brief Is the schema sound: kinds, sizes, every field within the row, names unique, and the native form within
 * WEIR_ROW_MAX too, so that what an operator passes on always fits a ring? 0 or -EINVAL.
 */
int weir_schema_check(const struct weir_schema *schema);

/**
 * @brief The raw integer of a field in a row: byte order, shift, mask and sign applied, as IIO's ABI defines. Not for text
 * and floats. An unsigned 64-bit integer comes as its bits.
 */
int64_t weir_field_raw(const struct weir_field *field, const void *row);

/**
 * @brief A raw integer as the physical value, (raw + offset) * scale in double, in that order. The one place where it is
 * computed; the planner's bounds depend on it.
 */
double weir_field_physical(const struct weir_field *field, int64_t raw);

/**
 * @brief Decode `n` rows (at most WEIR_BLOCK_MAX) into the block's columns; sets block->n.
 *
 * A REAL field is the physical value; a stored float already is one. An INT field is the raw integer, or, where it has a
 * scale or an offset, the physical value rounded to the nearest integer and clamped to int64_t, NaN giving 0. A BOOL field
 * is 1 where that is not 0. Text always ends in a zero, whatever the row holds.
 */
void weir_rows_decode(const struct weir_schema *schema, const void *rows, uint32_t n, struct weir_block *block);

/** @brief Encode `n` records of a block, from record `from` on, as rows of a native schema with the same fields. */
void weir_rows_encode(const struct weir_schema *schema, const struct weir_block *block, uint32_t from, uint32_t n,
		      void *rows);

/** @brief Bytes from its beginning to the end of its last field. */
size_t weir_schema_bytes(const struct weir_schema *schema);

/** @brief As `=`, of the fields that there are. `to` is another one. */
void weir_schema_copy(struct weir_schema *to, const struct weir_schema *from);
/**
 * @brief The schema that an operator's output has when it goes through a ring: same fields, native and packed.
 *
 * A REAL field keeps its scale and offset, which for a stored float say from what raw integers it came: that is how
 * `changed` and `raw()` mean the same before and after a ring.
 */
void weir_schema_native(const struct weir_schema *schema, struct weir_schema *native);

/** @brief weir_block_open() for memory of `rows` records, which is no block to hand on. */
int weir_block_open_rows(struct weir_block **out, const struct weir_schema *schema, uint32_t rows) WEIR_MUST_CHECK;

#endif
