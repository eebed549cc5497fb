/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file link.h
 * @brief For drivers that talk with a peer over a network: a connection that is made again, ever more patiently, when it is lost.
 *
 * One thread calls everything but weir_link_how(). Between attempts 100 ms pass at first, then twice as long each time, up to
 * 30 s, a random quarter more or less, so that many clients do not come back all at once. A connection of at least 60 s makes
 * the pauses short again.
 */
#ifndef WEIR_LINK_H
#define WEIR_LINK_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_LINK_IDLE \
	INT64_MIN /**< in place of a time to wait until: the peer has sent nothing, only the clock is to be looked at */
#define WEIR_LINK_WHY 160 /**< bytes that say why there is no connection */

/** What a driver does. All on the link's thread; `why` is to be set where a negative number is returned. */
struct weir_link_ops {
	/** Begin to connect. 0 or -errno; -EACCES: the peer refuses us, and would do so again. */
	int (*open)(void *context, char why[WEIR_LINK_WHY]);
	/** Wait until the peer has something, `wake_fd` (-1: none) is readable, or CLOCK_MONOTONIC is `until_ns` (in the past: do
	 *  not wait); then do what can be done. 1: the connection can be used; 0: not yet; -errno: it is lost; -ECONNRESET:
	 *  the peer has closed it, so perhaps because of a message; -EBADMSG: because of a message, as it says; -EACCES as above;
	 *  -EPERM: the same after the connection could be used, where the peer has never done anything for us. */
	int (*serve)(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY]);
	/** End it. Follows each open(), also one that failed. */
	void (*shut)(void *context);
	/** What to wait for while serve() is not called. */
	void (*wait)(void *context, struct weir_wait *wait);
	int64_t first_ns; /**< between the first attempts; 0: 100 ms. For tests */
	int64_t lasts_ns; /**< of a connection that makes the pauses short again; 0: 60 s. For tests */
};

struct weir_link;

/** @brief ns from now until a time of CLOCK_MONOTONIC, 0 where that has come or is WEIR_LINK_IDLE, at most `most_ns`. */
static inline int64_t weir_link_left(int64_t until_ns, int64_t most_ns)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (until_ns <= now)
		return 0;
	return until_ns - now < most_ns ? until_ns - now : most_ns;
}

/** @param peer what the user calls it; copied. @return 0 or -ENOMEM. Free with weir_link_close(), which takes NULL and shuts it. */
int weir_link_open(struct weir_link **out, struct weir_node *node, const struct weir_link_ops *ops, void *context,
		   const char *peer) WEIR_MUST_CHECK;
void weir_link_close(struct weir_link *link);

/**
 * @brief Connect if it is time to, serve, and wait as serve() does.
 * @return 1: it can be used; 0: not now; -errno: refused at the first attempt, and reported.
 */
int weir_link_step(struct weir_link *link, int wake_fd, int64_t until_ns) WEIR_MUST_CHECK;
/** @brief A driver found in between that the connection is lost. */
void weir_link_lost(struct weir_link *link, const char *why);
/** @brief What a pulled source is to wait for before the next step. */
void weir_link_wait(struct weir_link *link, struct weir_wait *wait);
/** @brief Can it be used, as far as the last step knows? */
bool weir_link_is_up(const struct weir_link *link);
/** @brief How many connections there have been, this one included: another number is another connection. */
uint32_t weir_link_count(const struct weir_link *link);
/** @brief The error of the last loss, as serve() returned it; 0: none so far. */
int weir_link_error(const struct weir_link *link);
/** @brief End in good order, for ever. */
void weir_link_shut(struct weir_link *link);

/** @brief The state of the connection for people, into `text`. Any thread. @return bytes written. */
int weir_link_how(struct weir_link *link, char *text, size_t room);

#ifdef __cplusplus
}
#endif
#endif
