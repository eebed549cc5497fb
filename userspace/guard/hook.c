/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `weir-guard --park`, the stop hook of a service manager: it sees to it that some guard lives, for whichever does has parked
 * what a dead one held. It is a way of the guard's program because that starts at once, and may have to go on as a guard.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guard/guard.h"

#define PROOF_S 1 /* what a guard may take to answer one who doubts that it lives */
#define NAP_MS 2  /* and between two looks whether there is one */
#define LOOKS 2500
#define CLAIMED_LOOKS 25 /* for which it leaves the place to a guard that stands by */

/* 0: it answers; its process id: it does not, and hangs; -1: it may be about to begin, or to end. */
static pid_t question(int fd, pid_t pid)
{
	struct weir_guard_request request = { .magic = WEIR_GUARD_MAGIC, .verb = WEIR_GUARD_LIST };
	struct weir_guard_reply reply;
	int err = weir_wire_send(fd, &request, sizeof(request), NULL, 0);
	uint32_t n;

	if (err >= 0)
		err = weir_wire_receive(fd, &reply, sizeof(reply), NULL, 0, &n);
	if (err == -EAGAIN)
		return pid;
	/* One of another version, that of before an update say, lives and parks as well. */
	return err < 0 && err != -EPROTONOSUPPORT ? -1 : 0;
}

static pid_t doubt(const char *path)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);
	int fd = weir_wire_connect(path, PROOF_S);
	pid_t hangs = -1;

	if (fd < 0)
		return -1;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		hangs = question(fd, peer.pid);
	close(fd);
	return hangs;
}

/* Whoever started us waits for no more than the parking. */
static int go_on_alone(struct guard *guard, const char *path)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid < 0 ? guard_fail("cannot go on after parking", path) : 0;
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	setsid();
	if (chdir("/"))
		return 1;
	guard->retires = true;
	return guard_serve(guard, path);
}

static bool is_guarded(const char *path)
{
	pid_t hangs = doubt(path);

	if (hangs > 0)
		kill(hangs, SIGKILL);
	return !hangs;
}

int guard_hook(struct guard *guard, const char *path)
{
	const struct timespec while_it_starts = { .tv_nsec = NAP_MS * 1000000 };

	for (int i = 0; i < LOOKS; i++) {
		if (is_guarded(path))
			return 0;
		if ((i < CLAIMED_LOOKS ? guard_lock_unclaimed(path) : guard_lock(path)) >= 0) {
			guard_take_over(guard, path);
			return go_on_alone(guard, path) ? 1 : 0;
		}
		if (errno != EWOULDBLOCK)
			return 1;
		nanosleep(&while_it_starts, NULL);
	}
	errno = ETIMEDOUT;
	return guard_fail("no guard answers at", path) ? 1 : 0;
}
