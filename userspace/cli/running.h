/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file running.h
 * @brief Running pipelines, as `weir ps` and `weir top` show them.
 */
#ifndef WEIR_CLI_RUNNING_H
#define WEIR_CLI_RUNNING_H

#include <jansson.h>

#include "cli.h"

struct running_totals {
	double in_rate, out_rate; /**< of sources, and to sinks; records a second */
	long long lost;
};

/** @brief The states of all pipelines, or of those with a name or a process number. NULL after a message: no memory. */
json_t *running_load(const char *which);
struct running_totals running_totals(const json_t *pipeline);
/** @brief A member as a number; 0 where it is none. */
double running_number(const json_t *object, const char *member);
/** @brief The name, safe for a terminal. Valid until the next call. */
const char *running_name(const json_t *pipeline);
/** @brief "3s", "12m05s", "3h07m", "2d05h" for seconds. */
void running_duration(char *out, size_t bytes, double seconds);
/** @brief A text on one line, with `?` for bytes that a terminal would act on. NULL: empty. Cut to `bytes`, between characters of UTF-8. */
void running_plain(char *out, size_t bytes, const char *text);

#endif
