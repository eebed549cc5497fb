/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file spool.h
 * @brief Messages on their way to somebody who is not always there: kept on disk, in order, until acknowledged.
 *
 *     producer   append, append, … commit ->  writer thread  -> segment files -> consumer   peek, peek, … ack
 *
 * What survives: everything that was committed is on disk (synced) `sync_ns` later at the latest, and from then on outlives
 * kill -9 and a power cut. A message is offered again until it is acknowledged, so it arrives at least once, and oldest first.
 * What had been acknowledged, and persisted as such, is never offered again.
 *
 * Every message has an id that grows and is never given twice, not even after a power cut that took back messages which had
 * been sent: the spool's identity and the id tell a consumer that sees an id not above the last that it is a duplicate.
 *
 * What is lost is counted, by cause. docs/spool.md has the format.
 */
#ifndef WEIR_SPOOL_SPOOL_H
#define WEIR_SPOOL_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/driver.h"

#define WEIR_SPOOL_MESSAGE_MAX 65536 /**< bytes */
#define WEIR_SPOOL_LIMIT_MIN (1 << 20)

struct weir_spool;
struct weir_spool_io;

/** What gives way when the spool has reached its limit, or the disk is full. */
enum weir_spool_policy {
	WEIR_SPOOL_DROP_OLDEST, /**< a segment of the oldest messages */
	WEIR_SPOOL_DROP_NEWEST, /**< what comes */
	WEIR_SPOOL_BLOCK,       /**< append() waits */
};

struct weir_spool_config {
	const char *dir;      /**< made when it is missing; one spool, and one process at a time */
	uint64_t limit_bytes; /**< of all segments together, WEIR_SPOOL_LIMIT_MIN at least */
	enum weir_spool_policy policy;
	uint64_t
		memory_bytes; /**< for what the disk has not taken yet; 0: 1 MiB. In batches of 256 KiB, three at least */
	int64_t sync_ns;      /**< from commit to being safe, at most; 0: 100 ms */
	double rate;          /**< messages per second that are offered while there is a backlog; 0: no limit */
	const struct weir_spool_io *io; /**< NULL: the file system below `dir`. Tests have others */
	bool is_inline;                 /**< no thread: commit() writes itself, for an io that is quick */
	bool manual;                    /**< tests: neither; weir_spool_work() does it */
};

struct weir_spool_message {
	uint64_t id;
	const void *bytes; /**< valid until the next peek, rewind or close */
	uint32_t n;
};

/**
 * Messages, but for the last three. Every message appended or recovered is acknowledged, waiting, lost by one cause, or on its way
 * to the disk: what is missing from the sum is still in memory.
 */
struct weir_spool_counts {
	uint64_t appended;     /**< and committed, by this process */
	uint64_t recovered;    /**< not acknowledged before it was opened, with those that cannot be read any more */
	uint64_t acknowledged; /**< in this process's time */
	uint64_t waiting;      /**< kept, not acknowledged */
	uint64_t unsynced;     /**< of these, at most so many would not outlive a power cut */
	uint64_t lost_limit;   /**< the limit was reached */
	uint64_t lost_disk;    /**< the disk was full, failed, or was so slow that memory ran out */
	uint64_t lost_corrupt; /**< in what could not be read back, as far as can be told */
	uint64_t corrupt_bytes;
	uint64_t disk_errors;
	uint64_t bytes; /**< that the segments take */
};

/**
 * @brief Open, and find out what is there. What is damaged is skipped and counted, never an error.
 * @param error says why, where it fails.
 * @return 0; -EINVAL: the limit; -EBUSY: another process has it open; -ENOMEM; or what the file system said.
 */
int weir_spool_open(struct weir_spool **out, const struct weir_spool_config *config, char error[256]) WEIR_MUST_CHECK;

/**
 * @brief Commit, write and sync for the last time. What then finds no room on the disk is lost and counted, also where the policy
 * is to wait. By the producer; only counts are read afterwards. It takes as long as the disk does.
 */
