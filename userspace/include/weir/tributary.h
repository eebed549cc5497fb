/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file tributary.h
 * @brief For combiners: the fields of several streams side by side, and cells that may be missing.
 */
#ifndef WEIR_TRIBUTARY_H
#define WEIR_TRIBUTARY_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief Append all fields of all tributaries to a schema, in their order. A name that more than one of them has gets the stream's
 * name before it: `a_x`, `b_x`.
 * @param nullable a cell can be missing: a number is then a REAL, which can say so.
 * @return 0; -EINVAL after a report: a name is taken all the same, or the fields do not fit in one record.
 */
int weir_tributaries_add(struct weir_node *node, const struct weir_tributary *in, uint32_t n, bool nullable,
			 struct weir_schema *out);

/** @brief Can the times of all of them be compared? */
bool weir_tributaries_of_one_clock(const struct weir_tributary *in, uint32_t n);

/** @brief Copy a cell. An INT or BOOL may go to a REAL, a text to a cell of another size, which cuts it. */
void weir_cell_copy(struct weir_block *to, uint32_t to_field, uint32_t to_row, const struct weir_block *from,
		    uint32_t from_field, uint32_t from_row);

/** @brief Make a cell say that there is nothing: NaN, 0 or an empty text. */
void weir_cell_clear(struct weir_block *to, uint32_t field, uint32_t row);

#ifdef __cplusplus
}
#endif
#endif
