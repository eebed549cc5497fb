/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file table.h
 * @brief For sources that read a CSV file: its header as a schema, its lines as rows.
 *
 * Columns are `name`, or `name:kind` with a kind of real, int, bool, text or text:BYTES, or f32 s8 u8 s16 u16 s32 u32 s64 u64 (rows
 * hold the raw values, laid out as a sensor would; f64 is real). Where none are chosen, all are taken. The kind of a column that has none
 * is that of its cell in the first line that counts, which is well-formed, and has something in that cell: a number is real, and a
 * whole number that a double would round is int; one that begins with a 0, and all else, is text. No whole number of such a column is
 * rounded: it is malformed. An empty cell is NaN of real and f32, and empty text. Cells may be quoted as RFC 4180 has it. Blank lines
 * do not count.
 */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include "weir/driver.h"
#include "weir/raster.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_table;

/** What a column of times counts. */
enum weir_time_unit {
	WEIR_UNIT_NS,
	WEIR_UNIT_US,
	WEIR_UNIT_MS,
	WEIR_UNIT_S,
	WEIR_UNIT_ISO,   /**< dates, see weir_read_iso() */
	WEIR_UNIT_GUESS, /**< as the first time is written: whole numbers are ns, nine decimals s, dates iso */
};

/** The names of all but the last, NULL-terminated: for the `words` of a parameter. */
extern const char *const weir_time_unit_words[];

struct weir_table_config {
	const char *path; /**< `-`: standard input */
	const char *const *columns;
	uint32_t n_columns;        /**< 0: all */
	uint32_t text_bytes;       /**< of a text cell */
	const char *time;          /**< the column that holds the time; NULL: by `raster` */
	enum weir_time_unit unit;  /**< of that column */
	struct weir_raster raster; /**< times of records, counted from 0 */
	bool may_be_nominal;       /**< times that are no dates are counted from somewhere */
	bool is_paced;             /**< deliver each record when its time has come, counted from the first */
	int64_t gap_ns;            /**< paced by a column: see weir_pace_due() */
	bool skips_bad;      /**< leave out malformed lines and count them as WEIR_LOST_CUT; else they end the run */
	char separator;      /**< between cells */
	char mark;           /**< of decimals: a point or a comma */
	bool no_header;      /**< the columns are those of the file, in their order */
	bool is_header;      /**< the first line has names, though they be numbers */
	const char *comment; /**< lines that begin so are left out; NULL: none */
};

/** The arguments of a source that reads tables: a member of its state. */
struct weir_table_args {
	const char *separator, *decimal, *comment;
	bool header;
	uint32_t width; /**< of a text cell, in bytes */
};

/** Rows of the parameter table of such a source, beside `width`. */
#define WEIR_TABLE_PARAMS(type, member)                                                                               \
	WEIR_P_TEXT("separator", type, member.separator, "\",\"", "one character between cells, or tab"),             \
		WEIR_P_BOOL("header", type, member.header, "yes",                                                     \
			    "no: the first line is a record, and [ ] names all columns in their order"),              \
		WEIR_P_TEXT("decimal", type, member.decimal, "\".\"", "decimal mark of numbers, a point or a comma"), \
		WEIR_P_TEXT("comment", type, member.comment, NULL, "leave out lines that begin so, as # ")

/**
 * @brief Fill in what the arguments, the target and the brackets say.
 * @param args in the state of the node.
 * @return 0, or what weir_fail_arg() returned.
 */
int weir_table_form(struct weir_node *node, const struct weir_table_args *args,
		    struct weir_table_config *config) WEIR_MUST_CHECK;

/**
 * @brief Open a file, read its header, fill `schema`.
 * @param config its texts must outlive the table.
 * @return 0, or what one of the weir_fail functions returned. Free with weir_table_close(), which takes NULL.
 */
int weir_table_open(struct weir_table **out, struct weir_node *node, const struct weir_table_config *config,
		    struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_table_close(struct weir_table *table);

/** @brief The `produce` of a pulled source: see struct weir_source_ops. */
int weir_table_produce(struct weir_table *table, struct weir_rows *rows, struct weir_wait *wait);

#ifdef __cplusplus
}
#endif
#endif
