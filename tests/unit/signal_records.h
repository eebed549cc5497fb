/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file signal_records.h
 *  @brief Records for tests of signal processing: x and y (REAL), i (INT), b (BOOL), s (TEXT), at irregular times. */
#ifndef SIGNAL_RECORDS_H
#define SIGNAL_RECORDS_H

#include "harness.h"

#define SIGNAL_TEXT_BYTES 12

/** @brief Random walks. @param glitches one x in about this many is NaN or infinite; 0: none. */
struct weir_block *signal_records(struct weir_schema *schema, uint32_t n, uint32_t glitches, uint64_t seed);

/** @brief Run a chain over records, in blocks of up to `most`, and flush it. Fails the test where it is refused. */
void signal_run(struct harness *h, const char *chain, const struct weir_block *memory, uint32_t most, uint64_t seed);

/** @brief The column of a field of what was collected. */
const union harness_value *signal_column(const struct harness *h, const char *name);

/** @brief Is there such a stage in this build? Otherwise skips the test. */
void signal_need(const char *stage);

#endif
