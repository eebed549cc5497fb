/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "spool_disk.h"

#define FILES 512
#define SECTOR 512
#define SEGMENT_HEADER 32

/* `live` is what a process sees, `safe` what a power cut leaves for sure. */
struct file {
	char name[32];
	bool exists, exists_safe; /* the name */
	uint8_t *live, *safe;
	uint64_t n_live, n_safe;
	uint8_t *touched; /* by sector: written since the last sync */
	uint64_t broken, n_broken;
};

/* What happens at an operation. */
struct trouble {
	uint64_t at; /* which one; 0: none */
	int error;   /* 0: the process dies there */
};

struct disk {
	pthread_mutex_t lock;
	pthread_cond_t calm;
	struct file file[FILES];
	uint64_t random, limit, operations;
	uint32_t fail;
	struct trouble trouble;
	int full;    /* what is said at the limit */
	int refusal; /* of what changes anything; 0: none */
	bool dead, hangs;
	uint32_t n_hanging;
};

struct disk *disk_new(uint64_t seed)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	pthread_mutex_init(&disk->lock, NULL);
	pthread_cond_init(&disk->calm, NULL);
	disk->random = seed;
	disk_limit(disk, UINT64_MAX);
	return disk;
}

static void clear(struct file *file)
{
	free(file->live);
	free(file->safe);
	free(file->touched);
	memset(file, 0, sizeof(*file));
}

void disk_free(struct disk *disk)
{
	for (int i = 0; i < FILES; i++)
		clear(&disk->file[i]);
	pthread_cond_destroy(&disk->calm);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
}

/* With the lock held: the next operation. @return 0, or how it fails. */
static int next(struct disk *disk)
{
	disk->operations++;
	if (disk->trouble.at && disk->operations >= disk->trouble.at && !disk->trouble.error)
		disk->dead = true;
	if (disk->dead)
		return -EIO;
	if (disk->trouble.at == disk->operations)
		return disk->trouble.error;
	return disk->fail && !harness_below(&disk->random, disk->fail) ? -EIO : 0;
}

/* The same of one that changes something. */
static int next_change(struct disk *disk)
{
	disk->n_hanging++;
	pthread_cond_broadcast(&disk->calm);
	while (disk->hangs)
		pthread_cond_wait(&disk->calm, &disk->lock);
	disk->n_hanging--;
	return disk->refusal ? disk->refusal : next(disk);
}

static int find(struct disk *disk, const char *name)
{
	for (int i = 0; i < FILES; i++)
		if (disk->file[i].exists && !strcmp(disk->file[i].name, name))
			return i;
	return -ENOENT;
}

uint64_t disk_bytes(const struct disk *disk)
{
	uint64_t bytes = 0;

	for (int i = 0; i < FILES; i++)
		bytes += disk->file[i].exists ? disk->file[i].n_live : 0;
	return bytes;
}

static int open_file(struct disk *disk, const char *name)
{
	int err = next(disk);

	return err < 0 ? err : find(disk, name);
}

/* Nothing that is safe is ever written over, but what a write that failed has left in a file that could not be removed. */
static int truncate_file(struct file *file)
{
	assert_true(file->n_safe <= SEGMENT_HEADER);
	file->n_live = 0;
	return 0;
}

static int create_file(struct disk *disk, const char *name)
{
	int i = find(disk, name), err = next_change(disk);

	if (err < 0)
		return err;
	if (i >= 0)
		return truncate_file(&disk->file[i]) + i;
	for (i = 0; i < FILES; i++) {
		if (disk->file[i].exists || disk->file[i].exists_safe || disk->file[i].live)
			continue;
		strcpy(disk->file[i].name, name);
		disk->file[i].exists = true;
		return i;
	}
	fail_msg("too many files");
	return -ENFILE;
}

static int read_file(struct disk *disk, int fd, void *bytes, uint32_t n, uint64_t at)
{
	const struct file *file = &disk->file[fd];
	int err = next(disk);

	if (err < 0)
		return err;
	if (at >= file->n_live)
		return 0;
	if (n > file->n_live - at)
		n = (uint32_t)(file->n_live - at);
	if (at < file->broken + file->n_broken && at + n > file->broken)
		n = at < file->broken ? (uint32_t)(file->broken - at) : 0;
	memcpy(bytes, file->live + at, n);
	return n ? (int)n : -EIO;
}

static void grow(struct file *file, uint64_t n)
{
	if (n <= file->n_live)
		return;
	file->live = realloc(file->live, n);
	file->touched = realloc(file->touched, n / SECTOR + 1);
	assert_true(file->live && file->touched);
	memset(file->live + file->n_live, 0, n - file->n_live);
	for (uint64_t sector = file->n_live ? file->n_live / SECTOR + 1 : 0; sector <= n / SECTOR; sector++)
		file->touched[sector] = false;
	file->n_live = n;
}

