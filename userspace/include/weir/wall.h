/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file wall.h
 * @brief The way from a stream's clock to the realtime clock: an offset, and from which time of the stream on it holds.
 *
 * Streams of the monotonic clock have one table for the whole process, so that windows of two streams begin together. A recording
 * brings the table of the run that wrote it.
 */
#ifndef WEIR_WALL_H
#define WEIR_WALL_H

#include "weir/block.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_wall;

/** From a time of the stream on, what is to be added to give the realtime clock. */
struct weir_wall_offset {
	int64_t from_ns; /**< INT64_MIN: from the beginning */
	int64_t ns;
};

/** @brief An empty table. NULL: no memory. Free with weir_wall_close(), which takes NULL, once nothing reads it any more. */
struct weir_wall *weir_wall_open(void);
void weir_wall_close(struct weir_wall *wall);

/** @brief From `from_ns` on another offset holds. Of the last 1024 the table knows. One thread at a time; readers go on meanwhile. */
void weir_wall_add(struct weir_wall *wall, const struct weir_wall_offset *offset);

/** @brief The table of the monotonic clock. Measured with the first call. Any thread. */
const struct weir_wall *weir_wall_live(void);

/** @brief The offset that holds at `t_ns`; an empty table: 0 from the beginning. Any thread. */
struct weir_wall_offset weir_wall_at(const struct weir_wall *wall, int64_t t_ns);

/** @brief How many offsets were ever added. Any thread. */
uint64_t weir_wall_count(const struct weir_wall *wall);
/** @brief Offset `i` of them, from 0; of one that the table knows no more, the oldest that it knows. Any thread. */
struct weir_wall_offset weir_wall_entry(const struct weir_wall *wall, uint64_t i);

/** @brief Of a stream: its table, or NULL where its clock is the realtime clock, or only counts. */
const struct weir_wall *weir_wall_of(const struct weir_schema *schema);
/** @brief Has the time of a stream dates: is it the realtime clock, or is there a way to it? */
bool weir_wall_has_dates(const struct weir_schema *schema);

#ifdef __cplusplus
}
#endif
#endif
