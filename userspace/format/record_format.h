/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file record_format.h
 * @brief Blocks of a record file, as bytes: what the writer and the reader share. docs/record.md says why it is so.
 */
#ifndef WEIR_FORMAT_RECORD_FORMAT_H
#define WEIR_FORMAT_RECORD_FORMAT_H

#include "weir/driver.h"
#include "weir/wall.h"

#define WEIR_RECORD_HEADER 40u
#define WEIR_RECORD_ALIGN 8u
#define WEIR_RECORD_PAYLOAD_MAX (1u << 20) /**< what is said to be longer is damaged */
#define WEIR_RECORD_VERSION 1u

enum weir_record_kind { WEIR_RECORD_SCHEMA = 1, WEIR_RECORD_ROWS = 2, WEIR_RECORD_OFFSET = 3 };

#define WEIR_RECORD_OFFSET_BYTES 16u

struct weir_record_header {
	uint16_t kind;
	uint64_t session;
	uint64_t first; /**< number, in its session, of the first record */
	uint32_t n;     /**< records */
	uint32_t bytes; /**< of payload, a multiple of WEIR_RECORD_ALIGN */
	uint32_t sum;   /**< of the payload */
};

uint32_t weir_record_sum(const void *bytes, size_t n);
void weir_record_header_write(const struct weir_record_header *header, unsigned char to[WEIR_RECORD_HEADER]);
/** @brief Is this a header, whole and of a version that we know? */
bool weir_record_header_read(struct weir_record_header *header, const unsigned char from[WEIR_RECORD_HEADER]);

/** @brief The schema as JSON text, padded with blanks to a multiple of WEIR_RECORD_ALIGN. NULL: no memory. Free with free(). */
char *weir_record_schema_write(const struct weir_schema *schema);
/**
 * @brief The native schema that a text of `n` bytes describes.
 * @return 0; -EPROTO: rows of the other byte order; -EBADMSG: it describes none.
 */
int weir_record_schema_read(struct weir_schema *schema, const char *text, size_t n);

/** @brief The payload of an offset to the realtime clock. */
void weir_record_offset_write(const struct weir_wall_offset *offset, unsigned char to[WEIR_RECORD_OFFSET_BYTES]);
void weir_record_offset_read(struct weir_wall_offset *offset, const unsigned char from[WEIR_RECORD_OFFSET_BYTES]);

#endif
