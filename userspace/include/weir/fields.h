/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fields.h
 * @brief For drivers whose fields a text declares: `x, n:int, is_hot:bool, label:text, name:text:32`. A kind that is not told is
 * real; text is of as many bytes as follow, with the zero that ends it.
 */
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_FIELDS_WHY 160 /**< bytes that say what is wrong with a declaration */

/**
 * @brief Append the fields of a declaration to a schema from weir_schema_init().
 * @param text_bytes of text fields that do not say.
 * @param why set to what is wrong, a sentence without full stop.
 * @return 0 or -EINVAL.
 */
int weir_fields_add(struct weir_schema *schema, const char *text, uint32_t text_bytes,
		    char why[WEIR_FIELDS_WHY]) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
