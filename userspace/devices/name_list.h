/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file name_list.h
 * @brief The names that there are, and the one that was meant, as a part of a message. Any thread.
 *
 * Each function appends to a text in `bytes` bytes, which ends with a zero before and after. What does not fit is left out.
 */
#ifndef WEIR_DEVICES_NAME_LIST_H
#define WEIR_DEVICES_NAME_LIST_H

#include "weir/driver.h"

/** @brief Append as printf() writes. */
void weir_text_append(char *text, size_t bytes, const char *format, ...) WEIR_PRINTF(3, 4);

/** @brief Append " a, b, c". */
void weir_text_append_names(char *text, size_t bytes, const char *const *names, size_t n);

/** @brief Append "; did you mean 'b'?" where a name is near to `word`. @return whether one is. */
bool weir_text_append_nearest(char *text, size_t bytes, const char *word, const char *const *names, size_t n);

#endif
