/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/disk_wait.h"

/* The state follows the name, which is in parentheses and may contain any character. */
static bool disk_holds(const char *thread)
{
	char path[300], line[200];
	FILE *file;
	size_t n;
	const char *name_end;

	snprintf(path, sizeof(path), "/proc/self/task/%s/stat", thread);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[n] = '\0';
	name_end = strrchr(line, ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'D';
}

bool weir_disk_is_awaited(void)
{
	DIR *threads = opendir("/proc/self/task");
	const struct dirent *entry;
	bool is_awaited = false;

	while (threads && !is_awaited && (entry = readdir(threads)))
		is_awaited = disk_holds(entry->d_name);
	if (threads)
		closedir(threads);
	return is_awaited;
}
