/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking at a ring without being one of its readers: the writer leaves no space for it and never wakes it. */
#include <string.h>

#include "stream/ring_internal.h"

#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#else
#define AnnotateIgnoreReadsBegin(file, line) ((void)0)
#define AnnotateIgnoreReadsEnd(file, line) ((void)0)
#endif

bool weir_ring_copy_row(const struct weir_ring *ring, uint64_t position, void *row)
{
	uint64_t head = weir_ring_load_head(ring), reserved; /* [B] */

	if (head - 1 - position >= ring->capacity || position - ring->start_at >= head - ring->start_at)
		return false;
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	memcpy(row, weir_ring_row_at(ring, (uint32_t)((position - ring->start_at) % ring->capacity)), ring->row_bytes);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	atomic_thread_fence(memory_order_acquire); /* [A]: after the last byte was read */
	reserved = atomic_load_explicit(&ring->control->writer.reserved, memory_order_acquire);
	return (int64_t)(reserved - ring->capacity - position) <= 0;
}

uint64_t weir_ring_first(const struct weir_ring *ring)
{
	uint64_t head = weir_ring_load_head(ring);

	return head - ring->start_at < ring->capacity ? ring->start_at : head - ring->capacity;
}

uint32_t weir_ring_unread(const struct weir_ring *ring)
{
	uint64_t most = 0;

	for (uint64_t left = atomic_load(&ring->control->roster.used); left; left &= left - 1) {
		const struct reader_line *line = &ring->control->reader[__builtin_ctzll(left)];
		uint64_t position = atomic_load_explicit(&line->position, memory_order_acquire);
		uint64_t unread = weir_ring_load_head(ring) - position;

		/* Overtaken, or in the middle of joining. */
		if (unread > ring->capacity)
			unread = ring->capacity;
		if (unread > most)
			most = unread;
	}
	return (uint32_t)most;
}