static void put(struct file *file, const void *bytes, uint32_t n, uint64_t at)
{
	grow(file, at + n);
	memcpy(file->live + at, bytes, n);
	for (uint64_t sector = at / SECTOR; sector <= (at + n - 1) / SECTOR; sector++)
		file->touched[sector] = true;
}

static int write_file(struct disk *disk, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	struct file *file = &disk->file[fd];
	int err = next_change(disk);
	uint64_t used = disk_bytes(disk), more = at + n > file->n_live ? at + n - file->n_live : 0;

	if (disk->dead || disk->refusal)
		return err;
	if (!err && used + more > disk->limit)
		err = disk->full;
	if (err && err == disk->full && disk->limit != UINT64_MAX) /* as much as has room */
		n = (uint32_t)(disk->limit > used ? disk->limit - used + n - more : n - more);
	if (err) /* a part of it may be there */
		n = harness_below(&disk->random, n + 1);
	if (n)
		put(file, bytes, n, at);
	return err;
}

static int cut_back(struct disk *disk, int fd, uint64_t n)
{
	struct file *file = &disk->file[fd];
	int err = next_change(disk);

	if (!err && n < file->n_live)
		file->n_live = n;
	return err;
}

static void keep(struct file *file)
{
	file->safe = realloc(file->safe, file->n_live + 1);
	assert_non_null(file->safe);
	if (file->n_live)
		memcpy(file->safe, file->live, file->n_live);
	file->n_safe = file->n_live;
	if (file->touched)
		memset(file->touched, 0, file->n_live / SECTOR + 1);
}

static int sync_file(struct disk *disk, int fd)
{
	int err = next_change(disk);

	if (!err)
		keep(&disk->file[fd]);
	return err;
}

static int sync_names(struct disk *disk)
{
	int err = next_change(disk);

	for (int i = 0; i < FILES && !err; i++)
		disk->file[i].exists_safe = disk->file[i].exists;
	return err;
}

static int remove_file(struct disk *disk, const char *name)
{
	int i = find(disk, name), err = next_change(disk);

	if (i < 0 || err < 0)
		return i < 0 ? i : err;
	disk->file[i].exists = false; /* whoever has it open still reads it */
	return 0;
}

/* ---------------------------------------------------------------- operations */

/* Those of a spool's threads, one at a time. */
static int leave(struct disk *disk, int result)
{
	pthread_mutex_unlock(&disk->lock);
	return result;
}

static struct disk *enter(void *context)
{
	struct disk *disk = context;

	pthread_mutex_lock(&disk->lock);
	return disk;
}

static int io_open(void *context, const char *name)
{
	struct disk *disk = enter(context);

	return leave(disk, open_file(disk, name));
}

static int io_create(void *context, const char *name)
{
	struct disk *disk = enter(context);

	return leave(disk, create_file(disk, name));
}

static int io_close(void *context, int fd)
{
	(void)context;
	(void)fd;
	return 0;
}

static int io_read(void *context, int fd, void *bytes, uint32_t n, uint64_t at)
{
	struct disk *disk = enter(context);

	return leave(disk, read_file(disk, fd, bytes, n, at));
}

static int io_write(void *context, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	struct disk *disk = enter(context);

	return leave(disk, write_file(disk, fd, bytes, n, at));
}

static int io_cut(void *context, int fd, uint64_t n)
{
	struct disk *disk = enter(context);

	return leave(disk, cut_back(disk, fd, n));
}

static int io_sync(void *context, int fd)
{
	struct disk *disk = enter(context);

	return leave(disk, sync_file(disk, fd));
}

static int io_sync_names(void *context)
{
	struct disk *disk = enter(context);

	return leave(disk, sync_names(disk));
}

static int io_remove(void *context, const char *name)
{
	struct disk *disk = enter(context);

	return leave(disk, remove_file(disk, name));
}

static int io_list(void *context, void (*each)(void *to, const char *name), void *to)
{
	struct disk *disk = enter(context);
	int err = next(disk);

	each(to, ".");
	for (int i = FILES; i-- && !err;)
		if (disk->file[i].exists)
			each(to, disk->file[i].name);
	return leave(disk, err);
}

static int64_t io_size(void *context, int fd)
{
	struct disk *disk = enter(context);
	int64_t size = (int64_t)disk->file[fd].n_live;

	leave(disk, 0);
	return size;
}

struct weir_spool_io disk_io(struct disk *disk)
{
	return (struct weir_spool_io){ disk,   io_create, io_open,       io_close,  io_read, io_write,
				       io_cut, io_sync,   io_sync_names, io_remove, io_list, io_size };
}

/* ----------------------------------------------------------------- the power */

