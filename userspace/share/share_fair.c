/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one user can take from the others: of the connections that have not said what they want, and of the seats. The publisher's own user
 * and root are trusted. All of it is the server's thread's; the writer knows nothing of users.
 *
 * Connections are always accepted, so that nobody can fill the queue outside. When their table is full, the user who has most of it gives
 * one up, unless the newcomer's user has as many. A seat is for as long as its reader likes; so there a user has a limit, and so
 * have all users together that are not trusted.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "share/share_internal.h"

#define PATIENCE_NS INT64_C(5000000000) /* with one that has just connected */

bool share_is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* ----------------------------------------------------------------- connections */

static uint32_t count_pending(const struct weir_share *share, uid_t uid)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < share->n_pending; i++)
		n += share->pending[i].uid == uid;
	return n;
}

/* Those of trusted users count half: so others cannot drive them out, and cannot be driven out for good. */
static uint32_t weight(const struct weir_share *share, uid_t uid)
{
	uint32_t n = count_pending(share, uid);

	return share_is_trusted(uid) ? n / 2 : n;
}

void share_forget_pending(struct weir_share *share, uint32_t i)
{
	share->pending[i] = share->pending[--share->n_pending];
}

/* The oldest connection of the user who has most: SHARE_PENDING_MAX where nobody has more than the newcomer's. */
static uint32_t whom_to_drop(const struct weir_share *share, uid_t newcomer)
{
	uint32_t most = weight(share, newcomer), drop = SHARE_PENDING_MAX;

	for (uint32_t i = 0; i < share->n_pending; i++) {
		const struct share_pending *pending = &share->pending[i];
		uint32_t n = weight(share, pending->uid);
		bool is_older = drop < SHARE_PENDING_MAX && pending->uid == share->pending[drop].uid &&
				pending->deadline_ns < share->pending[drop].deadline_ns;

		if (n > most || is_older) {
			most = n;
			drop = i;
		}
	}
	return drop;
}

void share_admit(struct weir_share *share, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	uint32_t drop;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		close(fd);
		return;
	}
	if (share->n_pending == SHARE_PENDING_MAX) {
		drop = whom_to_drop(share, peer.uid);
		if (drop == SHARE_PENDING_MAX) {
			share_refuse(fd, EAGAIN, "too many connections of this user wait to be heard");
			close(fd);
			return;
		}
		close(share->pending[drop].fd);
		share_forget_pending(share, drop);
	}
	share->pending[share->n_pending++] = (struct share_pending){
		.fd = fd,
		.uid = peer.uid,
		.deadline_ns = weir_now(WEIR_CLOCK_MONOTONIC) + PATIENCE_NS,
	};
}

/* ----------------------------------------------------------------------- seats */

const char *share_why_no_seat(const struct weir_share *share, uid_t uid)
{
	uint64_t used = atomic_load(&share->used);
	uint32_t own = 0, others = 0;

	if (used == UINT64_MAX)
		return "it has as many readers as there can be";
	if (share_is_trusted(uid))
		return NULL;
	for (uint64_t left = used; left; left &= left - 1) {
		uid_t reader = share->reader[__builtin_ctzll(left)].uid;

		own += reader == uid;
		others += !share_is_trusted(reader);
	}
	if (own >= SHARE_USER_SEATS)
		return "this user has as many readers there as one user can have";
	return others >= SHARE_OTHER_SEATS ? "the rest of its readers' places is for its publisher's user and root"
					   : NULL;
}
