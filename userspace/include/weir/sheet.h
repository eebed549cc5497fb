/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file sheet.h
 * @brief For drivers that hand records to a program: records as text or bytes, in a file in memory that a program can read.
 */
#ifndef WEIR_SHEET_H
#define WEIR_SHEET_H

#include <sys/types.h>

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_sheet_form {
	WEIR_SHEET_LINES, /**< a line a record: the values of its fields, with tabs between, and nothing else */
	WEIR_SHEET_CSV,   /**< a header line, then a line a record, as `print format=csv` */
	WEIR_SHEET_JSONL, /**< an object a line, as `print format=jsonl` */
	WEIR_SHEET_RAW, /**< the time, then each field: 8 bytes (int64, double), or a text's cell filled up to a multiple of 8 */
};

/** A row of the parameter table: `input`, an enum weir_sheet_form; see weir_sheet_form_of(). */
#define WEIR_SHEET_PARAM(type, member)                                                                         \
	WEIR_P_WORD("input", type, member, NULL, weir_sheet_words,                                             \
		    "format of its input: lines, the bare values; csv with a header line; jsonl, an object a " \
		    "line; raw, 8 bytes for the time and each number. Default: lines for one text field, else csv")

extern const char *const weir_sheet_words[];

struct weir_sheet;

/** @brief The form that the argument `input` asks for, a member of the node's state; its default follows from the records. */
enum weir_sheet_form weir_sheet_form_of(const struct weir_node *node, const enum weir_sheet_form *input);

/** @brief For records of `schema`, which must outlive it. @return 0, -ENOMEM, or -errno of memfd_create(2). */
int weir_sheet_open(struct weir_sheet **out, const struct weir_schema *schema,
		    enum weir_sheet_form form) WEIR_MUST_CHECK;
void weir_sheet_close(struct weir_sheet *sheet); /**< takes NULL */

/** @brief Make it empty; CSV gets its header line where `has_header`. @return 0 or -errno. */
int weir_sheet_clear(struct weir_sheet *sheet, bool has_header) WEIR_MUST_CHECK;
/** @brief Add all records of a block, of any length. @return 0 or -errno. */
int weir_sheet_add(struct weir_sheet *sheet, const struct weir_block *block) WEIR_MUST_CHECK;

/** @brief The file, at its beginning: for the standard input of one program at a time. Stays the sheet's. */
int weir_sheet_fd(struct weir_sheet *sheet);
/** @brief Read from byte `at` on. @return bytes read; 0 at the end; -errno. */
ssize_t weir_sheet_read(const struct weir_sheet *sheet, size_t at, char *to, size_t n);

#ifdef __cplusplus
}
#endif
#endif
