/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file protocol.h
 * @brief What passes between a guard and those who use it: packets on a socket, and two shared pages for each user.
 *
 * Packets (SOCK_SEQPACKET, one request, one reply) are for what is rare: to take an output, to leave, to ask by hand. What
 * is frequent goes through memory. The *ask* page is written by the user; the *tell* page by the guard, and by nobody else:
 * it is sealed against every later writable mapping. Both are sealed against a change of size, so that neither side can make
 * the other one fault.
 *
 * An ask is a slot of a ring with one writer, the thread that drives the output. The user fills it, publishes it by `head`
 * (release), and rings the bell, an eventfd. The guard reads `head` (acquire), judges, and then advances `tail` (release).
 * Beats need no bell: the guard looks at them when they are due.
 */
#ifndef WEIR_GUARD_PROTOCOL_H
#define WEIR_GUARD_PROTOCOL_H

#include <stdatomic.h>

#include "guard/rules.h"
#include "weir/driver.h"

#define WEIR_GUARD_MAGIC 0x77656732u /* "weg2": both ends are of one build's protocol */
#define WEIR_GUARD_SLOTS 16          /**< outputs of one user */
#define WEIR_GUARD_QUEUE 16          /**< asks on their way, for each output; a power of two */
#define WEIR_GUARD_TEXT 160
#define WEIR_GUARD_BUSY 3 /**< exit status of a guard's program: another guard has the place */

_Static_assert(WEIR_PHYSICAL_LINES == WEIR_LEASE_LINES, "an output's lines are one lease's");

enum weir_guard_verb {
	WEIR_GUARD_HELLO = 1, /**< `title`: who it is. Reply with the ask page, the tell page and the bell */
	WEIR_GUARD_TAKE,      /**< `what`, `rule`, deadline, stale. Reply with slot, epoch, and the lines' descriptor */
	WEIR_GUARD_LEAVE,     /**< park all that is mine and forget me; `index`: WEIR_LEAVE_… */
	WEIR_GUARD_SET,       /**< by hand: `what` to `value`, for `for_ns` (0: until told otherwise) */
	WEIR_GUARD_PARK,      /**< by hand: park `what`, or everything when what.n is 0; `index` 1: and let go of it */
	WEIR_GUARD_LIST,      /**< the output number `index`, or ENOENT after the last */
	WEIR_GUARD_LISTEN,    /**< send me every actuation from now on, as struct weir_actuation */
	WEIR_GUARD_STAND_BY, /**< I am the next guard: send me what you hold, from now on, as struct weir_guard_handed */
};

/** What becomes of outputs that their holder leaves, parked. */
enum weir_guard_leave {
	WEIR_LEAVE_RELEASES, /**< they are released, also those that this session has left to the next program */
	WEIR_LEAVE_KEEPS,    /**< they stay held: the holder has failed */
	WEIR_LEAVE_TO_NEXT, /**< they stay held until the session leaves again: the next program of this process may take them */
};

struct weir_guard_request {
	uint32_t magic, verb, index;
	uint32_t
		direct; /**< TAKE: its holder sets the lines itself through the descriptor, and reports asks that are done */
	int64_t deadline_ns, stale_ns, for_ns;
	double value[WEIR_LEASE_LINES];
	struct weir_physical what;
	struct weir_rule rule; /**< park is taken from `what` */
};

struct weir_guard_reply {
	uint32_t magic;
	int32_t error;              /**< 0 or a positive errno */
	char text[WEIR_GUARD_TEXT]; /**< why, or who; may be empty */
	uint32_t slot, is_held, is_live, is_direct;
	uint32_t cause; /**< LIST: of what was last done */
	int32_t pid;    /**< LIST: its holder's, or 0 */
	uint64_t epoch, done, refused, parks;
	double value[WEIR_LEASE_LINES];
	struct weir_physical what; /**< LIST */
};

