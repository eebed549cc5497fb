/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "spool_disk.h"

#define FILES 512
#define SECTOR 512

/* `live` is what a process sees, `safe` what a power cut leaves for sure. */
struct file {
	char name[32];
	bool exists, exists_safe; /* the name */
	uint8_t *live, *safe;
	uint64_t n_live, n_safe;
	uint8_t *touched; /* by sector: written since the last sync */
};

struct disk {
	struct file file[FILES];
	uint64_t random, limit;
	uint32_t fail;
	bool dead;
};

struct disk *disk_new(uint64_t seed)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	disk->random = seed;
	disk->limit = UINT64_MAX;
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
	free(disk);
}

static bool fails(struct disk *disk)
{
	return disk->dead || (disk->fail && !harness_below(&disk->random, disk->fail));
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

static int io_open(void *context, const char *name)
{
	return fails(context) ? -EIO : find(context, name);
}

static int io_create(void *context, const char *name)
{
	struct disk *disk = context;
	int i = find(disk, name);

	if (fails(disk))
		return -EIO;
	assert_int_equal(i, -ENOENT); /* nothing is ever written over */
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

static int io_close(void *context, int fd)
{
	(void)context;
	(void)fd;
	return 0;
}

static int io_read(void *context, int fd, void *bytes, uint32_t n, uint64_t at)
{
	struct file *file = &((struct disk *)context)->file[fd];

	if (fails(context))
		return -EIO;
	if (at >= file->n_live)
		return 0;
	if (n > file->n_live - at)
		n = (uint32_t)(file->n_live - at);
	memcpy(bytes, file->live + at, n);
	return (int)n;
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

static int io_write(void *context, int fd, const void *bytes, uint32_t n, uint64_t at)
{
	struct disk *disk = context;
	struct file *file = &disk->file[fd];
	uint64_t more = at + n > file->n_live ? at + n - file->n_live : 0;
	int err = fails(disk) ? -EIO : 0;

	if (disk->dead)
		return err;
	if (!err && disk_bytes(disk) + more > disk->limit)
		err = -ENOSPC;
	if (err) /* a part of it may be there */
		n = harness_below(&disk->random, n + 1);
	if (err == -ENOSPC && at + n > file->n_live)
		n = 0;
	if (!n)
		return err;
	grow(file, at + n);
	memcpy(file->live + at, bytes, n);
	for (uint64_t sector = at / SECTOR; sector <= (at + n - 1) / SECTOR; sector++)
		file->touched[sector] = true;
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

static int io_sync(void *context, int fd)
{
	if (fails(context))
		return -EIO;
	keep(&((struct disk *)context)->file[fd]);
	return 0;
}

static int io_sync_names(void *context)
{
	struct disk *disk = context;

	if (fails(disk))
		return -EIO;
	for (int i = 0; i < FILES; i++)
		disk->file[i].exists_safe = disk->file[i].exists;
	return 0;
}

static int io_remove(void *context, const char *name)
{
	struct disk *disk = context;
	int i = find(disk, name);

	if (i < 0 || disk->dead)
		return -EIO;
	disk->file[i].exists = false; /* whoever has it open still reads it */
	return 0;
}

static int io_list(void *context, void (*each)(void *to, const char *name), void *to)
{
	struct disk *disk = context;

	each(to, ".");
	for (int i = FILES; i--;)
		if (disk->file[i].exists)
			each(to, disk->file[i].name);
	return 0;
}

static int64_t io_size(void *context, int fd)
{
	return (int64_t)((struct disk *)context)->file[fd].n_live;
}

struct weir_spool_io disk_io(struct disk *disk)
{
	return (struct weir_spool_io){ disk,    io_create,     io_open,   io_close, io_read, io_write,
				       io_sync, io_sync_names, io_remove, io_list,  io_size };
}

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
	n = file->n_live > file->n_safe ? file->n_live - file->n_safe : 0;
	if (n && harness_below(&disk->random, 2))
		file->n_live = file->n_safe + harness_below(&disk->random, (uint32_t)n + 1);
	keep(file);
}

void disk_stop(struct disk *disk)
{
	disk->dead = true;
}

void disk_cut(struct disk *disk)
{
	disk->dead = false;
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
	disk->dead = false;
	for (int i = 0; i < FILES; i++)
		if (!disk->file[i].exists && !disk->file[i].exists_safe)
			clear(&disk->file[i]);
}

void disk_limit(struct disk *disk, uint64_t bytes)
{
	disk->limit = bytes;
}

void disk_fail(struct disk *disk, uint32_t n)
{
	disk->fail = n;
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
