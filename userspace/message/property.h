/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file property.h
 * @brief Properties of a message that a source reads into fields: `properties="content_type, user.room as room"`. One thread.
 *
 * The protocol names its properties in a table (weir/inbox.h). The values of a message are packed behind its id in the inbox, in the
 * order of the fields: texts as a length of four bytes, the bytes and a zero, anything else as eight bytes.
 */
#ifndef WEIR_MESSAGE_PROPERTY_H
#define WEIR_MESSAGE_PROPERTY_H

#include "weir/inbox.h"

#define WEIR_PROPERTIES_MAX 16
#define WEIR_PROPERTY_NAME 64 /**< bytes of a name behind the prefix, with its zero */

/** A property that becomes a field. */
struct weir_property {
	const struct weir_inbox_property *kind;
	char name[WEIR_PROPERTY_NAME]; /**< behind the prefix; "" where the table has the whole name */
	uint32_t field;
};

struct weir_properties {
	uint32_t n;
	struct weir_property wanted[WEIR_PROPERTIES_MAX];
};

/**
 * @brief By the argument `properties` of a node, `at`: fields at the end of the schema. NULL, or without a table: none.
 * @param width bytes of a text field.
 * @return 0, or what weir_fail_arg() returned.
 */
int weir_properties_open(struct weir_properties *properties, struct weir_node *node, const char *at,
			 struct weir_schema *schema, const struct weir_inbox_property *table,
			 uint32_t width) WEIR_MUST_CHECK;

/** @brief Bytes that the values of a message take. */
size_t weir_properties_bytes(const struct weir_properties *properties, const struct weir_inbox_message *message);
/** @brief Pack them. @return behind them. */
char *weir_properties_pack(const struct weir_properties *properties, const struct weir_inbox_message *message,
			   char *to);
/** @brief Unpack them into the last record of a block. @return texts that were cut. */
uint32_t weir_properties_unpack(const struct weir_properties *properties, const char *from, struct weir_block *block);

#endif
