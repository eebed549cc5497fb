/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file loop.h
 * @brief The io_uring executor: moves bytes from descriptors into ring memory, watches descriptors, keeps timers.
 *
 * One thread runs a loop. Two back ends give the same results: io_uring where the kernel lets us, and poll() + read()
 * elsewhere. What io_uring offers is found by trying it (multishot reads, buffer rings, registered buffers).
 */
#ifndef WEIR_LOOP_LOOP_H
#define WEIR_LOOP_LOOP_H

#include <stdint.h>

#include "stream/ring.h"

enum weir_backend { WEIR_BACKEND_AUTO, WEIR_BACKEND_URING, WEIR_BACKEND_POLL };

/** How rows are taken from a descriptor; see docs/kernel-facts.md for why each kind of device wants its own. */
enum weir_intake {
	/** Wait until readable, then one read of whole rows. */
	WEIR_INTAKE_POLL,
	/** As POLL, but while rows come they are read by time, a watermark at once. For a device that collects rows and wakes
	 *  poll() for each of them. */
	WEIR_INTAKE_TIMED,
	/** One read stays armed, each completion is one row. For GPIO events. POLL where multishot does not work. */
	WEIR_INTAKE_MULTISHOT,
};

struct weir_loop;

/** A descriptor whose rows land in a ring. All callbacks come on the loop's thread. */
struct weir_intake_ops {
	/** `n` rows are at `rows`, in the ring's memory and not yet visible. Returns how many of them to commit from
	 *  the front (a filter may have moved the survivors there), or -errno to end this intake. */
	int (*landed)(void *context, void *rows, uint32_t n);
	/** `n` rows were read and thrown away: a reader's drop_newest left no space. */
	void (*refused)(void *context, uint32_t n);
	/** The intake is over: error is 0 at end of file, else a positive errno. It has already been disarmed. */
	void (*ended)(void *context, int error);
	/** Nothing arrived for about a second (unless is_watched), or the descriptor reported an error: -errno ends the
	 *  intake with it. NULL: never asked. */
	int (*quiet)(void *context);
	/** What landed() kept is committed. May be NULL. */
	void (*committed)(void *context);
	/** TIMED: how many rows are of any use from now on. NULL: all. */
	uint64_t (*wanted)(void *context);
};

struct weir_intake_config {
	int fd;                 /**< non-blocking */
	struct weir_ring *ring; /**< the loop is its writer */
	uint32_t watermark;     /**< rows worth one read, at least 1 */
	enum weir_intake kind;
	const struct weir_intake_ops *ops;
	void *context;
	/** The loss of the device is told otherwise: with nothing to read there is no need to ask for it. */
	bool is_watched;
	/** TIMED, whose watermark is at least 2: the rows that the device holds, their distance (0: unknown), and how long
	 *  one may wait. The descriptor must be readable from one row on. */
	uint32_t capacity;
	int64_t row_ns, latency_ns;
};

/** @return 0; -ENOSYS, -EPERM, … when WEIR_BACKEND_URING is demanded and refused; -ENOMEM. AUTO falls back to POLL. */
int weir_loop_open(struct weir_loop **out, enum weir_backend backend) WEIR_MUST_CHECK;
void weir_loop_close(struct weir_loop *loop);

/** @brief "io_uring" or "poll"; for an intake how it is really read, e.g. "io_uring multishot read". For explain. */
const char *weir_loop_backend(const struct weir_loop *loop);
const char *weir_loop_intake_kind(const struct weir_loop *loop, int intake);

/** @return an intake number; -EINVAL: a blocking descriptor, no watermark, TIMED without what it needs; -errno. Before run or from a callback. */
int weir_loop_add_intake(struct weir_loop *loop, const struct weir_intake_config *config) WEIR_MUST_CHECK;
/**
 * @brief Read what is there now, below the watermark too, then disarm. For the orderly end of a capture.
 *
 * All of it has landed and is committed when this returns. What a block reader leaves no space for within a second is
 * refused; a device that never runs dry is left after two. ended() comes only if the read meets the end of file or an
 * error. Not from landed() or refused() of this intake; else on the loop's thread, or on any while it does not run.
 */
void weir_loop_drain_intake(struct weir_loop *loop, int intake);

/**
 * @brief Call `ready` whenever `fd` is readable (level-triggered: it must consume). After a hang-up or an error with
 * nothing to read it is called once more, and then no longer. Before run or from a callback.
 * @return a watch number or -ENOMEM.
 */
int weir_loop_add_watch(struct weir_loop *loop, int fd, void (*ready)(void *context), void *context) WEIR_MUST_CHECK;

/**
 * @brief Call `fire` at `first_ns` (CLOCK_MONOTONIC), then each `period_ns` on an absolute raster; 0: once. Points that
 * were missed come as one. Before run or from a callback. @return 0 or -ENOMEM.
 */
int weir_loop_add_timer(struct weir_loop *loop, int64_t first_ns, int64_t period_ns, void (*fire)(void *context),
			void *context) WEIR_MUST_CHECK;

/**
 * @brief Call `serve` whenever rows may have landed, a watch was ready or a timer has fired, before the loop sleeps. It returns when
 * it wants to be called again at the latest (CLOCK_MONOTONIC; INT64_MAX: not by time). There is one; before run.
 */
void weir_loop_set_guest(struct weir_loop *loop, int64_t (*serve)(void *context), void *context);

/**
 * @brief Serve until weir_loop_stop(); not at all if that came before. Always on the same thread, which need not be the
 * one that opened the loop. When it returns, nothing is being read. @return 0, or -errno when the loop cannot go on.
 */
int weir_loop_run(struct weir_loop *loop);
/** @brief Any thread, async-signal-safe. */
void weir_loop_stop(struct weir_loop *loop);

#endif
