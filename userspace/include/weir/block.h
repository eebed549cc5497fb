/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file block.h
 * @brief Records for drivers: what a stream carries, records by column, and the rows that a source fills. Part of weir/driver.h.
 *
 * No driver can write past a block or past the rows that it was asked for: what adds a record looks whether there is room.
 */
#ifndef WEIR_BLOCK_H
#define WEIR_BLOCK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_NAME_MAX 48   /**< bytes of a field's name, with the terminating zero */
#define WEIR_UNIT_MAX 16   /**< bytes of a unit, with the terminating zero */
#define WEIR_FIELDS_MAX 64 /**< fields in one schema */
#define WEIR_ROW_MAX 4096  /**< bytes of one row */

/** Records in one block: 8 KiB a column, so that a stage's working set stays in the first-level cache. */
#define WEIR_BLOCK_MAX 1024

#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/** What the values of a field are, and so the C type of its column in a block. */
enum weir_kind {
	WEIR_REAL, /**< double */
	WEIR_INT,  /**< int64_t */
	WEIR_BOOL, /**< int64_t, 0 or 1 */
	WEIR_TEXT, /**< char[bytes], zero-padded; never longer than bytes - 1 */
};

/** The clock that stamps a stream's records. Streams of different clocks are never joined. */
enum weir_clock {
	WEIR_CLOCK_MONOTONIC, /**< CLOCK_MONOTONIC: the default wherever a device lets us choose */
	WEIR_CLOCK_REALTIME,  /**< CLOCK_REALTIME */
	WEIR_CLOCK_NOMINAL,   /**< counted from zero by a source that is not live: csv, a generator at full speed */
	WEIR_CLOCK_DATED, /**< dates of CLOCK_REALTIME that records bring with them, which does not go on by itself */
};

/** 2000-01-01 UTC. What is earlier is no date, but the clock of a machine that has not been set, or no such clock. */
#define WEIR_FIRST_DATE_NS INT64_C(946684800000000000)

/** @brief Can times of these clocks be compared? */
bool weir_clock_same(enum weir_clock a, enum weir_clock b);

/**
 * @brief One named quantity, and where its bits are in a row.
 *
 * The vocabulary is that of IIO's scan elements (Documentation/ABI/testing/sysfs-bus-iio, `in_<type>_type`):
 * `[be|le]:[s|u]bits/storagebits>>shift`. The physical value is `(raw + offset) * scale`.
 */
struct weir_field {
	char name[WEIR_NAME_MAX];
	char unit[WEIR_UNIT_MAX]; /**< UCUM-like text, e.g. "m/s^2"; empty where it is not known */
	enum weir_kind kind;
	uint32_t at;    /**< byte offset in the row */
	uint32_t bytes; /**< storage: 1, 2, 4 or 8; the cell's size for WEIR_TEXT */
	uint8_t bits;   /**< significant bits, 1 to 8 * bytes */
	uint8_t shift;  /**< right shift that comes before masking */
	bool is_signed;
	bool is_big_endian;
	bool is_float; /**< IEEE 754 of 4 or 8 bytes; bits, shift and sign do not apply */
	double scale;  /**< 1 where the raw integer is the value */
	double offset;
};

struct weir_wall;

/** What a stream carries. A plain value: copy it with `=`. */
struct weir_schema {
	uint32_t row_bytes; /**< 1 to WEIR_ROW_MAX; a multiple of 8 lets eBPF filter the rows in place */
	uint32_t n_fields;
	enum weir_clock clock;
	/** Nominal times that can be dated: the recorded way to the realtime clock (weir/wall.h); else NULL. */
	const struct weir_wall *wall;
	struct weir_field t; /**< where a row's time is: ns of `clock`, 8 bytes */
	struct weir_field field[WEIR_FIELDS_MAX];
};

/** A column of a block. Which member counts follows from the field's kind. */
union weir_column {
	double *real;
	int64_t *integer; /**< WEIR_INT and WEIR_BOOL */
	char *text;       /**< cell i starts at i * field.bytes */
	void *any;
};

/**
 * @brief A contiguous batch of records, by column.
 *
 * The stage that emits a block owns it; the stage that receives it may read it until its push returns.
 */
