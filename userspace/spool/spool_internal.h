/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file spool_internal.h
 * @brief What the files of the spool share: frames, segments, and who may touch which state.
 *
 *     spool_io.c        the file system below a directory
 *     spool_frame.c     frames in a file: encode, find the next one, whatever is in between
 *     spool_recover.c   open: what is there; the file that remembers what was acknowledged
 *     spool_writer.c    the writer thread's work: batches to segments, sync, limits
 *     spool_reader.c    the consumer's side
 *     spool_queue.c     batches between the producer and the writer
 *     spool_stage.c     the producer's side: batches in memory
 *     spool_thread.c    the writer's thread
 *     spool.c           open and close
 *
 * Two locks: `stage_lock` between producer and writer, `lock` between writer and consumer. Neither is ever held around I/O, so
 * that nobody waits for a disk who does not read or write it.
 */
#ifndef WEIR_SPOOL_SPOOL_INTERNAL_H
#define WEIR_SPOOL_SPOOL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "spool/spool.h"

#define WEIR_SPOOL_EPOCH_SHIFT 40             /* ids: the epoch above, the message's number below */
#define WEIR_SPOOL_ID_END (UINT64_C(1) << 62) /* no id is as large: there is always room for another epoch */
#define WEIR_SPOOL_STAGE (1 << 18)            /* bytes of a batch */
#define WEIR_SPOOL_FRAME 16                   /* bytes before a message: crc, length, id */
#define WEIR_SPOOL_HEADER 32                  /* bytes before the first frame: magic, identity, first id, crc */
#define WEIR_SPOOL_CHUNK (2 * (WEIR_SPOOL_FRAME + WEIR_SPOOL_MESSAGE_MAX))
#define WEIR_SPOOL_SEGMENT_MAGIC UINT64_C(0x316765737269657a) /* a segment, version 1 */
#define WEIR_SPOOL_NAME 24

/* Messages first to last, in one file. */
struct weir_spool_segment {
	uint64_t first, last; /**< ids; last < first: none yet */
	uint64_t bytes;       /**< of the file that are written */
	bool gone;            /**< its file is removed, but its messages may be on their way */
	bool lost;            /**< they are not, and are counted as lost */
};

/* Ids that cannot be read back, within one segment. */
struct weir_spool_hole {
	uint64_t first, last;
};

/* Reads frames of one file, one after the other. */
struct weir_spool_file {
	const struct weir_spool_io *io;
	int fd;           /**< -1: none */
	uint8_t *chunk;   /**< WEIR_SPOOL_CHUNK bytes; holds what the file has from `base` on */
	uint32_t have;    /**< bytes in it */
	uint32_t at;      /**< where the next frame is expected, in the chunk */
	uint64_t base;    /**< of the chunk, in the file */
	uint64_t end;     /**< bytes of the file that may be read */
	uint64_t skipped; /**< bytes that were no frame */
	uint64_t stride;  /**< of the last step over what cannot be read; 0: it could */
	bool failed;      /**< the last read did */
};

struct weir_spool_batch {
	struct weir_spool_batch *next;
	uint8_t *bytes;   /**< WEIR_SPOOL_STAGE; frames whose crc and id are still to come */
	uint32_t used, n; /**< bytes; messages */
	uint32_t written; /**< bytes; the writer: so far */
};

struct weir_spool {
	struct weir_spool_config config;
	struct weir_spool_io io;
	uint64_t identity, segment_bytes;
	int fd; /**< eventfd for the consumer */
	pthread_t thread;
	bool threaded;

	/* Producer and writer, under stage_lock; but for `fill`, which is the producer's. */
	pthread_mutex_t stage_lock;
	pthread_cond_t staged, taken;
	uint8_t *memory;
	struct weir_spool_batch *batch;
	struct weir_spool_batch *fill;
	struct weir_spool_batch *oldest, *newest; /**< those that wait for the writer; NULL: none */
	struct weir_spool_batch *free;
	uint64_t appended, lost_slow; /**< messages */
	bool interrupted, ending;
	_Atomic bool is_quiet; /**< the consumer is not told of messages */
	_Atomic bool has_acks; /**< that are not written down yet; the consumer sets it, the writer takes it back */
	_Atomic bool is_due;   /**< the writer will sync in time; its own */

	/* Writer and consumer, under lock. */
	pthread_mutex_t lock;
	struct weir_spool_segment *segment;
	uint32_t n_segments;
	struct weir_spool_hole *hole;
	uint32_t n_holes;
	uint64_t acked;      /**< id; what it covers has arrived */
	uint64_t held_first; /**< of the segment that the consumer has open, so that it cannot be taken away; 0: none */
	struct weir_spool_counts counts;

	/* The writer's alone. */
	int write_fd, ack_fd;
	int torn_fd;         /**< of the last segment, if a write to it failed half way; -1: none */
	uint64_t torn_bytes; /**< to which it is to be cut back */
	uint64_t next_id;
	uint64_t ack_written, ack_safe; /**< ids */
	uint64_t generation;
	int64_t dirty_ns; /**< since when something is not synced; 0: all is */
	bool dirty_data, dirty_ack, dirty_names;
	bool is_torn;                     /**< `torn_fd` is not cut back yet */
	struct weir_spool_batch *writing; /**< NULL: none */
	bool is_blocked;                  /**< it has to wait for room */
	bool is_last;                     /**< what finds no room now never will */

