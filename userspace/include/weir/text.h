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

/** @brief Make text fit for a terminal: what it would act on, control characters but newline and tab, and what is not UTF-8 become
 *  `?`. The four bytes behind it are zeros. */
void weir_text_disarm(char *text, size_t n);
/**
 * @brief A copy of words of somebody else's, for a message to people: one line that no terminal acts on. Newlines and tabs become
 * blanks, the rest is as weir_text_disarm() makes it.
 * @param room bytes of `to`, 5 at least; a longer text is cut.
 */
void weir_text_line(char *to, size_t room, const char *text);

/** @brief A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. @return bytes, at most 6 * strlen + 2. */
size_t weir_write_json_text(char *to, const char *text);

/** @brief A CSV cell as RFC 4180 has it, quoted where it must be. @return bytes, at most 2 * strlen + 2. */
size_t weir_write_csv_text(char *to, const char *text);
/** @brief The same where another byte than a comma stands between cells. */
size_t weir_write_cell(char *to, const char *text, char separator);

/**
 * @brief What stands between cells: one character, or `tab`, also written `\t`. Numbers, words, quotes and lines must not have it in
 * them.
 * @param mark the decimal mark, which it must not be either.
 * @return NULL, or what is wrong with it, a sentence without full stop.
 */
const char *weir_read_separator(const char *text, char mark, char *separator);

/**
 * @brief Read a whole cell as a number: decimal, exponent, `nan`, `inf`; blanks around it do not matter.
 * @return 0; -EINVAL when it is anything else, or nothing; -ERANGE beyond the largest double.
 */
int weir_read_real(const char *text, double *value) WEIR_MUST_CHECK;

/**
 * @brief Read a whole cell as a time: a decimal, with or without an exponent, of a unit of 10^decimals ns, rounded to the nearest ns.
 * @param decimals 0: ns; 3: us; 6: ms; 9: s.
 * @param mark the decimal mark.
 * @return 0; -EINVAL when it is no number; -ERANGE beyond int64_t.
 */
int weir_read_time(const char *text, int decimals, char mark, int64_t *ns) WEIR_MUST_CHECK;

/**
 * @brief Read a whole cell as a date and a time of ISO 8601, in ns since 1970: `2026-11-22T10:41:50.123456789Z`. A blank may stand
 * for the `T`; the time, its seconds and their fraction may be left out. The zone is `Z`, `UTC`, `+01:00`, `+0100` or `+01`; without
 * one it is UTC.
 * @return 0; -EINVAL when it is anything else; -ERANGE beyond int64_t (before 1677, after 2262).
 */
int weir_read_iso(const char *text, int64_t *ns) WEIR_MUST_CHECK;

/** @brief Read a whole cell as a decimal integer. @return 0; -EINVAL when it is no integer; -ERANGE beyond int64_t. */
int weir_read_integer(const char *text, int64_t *value) WEIR_MUST_CHECK;

/** @brief Is `value`, which weir_read_real() read from `text`, another one, since the text is a whole number beyond 2^53 with more digits
 *  than a double keeps? */
bool weir_is_rounded(const char *text, double value);

#ifdef __cplusplus
}
#endif
#endif
