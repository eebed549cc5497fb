/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file written.h
 * @brief For sinks that write a file for as long as they run: is it still there under its name? Records that are written to a file
 * that was deleted are lost, and no write(2) says so.
 */
#ifndef WEIR_WRITTEN_H
#define WEIR_WRITTEN_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

enum weir_written_state {
	WEIR_WRITTEN_THERE,
	WEIR_WRITTEN_MOVED,   /**< it has another name; what is written is in it */
	WEIR_WRITTEN_CUT,     /**< somebody else made it shorter */
	WEIR_WRITTEN_DELETED, /**< what is written is lost */
};

/** A file that is being written. Zeroed: none. */
struct weir_written {
	const char *path;
	int fd;
	bool is_file; /**< and no pipe or device */
	int64_t checked_ns, size;
	uint64_t n_since;                       /**< records since it was last seen to be there */
	_Atomic(enum weir_written_state) state; /**< the writer's thread sets it, the summary's reads it */
};

/** @brief Begin. `path` must outlive it. */
void weir_written_begin(struct weir_written *written, const char *path, int fd);
/**
 * @brief `n` more records have been written. Look after the file, at most once a second unless it is the `end`. When something happened
 * to it, warn; records of a file that was deleted are counted as WEIR_LOST_UNSENT, all since it was last seen to be there.
 */
void weir_written_check(struct weir_written *written, struct weir_node *node, uint32_t n, bool is_end);
/** @brief A line for the summary, or NULL. Any thread. */
const char *weir_written_how(const struct weir_written *written);

#ifdef __cplusplus
}
#endif
#endif
