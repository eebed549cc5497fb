/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/guard.h"

#define KILL_MS 20 /* what a process may take to be gone; one that sleeps in a driver takes longer */

void guard_kill(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	poll(&gone, 1, KILL_MS);
}

void guard_session_kill(struct guard_session *session)
{
	if (session->pidfd >= 0)
		guard_kill(session->pidfd);
}
