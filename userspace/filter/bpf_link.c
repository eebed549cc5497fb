/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A custom filter is an object file with one function in it that our programs leave open. libbpf's linker puts the two
 * together, as a linker would on any machine, so the filter may have variables, maps and debug information of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter/bpf_internal.h"

/* libbpf's linker of 2023 knows files by name only. */
static int memory_file(char *path, size_t size)
{
	int fd = memfd_create("weir-filter", MFD_CLOEXEC);

	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd < 0 ? -errno : fd;
}

static int put(int fd, const void *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t wrote = write(fd, (const char *)bytes + done, n - done);

		if (wrote < 0)
			return -errno;
		done += (size_t)wrote;
	}
	return 0;
}

static int get(int fd, void **out, size_t *n)
{
	struct stat file;

	if (fstat(fd, &file))
		return -errno;
	*n = (size_t)file.st_size;
	*out = malloc(*n + 1);
	if (!*out)
		return -ENOMEM;
	if (pread(fd, *out, *n, 0) == file.st_size)
		return 0;
	free(*out);
	*out = NULL;
	return -EIO;
}

/* Ours first: skeletons know the places of its variables. */
static int link_files(const char *into, const char *ours, const char *theirs)
{
	struct bpf_linker *linker = bpf_linker__new(into, NULL);
	int err;

	if (!linker)
		return -errno;
	err = bpf_linker__add_file(linker, ours, NULL);
	if (!err)
		err = bpf_linker__add_file(linker, theirs, NULL);
	if (!err)
		err = bpf_linker__finalize(linker);
	bpf_linker__free(linker);
	return err;
}

int weir_custom_link(const struct weir_custom *custom, const void *ours, size_t bytes, void **out, size_t *out_bytes)
{
	char from_path[32], to_path[32];
	int from = memory_file(from_path, sizeof(from_path)), to = memory_file(to_path, sizeof(to_path));
	int err = from < 0 ? from : to < 0 ? to : put(from, ours, bytes);

	if (!err)
		err = link_files(to_path, from_path, weir_custom_path(custom));
	if (!err)
		err = get(to, out, out_bytes);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return err;
}
