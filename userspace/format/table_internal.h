/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file format/table_internal.h
 * @brief What table.c, which makes rows, table_header.c and table_kinds.c, which make the schema, and table_cell.c, which reads
 * values, share.
 */
#ifndef WEIR_FORMAT_TABLE_INTERNAL_H
#define WEIR_FORMAT_TABLE_INTERNAL_H

#include "weir/csv.h"
#include "weir/pace.h"
#include "weir/table.h"

/** What a column's cells are turned into. */
struct weir_table_type {
	const char *name;
	enum weir_kind kind;
	uint8_t bytes; /**< 0: of text, as many as are said */
	bool is_signed;
};

/** A column that becomes a field. */
struct weir_table_column {
	char name[WEIR_NAME_MAX];
	uint32_t cell;
	const struct weir_table_type *type; /**< NULL: not known yet */
	uint32_t text_bytes;
	bool is_guessed; /**< nobody has told its kind */
};

/** What is wrong with a cell. */
enum weir_table_fault {
	WEIR_CELL_GOOD,
	WEIR_CELL_NO_NUMBER,
	WEIR_CELL_NO_INTEGER,
	WEIR_CELL_NO_TRUTH,
	WEIR_CELL_OUT_OF_RANGE,
	WEIR_CELL_ROUNDED, /**< a whole number with more digits than a double keeps */
	WEIR_CELL_ZERO,    /**< a whole number that begins with a 0, which a number does not keep */
};

struct weir_table {
	struct weir_node *node;
	struct weir_table_config config;
	struct weir_schema schema;
	struct weir_csv csv;
	bool has_record; /**< csv holds one that has not been delivered */
	bool is_dated;   /**< the first time is a date */
	struct weir_pace pace;
	bool has_warned;   /**< that text is cut */
	int state;         /**< 1: there is more; 0: the end; -errno: what ended it */
	uint32_t n_header; /**< cells that every line must have */
	char *header;      /**< the text that the names lie in */
	char **name;       /**< by cell */
	uint32_t time_cell;
	uint32_t n_columns;
	struct weir_table_column *column; /**< by field */
	uint64_t i;                       /**< of the next record */
};

/** @brief By name, of `length` bytes; NULL. */
const struct weir_table_type *weir_table_type(const char *name, size_t length);
/** @brief Describe a column's field, but for its name and place. */
void weir_table_field(const struct weir_table_column *column, struct weir_field *field);
/** @brief The type of a column whose first cell this is; NULL: the cell does not say. */
const struct weir_table_type *weir_table_guess(const struct weir_table *table, const char *text);
/** @brief Read a cell that is no text. @param to the field's place in a row. */
enum weir_table_fault weir_table_cell(const struct weir_table *table, const struct weir_table_column *column,
				      const struct weir_field *field, const char *text, void *to);
/** @brief Say what is wrong with a cell, unless such lines are skipped. @return -EINVAL. */
int weir_table_malformed(const struct weir_table *table, const struct weir_table_column *column,
			 enum weir_table_fault fault);
/** @brief Read a time of the table's unit. @return 0, -EINVAL or -ERANGE. */
int weir_table_time(const struct weir_table *table, const char *text, int64_t *t);
/** @brief Find the unit of times of which this is the first; WEIR_UNIT_GUESS: it is none that is known. */
enum weir_time_unit weir_table_guess_unit(const struct weir_table *table, const char *text);

/** @brief Wait for more to read. A negative timeout: for as long as it takes. */
void weir_table_wait(const struct weir_table *table, int timeout_ms);
/** @brief Find the kinds of columns that nobody has told, and the unit of times. @return 0 or what a weir_fail function returned. */
int weir_table_find_kinds(struct weir_table *table);
/** @brief Read the header, choose columns, find their kinds, fill the schema. @return 0 or what a weir_fail function returned. */
int weir_table_read_schema(struct weir_table *table);

#endif
