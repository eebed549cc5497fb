/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file guard_link.h
 * @brief A user's end of the guard: find or start one, take outputs, ask, beat. guard/protocol.h says what passes.
 *
 * Requests (open, call, take, close) are for one thread. weir_guard_link_ask() is for the thread that drives the output,
 * weir_guard_link_beat() for any one thread.
 */
#ifndef WEIR_CORE_GUARD_LINK_H
#define WEIR_CORE_GUARD_LINK_H

#include "guard/place.h"
#include "guard/protocol.h"

struct weir_guard_link {
	int fd; /**< the socket: readable when the guard has ended; -1: none */
	int bell;
	int pid; /**< the guard's */
	struct weir_guard_asks *asks;
	const struct weir_guard_tells *tells;
	struct weir_guard_reply reply; /**< of the last call */
	int fds[WEIR_WIRE_FDS];        /**< that came with it, to be taken over; -1 */
	char place[WEIR_PLACE_PATH];   /**< of the guard's socket; empty: none was found */
	char why[WEIR_PLACE_WHY];      /**< for the user: why open or hello has failed; may be empty */
};

/** One output that was taken. */
struct weir_guard_grip {
	uint32_t slot, n;
	_Atomic uint64_t epoch; /**< written by the thread that takes, read by any */
	int lines; /**< the request's descriptor: for use after the guard's end, and of a direct output; -1: an attribute */
};

/**
 * @brief Connect to the guard.
 * @param start start one if there is none.
 * @return 0; -ENOENT: there is none; -ENOEXEC: one could not be started; -errno. link->why may say more. Zero is a closed link.
 */
int weir_guard_link_open(struct weir_guard_link *link, bool start) WEIR_MUST_CHECK;

/** @brief Introduce oneself and get the pages: before the first take. @return 0 or -errno, link->why may say more. */
int weir_guard_link_hello(struct weir_guard_link *link, const char *title) WEIR_MUST_CHECK;

/** @brief One request, with a descriptor (-1: none; stays the caller's). @return 0 with link->reply; -ETIMEDOUT: the guard hangs; -errno, reply.text may say why. */
int weir_guard_link_call(struct weir_guard_link *link, struct weir_guard_request *request, int file) WEIR_MUST_CHECK;

/**
 * @brief Look who has an output, before anything is done to it.
 * @return 0: the guard does not hold it; 1: held by hand, or for nobody; -EBUSY: a pipeline has it, reply.text says which; -errno.
 */
int weir_guard_link_look(struct weir_guard_link *link, const struct weir_physical *what) WEIR_MUST_CHECK;

/** @brief Take an output. @return as weir_guard_link_call(). */
int weir_guard_link_take(struct weir_guard_link *link, struct weir_guard_request *request, int file,
			 struct weir_guard_grip *grip) WEIR_MUST_CHECK;

/** @brief Forget all; the guard parks what was not left. */
void weir_guard_link_close(struct weir_guard_link *link);

/**
 * @brief Ask for values. Waits while WEIR_GUARD_QUEUE asks are on their way.
 * @param how WEIR_ASK_… or 0.
 * @return 0, or -ETIMEDOUT: the guard does not take asks any more.
 */
int weir_guard_link_ask(struct weir_guard_link *link, const struct weir_guard_grip *grip, const double *value,
			int64_t record_t, uint32_t how) WEIR_MUST_CHECK;

/** @brief We are well; `fresh_ns` is when our input last brought something. */
void weir_guard_link_beat(struct weir_guard_link *link, const struct weir_guard_grip *grip, int64_t now_ns,
			  int64_t fresh_ns);

static inline const struct weir_guard_tell_slot *weir_guard_link_told(const struct weir_guard_link *link,
								      const struct weir_guard_grip *grip)
{
	return &link->tells->slot[grip->slot];
}

/** @brief Set lines through the request's descriptor. @return 0 or -errno. */
int weir_grip_set(const struct weir_guard_grip *grip, const double *value);

#endif
