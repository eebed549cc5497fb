/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file ring.h
 * @brief The mmap'd, bounded, one-writer many-reader queue of rows.
 *
 * The data area is mapped twice in a row, so a window across the end is contiguous. Positions are 64-bit, count rows
 * since the beginning and never wrap in practice (and wrap correctly in the tests, which start them near 2^64).
 *
 *     writer   reserve -> fill -> commit        readers   peek -> use -> release
 *
 * A reader's policy says what happens when the ring is full because of it:
 *   block         the writer gets no space and may wait for it;
 *   drop_oldest   the writer goes on; the reader skips what it had not read, and counts it;
 *   drop_newest   what finds no space is not written at all, and every reader counts it.
 */
#ifndef WEIR_STREAM_RING_H
#define WEIR_STREAM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/driver.h"

#define WEIR_RING_READERS_MAX 64

enum weir_policy { WEIR_BLOCK, WEIR_DROP_OLDEST, WEIR_DROP_NEWEST };

struct weir_ring;
struct weir_reader;

struct weir_ring_config {
	uint32_t row_bytes;
	uint32_t rows;     /**< at least; rounded up so that the area is whole pages */
	int fd;            /**< memory to map (a mmapable BPF array map); -1: a memfd of our own */
	uint64_t start_at; /**< first position; 0 but in tests of index wrap */
};

/** @brief How many rows a ring of at least `rows` has, for whoever makes the memory beforehand; 0: out of range. */
uint32_t weir_ring_rows(uint32_t row_bytes, uint32_t rows);
/** @brief The same for pages of another size than this machine's. `page_bytes` is a power of two. */
uint32_t weir_ring_rows_in_pages(uint32_t row_bytes, uint32_t rows, uint32_t page_bytes);

/** @return 0; -EINVAL: row_bytes or rows out of range; -ENOMEM, -EMFILE, … from memfd_create or mmap. */
int weir_ring_open(struct weir_ring **out, const struct weir_ring_config *config) WEIR_MUST_CHECK;
void weir_ring_close(struct weir_ring *ring);

uint32_t weir_ring_capacity(const struct weir_ring *ring);
uint32_t weir_ring_row_bytes(const struct weir_ring *ring);
/** @brief The first mapping, for registration with the kernel; the second follows. Every claim begins in the first. */
void *weir_ring_memory(struct weir_ring *ring, size_t *bytes);
uint64_t weir_ring_head(const struct weir_ring *ring); /**< rows committed so far (plus start_at); any thread */

/* Writer: one thread. */

/**
 * @brief Claim up to `want` contiguous rows at the head. `*got` may be fewer; 0 when a reader's policy leaves no space.
 * Rows that are claimed and not committed are simply claimed again.
 */
void *weir_ring_reserve(struct weir_ring *ring, uint32_t want, uint32_t *got);
/** @brief Publish the first `n` rows of the claim, and wake readers that sleep. */
void weir_ring_commit(struct weir_ring *ring, uint32_t n);
/**
 * @brief Sleep until reserve would give something.
 * @param deadline_ns CLOCK_MONOTONIC; INT64_MAX: none.
 * @return 0, -ETIMEDOUT, or -EINTR for ever after weir_ring_interrupt().
 */
int weir_ring_wait_space(struct weir_ring *ring, int64_t deadline_ns);
/** @brief After reserve gave 0: are drop_newest readers alone the reason, so that rows are to be refused? Else wait. */
bool weir_ring_refuses(const struct weir_ring *ring);
/** @brief Count `n` rows that found no space (drop_newest) as lost for every reader. */
void weir_ring_refuse(struct weir_ring *ring, uint32_t n);
/** @brief End of stream: readers drain what is there and then see the end. */
void weir_ring_finish(struct weir_ring *ring);

/* Reader: each on one thread. Open before the writer starts to be sure of every row. */

/** @return 0; -ENOMEM; -EUSERS when WEIR_RING_READERS_MAX are open. The first row read is the next one committed. */
int weir_reader_open(struct weir_reader **out, struct weir_ring *ring, enum weir_policy policy) WEIR_MUST_CHECK;
void weir_reader_close(struct weir_reader *reader);

/**
 * @brief Up to `max` unread rows, contiguous. *got = 0: nothing yet, or the end: see weir_reader_at_end().
 *
 * A drop_oldest reader should copy them out and release them before it works on the copy: the writer does not wait.
 */
