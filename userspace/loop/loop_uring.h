/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file loop_uring.h
 * @brief io_uring as the loop uses it: requests out, completions in, and memory that the kernel knows beforehand.
 *
 * Implemented by loop.c, the only file that includes liburing; loop_uring.c decides what to ask for and what the
 * answers mean. A request is known by its item (an intake or a watch) and its kind; an item has at most one under way.
 */
#ifndef WEIR_LOOP_LOOP_URING_H
#define WEIR_LOOP_LOOP_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/driver.h"

#define WEIR_NO_FIXED (-1)

struct weir_uring;

/** Zero: nothing that matters. */
enum weir_request {
	WEIR_REQUEST_NONE,
	WEIR_REQUEST_POLL,
	WEIR_REQUEST_READ,
	WEIR_REQUEST_MULTISHOT,
	WEIR_REQUEST_WATCH,
};

struct weir_completion {
	void *item; /* aligned to 8 */
	enum weir_request request;
	int result;      /* as of the system call, or -errno */
	bool more;       /* multishot: the request is still under way */
	uint16_t buffer; /* multishot: the number of the one that was filled */
};

/** The buffers of one multishot read. */
struct weir_buffers {
	struct io_uring_buf_ring *ring; /* NULL: none */
	uint16_t group;
};

/** @param forbidden of enum weir_loop_forbidden. @return 0; -ENOSYS, -EPERM, … ; -ENOMEM. */
int weir_uring_open(struct weir_uring **out, unsigned forbidden) WEIR_MUST_CHECK;
void weir_uring_close(struct weir_uring *uring);
/** @brief The calling thread is from now on the one that submits. Requests before that are prepared, and wait. */
int weir_uring_enable(struct weir_uring *uring);
bool weir_uring_has_multishot(const struct weir_uring *uring);

/**
 * @brief Let the kernel pin memory, so that reads into it are cheaper.
 * @return its index; WEIR_NO_FIXED: refused, by RLIMIT_MEMLOCK for one. Plain reads do as well.
 */
int weir_uring_register(struct weir_uring *uring, void *memory, size_t bytes);

/** @return false: the kernel has no such thing, or none to spare. */
bool weir_buffers_open(struct weir_buffers *out, struct weir_uring *uring);
void weir_buffers_close(struct weir_buffers *buffers, struct weir_uring *uring);
/** @brief Give the kernel `n` rows, each as a buffer, numbered from `number` modulo WEIR_OFFER_MAX. */
void weir_buffers_give(struct weir_buffers *buffers, uint8_t *rows, uint32_t row_bytes, uint32_t n, uint16_t number);
/** @brief Take back the last `n`. Only while no read is under way: nobody but us then looks at the tail. */
void weir_buffers_take_back(struct weir_buffers *buffers, uint32_t n);

/* Requests go out with the next wait. False: the queue is full and the kernel takes nothing; try again next turn. */

/** @brief Is `fd` readable? Completes once. `request` is POLL or WATCH. */
bool weir_uring_poll(struct weir_uring *uring, enum weir_request request, void *item, int fd);
/** @param fixed index of the memory that `to` lies in, or WEIR_NO_FIXED. */
bool weir_uring_read(struct weir_uring *uring, void *item, int fd, void *to, unsigned bytes, int fixed);
bool weir_uring_read_multishot(struct weir_uring *uring, void *item, int fd, const struct weir_buffers *buffers);
/** @brief Its own completion is REQUEST_NONE; the cancelled request completes in any case. */
bool weir_uring_cancel(struct weir_uring *uring, void *item, enum weir_request request);

/** @brief Submit, sleep until a completion is there or the deadline. @return 0, also when interrupted; -errno. */
int weir_uring_wait(struct weir_uring *uring, int64_t deadline_ns);
/** @brief Submit, sleep until there are more completions than now. @return as of weir_uring_wait(). */
int weir_uring_wait_for_more(struct weir_uring *uring);

typedef void weir_completed(const struct weir_completion *completion);

/** @brief Serve the completions that are there now, and none that come meanwhile. */
void weir_uring_serve(struct weir_uring *uring, weir_completed *completed);
/**
 * @brief Serve the completions of one item where they lie in the queue, and leave the others for their turn: the caller
 * is perhaps within a callback of one of those.
 */
void weir_uring_serve_only(struct weir_uring *uring, const void *item, weir_completed *completed);

#endif
