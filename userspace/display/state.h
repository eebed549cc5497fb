/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file state.h
 * @brief The numbers of a running pipeline as a document. All of it is read while others count: atomics, and copies of rows.
 *
 * docs/display.md has the members. A row that is being overwritten is left out, so that no value of two records is shown.
 */
#ifndef WEIR_DISPLAY_STATE_H
#define WEIR_DISPLAY_STATE_H

#include <jansson.h>

#include "core/internal.h"

#define DISPLAY_HISTORY_MAX 1000 /**< points of one answer with history */

/** What the last look has seen of a node, for its rates. */
struct display_seen {
	uint64_t in, out;
};

/** One pipeline under observation. For one thread. */
struct display_state {
	struct weir_pipeline *pipeline;
	const char *name;          /**< of the pipeline; lives as long as this */
	struct display_seen *seen; /**< owned; one a node */
	struct display_seen *rate; /**< owned; thousandths of records a second */
	int64_t seen_ns;           /**< CLOCK_MONOTONIC; 0: never */
};

/** @return 0 or -ENOMEM. Close with display_state_close(), also after an error. */
int display_state_open(struct display_state *state, struct weir_pipeline *pipeline, const char *name) WEIR_MUST_CHECK;
void display_state_close(struct display_state *state);

/** @brief The whole state. NULL: no memory. A new reference. */
json_t *display_state_json(struct display_state *state);

/** @brief Field values of up to `points` rows of the ring behind node `index`, evenly spaced in position, oldest first:
 *  {"t":[…],"NAME":[…]}. NULL: there is no such ring, or no memory. */
json_t *display_history_json(struct display_state *state, uint32_t index, uint32_t points);

/* newest.c; with weir_run_look() */
/** @brief Fields of a stream with its newest values: an array of {"name","unit","kind","value"}, and `*t_ns` of the record; INT64_MIN:
 *  no record yet. NULL: no memory. */
json_t *display_fields_json(const struct weir_stream *stream, int64_t *t_ns);
json_t *display_rows_json(const struct weir_stream *stream, uint32_t points);

#endif
