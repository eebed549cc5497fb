/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file answer.h
 * @brief For drivers that read what a program prints: its lines as records.
 *
 * The driver has the parameters `out` (fields, see weir/fields.h), `output` (WEIR_V_WORD of weir_answer_words) and `width`:
 *
 * - lines: each line is a record with a field `text`, or the one field of `out`;
 * - csv: cells are the fields of `out`, in their order; or in that of the first line, if that is made of their names;
 * - jsonl: an object a line, whose members are the fields of `out`.
 *
 * Without `output`, it is lines where there is no `out`, else csv. An empty line is a record only as a line. A column or member `t` is the
 * record's time in ns, where the driver wants it so, and must then be there. Numbers that are missing are NaN, missing text is empty; an integer or truth value must be there.
 */
#ifndef WEIR_ANSWER_H
#define WEIR_ANSWER_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_ANSWER_LINE_MAX (64u << 10) /**< bytes of a line, with its newline */

struct weir_answer;

extern const char *const weir_answer_words[];

enum weir_answer_form { WEIR_ANSWER_LINES, WEIR_ANSWER_CSV, WEIR_ANSWER_JSONL };

/** The arguments of such a driver: a member of its state. */
struct weir_answer_args {
	const char *out;            /**< declared fields; NULL: a text */
	enum weir_answer_form form; /**< `output` */
	uint32_t width;             /**< bytes of a text cell that does not say */
};

/** A row of the parameter table, a uint32_t. */
#define WEIR_ANSWER_PARAM_WIDTH(type, member) \
	WEIR_PARAM_WIDTH(type, member,        \
			 "bytes of a text cell that does not say; longer text is cut at a character, and counted")

/** Rows of the parameter table, a struct weir_answer_args, to be named among those of the driver. */
#define WEIR_ANSWER_PARAMS(type, member)                                                                             \
	WEIR_P_TEXT("out", type, member.out, NULL,                                                                   \
		    "fields of its output: \"label:text, score\"; kinds real (default), int, bool, text"),           \
		WEIR_P_WORD(                                                                                         \
			"output", type, member.form, NULL, weir_answer_words,                                        \
			"format of its output: lines; csv, with or without a header line; jsonl, an object a line. " \
			"Default: csv with out=, else lines"),                                                       \
		WEIR_ANSWER_PARAM_WIDTH(type, member.width)

/**
 * @brief Fill the schema of the records.
 * @param args in the state of the node.
 * @param has_own_time records bring their time.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_answer_close(), which takes NULL.
 */
int weir_answer_open(struct weir_answer **out, struct weir_node *node, const struct weir_answer_args *args,
		     struct weir_schema *schema, enum weir_clock clock, bool has_own_time) WEIR_MUST_CHECK;
void weir_answer_close(struct weir_answer *answer);

/**
 * @brief For JSON that stands in a field: the fields of `out` come after those that the schema has, which are left alone. The
 * form of the arguments does not count; lines are objects.
 * @return as weir_answer_open().
 */
int weir_answer_open_after(struct weir_answer **out, struct weir_node *node, const struct weir_answer_args *args,
			   struct weir_schema *schema) WEIR_MUST_CHECK;

/** @brief Another program begins: its first line may be a header. */
void weir_answer_begin(struct weir_answer *answer);

/**
 * @brief One line as a record, added to a block of weir_out(). Aborts where the block is full.
 * @param line changed in the process; line[n] is written to.
 * @param t its time, unless it brings that.
 * @return 1; 0: a header or nothing; -EINVAL: malformed, see weir_answer_why().
 */
int weir_answer_line(struct weir_answer *answer, char *line, size_t n, struct weir_block *block,
		     int64_t t) WEIR_MUST_CHECK;

/** @brief What was wrong with the last malformed line. */
const char *weir_answer_why(const struct weir_answer *answer);

#ifdef __cplusplus
}
#endif
#endif