struct weir_block {
	const struct weir_schema *schema;
	uint32_t n;   /**< records, 0 to WEIR_BLOCK_MAX */
	uint32_t max; /**< records that its columns have room for; 0: a view, to which no record is added */
	int64_t *t;
	union weir_column column[WEIR_FIELDS_MAX];
};

/** @brief Start a schema of packed rows: nothing but the time, 8 bytes at offset 0. */
void weir_schema_init(struct weir_schema *schema, enum weir_clock clock);

/** @brief For the message about a field that cannot be added to `n_fields`: its limit, "a record has at most 64 fields". */
const char *weir_schema_limit(uint32_t n_fields, size_t name_bytes);

/**
 * @brief Append a native field (8 bytes for REAL, INT and BOOL; `bytes` for TEXT) to a schema from weir_schema_init().
 * @return the field's index; -E2BIG when WEIR_FIELDS_MAX, WEIR_ROW_MAX or WEIR_NAME_MAX is reached; -EEXIST when the name is
 * taken: `t` always is, by the time.
 */
int weir_schema_add(struct weir_schema *schema, const char *name, enum weir_kind kind, const char *unit,
		    uint32_t bytes);

/** @brief The index of a field by name, or -ENOENT. */
int weir_schema_find(const struct weir_schema *schema, const char *name);

/**
 * @brief Allocate a block of WEIR_BLOCK_MAX records for `schema`, which must outlive it. For open(), never for push().
 * @return 0 or -ENOMEM. Free with weir_block_close(), which takes NULL.
 */
int weir_block_open(struct weir_block **out, const struct weir_schema *schema) WEIR_MUST_CHECK;
void weir_block_close(struct weir_block *block);

/** @brief Is there room for another record? */
static inline bool weir_block_is_full(const struct weir_block *block)
{
	return block->n >= block->max;
}

/** @brief Count one more record, and return its index, for the caller to fill in. Aborts where there is no room. */
static inline uint32_t weir_block_add(struct weir_block *block)
{
	assert(!weir_block_is_full(block));
	return block->n++;
}

/** @brief Copy record `from` of `src` to the end of `dst`. Same field list. Aborts where there is no room. */
void weir_block_append(struct weir_block *dst, const struct weir_block *src, uint32_t from);

/** @brief Copy `n` records of `src`, those whose numbers `index` lists, to the end of `dst`. Otherwise as weir_block_append(). */
void weir_block_gather(struct weir_block *dst, const struct weir_block *src, const uint32_t *index, uint32_t n);

/** @brief Make `view` show `n` records of `src` from record `from` on. Copies nothing: it lives as long as `src` does. */
void weir_block_slice(struct weir_block *view, const struct weir_block *src, uint32_t from, uint32_t n);

/* --------------------------------------------------------------------- rows */

/**
 * @brief Room for the rows that a pulled source is asked for. Its driver gets at rows through the functions below alone. They give
 * out no row past the end and count what they gave, so that a driver cannot write too far or claim more than it wrote.
 */
struct weir_rows {
	char *at;        /**< the next row */
	uint32_t left;   /**< rows that there is room for */
	uint32_t n;      /**< rows added */
	uint32_t stride; /**< bytes of a row */
};

/** @brief Rows that there is still room for. */
static inline uint32_t weir_rows_room(const struct weir_rows *rows)
{
	return rows->left;
}

/** @brief The next row, to be filled in and then added; NULL where there is no more room. The same one until weir_rows_add(). */
static inline void *weir_rows_next(const struct weir_rows *rows)
{
	return rows->left ? rows->at : NULL;
}

/** @brief The row of weir_rows_next() is complete. */
void weir_rows_add(struct weir_rows *rows);
/** @brief Add up to `want` rows in one piece, *got of them, for the caller to fill in. */
void *weir_rows_span(struct weir_rows *rows, uint32_t want, uint32_t *got);
/** @brief Add copies of `n` rows at `from`, as far as there is room. @return how many. */
uint32_t weir_rows_copy(struct weir_rows *rows, const void *from, uint32_t n);
/** @brief Add the records of a block of native fields, as far as there is room. @return how many. */
uint32_t weir_rows_put(struct weir_rows *rows, const struct weir_block *block);

#ifdef __cplusplus
}
#endif
#endif
