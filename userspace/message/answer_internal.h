/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file message/answer_internal.h
 * @brief How the readers of text share one way of understanding it: lines of a program, messages, cells.
 */
#ifndef WEIR_MESSAGE_ANSWER_INTERNAL_H
#define WEIR_MESSAGE_ANSWER_INTERNAL_H

#include <jansson.h>

#include "weir/answer.h"

struct weir_answer_config {
	struct weir_answer_args args;
	const char *form_argument; /**< what it is called, for messages */
	enum weir_clock clock;
	bool has_own_time;
	bool may_begin_with_time; /**< CSV without a header: one cell more than fields is the time, before them */
	bool keeps_schema;        /**< the fields come after those that the schema has */
};

/** @brief As weir_answer_open(), with the form decided. Fields that are added to the schema afterwards are left alone. */
int weir_answer_open_as(struct weir_answer **out, struct weir_node *node, struct weir_schema *schema,
			const struct weir_answer_config *config) WEIR_MUST_CHECK;

/**
 * @brief The same of a text that is one plain JSON object and nothing else, see json_scan.h.
 * @return true: it is a record at the end of the block; false: not decided, and nothing has changed.
 */
bool weir_answer_scan(struct weir_answer *answer, const char *text, size_t n, struct weir_block *block,
		      int64_t t) WEIR_MUST_CHECK;

/** @brief One JSON value, which must be an object, as a record at the end of a block. @return 1 or -EINVAL. */
int weir_answer_object(struct weir_answer *answer, const json_t *object, struct weir_block *block,
		       int64_t t) WEIR_MUST_CHECK;

#endif
