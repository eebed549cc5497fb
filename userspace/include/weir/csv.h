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

/** A reader, and the record that it read last. Zeroed but for `input`, it stands before the first line. */
struct weir_csv {
	struct weir_input *input;
	uint32_t line;                    /**< of the first byte of the record, from 1 */
	uint32_t n_cells;                 /**< those beyond WEIR_CELLS_MAX are counted and not kept */
	const char *cell[WEIR_CELLS_MAX]; /**< unquoted, zero-terminated; until the next read */
	uint32_t column[WEIR_CELLS_MAX];  /**< of each cell in its line, in bytes, from 1 */
	uint32_t next_line;               /**< private, as are the next */
	size_t bytes;
};

/**
 * @brief Read the next record that is not blank. A quoted cell may hold commas, newlines and doubled quotes.
 * @return 1; 0 at the end; -EAGAIN when it is not there yet (wait for the input); -E2BIG when it is longer than
 * WEIR_INPUT_MAX; or -errno of read(2).
 */
int weir_csv_next(struct weir_csv *csv) WEIR_MUST_CHECK;

/** @brief Take one line apart in place, without a reader: sets the cells of `csv`. text[length] becomes 0. */
void weir_csv_split(struct weir_csv *csv, char *text, size_t length);

#ifdef __cplusplus
}
#endif
#endif
