/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file report.h
 * @brief What is wrong with a program or a device, collected so that everything is told in one go.
 *
 * A report owns the program's text, so a message can show the line and put a caret under the place:
 *
 *     vibration.weir:3:41: error: unknown field 'mm' in this stream
 *         level = accel | select m = sqrt(mm)
 *                                         ^~
 *         did you mean 'm'?
 */
#ifndef WEIR_CORE_REPORT_H
#define WEIR_CORE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "weir/driver.h"
#include "weir/weir.h"

/** Exit codes, the same for every command. */
enum weir_exit {
	WEIR_EXIT_OK = 0,
	WEIR_EXIT_RUNTIME = 1,
	WEIR_EXIT_USAGE = 2,
	WEIR_EXIT_DEVICE = 3,
	WEIR_EXIT_LOST = 4, /**< data lost under --strict */
};

/** Where in the program's text: byte offset and length. length 0: no place. */
struct weir_span {
	uint32_t at, length;
};

#define WEIR_REPORT_MESSAGES 100 /**< that are kept; of others only the number is told */

struct weir_report;

/**
 * @param name shown before the line number: a file's name, or "<argument>"; "": neither is shown, for a text that the user has
 * not written as it stands. Both are copied.
 * @return 0, or -ENOMEM (also for a text of 2 GiB and more).
 */
int weir_report_open(struct weir_report **out, const char *name, const char *text) WEIR_MUST_CHECK;
void weir_report_close(struct weir_report *report);
const char *weir_report_text(const struct weir_report *report);
/** @brief Bytes of the text, without its terminating zero. */
uint32_t weir_report_length(const struct weir_report *report);
/** @brief The text as people may see it: of the same length, with `*` in place of passwords. */
const char *weir_report_shown(const struct weir_report *report);
const char *weir_report_name(const struct weir_report *report);

/**
 * @brief Add an error. Safe from any thread. Not kept beyond a hundred (the count goes on); the same words about the same
 * place are kept once.
 * @param status the exit code that it stands for.
 * @param hint a whole sentence without full stop, or NULL.
 */
void weir_report_add(struct weir_report *report, enum weir_exit status, struct weir_span where, const char *hint,
		     const char *format, ...) WEIR_PRINTF(5, 6);
void weir_report_vadd(struct weir_report *report, enum weir_exit status, struct weir_span where, const char *hint,
		      const char *format, va_list arguments);

/** @brief The status to exit with: USAGE before DEVICE before RUNTIME; OK when nothing was added. */
enum weir_exit weir_report_status(const struct weir_report *report);
/** @brief How many errors were added since the report was opened, printed or not. */
unsigned weir_report_count(const struct weir_report *report);

/** @brief Print all, in the order of their places, and forget them (the status stays). */
void weir_report_print(struct weir_report *report, FILE *stream);

/** @brief Print what may come from a file, a device or a program: bytes that a terminal would act on, or could not show, as `?`, but for
 *  ends of lines; and passwords as `*`. */
void weir_print_plain(const char *text, FILE *stream);

/** @brief The 1-based line and column (in characters of UTF-8) of an offset. */
void weir_report_locate(const struct weir_report *report, uint32_t at, uint32_t *line, uint32_t *column);

#endif
