/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file input.h
 * @brief For sources that read text from a file, a pipe or a terminal: a buffer that never waits.
 *
 * The descriptor's flags are left alone, since standard input is shared with other programs: readiness is asked for before
 * each read, and what is ready is read at once.
 */
#ifndef WEIR_INPUT_H
#define WEIR_INPUT_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_INPUT_MAX (64u << 10) /**< bytes that may be unread at one time, and so the longest line */

struct weir_input;

/**
 * @brief Open a file for reading; `-` is standard input.
 * @return 0, -ENOMEM, or what weir_fail_device() returned. Free with weir_input_close(), which takes NULL.
 */
int weir_input_open(struct weir_input **out, struct weir_node *node, const char *path) WEIR_MUST_CHECK;
void weir_input_close(struct weir_input *input);

/** @brief What has been read and not consumed: may be written to, and stays in place until the next weir_input_more(). */
char *weir_input_unread(struct weir_input *input, size_t *n);
/** @brief Be done with the first `n` unread bytes. */
void weir_input_consume(struct weir_input *input, size_t n);

/**
 * @brief Read more, without waiting.
 * @return bytes added; 0 at the end; -EAGAIN when nothing is there just now (wait for weir_input_fd()); -ENOBUFS when
 * WEIR_INPUT_MAX bytes are unread; -ENODEV when the terminal or serial device has gone, and what is unread is torn; or -errno of read(2).
 */
int weir_input_more(struct weir_input *input) WEIR_MUST_CHECK;
/** @brief Has the end been seen? There may still be unread bytes. */
bool weir_input_at_end(const struct weir_input *input);
int weir_input_fd(const struct weir_input *input);
/** @brief Has there been a byte of zero, which text has not? */
bool weir_input_has_zero(const struct weir_input *input);
/** @brief Is it a file with a size and an end, and no pipe, terminal or device? */
bool weir_input_is_file(const struct weir_input *input);

#ifdef __cplusplus
}
#endif
#endif
