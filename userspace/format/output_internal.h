/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file format/output_internal.h
 * @brief What output.c, which owns the buffer, and output_record.c, which writes one record into it, share.
 */
#ifndef WEIR_FORMAT_OUTPUT_INTERNAL_H
#define WEIR_FORMAT_OUTPUT_INTERNAL_H

#include "weir/output.h"
#include "weir/text.h"

/** `,"name":` with every byte escaped. */
#define WEIR_KEY_MAX (6 * WEIR_NAME_MAX + 8)

struct weir_output {
	const struct weir_schema *schema;
	struct weir_output_config config;
	int fd;
	bool is_shown;             /**< fd is a terminal, which would act on control characters */
	int64_t epoch_ns;          /**< added to a record's time where the time of day is written */
	uint64_t left_out, unsent; /**< records */
	size_t line_max;           /**< bytes that a record may take */
	size_t n, capacity;
	size_t header_bytes; /**< of what is in the buffer */
	size_t raw_bytes;    /**< of each record, where it is no text */
	char *buffer;
	size_t head_bytes;
	char head[2 * WEIR_NAME_MAX]; /**< what every record begins with */
	size_t key_bytes[WEIR_FIELDS_MAX];
	char key[WEIR_FIELDS_MAX][WEIR_KEY_MAX]; /**< what stands before each value */
};

/** @brief Prepare head, keys and line_max. `config` is set; its measurement is not needed afterwards. */
void weir_output_prepare(struct weir_output *output);
/** @brief CSV's first line. @return bytes. */
size_t weir_output_header(const struct weir_output *output, char *to);
/** @brief One record, at most line_max bytes. @return bytes; 0: it cannot be expressed. */
size_t weir_output_record(const struct weir_output *output, char *to, const struct weir_block *block, uint32_t row);

#endif
