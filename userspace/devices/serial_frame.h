/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file serial_frame.h
 * @brief Binary frames that a program describes: header, length, checksum, and the numbers in them. Pure: no I/O.
 *
 *     frame="42 4d" length=u16be@2+4 checksum=sum16 out="pm1=u16be@4, pm25=u16be@6, volts=u8@9*0.1"
 *
 * A number is u8 s8, or u16 s16 u32 s32 f32 with `le` or `be`, at an offset in bytes from the first byte of the header. A length is
 * that of the whole frame: a constant, or a number in it and what must be added.
 *
 * A checksum is KIND, KIND@AT or KIND@AT:FROM: of the bytes FROM (the first unless given) to AT, which are all before it. AT is the
 * end of the frame unless given. Kinds: sum8, neg8 (the sum's two's complement), xor8, sum16 (big-endian), sum16le, crc16 (of Modbus,
 * little-endian), none.
 */
#ifndef WEIR_DEVICES_SERIAL_FRAME_H
#define WEIR_DEVICES_SERIAL_FRAME_H

#include "weir/driver.h"

#define WEIR_FRAME_MAX 1024 /**< bytes of a frame */
#define WEIR_FRAME_WHY 160  /**< bytes of what is wrong with a description */

struct weir_frame_number {
	uint8_t bytes;
	bool is_signed, is_float, is_big_endian;
	uint32_t at;
};

enum weir_frame_checksum {
	WEIR_FRAME_NONE,
	WEIR_FRAME_SUM8,
	WEIR_FRAME_NEG8,
	WEIR_FRAME_XOR8,
	WEIR_FRAME_SUM16,
	WEIR_FRAME_SUM16LE,
	WEIR_FRAME_CRC16,
};

struct weir_frame_format {
	uint8_t header[8];
	uint32_t n_header;
	uint32_t length; /**< of the whole frame, or what is added to length_field */
	bool has_length_field;
	struct weir_frame_number length_field;
	uint32_t least; /**< the shortest frame that has all that is read */
	enum weir_frame_checksum checksum;
	bool is_at_end; /**< the checksum */
	uint32_t checksum_at, checksum_from;
	struct weir_frame_number field[WEIR_FIELDS_MAX];
	double scale[WEIR_FIELDS_MAX]; /**< NaN: the integer itself */
	uint32_t n_fields;
};

/**
 * @brief Read a description. Each text may be NULL, which is an error but of no program that is right.
 * @param schema from weir_schema_init(): the fields are added.
 * @param which set to the argument that is wrong: "frame", "length", "checksum", "out".
 * @param why set to what is wrong with it, a sentence without full stop.
 * @return 0 or -EINVAL.
 */
int weir_frame_parse(struct weir_frame_format *format, struct weir_schema *schema, const char *const texts[4],
		     const char **which, char why[WEIR_FRAME_WHY]) WEIR_MUST_CHECK;

/** @brief Of a description the argument `out` alone: numbers at offsets of any bytes. `format` starts zeroed. @return 0 or -EINVAL. */
int weir_frame_parse_fields(struct weir_frame_format *format, struct weir_schema *schema, const char *text,
			    char why[WEIR_FRAME_WHY]) WEIR_MUST_CHECK;

enum weir_frame_result {
	WEIR_FRAME_WHOLE,    /**< a frame whose checksum is right */
	WEIR_FRAME_PART,     /**< what follows `skip` may be the beginning of a frame: more is needed */
	WEIR_FRAME_CHECKSUM, /**< a frame whose checksum is wrong */
	WEIR_FRAME_LENGTH,   /**< a header with an impossible length */
};

/**
 * @brief Look for the first frame in `n` bytes.
 * @param skip bytes before it, which belong to no frame. After a wrong checksum or length this includes the first byte of that
 * header: the search goes on behind it, since the header may have been data.
 * @param length of the frame that begins at `skip`; 0 but for WEIR_FRAME_WHOLE.
 */
enum weir_frame_result weir_frame_find(const struct weir_frame_format *format, const uint8_t *bytes, size_t n,
				       size_t *skip, size_t *length);

/** @brief The numbers of a whole frame into a row of the schema. */
void weir_frame_write(const struct weir_frame_format *format, const struct weir_schema *schema, const uint8_t *frame,
		      char *row);

#endif
