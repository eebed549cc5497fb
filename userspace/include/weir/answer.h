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

/** A row of the parameter table. */
#define WEIR_ANSWER_PARAM_WIDTH \
	WEIR_PARAM_WIDTH("bytes of a text cell that does not say; longer text is cut at a character, and counted")

/** Rows of the parameter table, to be named among those of the driver. */
#define WEIR_ANSWER_PARAMS                                                                                            \
	{ .name = "out",                                                                                              \
	  .style = WEIR_KEY,                                                                                          \
	  .value = WEIR_V_TEXT,                                                                                       \
	  .help = "fields of what it prints: \"label:text, score\"; kinds real (if none is told), int, bool, text" }, \
		{ .name = "output",                                                                                   \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_WORD,                                                                               \
		  .words = weir_answer_words,                                                                         \
		  .help = "how it prints: lines; csv, with or without a header line; jsonl, an object a line. By "    \
			  "default csv "                                                                              \
			  "with out=, else lines" },                                                                  \
		WEIR_ANSWER_PARAM_WIDTH

/**
 * @brief Read those arguments, and fill the schema of the records.
 * @param has_own_time records bring their time.
 * @return 0, -ENOMEM, or what weir_fail_arg() returned. Free with weir_answer_close(), which takes NULL.
 */
int weir_answer_open(struct weir_answer **out, struct weir_node *node, struct weir_schema *schema,
		     enum weir_clock clock, bool has_own_time) WEIR_MUST_CHECK;
void weir_answer_close(struct weir_answer *answer);

/**
 * @brief For JSON that stands in a field: the fields of `out` come after those that the schema has, which are left alone. The
 * argument `output` is not read; lines are objects.
 * @return as weir_answer_open().
 */
int weir_answer_open_after(struct weir_answer **out, struct weir_node *node,
			   struct weir_schema *schema) WEIR_MUST_CHECK;

/** @brief Another program begins: its first line may be a header. */
void weir_answer_begin(struct weir_answer *answer);

/**
 * @brief One line as a record, added to a block of weir_out() that has room.
 * @param line changed in the process; line[n] is written to.
 * @param t its time, unless it brings that.
 * @return 1; 0: a header or nothing; -EINVAL: malformed, see weir_answer_why().
 */
int weir_answer_line(struct weir_answer *answer, char *line, size_t n, struct weir_block *block,
		     int64_t t) WEIR_MUST_CHECK;

/** @brief What was wrong with the last malformed line. */
const char *weir_answer_why(const struct weir_answer *answer);

/** @brief Records of a block as rows of weir_out(), for sources. */
void weir_answer_rows(const struct weir_answer *answer, const struct weir_block *block, void *rows);

#ifdef __cplusplus
}
#endif
#endif
