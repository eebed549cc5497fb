/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file share_internal.h
 * @brief What a publisher's files share: share.c (lifetime), share_writer.c (the rows; the writer's thread) and share_server.c
 * (readers that come and go; a thread of its own). docs/streams.md argues every barrier.
 *
 * The writer takes no lock: it looks at seats by the bits of the roster while the server gives and takes them. So a seat's page and a
 * seat's descriptor are never freed but replaced, at the same address and under the same number, and whoever still looks at them
 * finds an empty page and a dead socket.
 */
#ifndef WEIR_SHARE_SHARE_INTERNAL_H
#define WEIR_SHARE_SHARE_INTERNAL_H

#include <pthread.h>
#include <unistd.h>

#include "share/share_place.h"
#include "share/share_wire.h"
#include "weir/share.h"

#define SHARE_PENDING_MAX 32 /* connections that have not said what they want */
#define SHARE_USER_SEATS 16  /* of one user, but for the publisher's and root */
#define SHARE_OTHER_SEATS 56 /* of all such users; the rest of WEIR_SHARE_READERS_MAX is for those two */

/* The server's own view of a reader. */
struct share_reader {
	uint32_t pid, uid;
	uint8_t policy;
};

struct share_pending {
	int fd;
	uint32_t uid;
	int64_t deadline_ns;
	int64_t quiet_ns; /* not listened to before: it has just been answered */
};

struct weir_share {
	/* Constant once it is open. */
	struct weir_share_config config;
	struct weir_schema schema; /* native */
	char *text;                /* of the schema; owned */
	struct weir_share_place place;
	size_t page, bytes; /* bytes: of rows */
	uint32_t capacity;
	int memory_fd, stop_fd, dead_fd; /* dead_fd: a socket without a peer */
	int64_t since_ns;
	struct weir_share_front *front;
	void *rows;
	uint8_t *seats; /* a page each */
	int line[WEIR_SHARE_READERS_MAX];
	/* Written by the server. */
	_Atomic uint64_t used, holding; /* a bit for each reader; holding: those who are waited for */
	_Atomic uint64_t joining;       /* those of the holding whose position is not yet where they begin */
	_Atomic uint32_t arrivals;      /* a bell */
	_Atomic int64_t halted_ns;      /* 0: not yet */
	/* Written by the writer. */
	_Atomic uint64_t unwanted; /* readers that the server is to turn out */
	alignas(WEIR_SHARE_LINE) uint64_t head;
	uint64_t reserved, limit;
	uint32_t slot;
	uint32_t turned_out;
	bool finished;
	/* The server's own. */
	pthread_t thread;
	struct share_reader reader[WEIR_SHARE_READERS_MAX];
	struct share_pending pending[SHARE_PENDING_MAX];
	uint32_t n_pending;
	bool deaf;            /* for a while: there are no descriptors left */
	uint64_t lost_before; /* by readers that have gone */
};

static inline struct weir_share_seat *share_seat(const struct weir_share *share, unsigned i)
{
	return (struct weir_share_seat *)(share->seats + i * share->page);
}

/* What stop_fd, an eventfd, is told: readers are to be turned out; or it is all over. */
#define SHARE_LOOK UINT64_C(1)
#define SHARE_STOP (UINT64_C(1) << 32)

/** @brief Any thread. An eventfd that is full was told before. */
static inline void share_tell(const struct weir_share *share, uint64_t what)
{
	ssize_t told = write(share->stop_fd, &what, sizeof(what));

	(void)told;
}

/** @brief The thread's body. */
void *share_serve(void *share);
/** @brief Turn everybody out, and close what was pending. After the thread has ended. */
void share_dismiss(struct weir_share *share);

/* share_fair.c: what one user can take from the others. All on the server's thread. */
/** @brief Is it the publisher's own user, or root? */
bool share_is_trusted(uid_t uid);
/** @brief Somebody has connected: keep the connection, at the cost of another if need be, or refuse it. Takes `fd`. */
void share_admit(struct weir_share *share, int fd);
/** @brief The connection pending[i] is no longer pending. The last one takes its place. */
void share_forget_pending(struct weir_share *share, uint32_t i);
/** @brief Why there is no seat for another reader of this user; NULL: there is one. */
const char *share_why_no_seat(const struct weir_share *share, uid_t uid);

/* share_greet.c: what is said on a connection. All on the server's thread. */
/** @brief Hear what a new connection wants. 1: it wants to read, as `hello` says; 0: it was answered; -errno: it is of no use. */
int share_hear(struct weir_share *share, int fd, struct weir_share_hello *hello);
int share_refuse(int fd, int error, const char *why);
int share_welcome(const struct weir_share *share, int fd, int seat_fd, unsigned place, uint64_t read_from);

#endif
