/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file fields.h
 * @brief For drivers whose fields a text declares: `x, n:int, is_hot:bool, label:text, name:text:32`. A kind that is not told is
 * real; text is of as many bytes as follow, with the zero that ends it. Of JSON, a place in the object may follow where a field is
 * not the member of its name: `celsius=data.temperature, first:int=samples[0].n`.
 */
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_FIELDS_WHY 160 /**< bytes that say what is wrong with a declaration */

/** Where a field stands in an object: a part of the declaration, without a zero at its end. n is 0 where it does not say. */
struct weir_place {
	const char *at;
	uint32_t n;
};

/**
 * @brief Append the fields of a declaration to a schema from weir_schema_init().
 * @param text_bytes of text fields that do not say.
 * @param place by field of the schema, WEIR_FIELDS_MAX of them, for what is appended; NULL: no field may say one. They are valid as
 * long as `text` is.
 * @param why set to what is wrong, a sentence without full stop.
 * @return 0 or -EINVAL.
 */
int weir_fields_add(struct weir_schema *schema, const char *text, uint32_t text_bytes, struct weir_place *place,
		    char why[WEIR_FIELDS_WHY]) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
