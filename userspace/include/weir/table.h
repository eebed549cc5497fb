/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file table.h
 * @brief For sources that read a CSV file: its header as a schema, its lines as rows.
 *
 * Columns are `name` (a number, f64) or `name:type` with a type of f64 f32 s64 s32 s16 s8 u64 u32 u16 u8 (rows hold the raw
 * integers, laid out as a sensor would) or text. Where none are chosen, all are taken, those whose first cell is no number as
 * text. An empty cell of f64 or f32 is NaN. Cells may be quoted as RFC 4180 has it. Blank lines do not count.
 */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include "weir/driver.h"
#include "weir/raster.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_table;

struct weir_table_config {
	const char *path; /**< `-`: standard input */
	const char *const *columns;
	uint32_t n_columns;        /**< 0: all */
	uint32_t text_bytes;       /**< of a text cell */
	const char *time;          /**< the column that holds the time; NULL: by `raster` */
	int64_t time_unit_ns;      /**< of that column */
	struct weir_raster raster; /**< times of records, counted from 0 */
	bool is_paced;             /**< deliver each record when its time has come, counted from the first */
	bool skips_bad; /**< leave out malformed lines and count them as WEIR_LOST_CUT; else they end the run */
};

/**
 * @brief Open a file, read its header, fill `schema`.
 * @param config its texts must outlive the table.
 * @return 0, or what one of the weir_fail functions returned. Free with weir_table_close(), which takes NULL.
 */
int weir_table_open(struct weir_table **out, struct weir_node *node, const struct weir_table_config *config,
		    struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_table_close(struct weir_table *table);

/** @brief The `produce` of a pulled source: see struct weir_source_ops. */
int weir_table_produce(struct weir_table *table, void *rows, uint32_t max, struct weir_wait *wait);

#ifdef __cplusplus
}
#endif
#endif
