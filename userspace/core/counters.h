/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file counters.h
 * @brief Names and texts that the listings share.
 */
#ifndef WEIR_CORE_COUNTERS_H
#define WEIR_CORE_COUNTERS_H

#include <jansson.h>

#include "core/internal.h"

const char *weir_loss_name(enum weir_loss cause);
const char *weir_policy_name(enum weir_policy policy);
/** @brief How the program wrote this node, on one line: "iio:accel_3d[x,y,z] rate=200Hz". Points into the program's text. */
const char *weir_node_text(const struct weir_node *node, int *length);
/** @brief How the source's samples are filtered before they reach an agent: "inline (fentry)", "user", "none". */
const char *weir_stream_tier(const struct weir_stream *stream);
/** @brief Write a document with a final newline, and free it. */
void weir_json_print(json_t *document, FILE *stream);

#endif