/* A sector that was written and not synced is old, new, or half of each. */
static void tear(struct disk *disk, struct file *file, uint64_t sector)
{
	uint64_t at = sector * SECTOR, end = at + SECTOR < file->n_live ? at + SECTOR : file->n_live;
	uint32_t how = harness_below(&disk->random, 4);

	if (!file->touched[sector] || how == 0)
		return;
	if (how == 1)
		at += harness_below(&disk->random, SECTOR);
	for (; at < end; at++)
		file->live[at] = at < file->n_safe ? file->safe[at] : 0;
}

static void cut_file(struct disk *disk, struct file *file)
{
	uint64_t n;

	for (uint64_t sector = 0; file->n_live && sector * SECTOR < file->n_live; sector++)
		tear(disk, file, sector);
	if (file->n_live < file->n_safe &&
	    harness_below(&disk->random, 2)) { /* it was cut back, and that was not synced */
		n = file->n_live;
		grow(file, file->n_safe);
		memcpy(file->live + n, file->safe + n, file->n_safe - n);
	}
	n = file->n_live > file->n_safe ? file->n_live - file->n_safe : 0;
	if (n && harness_below(&disk->random, 2))
		file->n_live = file->n_safe + harness_below(&disk->random, (uint32_t)n + 1);
	keep(file);
}

void disk_stop(struct disk *disk)
{
	disk->dead = true;
}

static void revive(struct disk *disk)
{
	disk->dead = false;
	if (!disk->trouble.error)
		disk->trouble.at = 0;
}

void disk_cut(struct disk *disk)
{
	revive(disk);
	for (int i = 0; i < FILES; i++) {
		struct file *file = &disk->file[i];

		if (file->exists != file->exists_safe)
			file->exists = harness_below(&disk->random, 2);
		file->exists_safe = file->exists;
		if (file->exists)
			cut_file(disk, file);
		else
			clear(file);
	}
}

void disk_kill(struct disk *disk)
{
	revive(disk);
	for (int i = 0; i < FILES; i++)
		if (!disk->file[i].exists && !disk->file[i].exists_safe)
			clear(&disk->file[i]);
}

void disk_limit(struct disk *disk, uint64_t bytes)
{
	disk->limit = bytes;
	disk->full = -ENOSPC;
}

void disk_quota(struct disk *disk, uint64_t bytes)
{
	disk->limit = bytes;
	disk->full = -EDQUOT;
}

void disk_fail(struct disk *disk, uint32_t n)
{
	disk->fail = n;
}

void disk_fail_at(struct disk *disk, uint64_t operation, int error)
{
	disk->trouble = (struct trouble){ disk->operations + operation, error };
}

uint64_t disk_operations(const struct disk *disk)
{
	return disk->operations;
}

bool disk_is_dead(const struct disk *disk)
{
	return disk->dead;
}

void disk_refuse(struct disk *disk, int error)
{
	disk->refusal = error;
}

void disk_hang(struct disk *disk, bool hangs)
{
	pthread_mutex_lock(&disk->lock);
	disk->hangs = hangs;
	pthread_cond_broadcast(&disk->calm);
	pthread_mutex_unlock(&disk->lock);
}

void disk_await_hanging(struct disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	while (!disk->n_hanging)
		pthread_cond_wait(&disk->calm, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
}

/* Names of segments are in the order of their messages. @return the least above `after`, or -1. */
static int next_segment(const struct disk *disk, const char *after)
{
	int least = -1;

	for (int i = 0; i < FILES; i++) {
		const char *name = disk->file[i].name;

		if (!disk->file[i].exists || !strstr(name, ".seg") || strcmp(name, after) <= 0)
			continue;
		if (least < 0 || strcmp(name, disk->file[least].name) < 0)
			least = i;
	}
	return least;
}

static int nth_segment(const struct disk *disk, uint32_t n)
{
	int i = next_segment(disk, "");

	while (n-- && i >= 0)
		i = next_segment(disk, disk->file[i].name);
	return i;
}

void disk_break(struct disk *disk, uint32_t segment, uint64_t at, uint64_t n)
{
	int i = nth_segment(disk, segment);

	assert_true(i >= 0);
	disk->file[i].broken = at;
	disk->file[i].n_broken = n;
}

bool disk_damage(struct disk *disk, uint32_t segment, uint64_t at, uint64_t n)
{
	int i = nth_segment(disk, segment);

	if (i < 0)
		return false;
	for (; n-- && at < disk->file[i].n_live; at++)
		disk->file[i].live[at] ^= 0xff;
	return true;
}

bool disk_rot(struct disk *disk)
{
	int i = (int)harness_below(&disk->random, FILES), n = 0;

	while (n++ < FILES && !(disk->file[i].exists && disk->file[i].n_live))
		i = (i + 1) % FILES;
	if (n > FILES)
		return false;
	for (uint32_t k = 1 + harness_below(&disk->random, 100), at = (uint32_t)harness_random(&disk->random); k--;
	     at++)
		disk->file[i].live[at % disk->file[i].n_live] ^= 1 + harness_below(&disk->random, 255);
	return true;
}
