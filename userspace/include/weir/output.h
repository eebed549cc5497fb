/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file output.h
 * @brief For sinks that write records as text to a descriptor: CSV with a header line, or one JSON object a line.
 *
 * A buffer of its own; no system call but to write it out. Times are integers in ns, numbers are the shortest that read back
 * as the same value. What is no number is `null` in JSON and `nan`, `inf`, `-inf` in CSV. Truth values are 0 and 1.
 */
#ifndef WEIR_OUTPUT_H
#define WEIR_OUTPUT_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_layout { WEIR_JSONL, WEIR_CSV };

struct weir_output;

/**
 * @brief For records of `schema`, which must outlive it. `fd` may be -1 until weir_output_start().
 * @return 0 or -ENOMEM. Free with weir_output_close(), which takes NULL, drops what was not flushed, and leaves fd alone.
 */
int weir_output_open(struct weir_output **out, const struct weir_schema *schema,
		     enum weir_layout layout) WEIR_MUST_CHECK;
void weir_output_close(struct weir_output *output);

/** @brief Write to `fd` from now on; CSV begins with its header line. @return 0 or -errno of write(2). */
int weir_output_start(struct weir_output *output, int fd) WEIR_MUST_CHECK;

/** @brief Take all records of a block. @return 0 or -errno of write(2): -EPIPE when the reader has gone. */
int weir_output_block(struct weir_output *output, const struct weir_block *block) WEIR_MUST_CHECK;

/** @brief Write out what is buffered; waits for a descriptor that does not block. @return 0 or -errno of write(2). */
int weir_output_flush(struct weir_output *output) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
