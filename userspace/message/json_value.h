/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file message/json_value.h @brief What jansson leaves to those who read JSON from anywhere. */
#ifndef WEIR_MESSAGE_JSON_VALUE_H
#define WEIR_MESSAGE_JSON_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** @brief As json_loadb(), but an integer of more than 64 bits does not spoil all that is around it: it is a real then. */
json_t *weir_json_load(const char *text, size_t n, size_t flags, json_error_t *error);

/** @brief A whole number within 64 bits, however it is written: 3, 3.0 and 3e0 are one. A real stands for one up to 2^53 alone,
 *  beyond which it may have been another. @return false: it is none. */
bool weir_json_integer(const json_t *value, int64_t *to);

/** @brief What stands at a place such as `a.b[0].c`, of weir/fields.h. @return NULL: nothing; else it belongs to `object`. */
const json_t *weir_json_find(const json_t *object, const char *place, uint32_t n);

#endif
