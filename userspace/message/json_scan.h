/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file message/json_scan.h
 * @brief The fast way from a JSON object to a record: the text is read once, and only wanted members are converted.
 *
 * It decides plain objects alone. Escape sequences, characters beyond ASCII, exponents, long numbers, values of an unexpected kind
 * and all that is malformed are left to jansson, so that each of these has one meaning and one message.
 */
#ifndef WEIR_MESSAGE_JSON_SCAN_H
#define WEIR_MESSAGE_JSON_SCAN_H

#include "weir/driver.h"

/** Immutable once it is open; any thread may scan with it. */
struct weir_json_scan {
	const struct weir_schema *schema;
	uint32_t first, end; /**< fields of the schema that are members of their names */
	bool wants_time;     /**< the member `t`, ns as an integer, is the record's time */
	uint8_t name_bytes[WEIR_FIELDS_MAX];
};

/** @brief For fields `first` to `end` - 1 of a schema, which must outlive it. */
void weir_json_scan_open(struct weir_json_scan *scan, const struct weir_schema *schema, uint32_t first, uint32_t end,
			 bool wants_time);

/**
 * @brief Write the cells, and the time where it is wanted, of record `block->n`, which is not added.
 * @return true: done; false: not decided, and the record's cells have no meaning.
 */
bool weir_json_scan(const struct weir_json_scan *scan, const char *text, size_t n, struct weir_block *block);

#endif
