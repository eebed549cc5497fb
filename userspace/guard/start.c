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

int guard_lock(const char *path)
{
	char name[GUARD_PATH + 8];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return guard_fail("cannot open", name);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	return -1;
}

int guard_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.*s", GUARD_PATH - 1, path);
	unlink(address.sun_path);
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
