/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/mirror.h"

#define EAGER_BYTES (256u << 10)

/* What a stream begins with is there at once. Rings are made for the worst case, so the rest is had page by page when the stream
 * first comes there, which costs it a fault in a hundred records, once: an empty stream takes no memory that it does not use. */
static void populate(void *from, size_t bytes, int protection)
{
	madvise(from, bytes < EAGER_BYTES ? bytes : EAGER_BYTES,
		protection & PROT_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

int weir_mirror_map_at(void **out, size_t bytes, int fd, off_t at, int protection)
{
	/* Reserve both halves at once: nobody else's mapping can then get between them. */
	uint8_t *area = mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return -errno;
	for (size_t half = 0; half < 2; half++) {
		uint8_t *at_half = area + half * bytes;

		if (mmap(at_half, bytes, protection, MAP_SHARED | MAP_FIXED, fd, at) == MAP_FAILED) {
			int error = -errno;

			weir_mirror_unmap(area, bytes);
			return error;
		}
		populate(at_half, bytes, protection);
	}
	*out = area;
	return 0;
}

int weir_mirror_map(void **out, size_t bytes, int fd)
{
	int error, own;

	if (fd >= 0)
		return weir_mirror_map_at(out, bytes, fd, 0, PROT_READ | PROT_WRITE);
	own = memfd_create("weir-ring", MFD_CLOEXEC);
	if (own < 0)
		return -errno;
	error = ftruncate(own, (off_t)bytes) ? -errno : weir_mirror_map_at(out, bytes, own, 0, PROT_READ | PROT_WRITE);
	close(own); /* the mapping keeps it */
	return error;
}

void weir_mirror_unmap(void *memory, size_t bytes)
{
	munmap(memory, 2 * bytes);
}
