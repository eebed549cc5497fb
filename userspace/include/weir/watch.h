/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file watch.h
 * @brief For operators that watch one field and the time: which field it is, its values as numbers, and times to come.
 *
 * A field and no expression: where an operator takes only a part of a block (weir_took()), what prev() remembers would be wrong
 * for the rest.
 */
#ifndef WEIR_WATCH_H
#define WEIR_WATCH_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The parameter of weir_watch_find(), its `name`: an entry of the driver's table. */
#define WEIR_WATCH_PARAM(type, member)                                                                    \
	WEIR_P_TEXT("field", type, member, NULL, "field to watch; default: the only number or condition", \
		    .style = WEIR_POSITIONAL)

/**
 * @brief The field to watch. For open().
 * @param name NULL: the only one that is not text.
 * @return its index; -EINVAL after a report: unknown, a text, or not named where there are several.
 */
int weir_watch_find(struct weir_node *node, const char *name, const struct weir_schema *in) WEIR_MUST_CHECK;

/** @brief Value `row` of a field that is no text. */
double weir_watch_value(const struct weir_block *block, uint32_t field, uint32_t row);

/** @brief The stream's time: the newest that any record or tick has had. A record that comes late counts as coming now. */
static inline int64_t weir_watch_now(int64_t newest, int64_t t)
{
	return t > newest ? t : newest;
}

/** @brief Are both the same, or both NaN? */
bool weir_watch_same(double a, double b);

/** @brief t + span, for a span that is not negative; INT64_MAX, which is never, beyond the end of time. */
int64_t weir_watch_later(int64_t t, int64_t span);

#ifdef __cplusplus
}
#endif
#endif