void weir_spool_end(struct weir_spool *spool);
/** @brief End, and close. What is not acknowledged stays for the next time. NULL is fine. */
void weir_spool_close(struct weir_spool *spool);

/** @brief Names this spool for ever: part of a message's identity together with its id. */
uint64_t weir_spool_identity(const struct weir_spool *spool);

/* The producer: one thread. */

/**
 * @brief Add a message to the batch. No system call and no lock, except when the batch is full and must be committed. Only with
 * WEIR_SPOOL_BLOCK does it ever wait for the disk; the others lose messages when the memory is full, and count them.
 * @return 0, also where the message was lost by policy (and counted); -EMSGSIZE above WEIR_SPOOL_MESSAGE_MAX; -EINTR: it would
 * block, and weir_spool_interrupt() was called: the message was not taken.
 */
int weir_spool_append(struct weir_spool *spool, const void *bytes, uint32_t n) WEIR_MUST_CHECK;
/** @brief Give the batch to the writer. 0 or -EINTR as append. */
int weir_spool_commit(struct weir_spool *spool);
/** @brief Let a producer go that waits, now and from now on. Any thread. */
void weir_spool_interrupt(struct weir_spool *spool);

/** @brief Is there surely room for so many bytes of messages without waiting? The producer's. */
bool weir_spool_has_room(struct weir_spool *spool, uint64_t bytes);

/* The consumer: one thread. */

/** @brief A descriptor (eventfd) that is readable once there may be something to peek. Reading it is for the owner of peek. */
int weir_spool_fd(const struct weir_spool *spool);

/** @brief Whether the descriptor says that there is something: not where the producer's thread is the consumer's. Between commits. */
void weir_spool_announce(struct weir_spool *spool, bool announces);

/**
 * @brief The next message that was not offered since the last rewind.
 * @param now_ns CLOCK_MONOTONIC, for the rate.
 * @return 0; -EAGAIN: none now; *due_ns is when to look again, because of the rate or a disk that fails; INT64_MAX: when
 * the descriptor says so.
 */
int weir_spool_peek(struct weir_spool *spool, struct weir_spool_message *out, int64_t now_ns,
		    int64_t *due_ns) WEIR_MUST_CHECK;
/** @brief Everything up to this id has arrived. Ids that were not offered are not believed. */
void weir_spool_ack(struct weir_spool *spool, uint64_t id);
/** @brief The connection is lost: offer again from the oldest message that was not acknowledged. */
void weir_spool_rewind(struct weir_spool *spool);

/** @brief Any thread. */
void weir_spool_read_counts(struct weir_spool *spool, struct weir_spool_counts *out);

/** @brief Manual spools: do what the writer thread would do now; `sync` as if its time had come. */
void weir_spool_work(struct weir_spool *spool, bool sync);

/**
 * What a spool does to a file system, so that tests can put one under it that loses and tears what was not synced. Names have
 * no directory part. All return 0, a descriptor or a count; or -errno.
 */
struct weir_spool_io {
	void *context;
	int (*create)(void *context, const char *name); /**< for reading and writing; truncates */
	int (*open)(void *context, const char *name);   /**< for reading and writing, existing */
	int (*close)(void *context, int fd);
	/** Short at the end, or before what fails. */
	int (*read)(void *context, int fd, void *bytes, uint32_t n, uint64_t at);
	int (*write)(void *context, int fd, const void *bytes, uint32_t n, uint64_t at); /**< all or an error */
	int (*cut)(void *context, int fd, uint64_t n);                                   /**< down to `n` bytes */
	int (*sync)(void *context, int fd);
	int (*sync_names)(void *context); /**< the directory: what was created and removed */
	int (*remove)(void *context, const char *name);
	int (*list)(void *context, void (*each)(void *to, const char *name), void *to);
	int64_t (*size)(void *context, int fd);
};

#endif
