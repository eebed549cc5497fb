/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One loop per field, not one per row: what a value's bits look like is decided once for up to a thousand rows. Integers
 * that fill their storage in the machine's own byte order, which is nearly all of them, have loops that the compiler can
 * unroll and vectorise; whatever else IIO's ABI allows takes the general way.
 */
#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "stream/record.h"
#include "weir/whole.h"

#define HOST_IS_BIG_ENDIAN (__BYTE_ORDER == __BIG_ENDIAN)

static uint64_t load(const struct weir_field *field, const unsigned char *at)
{
	uint8_t v8;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (field->bytes) {
	case 1:
		memcpy(&v8, at, 1);
		return v8;
	case 2:
		memcpy(&v16, at, 2);
		return field->is_big_endian ? be16toh(v16) : le16toh(v16);
	case 4:
		memcpy(&v32, at, 4);
		return field->is_big_endian ? be32toh(v32) : le32toh(v32);
	default:
		memcpy(&v64, at, 8);
		return field->is_big_endian ? be64toh(v64) : le64toh(v64);
	}
}

int64_t weir_field_raw(const struct weir_field *field, const void *row)
{
	uint64_t value = load(field, (const unsigned char *)row + field->at) >> field->shift;
	unsigned unused = 64u - field->bits;

	value <<= unused;
	return field->is_signed ? (int64_t)value >> unused : (int64_t)(value >> unused);
}

double weir_field_physical(const struct weir_field *field, int64_t raw)
{
	double value = field->is_signed ? (double)raw : (double)(uint64_t)raw;

	return (value + field->offset) * field->scale;
}

/* For each type of whole native integer: to physical values, and to integers as they are. The value is what
 * weir_field_physical() gives, operation for operation. */
#define DEFINE_WHOLE(name, type)                                                                             \
	static void real_from_##name(const struct weir_field *field, const unsigned char *at, size_t stride, \
				     uint32_t n, double *out)                                                \
	{                                                                                                    \
		const double offset = field->offset, scale = field->scale;                                   \
                                                                                                             \
		for (uint32_t i = 0; i < n; i++) {                                                           \
			type value;                                                                          \
                                                                                                             \
			memcpy(&value, at + i * stride, sizeof(value));                                      \
			out[i] = ((double)value + offset) * scale;                                           \
		}                                                                                            \
	}                                                                                                    \
	static void integer_from_##name(const unsigned char *at, size_t stride, uint32_t n, int64_t *out)    \
	{                                                                                                    \
		_Pragma("GCC unroll 8") for (uint32_t i = 0; i < n; i++)                                     \
		{                                                                                            \
			type value;                                                                          \
                                                                                                             \
			memcpy(&value, at + i * stride, sizeof(value));                                      \
			out[i] = (int64_t)value;                                                             \
		}                                                                                            \
	}

DEFINE_WHOLE(s8, int8_t)
DEFINE_WHOLE(u8, uint8_t)
DEFINE_WHOLE(s16, int16_t)
DEFINE_WHOLE(u16, uint16_t)
DEFINE_WHOLE(s32, int32_t)
DEFINE_WHOLE(u32, uint32_t)
DEFINE_WHOLE(s64, int64_t)
DEFINE_WHOLE(u64, uint64_t)

/* Indexed by the logarithm of the storage's bytes, and by sign. */
static const struct {
	void (*real)(const struct weir_field *, const unsigned char *, size_t, uint32_t, double *);
	void (*integer)(const unsigned char *, size_t, uint32_t, int64_t *);
} whole[4][2] = {
	{ { real_from_u8, integer_from_u8 }, { real_from_s8, integer_from_s8 } },
	{ { real_from_u16, integer_from_u16 }, { real_from_s16, integer_from_s16 } },
	{ { real_from_u32, integer_from_u32 }, { real_from_s32, integer_from_s32 } },
	{ { real_from_u64, integer_from_u64 }, { real_from_s64, integer_from_s64 } },
};

static bool is_whole(const struct weir_field *field)
{
	return !field->shift && field->bits == field->bytes * 8 &&
	       (field->bytes == 1 || field->is_big_endian == HOST_IS_BIG_ENDIAN);
}

static void copy_doubles(const unsigned char *at, size_t stride, uint32_t n, double *out)
{
#pragma GCC unroll 8
	for (uint32_t i = 0; i < n; i++)
		memcpy(&out[i], at + i * stride, sizeof(*out));
}

