/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file loop_internal.h
 * @brief What the loop's files share: loop_run.c (loop, watches, timers), loop_intake.c (what a read means), and the
 * back ends, loop_uring.c (over loop.c, which alone knows liburing) and loop_poll.c. A back end arms, sleeps and
 * dispatches; it decides nothing else.
 */
#ifndef WEIR_LOOP_LOOP_INTERNAL_H
#define WEIR_LOOP_LOOP_INTERNAL_H

#include <stdatomic.h>

#include "loop/loop.h"
#include "loop/read_timer.h"

/** What tests forbid, to force what a back end falls back to. */
enum weir_loop_forbidden { WEIR_LOOP_NO_MULTISHOT = 1, WEIR_LOOP_NO_FIXED = 2 };

struct weir_loop_intake {
	struct weir_loop_intake *next;
	struct weir_loop *loop;
	struct weir_intake_config config;
	uint32_t row_bytes;
	uint32_t batch; /* rows to ask for in one read */
	void *scratch;  /* a batch: what a drop_newest reader leaves no space for is read into it */
	bool over;
	bool heard;                   /* something came since it was last tended */
	int64_t heard_ns;             /* when */
	int64_t rest_until_ns;        /* not 0: there is no point in looking before */
	struct weir_read_timer timer; /* of the kind TIMED; else it never runs */
	uint64_t unfinished;          /* rows of reads that did not empty the device */
	/* The read that is under way, or the next one. */
	uint8_t *rows;
	uint32_t claimed;
	bool refusing; /* rows are scratch */
	bool troubled; /* poll() reported an error with it */
	short events;  /* what poll() said; the poll back end's */
	void *own;     /* the io_uring back end's */
};

struct weir_loop_watch {
	struct weir_loop_watch *next;
	int fd;
	void (*ready)(void *context);
	void *context;
	bool over;
	bool armed;   /* the io_uring back end's */
	short events; /* the poll back end's */
};

struct weir_loop_timer {
	struct weir_loop_timer *next;
	int64_t due_ns; /* INT64_MAX: spent */
	int64_t period_ns;
	void (*fire)(void *context);
	void *context;
};

struct weir_loop_backend {
	const char *name;
	int (*open)(struct weir_loop *loop, unsigned forbidden);
	void (*close)(struct weir_loop *loop);
	/** On the thread that is about to run the loop. */
	int (*start)(struct weir_loop *loop);
	/** Arm what is not armed, sleep until something happens or the deadline, dispatch what happened. */
	int (*turn)(struct weir_loop *loop, int64_t deadline_ns);
	int (*adopt)(struct weir_loop_intake *intake);
	void (*forget)(struct weir_loop_intake *intake);
	/** When it returns no read is under way, and what had been read has landed. */
	void (*disarm)(struct weir_loop_intake *intake);
	const char *(*kind)(const struct weir_loop_intake *intake);
};

struct weir_loop {
	const struct weir_loop_backend *backend;
	void *own; /* the back end's */
	struct weir_loop_intake *intakes;
	struct weir_loop_watch *watches;
	struct weir_loop_timer *timers;
	int64_t (*guest)(void *context); /* NULL: none */
	void *guest_context;
	int64_t guest_due_ns;
	int stop_fd;
	_Atomic bool stopping;
};

extern const struct weir_loop_backend weir_loop_uring, weir_loop_poll;

int weir_loop_open_without(struct weir_loop **out, enum weir_backend backend, unsigned forbidden) WEIR_MUST_CHECK;

int weir_intake_new(struct weir_loop_intake **out, struct weir_loop *loop, const struct weir_intake_config *config);
void weir_intake_free(struct weir_loop_intake *intake);

/** @brief Does the device keep rows below a watermark of its own, which wake nobody? */
bool weir_intake_has_tail(const struct weir_loop_intake *intake);
/** @brief poll() said `events`: is a read worth trying? */
bool weir_intake_is_readable(struct weir_loop_intake *intake, unsigned events);
/** @brief Find memory for the next read, in the ring or in the scratch area. False: there is none, and it rests. */
bool weir_intake_claim(struct weir_loop_intake *intake);
/** @brief A read into the claim gave `result`: bytes, or -errno. */
void weir_intake_took(struct weir_loop_intake *intake, int result);
/** @brief read() into the claim. @return its result, or -errno, already dealt with. */
int weir_intake_read(struct weir_loop_intake *intake);
/** @brief `n` rows are at the ring's head: show them, commit. @return how many were kept, or -errno: it is over. */
int weir_intake_land(struct weir_loop_intake *intake, void *rows, uint32_t n);
/** @brief Disarm it, say so. error: positive, 0 at end of file. */
void weir_intake_end(struct weir_loop_intake *intake, int error);
void weir_intake_drain(struct weir_loop_intake *intake);

/** @brief When it next wants to be tended; INT64_MAX: not by time. */
int64_t weir_intake_deadline(const struct weir_loop_intake *intake);
void weir_intake_tend(struct weir_loop_intake *intake, int64_t now_ns);
/** @brief Read it if its time has come, or if it saves a wake-up to do that now: the loop would be awake at `next_ns` again. */
void weir_intake_read_by_time(struct weir_loop_intake *intake, int64_t now_ns, int64_t next_ns);

static inline bool weir_intake_wants_data(const struct weir_loop_intake *intake)
{
	return !intake->over && !intake->rest_until_ns && !weir_read_timer_runs(&intake->timer);
}

/** @brief Have the guest take what has landed. On the loop's thread, or while nobody runs it. */
void weir_loop_serve_guest(struct weir_loop *loop);

/** @brief Call back, unless the watch is over. `events` as of poll(). */
void weir_watch_serve(struct weir_loop_watch *watch, unsigned events);

#endif