/** One line, one decision. */
struct weir_actuation {
	int64_t t;        /**< CLOCK_MONOTONIC */
	int64_t record_t; /**< of the record that led to it, ns of its stream's clock; 0: none */
	double asked, done;
	uint32_t cause, refusal, failed; /**< failed: errno of the device */
	uint32_t missed;                 /**< actuations before this one that this listener had no room for */
	char output[64];
};

/** What a guard holds, for the one that stands by: descriptors of one request outlive the one who made it. */
struct weir_guard_handed {
	uint32_t magic;
	/** 1: with the output's descriptor, and its holder's pidfd where that one sets it itself; 0: it is let go of */
	uint32_t is_held;
	struct weir_physical what;
};

enum {
	WEIR_ASK_IS_DONE = 1, /**< a direct holder has set it: take note */
	WEIR_ASK_RETAKES = 2, /**< the lease was parked, its holder is well again */
	WEIR_ASK_PARKS = 4,   /**< its holder has nothing more to ask: go to the park value, whatever min_on says */
};

struct weir_guard_ask {
	uint64_t epoch;
	int64_t record_t;
	uint32_t how; /**< WEIR_ASK_… */
	double value[WEIR_LEASE_LINES];
};

struct weir_guard_ask_slot {
	_Alignas(64) _Atomic int64_t beat_ns;
	_Atomic int64_t fresh_ns; /**< when its input last brought something */
	_Alignas(64) _Atomic uint64_t head;
	struct weir_guard_ask ask[WEIR_GUARD_QUEUE];
};

struct weir_guard_tell_slot {
	_Alignas(64) _Atomic uint64_t tail;
	_Atomic uint64_t epoch;
	_Atomic uint64_t done, refused, parks;
	_Atomic uint32_t error;   /**< errno of the device: it can no longer be driven */
	_Atomic uint32_t is_gone; /**< taken away by hand: it cannot be retaken */
};

struct weir_guard_asks {
	struct weir_guard_ask_slot slot[WEIR_GUARD_SLOTS];
};

struct weir_guard_tells {
	_Atomic int64_t beat_ns; /**< the guard's own */
	struct weir_guard_tell_slot slot[WEIR_GUARD_SLOTS];
};

/** How long a guard waits without a beat: it must have parked by the deadline, whatever it takes to notice. */
static inline int64_t weir_guard_patience(int64_t deadline_ns)
{
	return deadline_ns / 8 * 5;
}

/** How often a holder beats. */
static inline int64_t weir_guard_pulse(int64_t deadline_ns)
{
	return deadline_ns / 8;
}

/* wire.c */
#define WEIR_WIRE_FDS 3 /**< descriptors of one packet at most */
/** @brief Send one packet with up to WEIR_WIRE_FDS descriptors. @return 0 or -errno. */
int weir_wire_send(int socket, const void *packet, size_t bytes, const int *fds, uint32_t n_fds);
/**
 * @brief Receive one packet of just this size, with at most `most` descriptors (up to WEIR_WIRE_FDS). They are the caller's;
 * *n_fds is set to their number. After an error there are none: all that came are closed.
 * @return 0; -EPIPE: the other end is gone; -EPROTO: another size, or too many descriptors; -EPROTONOSUPPORT: another magic;
 * -errno.
 */
int weir_wire_receive(int socket, void *packet, size_t bytes, int *fds, uint32_t most, uint32_t *n_fds);
/** @brief Close descriptors that came and are of no use. */
void weir_wire_drop(const int *fds, uint32_t n_fds);
/**
 * @brief Connect to the guard that listens at `path`.
 * @param patience_s seconds after which a send or a receive fails with -EAGAIN; 0: never.
 * @return its descriptor or -errno.
 */
int weir_wire_connect(const char *path, unsigned patience_s);

/* gpio_ioctl.c */
/** @brief Set all lines of a request, in its order, by its descriptor. @return 0 or -errno. */
int weir_lines_set(int lines, uint32_t n, const double *value);
/** @brief Give a request the settings of `what`, and these values, without letting go of it. @return 0 or -errno. */
int weir_lines_configure(int lines, const struct weir_physical *what, const double *value);

#endif
