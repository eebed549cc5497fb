/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that are memory of the process. A file stays while it has a name or is open, as on a disk; a descriptor is its index. Reading
 * and writing copy bytes and make no system call, since every message of a sink without spool= goes through here.
 */
#include "spool/spool_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX \
	96 /* segments are a sixteenth of the limit; beside them one file, and those that are removed but open */
#define NAME_BYTES 32
#define LEAST_BYTES 4096

struct memory_file {
	char name[NAME_BYTES]; /* empty: it was removed */
	unsigned n_open;
	uint8_t *bytes;
	uint64_t n, capacity;
};

struct memory {
	pthread_mutex_t lock; /* the writer and the consumer of a spool may be two threads */
	struct memory_file file[FILES_MAX];
};

/* With the lock held, as all that follows up to the operations. */
static int memory_find(const struct memory *memory, const char *name)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (memory->file[i].name[0] && !strcmp(memory->file[i].name, name))
			return i;
	return -ENOENT;
}

static int memory_find_free(const struct memory *memory)
{
	for (int i = 0; i < FILES_MAX; i++)
		if (!memory->file[i].name[0] && !memory->file[i].n_open)
			return i;
	return -ENFILE;
}

static void memory_release(struct memory_file *file)
{
	if (file->name[0] || file->n_open)
		return;
	free(file->bytes);
	*file = (struct memory_file){ 0 };
}

static int memory_grow(struct memory_file *file, uint64_t to)
{
	uint64_t capacity = file->capacity ? file->capacity : LEAST_BYTES;
	uint8_t *bytes;

	if (to <= file->capacity)
		return 0;
	while (capacity < to)
		capacity *= 2;
	bytes = realloc(file->bytes, capacity);
	if (!bytes)
		return -ENOSPC;
	file->bytes = bytes;
	file->capacity = capacity;
	return 0;
}

/* ----------------------------------------------------------------- operations */

static int memory_create(void *context, const char *name)
{
	struct memory *memory = context;
	int i;

	pthread_mutex_lock(&memory->lock);
	i = memory_find(memory, name);
	if (i < 0)
		i = memory_find_free(memory);
	if (i >= 0) {
		strncpy(memory->file[i].name, name, NAME_BYTES - 1);
		memory->file[i].n = 0;
		memory->file[i].n_open++;
	}
	pthread_mutex_unlock(&memory->lock);
	return i;
}

static int memory_open(void *context, const char *name)
{
	struct memory *memory = context;
	int i;

	pthread_mutex_lock(&memory->lock);
	i = memory_find(memory, name);
	if (i >= 0)
		memory->file[i].n_open++;
	pthread_mutex_unlock(&memory->lock);
	return i;
}

static int memory_close(void *context, int fd)
{
	struct memory *memory = context;

	pthread_mutex_lock(&memory->lock);
	memory->file[fd].n_open--;
	memory_release(&memory->file[fd]);
	pthread_mutex_unlock(&memory->lock);
	return 0;
}

static int memory_remove(void *context, const char *name)
{
	struct memory *memory = context;
	int i;

	pthread_mutex_lock(&memory->lock);
	i = memory_find(memory, name);
	if (i >= 0) {
		memory->file[i].name[0] = 0;
		memory_release(&memory->file[i]);
	}
	pthread_mutex_unlock(&memory->lock);
	return i < 0 ? i : 0;
}

static int memory_list(void *context, void (*each)(void *to, const char *name), void *to)
{
	struct memory *memory = context;

	for (int i = 0; i < FILES_MAX; i++)
		if (memory->file[i].name[0])
			each(to, memory->file[i].name);
	return 0;
}

static int memory_read(void *context, int fd, void *bytes, uint32_t n, uint64_t at)
{
	struct memory *memory = context;
	const struct memory_file *file = &memory->file[fd];

	pthread_mutex_lock(&memory->lock);
	if (at >= file->n)
		n = 0;
	else if (n > file->n - at)
		n = (uint32_t)(file->n - at);
	if (n)
		memcpy(bytes, file->bytes + at, n);
	pthread_mutex_unlock(&memory->lock);
	return (int)n;
}

static int memory_write(void *context, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	struct memory *memory = context;
	struct memory_file *file = &memory->file[fd];
	int err;

	pthread_mutex_lock(&memory->lock);
	err = memory_grow(file, at + n);
	if (!err) {
		if (at > file->n)
			memset(file->bytes + file->n, 0, at - file->n);
		memcpy(file->bytes + at, bytes, n);
		file->n = at + n > file->n ? at + n : file->n;
	}
	pthread_mutex_unlock(&memory->lock);
	return err;
}

static int memory_cut(void *context, int fd, uint64_t n)
{
	struct memory *memory = context;

	pthread_mutex_lock(&memory->lock);
	if (n < memory->file[fd].n)
		memory->file[fd].n = n;
	pthread_mutex_unlock(&memory->lock);
	return 0;
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
	struct memory *memory = context;
	int64_t n;

	pthread_mutex_lock(&memory->lock);
	n = (int64_t)memory->file[fd].n;
	pthread_mutex_unlock(&memory->lock);
	return n;
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
		free(memory->file[i].bytes);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
	io->context = NULL;
}
