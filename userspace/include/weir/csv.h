/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file csv.h
 * @brief For sources that read CSV: one record at a time, taken apart in place.
 */
#ifndef WEIR_CSV_H
#define WEIR_CSV_H

#include "weir/input.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_CELLS_MAX 1024 /**< cells of one record */

/** A reader, and the record that it read last. Zeroed but for the first three, it stands before the first line. */
struct weir_csv {
	struct weir_input *input;
	const char *comment;              /**< lines that begin so are left out; NULL: none */
	char separator;                   /**< between cells; 0: a comma */
	bool has_zero;                    /**< a byte of zero is in the record, where a cell seems to end */
	uint32_t line;                    /**< of the first byte of the record, from 1 */
	uint32_t n_cells;                 /**< those beyond WEIR_CELLS_MAX are counted and not kept */
	const char *cell[WEIR_CELLS_MAX]; /**< unquoted, zero-terminated; until the next read */
	uint32_t column[WEIR_CELLS_MAX];  /**< of each cell in its record, in bytes, from 1 */
	uint32_t next_line;               /**< private, as are the next */
	size_t bytes;
	bool has_begun, is_skipping;
};

/**
 * @brief Read the next record that is neither blank nor a comment. A cell that begins with a quote may hold separators, newlines and
 * doubled quotes; any other quote is text. The mark of UTF-8 at the beginning of a file is left out.
 * @return 1; 0 at the end; -EAGAIN when it is not there yet (wait for the input); -E2BIG when it is longer than WEIR_INPUT_MAX;
 * -EBADMSG when a quote is open at the end; or -errno as of weir_input_more(). After -E2BIG and -EBADMSG `line` and `column[0]` are the
 * record's, or those of the open quote, and the same comes again unless weir_csv_skip() is called.
 */
int weir_csv_next(struct weir_csv *csv) WEIR_MUST_CHECK;

/** @brief Be done with the record: what is unread begins behind it. */
void weir_csv_done(struct weir_csv *csv);

/** @brief Leave out the first line of the record that weir_csv_next() could not read. */
void weir_csv_skip(struct weir_csv *csv);

/**
 * @brief The same as weir_csv_next() of text in memory, for a look ahead: text[n] can be written to.
 * @param is_last nothing follows the text.
 * @return as above; -EAGAIN: the record goes on behind the text. *used: bytes to go on behind.
 */
int weir_csv_look(struct weir_csv *csv, char *text, size_t n, bool is_last, size_t *used) WEIR_MUST_CHECK;

/** @brief Take one line apart in place, without a reader: sets the cells of `csv`. text[length] becomes 0. */
void weir_csv_split(struct weir_csv *csv, char *text, size_t length);

#ifdef __cplusplus
}
#endif
#endif
