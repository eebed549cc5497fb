/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file system below one directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/spool_internal.h"

#define FILE_MODE 0640
#define DIR_MODE 0750

static int dir_of(void *context)
{
	return *(int *)context;
}

static int result(int value)
{
	return value < 0 ? -errno : value;
}

static int io_create(void *context, const char *name)
{
	return result(openat(dir_of(context), name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE));
}

static int io_open(void *context, const char *name)
{
	return result(openat(dir_of(context), name, O_RDWR | O_CLOEXEC));
}

static int io_close(void *context, int fd)
{
	(void)context;
	return result(close(fd));
}

static int io_read(void *context, int fd, void *bytes, uint32_t n, uint64_t at)
{
	uint32_t done = 0;

	(void)context;
	while (done < n) {
		ssize_t got = pread(fd, (char *)bytes + done, n - done, (off_t)(at + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && !done)
			return -errno;
		if (got <= 0)
			break;
		done += (uint32_t)got;
	}
	return (int)done;
}

static int io_write(void *context, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	uint32_t done = 0;

	(void)context;
	while (done < n) {
		ssize_t put = pwrite(fd, (const char *)bytes + done, n - done, (off_t)(at + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		done += (uint32_t)put;
	}
	return 0;
}

static int io_cut(void *context, int fd, uint64_t n)
{
	(void)context;
	return result(ftruncate(fd, (off_t)n));
}

static int io_sync(void *context, int fd)
{
	(void)context;
	return result(fdatasync(fd));
}

static int io_sync_names(void *context)
{
	return result(fsync(dir_of(context)));
}

static int io_remove(void *context, const char *name)
{
	return result(unlinkat(dir_of(context), name, 0));
}

static int io_list(void *context, void (*each)(void *to, const char *name), void *to)
{
	int fd = openat(dir_of(context), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		each(to, entry->d_name);
	closedir(dir);
	return 0;
}

static int64_t io_size(void *context, int fd)
{
	struct stat status;

	(void)context;
	return fstat(fd, &status) < 0 ? -errno : status.st_size;
}

static const struct weir_spool_io io_system = {
	.create = io_create,
	.open = io_open,
	.close = io_close,
	.read = io_read,
	.write = io_write,
	.cut = io_cut,
	.sync = io_sync,
	.sync_names = io_sync_names,
	.remove = io_remove,
	.list = io_list,
	.size = io_size,
};

static int fail(int fd, int error, const char *dir, const char *what, char text[256])
{
	snprintf(text, 256, "%s %s: %s", what, dir, strerror(error));
	if (fd >= 0)
		close(fd);
	return -error;
}

int weir_spool_io_open(struct weir_spool_io *io, const char *dir, char error[256])
{
	int fd, *context;

	if (mkdir(dir, DIR_MODE) < 0 && errno != EEXIST)
		return fail(-1, errno, dir, "cannot make the spool's directory", error);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(-1, errno, dir, "cannot open the spool's directory", error);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return fail(fd, EBUSY, dir, "another process has this spool open:", error);
	context = malloc(sizeof(*context));
	if (!context)
		return fail(fd, ENOMEM, dir, "cannot open the spool", error);
	*context = fd;
	*io = io_system;
	io->context = context;
	return 0;
}

void weir_spool_io_close(struct weir_spool_io *io)
{
	if (io->list != io_list || !io->context)
		return;
	close(dir_of(io->context));
	free(io->context);
	io->context = NULL;
}
