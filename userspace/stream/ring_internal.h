/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file ring_internal.h
 * @brief What the ring's files share: ring.c (memory and lifetime), ring_writer.c and ring_reader.c. What both sides do
 * for each claim is inline here. docs/ring.md argues every barrier; [A] to [D] in the comments refer to it.
 */
#ifndef WEIR_STREAM_RING_INTERNAL_H
#define WEIR_STREAM_RING_INTERNAL_H

#include <stdalign.h>
#include <stdatomic.h>

#include "stream/ring.h"

#define LINE 64 /* bytes of a cache line on every machine that we know */

/* The thread sanitizer does not model fences, and need not: they order nothing but bytes that are racy by design. */
#ifdef __SANITIZE_THREAD__
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* What a writer and its readers share. It holds no pointer, so that it can be mapped by several processes. */

struct writer_line { /* written by the writer */
	alignas(LINE) _Atomic uint64_t head;
	_Atomic uint64_t reserved; /* end of the furthest claim: rows before reserved - capacity may be overwritten */
	_Atomic uint64_t refused;
	_Atomic uint32_t finished;
};

struct roster_line { /* a bit per reader; written by readers that come and go */
	alignas(LINE) _Atomic uint64_t used;
	_Atomic uint64_t holding; /* those for whom the writer has to leave space */
};

struct sleepers_line {                          /* set by whoever goes to sleep, taken by whoever wakes him */
	alignas(LINE) _Atomic uint64_t readers; /* a bit each */
	_Atomic uint32_t writer;
	_Atomic uint32_t space_bell; /* the writer sleeps on it; readers count it up */
};

struct reader_line { /* written by its reader */
	alignas(LINE) _Atomic uint64_t position;
	_Atomic uint64_t lost;
	_Atomic uint32_t policy;
	_Atomic uint32_t data_bell; /* the reader sleeps on it; the writer counts it up */
};

struct control {
	struct writer_line writer;
	struct roster_line roster;
	struct sleepers_line sleepers;
	struct reader_line reader[WEIR_RING_READERS_MAX];
};

struct weir_ring {
	/* Constant once it is open. */
	struct control *control;
	void *memory;
	size_t bytes;
	uint32_t row_bytes, capacity;
	uint64_t start_at;
	_Atomic uint32_t *data_bell[WEIR_RING_READERS_MAX], *space_bell;
	uint64_t mark_watchers;   /* a bit per reader */
	_Atomic bool interrupted; /* set by anyone, never taken back */
	_Atomic int64_t mark;     /* written by the writer */
	_Atomic int64_t end;      /* the same, before it is finished */
	/* The writer's own, apart from what readers look at. */
	alignas(LINE) uint64_t head;
	uint64_t reserved;
	uint64_t limit; /* it may claim up to here without looking at the readers again */
	uint32_t slot;  /* of head: positions wrap at 2^64, which capacity need not divide */
};

static inline uint64_t weir_ring_load_head(const struct weir_ring *ring)
{
	return atomic_load_explicit(&ring->control->writer.head, memory_order_acquire);
}

static inline void *weir_ring_row_at(const struct weir_ring *ring, uint32_t slot)
{
	return (uint8_t *)ring->memory + (size_t)slot * ring->row_bytes;
}

static inline uint32_t weir_ring_slot_after(const struct weir_ring *ring, uint32_t slot, uint32_t n)
{
	slot += n;
	return slot < ring->capacity ? slot : slot - ring->capacity;
}

#endif
