/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file output.h
 * @brief For sinks that write records to a descriptor: one JSON object a line, CSV, Influx's line protocol, or plain bytes.
 *
 * A buffer of its own; no system call but to write it out. Numbers are the shortest that read back as the same value.
 *
 * | layout | what is no number | truth values | text |
 * |---|---|---|---|
 * | jsonl | `null` | 0 and 1 | a string; what is not UTF-8 becomes U+FFFD |
 * | csv | `nan`, `inf`, `-inf` | 0 and 1 | quoted where it must be |
 * | influx | the field is left out, and a record without any other field too | `true` and `false` | a string |
 * | raw | its bits | 8 bytes | its cell, padded with zeros to a multiple of 8 |
 *
 * Raw records are the time and the fields, one after the other, in the machine's byte order: 8 bytes each, integers or doubles.
 */
#ifndef WEIR_OUTPUT_H
#define WEIR_OUTPUT_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_layout { WEIR_JSONL, WEIR_CSV, WEIR_INFLUX, WEIR_RAW };

/** How a record's time is written; for influx and raw it is there or not. */
enum weir_time_form {
	WEIR_TIME_NS,  /**< an integer, of the stream's clock; for influx, since 1970 */
	WEIR_TIME_S,   /**< seconds with nine decimals, of the stream's clock */
	WEIR_TIME_ISO, /**< `2026-11-22T10:41:50.123456789Z` */
	WEIR_TIME_NONE,
};

/** When a buffer is written out, beside when it is full. */
enum weir_flush {
	WEIR_FLUSH_IDLE,  /**< when weir_output_flush() is called */
	WEIR_FLUSH_BLOCK, /**< with each block */
	WEIR_FLUSH_LINE,  /**< with each record, by a write(2) of its own */
};

/** The names of all these, NULL-terminated: for the `words` of a parameter. */
extern const char *const weir_layout_words[], *const weir_time_words[], *const weir_flush_words[];

/** Rows of the parameter table of a sink that writes lines; `otherwise` is the word when none is given. */
#define WEIR_OUTPUT_PARAM_TIME(type, member) \
	WEIR_P_WORD("time", type, member, "ns", weir_time_words, "ns: an integer; s: seconds; iso: date and time, UTC")
#define WEIR_OUTPUT_PARAM_FLUSH(type, member, otherwise)                \
	WEIR_P_WORD("flush", type, member, otherwise, weir_flush_words, \
		    "line: each record by itself; block: as they come; idle: when none is left to read")

/** Zero is JSON with the time in ns, written when told to. */
struct weir_output_config {
	enum weir_layout layout;
	enum weir_time_form time;
	enum weir_flush flush;
	char separator;          /**< of CSV; 0: a comma */
	char mark;               /**< of CSV: the decimal mark, a point or a comma; 0: a point */
	bool no_header;          /**< CSV without its first line */
	const char *measurement; /**< of influx: what the records are called; NULL: `weir`. Copied */
};

struct weir_output;

/**
 * @brief For records of `schema`, which must outlive it. What lies between the monotonic clock and the time of day, where that
 * is written, is measured now.
 * @return 0 or -ENOMEM. Free with weir_output_close(), which takes NULL, drops what was not flushed, and leaves the descriptor
 * alone.
 */
int weir_output_open(struct weir_output **out, const struct weir_schema *schema,
		     enum weir_layout layout) WEIR_MUST_CHECK;
/** @brief The same, with all that there is to choose. */
int weir_output_open_as(struct weir_output **out, const struct weir_schema *schema,
			const struct weir_output_config *config) WEIR_MUST_CHECK;
void weir_output_close(struct weir_output *output);

/** @brief Write to `fd` from now on; CSV begins with its header line. @return 0, -errno of write(2), or
 *  -ENOTSUP: raw bytes are not for a terminal, which is shown text without its control characters. */
int weir_output_start(struct weir_output *output, int fd) WEIR_MUST_CHECK;
/** @brief The same behind records that are there already: without a header. @return 0. */
int weir_output_continue(struct weir_output *output, int fd);

/** @brief Take all records of a block. @return 0 or -errno of write(2): -EPIPE when the reader has gone. */
int weir_output_block(struct weir_output *output, const struct weir_block *block) WEIR_MUST_CHECK;

/** @brief Write out what is buffered; waits for a descriptor that does not block. @return 0 or -errno of write(2). */
int weir_output_flush(struct weir_output *output) WEIR_MUST_CHECK;

/**
 * @brief For open() of a sink that writes to standard output: may its records be mixed with those of the sinks before it?
 * Lines of JSON may, and lines of CSV below one header; others could not be told apart.
 * @return 0, or -EINVAL after weir_fail_arg().
 */
int weir_output_share_standard(struct weir_node *node, const struct weir_output_config *config) WEIR_MUST_CHECK;

/** @brief How many records the layout could not express and left out since the last call. */
uint64_t weir_output_left_out(struct weir_output *output);

/** @brief How many records were given to it and could not be written whole, since the last call. */
uint64_t weir_output_unsent(struct weir_output *output);

#define WEIR_CSV_WHY 320 /**< bytes that say why a file cannot be continued */

/**
 * @brief Can a file be continued with records of `output`, which are CSV? Its header must be theirs, and lines at its beginning and its
 * end must have their form of time and their decimal mark; without a header the first line must be such a record.
 * @param fd open for reading.
 * @return 1; 0: no, and `why` is a sentence without full stop; or -errno of read(2).
 */
int weir_csv_continues(const struct weir_output *output, int fd, char why[WEIR_CSV_WHY]) WEIR_MUST_CHECK;

/**
 * @brief What must be written before another record, where a file ends in the middle of a line: `"\n"`, or `"\"\n"` within a quote; empty
 * where it does not. *torn: bytes of that line.
 * @return 0 or -errno of read(2).
 */
int weir_csv_torn(const struct weir_output *output, int fd, const char **mend, uint64_t *torn) WEIR_MUST_CHECK;

/** @brief What records are written as where a sink's own arguments do not say: --format, or else JSON. */
enum weir_layout weir_output_default(const struct weir_node *node);

#ifdef __cplusplus
}
#endif
#endif
