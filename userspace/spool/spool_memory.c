/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files in memory that have names of their own, since memfd_create() gives none that can be opened. */
#include "spool/spool_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 64 /* segments are a sixteenth of the limit, and there is one file beside them */
#define NAME_BYTES 32

struct memory {
	pthread_mutex_t lock; /* the writer and the consumer of a spool are two threads */
	struct {
		char name[NAME_BYTES]; /* empty: free */
		int fd;
	} file[FILES_MAX];
};

/* With the lock held; -1: there is none. */
static int find(const struct memory *memory, const char *name)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (!strcmp(memory->file[i].name, name))
			return i;
	return -1;
}

static int duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? -errno : copy;
}

static int add(struct memory *memory, const char *name)
{
	int i = find(memory, "");
	int fd = i < 0 ? -1 : memfd_create("weir-queue", MFD_CLOEXEC);

	if (fd < 0)
		return i < 0 ? -ENFILE : -errno;
	strncpy(memory->file[i].name, name, NAME_BYTES - 1);
	memory->file[i].fd = fd;
	return i;
}

static int memory_create(void *context, const char *name)
{
	struct memory *memory = context;
	int i, fd;

	pthread_mutex_lock(&memory->lock);
	i = find(memory, name);
	if (i >= 0 && ftruncate(memory->file[i].fd, 0) < 0)
		i = -errno;
	else if (i < 0)
		i = add(memory, name);
	fd = i < 0 ? i : duplicate(memory->file[i].fd);
	pthread_mutex_unlock(&memory->lock);
	return fd;
}

static int memory_open(void *context, const char *name)
{
	struct memory *memory = context;
	int i, fd;

	pthread_mutex_lock(&memory->lock);
	i = find(memory, name);
	fd = i < 0 ? -ENOENT : duplicate(memory->file[i].fd);
	pthread_mutex_unlock(&memory->lock);
	return fd;
}

static int memory_remove(void *context, const char *name)
{
	struct memory *memory = context;
	int i;

	pthread_mutex_lock(&memory->lock);
	i = find(memory, name);
	if (i >= 0) {
		close(memory->file[i].fd);
		memory->file[i].name[0] = 0;
	}
	pthread_mutex_unlock(&memory->lock);
	return i < 0 ? -ENOENT : 0;
}

static int memory_list(void *context, void (*each)(void *to, const char *name), void *to)
{
	struct memory *memory = context;

	for (int i = 0; i < FILES_MAX; i++)
		if (memory->file[i].name[0])
			each(to, memory->file[i].name);
	return 0;
}

static int memory_close(void *context, int fd)
{
	(void)context;
	return close(fd) < 0 ? -errno : 0;
}

static int memory_read(void *context, int fd, void *bytes, uint32_t n, uint64_t at)
{
	ssize_t got = pread(fd, bytes, n, (off_t)at);

	(void)context;
	return got < 0 ? -errno : (int)got;
}

static int memory_write(void *context, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	ssize_t put = pwrite(fd, bytes, n, (off_t)at);

	(void)context;
	if (put < 0)
		return -errno;
	return put < (ssize_t)n ? -ENOSPC : 0;
}

static int memory_cut(void *context, int fd, uint64_t n)
{
	(void)context;
	return ftruncate(fd, (off_t)n) < 0 ? -errno : 0;
}

static int memory_sync(void *context, int fd)
{
	(void)context;
	(void)fd;
	return 0;
}

static int memory_sync_names(void *context)
{
	(void)context;
	return 0;
}

static int64_t memory_size(void *context, int fd)
{
	struct stat status;

	(void)context;
	return fstat(fd, &status) < 0 ? -errno : status.st_size;
}

int weir_spool_memory_open(struct weir_spool_io *io)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	pthread_mutex_init(&memory->lock, NULL);
	*io = (struct weir_spool_io){
		.context = memory,
		.create = memory_create,
		.open = memory_open,
		.close = memory_close,
		.read = memory_read,
		.write = memory_write,
		.cut = memory_cut,
		.sync = memory_sync,
		.sync_names = memory_sync_names,
		.remove = memory_remove,
		.list = memory_list,
		.size = memory_size,
	};
	return 0;
}

void weir_spool_memory_close(struct weir_spool_io *io)
{
	struct memory *memory = io->context;

	if (!memory)
		return;
	for (int i = 0; i < FILES_MAX; i++)
		if (memory->file[i].name[0])
			close(memory->file[i].fd);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
	io->context = NULL;
}