const void *weir_reader_peek(struct weir_reader *reader, uint32_t max, uint32_t *got);
/**
 * @brief Give back the first `n` peeked rows.
 * @return how many of them, counted from the first, had been overwritten while they were in use (drop_oldest): whatever
 * was copied out of those must be discarded. They are already counted as lost.
 */
uint32_t weir_reader_release(struct weir_reader *reader, uint32_t n) WEIR_MUST_CHECK;
/** @brief Is the stream finished and every row of it read? */
bool weir_reader_at_end(const struct weir_reader *reader);
/** @brief Sleep until there is something to read or the end. Deadline and result as of weir_ring_wait_space(). */
int weir_reader_wait(struct weir_reader *reader, int64_t deadline_ns);
uint64_t weir_reader_lost(const struct weir_reader *reader);     /**< any thread */
uint64_t weir_reader_position(const struct weir_reader *reader); /**< any thread */

/* Time, and one sleep for many rings. All of it works within one process only; set up before the writer starts. */

/** @brief Say that no row before `t_ns` will be committed any more, and wake the readers that watch for it. Never backwards.
 *  Rows committed before are seen by whoever sees the mark. Writer's thread. */
void weir_ring_mark(struct weir_ring *ring, int64_t t_ns);
/** @brief The same in two steps: the mark, which wakes no reader, and waking. False: it was there already. */
bool weir_ring_mark_quietly(struct weir_ring *ring, int64_t t_ns);
void weir_ring_wake_watchers(struct weir_ring *ring);
/** @brief weir_ring_finish(), with the time at which the stream has ended: nothing before it is missing. */
void weir_ring_finish_at(struct weir_ring *ring, int64_t t_ns);
/** @brief That time, INT64_MIN where none was given. At the end only. */
int64_t weir_reader_end_time(const struct weir_reader *reader);
/** @brief Marks are news to this reader. */
void weir_reader_watch_marks(struct weir_reader *reader);
/** @brief The latest mark, INT64_MIN at first. Look before peeking: a row that is not there then is not older than the mark. */
int64_t weir_reader_mark(struct weir_reader *reader);
/** @brief Ring this bell instead of the reader's own. weir_reader_wait() must not be used then. */
void weir_reader_set_bell(struct weir_reader *reader, _Atomic uint32_t *bell);
/** @brief Is there something to read, the end, an interruption, or a mark that it watches for and has not seen? */
bool weir_reader_has_news(const struct weir_reader *reader);
/** @brief Have the bell rung when there is news. Look again after this and before sleeping; take it back after. */
void weir_reader_announce(struct weir_reader *reader);
void weir_reader_retract(struct weir_reader *reader);
/** @brief The same for the writer: a bell that is rung when readers give space back. weir_ring_wait_space() must not be used then. */
void weir_ring_set_space_bell(struct weir_ring *ring, _Atomic uint32_t *bell);
/** @brief Would reserve give something, or has the ring been interrupted? Writer's thread. */
bool weir_ring_has_space(struct weir_ring *ring);
void weir_ring_announce(struct weir_ring *ring);
void weir_ring_retract(struct weir_ring *ring);
/** @brief Is there any reader? Any thread. */
bool weir_ring_is_read(const struct weir_ring *ring);
/** @brief Is there a reader that leaves the writer no space? Any thread. */
bool weir_ring_is_full(const struct weir_ring *ring);
bool weir_ring_is_interrupted(const struct weir_ring *ring);

/* For threads that look at the ring, and are none of its readers (ring_look.c). They cost the writer nothing. */

/** @brief Copy one row. @return false: the row is not there yet or may have been overwritten; `row` is then undefined. Any thread. */
bool weir_ring_copy_row(const struct weir_ring *ring, uint64_t position, void *row) WEIR_MUST_CHECK;
/** @brief The position of the oldest row that may still be there, up to the head. Any thread. */
uint64_t weir_ring_first(const struct weir_ring *ring);
/** @brief Rows that the slowest reader has not released yet, 0 to the capacity; 0 without readers. Any thread. */
uint32_t weir_ring_unread(const struct weir_ring *ring);

/** @brief Make every present and future wait on this ring return -EINTR. Async-signal-safe, any thread. */
void weir_ring_interrupt(struct weir_ring *ring);

#endif