	/* The consumer's alone. */
	struct weir_spool_file reading;
	uint64_t reading_last; /**< id, as far as the file is known to go */
	uint64_t next;         /**< id, the least that is to be offered */
	uint64_t offered;      /**< id, the last that was */
	uint32_t failures;     /**< of opening or reading the file, one after the other */
	bool catching_up;      /**< with what had gathered, at the rate that was set */
	double tokens;         /**< messages that may be offered at once */
	int64_t tokens_ns;
};

/* spool_io.c */
int weir_spool_io_open(struct weir_spool_io *io, const char *dir, char error[256]) WEIR_MUST_CHECK;
void weir_spool_io_close(struct weir_spool_io *io);

/* spool_stage.c */
int weir_spool_stage_open(struct weir_spool *spool) WEIR_MUST_CHECK;
void weir_spool_stage_close(struct weir_spool *spool);

/* spool_queue.c */
/** @brief Append a batch to those that wait to be written. Under stage_lock. */
void weir_spool_enqueue(struct weir_spool *spool, struct weir_spool_batch *batch);
/** @brief The oldest of them, or NULL. Under stage_lock. */
struct weir_spool_batch *weir_spool_dequeue(struct weir_spool *spool);
/** @brief The oldest batch that waits to be written, or NULL. The writer's. */
struct weir_spool_batch *weir_spool_take(struct weir_spool *spool);
/** @brief It is written, or lost. */
void weir_spool_give_back(struct weir_spool *spool, struct weir_spool_batch *batch);
/** @brief Something was acknowledged: wake the writer unless it is going to look anyway. The consumer's. */
void weir_spool_wake(struct weir_spool *spool);

/* spool_frame.c */
/** @brief Bytes of a frame whose length is in place. */
uint32_t weir_spool_frame_bytes(const uint8_t *frame);
void weir_spool_put32(uint8_t *at, uint32_t value);
void weir_spool_put64(uint8_t *at, uint64_t value);
uint32_t weir_spool_get32(const uint8_t *at);
uint64_t weir_spool_get64(const uint8_t *at);
uint32_t weir_spool_crc(const void *bytes, uint32_t n);
/** @brief Complete a frame whose length and message are in place. */
void weir_spool_seal(uint8_t *frame, uint64_t id);
void weir_spool_name(char name[WEIR_SPOOL_NAME], uint64_t first);
/** @brief false: not the name of a segment. */
bool weir_spool_parse_name(const char *name, uint64_t *first);
/** @brief As io->read(), tried again where it fails. */
int weir_spool_read(const struct weir_spool_io *io, int fd, void *bytes, uint32_t n, uint64_t at) WEIR_MUST_CHECK;
/** @brief After a read that failed, go on behind what cannot be read. @return false: behind it is nothing. */
bool weir_spool_file_skip(struct weir_spool_file *file);
/** @brief The next frame with an id in [least, most], over whatever lies in between. false: none up to `end`. */
bool weir_spool_file_next(struct weir_spool_file *file, uint64_t least, uint64_t most, struct weir_spool_message *out);
/** @brief Begin with the first frame of another file; closes the last one. @return 0 or -errno. */
int weir_spool_file_begin(struct weir_spool_file *file, uint64_t first) WEIR_MUST_CHECK;
void weir_spool_file_end(struct weir_spool_file *file);

/* spool_recover.c */
int weir_spool_recover(struct weir_spool *spool, char error[256]) WEIR_MUST_CHECK;
/** @brief Write down what is acknowledged. Not synced. @return 0 or -errno. */
int weir_spool_write_ack(struct weir_spool *spool, uint64_t acked) WEIR_MUST_CHECK;
/** @brief Messages that can be read, with ids in (after, upto]. Under lock. */
uint64_t weir_spool_between(const struct weir_spool *spool, uint64_t after, uint64_t upto);
/** @brief Ids first to last cannot be read back: count those that were waited for. Under lock. */
void weir_spool_add_hole(struct weir_spool *spool, uint64_t first, uint64_t last);
/** @brief Append a segment. Under lock. @return it, or NULL: no memory. */
struct weir_spool_segment *weir_spool_add_segment(struct weir_spool *spool, uint64_t first);
/** @brief Forget the first segment, with its holes. Under lock. */
void weir_spool_forget_first(struct weir_spool *spool);
/** @brief Nobody can have what is left of this segment. Under lock. @return messages that were waited for. */
uint64_t weir_spool_lose(struct weir_spool *spool, struct weir_spool_segment *segment);

/* spool_thread.c */
/** @brief @return 0 or -errno. */
int weir_spool_thread_start(struct weir_spool *spool) WEIR_MUST_CHECK;
/** @brief Nothing happens if there is none. */
void weir_spool_thread_end(struct weir_spool *spool);
/** @brief Without a thread: write what was committed. @return 0; -EINTR: there is no room, and the producer is not to wait. */
int weir_spool_write_inline(struct weir_spool *spool) WEIR_MUST_CHECK;

#endif