static void decode_floats(const struct weir_field *field, const unsigned char *row, size_t stride, uint32_t n,
			  double *out)
{
	/* Byte order is a property of the bits, so a float is loaded as an integer of its size. */
	for (uint32_t i = 0; i < n; i++) {
		uint64_t bits = load(field, row + i * stride + field->at);
		uint32_t low = (uint32_t)bits;
		float single;

		if (field->bytes == 8) {
			memcpy(&out[i], &bits, 8);
			continue;
		}
		memcpy(&single, &low, 4);
		out[i] = single;
	}
}

static void decode_real(const struct weir_field *field, const unsigned char *row, size_t stride, uint32_t n,
			double *out)
{
	if (field->is_float && field->bytes == 8 && field->is_big_endian == HOST_IS_BIG_ENDIAN)
		copy_doubles(row + field->at, stride, n, out);
	else if (field->is_float)
		decode_floats(field, row, stride, n, out);
	else if (is_whole(field))
		whole[__builtin_ctz(field->bytes)][field->is_signed].real(field, row + field->at, stride, n, out);
	else
		for (uint32_t i = 0; i < n; i++)
			out[i] = weir_field_physical(field, weir_field_raw(field, row + i * stride));
}

static void decode_raw(const struct weir_field *field, const unsigned char *row, size_t stride, uint32_t n,
		       int64_t *out)
{
	if (is_whole(field))
		whole[__builtin_ctz(field->bytes)][field->is_signed].integer(row + field->at, stride, n, out);
	else
		for (uint32_t i = 0; i < n; i++)
			out[i] = weir_field_raw(field, row + i * stride);
}

static void decode_integer(const struct weir_field *field, const unsigned char *row, size_t stride, uint32_t n,
			   int64_t *out)
{
	if (field->scale == 1 && field->offset == 0) {
		decode_raw(field, row, stride, n, out);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		out[i] = weir_whole(weir_field_physical(field, weir_field_raw(field, row + i * stride)));
}

static void decode_bool(const struct weir_field *field, const unsigned char *row, size_t stride, uint32_t n,
			int64_t *out)
{
	decode_integer(field, row, stride, n, out);
	for (uint32_t i = 0; i < n; i++)
		out[i] = out[i] != 0;
}

static void decode_text(const struct weir_field *field, const unsigned char *row, size_t stride, uint32_t n, char *out)
{
	for (uint32_t i = 0; i < n; i++) {
		memcpy(out, row + i * stride + field->at, field->bytes);
		out += field->bytes;
		out[-1] = 0;
	}
}

void weir_rows_decode(const struct weir_schema *schema, const void *rows, uint32_t n, struct weir_block *block)
{
	size_t stride = schema->row_bytes;

	decode_integer(&schema->t, rows, stride, n, block->t);
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		const struct weir_field *field = &schema->field[i];

		switch (field->kind) {
		case WEIR_REAL:
			decode_real(field, rows, stride, n, block->column[i].real);
			break;
		case WEIR_INT:
			decode_integer(field, rows, stride, n, block->column[i].integer);
			break;
		case WEIR_BOOL:
			decode_bool(field, rows, stride, n, block->column[i].integer);
			break;
		case WEIR_TEXT:
			decode_text(field, rows, stride, n, block->column[i].text);
			break;
		}
	}
	block->n = n;
}

static void encode_words(const int64_t *from, uint32_t n, unsigned char *at, size_t stride)
{
	for (uint32_t i = 0; i < n; i++)
		memcpy(at + i * stride, &from[i], 8);
}

/* Cells are copied whole, and what pads them to the next field is cleared: rows never carry stale memory. */
static void encode_cells(const char *from, size_t bytes, uint32_t n, unsigned char *at, size_t stride)
{
	size_t padding = -bytes & 7;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(at + i * stride, from + i * bytes, bytes);
		memset(at + i * stride + bytes, 0, padding);
	}
}

void weir_rows_encode(const struct weir_schema *schema, const struct weir_block *block, uint32_t from, uint32_t n,
		      void *rows)
{
	unsigned char *row = rows;
	size_t stride = schema->row_bytes;

	encode_words(block->t + from, n, row + schema->t.at, stride);
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		const struct weir_field *field = &schema->field[i];

		if (field->kind == WEIR_TEXT)
			encode_cells(block->column[i].text + (size_t)from * field->bytes, field->bytes, n,
				     row + field->at, stride);
		else
			encode_words(block->column[i].integer + from, n, row + field->at, stride);
	}
}
