/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file custom_row.h
 * @brief Is what a custom filter declares as its row what the source delivers?
 */
#ifndef WEIR_FILTER_CUSTOM_ROW_H
#define WEIR_FILTER_CUSTOM_ROW_H

#include "filter/custom_filter.h"

/** A member of the structure, as its debug information has it. */
struct weir_custom_member {
	const char *name;
	uint32_t bit, bytes; /**< offset in bits; size */
	bool is_integer;     /**< and not a bit field */
	bool is_signed, is_big_endian;
};

/** @brief A member must be a field of that name, `t`, or padding (`_…`), which may be anything.
 *  @return 0; -EINVAL with the reason in `why`, of WEIR_CUSTOM_WHY_MAX bytes. */
int weir_custom_check_member(const struct weir_custom_member *member, const struct weir_schema *schema, char *why);
int weir_custom_check_size(uint32_t bytes, const struct weir_schema *schema, char *why);

#endif
