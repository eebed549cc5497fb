/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ring's memory and lifetime. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/bell.h"
#include "stream/mirror.h"
#include "stream/ring_internal.h"

#define ROWS_MAX (1u << 30)

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

uint32_t weir_ring_rows_in_pages(uint32_t row_bytes, uint32_t rows, uint32_t page_bytes)
{
	if (row_bytes < 1 || row_bytes > WEIR_ROW_MAX || rows < 1 || rows > ROWS_MAX)
		return 0;
	uint32_t step = page_bytes / greatest_common_divisor(page_bytes, row_bytes);
	uint64_t whole = ((uint64_t)rows + step - 1) / step * step;

	return whole <= ROWS_MAX && whole * row_bytes <= SIZE_MAX / 4 ? (uint32_t)whole : 0;
}

uint32_t weir_ring_rows(uint32_t row_bytes, uint32_t rows)
{
	return weir_ring_rows_in_pages(row_bytes, rows, (uint32_t)sysconf(_SC_PAGESIZE));
}

static int map_control(struct weir_ring *ring)
{
	void *area = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return -errno;
	ring->control = area;
	atomic_init(&ring->control->writer.head, ring->start_at);
	atomic_init(&ring->control->writer.reserved, ring->start_at);
	return 0;
}

static void set_bells(struct weir_ring *ring)
{
	for (unsigned i = 0; i < WEIR_RING_READERS_MAX; i++)
		ring->data_bell[i] = &ring->control->reader[i].data_bell;
	ring->space_bell = &ring->control->sleepers.space_bell;
	atomic_init(&ring->mark, INT64_MIN);
	atomic_init(&ring->end, INT64_MIN);
}

int weir_ring_open(struct weir_ring **out, const struct weir_ring_config *config)
{
	uint32_t capacity = weir_ring_rows(config->row_bytes, config->rows);
	struct weir_ring *ring;
	int error;

	if (!capacity)
		return -EINVAL;
	ring = aligned_alloc(LINE, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	*ring = (struct weir_ring){ .row_bytes = config->row_bytes,
				    .capacity = capacity,
				    .start_at = config->start_at };
	ring->bytes = (size_t)capacity * config->row_bytes;
	ring->head = ring->reserved = ring->limit = config->start_at;
	error = map_control(ring);
	if (error)
		goto free_ring;
	set_bells(ring);
	error = weir_mirror_map(&ring->memory, ring->bytes, config->fd);
	if (error)
		goto unmap_control;
	*out = ring;
	return 0;

unmap_control:
	munmap(ring->control, sizeof(*ring->control));
free_ring:
	free(ring);
	return error;
}

void weir_ring_close(struct weir_ring *ring)
{
	if (!ring)
		return;
	weir_mirror_unmap(ring->memory, ring->bytes);
	munmap(ring->control, sizeof(*ring->control));
	free(ring);
}

uint32_t weir_ring_capacity(const struct weir_ring *ring)
{
	return ring->capacity;
}

uint32_t weir_ring_row_bytes(const struct weir_ring *ring)
{
	return ring->row_bytes;
}

void *weir_ring_memory(struct weir_ring *ring, size_t *bytes)
{
	*bytes = ring->bytes;
	return ring->memory;
}

uint64_t weir_ring_head(const struct weir_ring *ring)
{
	return weir_ring_load_head(ring);
}

void weir_ring_interrupt(struct weir_ring *ring)
{
	struct control *control = ring->control;
	int saved = errno; /* we may be in a signal handler */

	atomic_store(&ring->interrupted, true);
	for (uint64_t used = atomic_load(&control->roster.used); used; used &= used - 1)
		weir_bell_ring(ring->data_bell[__builtin_ctzll(used)]);
	weir_bell_ring(ring->space_bell);
	errno = saved;
}

bool weir_ring_is_interrupted(const struct weir_ring *ring)
{
	return atomic_load(&ring->interrupted);
}
