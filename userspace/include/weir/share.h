/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file share.h
 * @brief A stream for other processes of this machine: the publisher's side, and what a driver needs of the reader's beside
 * weir_tap.h.
 *
 * Rows lie in memory that every reader maps and only the publisher can write. A reader is known by its connection, and holds the
 * publisher up only where the publisher allows it. docs/streams.md describes how.
 */
#ifndef WEIR_SHARE_H
#define WEIR_SHARE_H

#include <sys/types.h>

#include "weir/driver.h"
#include "weir/weir_tap.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_SHARE_NAME_MAX 64 /**< characters of a stream's name */
#define WEIR_SHARE_USERS_MAX 16

/** @brief Can a stream be called this: letters, digits, `_`, `-` and `.`, but not `.` at first? 0 or -EINVAL. */
int weir_share_check_name(const char *name);

struct weir_share;

struct weir_share_config {
	const char *name;
	const struct weir_schema *schema; /**< of the blocks; it must outlive the share */
	uint32_t rows;                    /**< at least so many are kept for readers */
	gid_t group;                      /**< whose members may read, beside our own user; (gid_t)-1: none */
	bool waits;                       /**< for readers that ask for it */
	uid_t user[WEIR_SHARE_USERS_MAX]; /**< who may ask; root and our own user always may */
	uint32_t n_users;                 /**< 0: everybody who may read */
	int64_t patience_ns; /**< a reader that is waited for and takes nothing for so long is turned out */
	int halt_fd;         /**< once it is readable, nobody is waited for any more; -1: none */
	uint64_t start_at;   /**< position of the first row; 0 but in tests of index wrap */
};

/**
 * @brief Publish. Starts a thread that answers readers.
 * @return 0; -EBUSY: another process publishes under this name; -ENOENT: no run directory can be used; -E2BIG: so many rows need too
 * much memory; -ENOMEM; -errno.
 */
int weir_share_open(struct weir_share **out, const struct weir_share_config *config) WEIR_MUST_CHECK;
/** @brief End it, if weir_share_finish() has not: readers are told that the publisher was stopped. NULL is allowed. */
void weir_share_close(struct weir_share *share);

/* All of the following on one thread, the writer's. */

/** @brief Wait until `n` readers have come. 0, or -EINTR: halt_fd was readable first. */
int weir_share_await(struct weir_share *share, uint32_t n) WEIR_MUST_CHECK;

/** @brief Claim up to `want` contiguous rows of weir_share_row_bytes(); *got is 0 when a reader that is waited for leaves none. */
void *weir_share_reserve(struct weir_share *share, uint32_t want, uint32_t *got);
/** @brief Publish the first `n` rows of the claim, and wake readers that sleep. */
void weir_share_commit(struct weir_share *share, uint32_t n);
/** @brief Wait until reserve gives something. Always comes back: a reader with too much patience is turned out. */
void weir_share_wait_space(struct weir_share *share);
/** @brief Publish all records of a block; waits for space. */
void weir_share_push(struct weir_share *share, const struct weir_block *block);
/** @brief No more rows. `ended`: the stream is over; else readers may wait for another publisher. */
void weir_share_finish(struct weir_share *share, bool ended);

uint32_t weir_share_row_bytes(const struct weir_share *share);

/** @brief How many readers have been turned out since the last call. */
uint32_t weir_share_turned_out(struct weir_share *share);
/** @brief Readers just now. Any thread. */
uint32_t weir_share_readers(const struct weir_share *share);

/* -------------------------------------------------------------------- reading */

/** @brief What the rows mean: native, so weir_rows need no more than their layout. Lives as long as the tap. */
const struct weir_schema *weir_tap_schema(const struct weir_tap *tap);
/** @brief Rows that had been published before this reader came. */
uint64_t weir_tap_missed(const struct weir_tap *tap);
/** @brief Are two schemas the same to a reader: clock, fields, kinds, units, sizes? */
bool weir_share_same_schema(const struct weir_schema *a, const struct weir_schema *b);
/**
 * @brief What a stream carries, without reading it.
 * @param text becomes its schema as JSON; free it.
 * @param why as of weir_tap_open(), whose errors these are too.
 */
int weir_share_look(const char *name, struct weir_schema *schema, char **text, char *why) WEIR_MUST_CHECK;
/**
 * @brief weir_tap_open() in two steps, neither of which waits: ask, and take the answer once the descriptor is readable.
 * @return a descriptor, the caller's, or what weir_tap_open() returns.
 */
int weir_tap_ask(const char *name, int policy, char *why) WEIR_MUST_CHECK;
/** @brief -EAGAIN: it has not come yet; else as weir_tap_open(). On success alone `fd` is the tap's. */
int weir_tap_answer(struct weir_tap **out, int fd, const char *name, char *why) WEIR_MUST_CHECK;
/** @brief A descriptor that is readable when somebody has begun to publish something: then try weir_tap_open() again. -errno. */
int weir_tap_watch(void) WEIR_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
