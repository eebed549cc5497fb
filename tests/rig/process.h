/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that come and go under a test's eyes. */
#ifndef WEIR_RIG_PROCESS_H
#define WEIR_RIG_PROCESS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static inline int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static inline int is_gone(int pidfd)
{
	struct pollfd polled = { .fd = pidfd, .events = POLLIN };

	return pidfd < 0 || poll(&polled, 1, 0) > 0;
}

/* `in`, `out`: what it is to read and write; -1: as it comes. Its process id, or -errno. */
static inline pid_t process_start_with(char *const argv[], int in, int out, int is_quiet)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int error;

	posix_spawn_file_actions_init(&files);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&files, in, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&files, out, 1);
	else if (is_quiet)
		posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_RDWR, 0);
	if (is_quiet)
		posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_RDWR, 0);
	error = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return error ? -error : pid;
}

static inline pid_t process_start(char *const argv[], int is_quiet)
{
	return process_start_with(argv, -1, -1, is_quiet);
}

/* One that is told and answers by lines. */
static inline pid_t process_start_talking(char *const argv[], int is_quiet, FILE **to, FILE **from)
{
	int down[2], up[2];
	pid_t pid;

	if (pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		return -errno;
	pid = process_start_with(argv, down[0], up[1], is_quiet);
	close(down[0]);
	close(up[1]);
	*to = fdopen(down[1], "w");
	*from = fdopen(up[0], "r");
	return pid;
}

static inline void process_end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

/* Has it a descriptor of what /proc calls so? */
static inline int process_has_open(pid_t pid, const char *what)
{
	char path[320], target[64];
	struct dirent *entry;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = !strcmp(target, what);
	}
	if (dir)
		closedir(dir);
	return found;
}

static inline void let_go(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline int process_is_one_of(int pid, const pid_t *known, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (known[i] == pid)
			return 1;
	return 0;
}

/* Children that we have not started ourselves, but were left to us: what a service manager finds in a control group. */
static inline void process_signal_rest(const pid_t *known, unsigned n, int number)
{
	char path[64];
	FILE *file;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "r");
	while (file && fscanf(file, "%d", &pid) == 1)
		if (!process_is_one_of(pid, known, n)) {
			kill(pid, number);
			waitpid(pid, NULL, 0);
		}
	if (file)
		fclose(file);
}

#endif
