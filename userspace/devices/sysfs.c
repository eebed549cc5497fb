/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/sysfs.h"

struct weir_sysfs_change {
	struct weir_sysfs_change *before;
	char dir[WEIR_SYSFS_PATH], name[WEIR_SYSFS_PATH], text[WEIR_SYSFS_TEXT];
};

static int open_attribute(const char *dir, const char *name, int flags)
{
	char path[2 * WEIR_SYSFS_PATH];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int weir_sysfs_read(const char *dir, const char *name, char *text, size_t size)
{
	int fd = open_attribute(dir, name, O_RDONLY);
	ssize_t n;

	*text = '\0';
	if (fd < 0)
		return fd;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n < 0 ? (int)n : 0;
}

int weir_sysfs_number(const char *dir, const char *name, double *out)
{
	char text[WEIR_SYSFS_TEXT], *end;
	int err = weir_sysfs_read(dir, name, text, sizeof(text));

	*out = err ? 0 : strtod(text, &end);
	if (err)
		return err;
	return end == text ? -EINVAL : 0;
}

int weir_sysfs_write(const char *dir, const char *name, const char *text)
{
	char line[WEIR_SYSFS_TEXT + 1];
	int length = snprintf(line, sizeof(line), "%s\n", text);
	int fd = open_attribute(dir, name, O_WRONLY);
	int err;

	if (fd < 0)
		return fd;
	err = write(fd, line, (size_t)length) < 0 ? -errno : 0;
	close(fd);
	return err;
}

bool weir_sysfs_has(const char *dir, const char *name)
{
	char path[2 * WEIR_SYSFS_PATH];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

int weir_sysfs_set(struct weir_sysfs_undo *undo, const char *dir, const char *name, const char *text)
{
	struct weir_sysfs_change *change = malloc(sizeof(*change));
	int err = -ENOMEM;

	if (!change)
		return err;
	snprintf(change->dir, sizeof(change->dir), "%s", dir);
	snprintf(change->name, sizeof(change->name), "%s", name);
	err = weir_sysfs_read(dir, name, change->text, sizeof(change->text));
	if (err || !strcmp(change->text, text))
		goto free_change;
	err = weir_sysfs_write(dir, name, text);
	if (err)
		goto free_change;
	change->before = undo->last;
	undo->last = change;
	return 0;

free_change:
	free(change);
	return err;
}

void weir_sysfs_restore(struct weir_sysfs_undo *undo)
{
	while (undo->last) {
		struct weir_sysfs_change *change = undo->last;

		undo->last = change->before;
		weir_sysfs_write(change->dir, change->name, change->text);
		free(change);
	}
}
