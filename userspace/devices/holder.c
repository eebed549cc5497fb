/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/holder.h"
#include "devices/sysfs.h"

static bool process_holds(const char *fds, const char *path)
{
	DIR *dir = opendir(fds);
	bool holds = false;

	if (!dir)
		return false;
	for (struct dirent *entry; !holds && (entry = readdir(dir));) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[n < 0 ? 0 : n] = '\0';
		holds = !strcmp(target, path);
	}
	closedir(dir);
	return holds;
}

bool weir_holder(const char *path, char *text, size_t size)
{
	DIR *proc = opendir("/proc");
	bool found = false;

	if (!proc)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(proc));) {
		char fds[64], command[64];
		int pid = atoi(entry->d_name);

		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(fds, sizeof(fds), "/proc/%d/fd", pid);
		found = process_holds(fds, path);
		if (!found)
			continue;
		snprintf(fds, sizeof(fds), "/proc/%d", pid);
		weir_sysfs_read(fds, "comm", command, sizeof(command));
		snprintf(text, size, "%s, process %d", command, pid);
	}
	closedir(proc);
	return found;
}
