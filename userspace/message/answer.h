/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file message/answer.h
 * @brief How the readers of text share one way of understanding it: lines of a program, messages, cells.
 */
#ifndef WEIR_MESSAGE_ANSWER_H
#define WEIR_MESSAGE_ANSWER_H

#include <jansson.h>

#include "weir/answer.h"

enum weir_answer_form { WEIR_ANSWER_LINES, WEIR_ANSWER_CSV, WEIR_ANSWER_JSONL };

struct weir_answer_config {
	enum weir_answer_form form;
	const char *form_argument; /**< what it is called, for messages */
	enum weir_clock clock;
	bool has_own_time;
	bool may_begin_with_time; /**< CSV without a header: one cell more than fields is the time, before them */
	bool keeps_schema;        /**< the fields come after those that the schema has */
};

/** @brief As weir_answer_open(), with the form decided. Fields that are added to the schema afterwards are left alone. */
int weir_answer_open_as(struct weir_answer **out, struct weir_node *node, struct weir_schema *schema,
			const struct weir_answer_config *config) WEIR_MUST_CHECK;

/** @brief One JSON value, which must be an object, as a record at the end of a block. @return 1 or -EINVAL. */
int weir_answer_object(struct weir_answer *answer, const json_t *object, struct weir_block *block,
		       int64_t t) WEIR_MUST_CHECK;

#endif
