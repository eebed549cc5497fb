/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guard/guard.h"

int guard_fail(const char *what, const char *path)
{
	fprintf(stderr, "weir-guard: %s %s: %s\n", what, path, strerror(errno));
	return -1;
}

int guard_fail_place(const char *why)
{
	fprintf(stderr, "weir-guard: %s\n", why);
	return -1;
}

/* A lock file beside the socket, or -1 with errno. EWOULDBLOCK: another guard has it; not told. */
static int lock_beside(const char *path, const char *suffix, int how)
{
	char why[WEIR_PLACE_WHY];
	int fd = weir_place_check(path, true, why);

	if (!fd)
		fd = weir_place_open(path, suffix, why);
	if (fd < 0) {
		errno = -fd;
		return guard_fail_place(why);
	}
	if (!flock(fd, how))
		return fd;
	close(fd);
	errno = EWOULDBLOCK;
	return -1;
}

int guard_lock(const char *path)
{
	return lock_beside(path, ".lock", LOCK_EX | LOCK_NB);
}

int guard_lock_next(const char *path, bool waits)
{
	return lock_beside(path, ".next", waits ? LOCK_EX : LOCK_EX | LOCK_NB);
}

int guard_lock_unclaimed(const char *path)
{
	int next = guard_lock_next(path, false), fd;

	if (next < 0)
		return -1;
	fd = guard_lock(path);
	/* What close() does to errno is of no interest. */
	if (fd < 0) {
		int err = errno;

		close(next);
		errno = err;
		return -1;
	}
	close(next);
	return fd;
}

int guard_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char why[WEIR_PLACE_WHY];
	int fd;
	mode_t mask;

	if (weir_place_clear(path, why) < 0)
		return guard_fail_place(why);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, GUARD_SESSIONS))) {
		close(fd);
		fd = -1;
	}
	umask(mask);
	return fd < 0 ? guard_fail("cannot listen at", path) : fd;
}

int guard_open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

void guard_outlive(void)
{
	const struct sched_param priority = { .sched_priority = 20 };
	struct rlimit limit;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, "-1000", 5) < 0 && errno != EACCES)
			guard_fail("cannot be spared by", "the OOM killer");
		close(fd);
	}
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
	/* Future memory only where there is no limit: beyond one, taking an output would fail. */
	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur == RLIM_INFINITY)
		mlockall(MCL_CURRENT | MCL_FUTURE);
	else if (geteuid() == 0 || mlockall(MCL_CURRENT))
		mlockall(MCL_CURRENT | MCL_FUTURE);
}
