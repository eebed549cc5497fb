/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file text.h
 * @brief For drivers that read or write text: numbers that come back to the same bits, JSON strings, CSV cells. The process's
 * locale has no influence: the decimal mark is a point.
 */
#ifndef WEIR_TEXT_H
#define WEIR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_NUMBER_MAX 32 /**< bytes that a number may take */

/** @brief A decimal integer. @return bytes written, no terminating zero. */
size_t weir_write_integer(char *to, int64_t value);

/**
 * @brief The shortest decimal that reads back as the same double (that of a subnormal may be longer); `nan`, `inf`, `-inf`.
 * @return bytes written, at most WEIR_NUMBER_MAX, no terminating zero.
 */
size_t weir_write_real(char *to, double value);

/** @brief How much of a text fits into `room` bytes without cutting a character of UTF-8 in two. */
size_t weir_text_fit(const char *text, size_t length, size_t room);
/** @brief Fill a cell with as much of a text as fits, and zeros, of which it has one at least. @return was it cut? */
bool weir_text_put(char *cell, uint32_t bytes, const char *text, size_t length);

/** @brief A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. @return bytes, at most 6 * strlen + 2. */
size_t weir_write_json_text(char *to, const char *text);

/** @brief A CSV cell as RFC 4180 has it, quoted where it must be. @return bytes, at most 2 * strlen + 2. */
size_t weir_write_csv_text(char *to, const char *text);
/** @brief The same where another byte than a comma stands between cells. */
size_t weir_write_cell(char *to, const char *text, char separator);

/**
 * @brief Read a whole cell as a number: decimal, exponent, `nan`, `inf`; blanks around it do not matter.
 * @return 0; -EINVAL when it is anything else, or nothing.
 */
int weir_read_real(const char *text, double *value) WEIR_MUST_CHECK;

/** @brief Read a whole cell as a decimal integer. @return 0; -EINVAL when it is no integer; -ERANGE beyond int64_t. */
int weir_read_integer(const char *text, int64_t *value) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
