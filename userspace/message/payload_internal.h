/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file message/payload_internal.h
 * @brief The compact binary form of records, apart from the others. docs/brokers.md describes it.
 */
#ifndef WEIR_MESSAGE_PAYLOAD_INTERNAL_H
#define WEIR_MESSAGE_PAYLOAD_INTERNAL_H

#include "weir/driver.h"

#define WEIR_COMPACT_HEAD 8         /**< bytes before the records, without the schema's text */
#define WEIR_COMPACT_TEXT 4096      /**< bytes of a schema's text at most, with its zero */
#define WEIR_COMPACT_TELL_EVERY 256 /**< messages, of which one brings the schema's text */

/** The first `n_fields` of a schema, as text "x:real,n:int", and its checksum. */
struct weir_compact {
	const struct weir_schema *schema;
	uint32_t n_fields, n_text, crc, until_told;
	bool has_time; /**< the records' own time is wanted */
	char text[WEIR_COMPACT_TEXT];
};

/** @brief Prepare for the fields that the schema has now. */
void weir_compact_init(struct weir_compact *compact, const struct weir_schema *schema);
size_t weir_compact_max(const struct weir_compact *compact);
/** @brief A message of one record. @return bytes. */
size_t weir_compact_write(struct weir_compact *compact, char *to, const struct weir_block *block, uint32_t row);

/** @brief The head of a message. @return where its records begin, or NULL with `why` set. */
const char *weir_compact_begin(const struct weir_compact *compact, const char *bytes, const char *end, char why[160]);
/** @brief One record at the end of a block; block->n stays. @param cut counts texts that were cut. @return where the next one
 *  begins, or NULL with `why` set. */
const char *weir_compact_next(const struct weir_compact *compact, const char *bytes, const char *end,
			      struct weir_block *block, uint32_t *cut, char why[160]);

#endif
