/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer's side: claims, what readers leave space for, waking them. docs/ring.md argues every barrier. */
#include <assert.h>
#include <errno.h>

#include "stream/bell.h"
#include "stream/ring_internal.h"

static uint64_t unread_by(const struct weir_ring *ring, unsigned reader)
{
	/* Acquire: what the reader read before it moved on has been read. [B] */
	return ring->head - atomic_load_explicit(&ring->control->reader[reader].position, memory_order_acquire);
}

/*
 * A reader that is more than a capacity behind is joining, and has been overtaken since it first wrote down where we were. It will
 * begin where we may have claimed up to by now, but no further: so until it has said where, there is no space. [D]
 */
static bool is_joining(const struct weir_ring *ring, uint64_t unread)
{
	return unread > ring->capacity;
}

static uint64_t find_limit(const struct weir_ring *ring)
{
	uint64_t most = 0;

	for (uint64_t left = atomic_load(&ring->control->roster.holding); left; left &= left - 1) { /* [D] */
		uint64_t unread = unread_by(ring, (unsigned)__builtin_ctzll(left));

		if (is_joining(ring, unread))
			return ring->head;
		if (unread > most)
			most = unread;
	}
	return ring->head + (ring->capacity - most);
}

void *weir_ring_reserve(struct weir_ring *ring, uint32_t want, uint32_t *got)
{
	if (ring->limit - ring->head < want)
		ring->limit = find_limit(ring);
	uint64_t space = ring->limit - ring->head;

	*got = space < want ? (uint32_t)space : want;
	/* Never backwards: the rows of a larger claim may have been written, although they were not committed. */
	if ((int64_t)(ring->head + *got - ring->reserved) > 0) {
		ring->reserved = ring->head + *got;
		atomic_store_explicit(&ring->control->writer.reserved, ring->reserved, memory_order_release);
		atomic_thread_fence(memory_order_release); /* [A]: before the owner of the claim writes a byte */
	}
	return weir_ring_row_at(ring, ring->slot);
}

static void wake_readers(struct weir_ring *ring)
{
	/* Taken, not only read: one sleep costs the writer one wake-up, however long the sleeper takes to run. */
	uint64_t asleep = atomic_exchange(&ring->control->sleepers.readers, 0);

	for (; asleep; asleep &= asleep - 1)
		weir_bell_ring(ring->data_bell[__builtin_ctzll(asleep)]);
}

bool weir_ring_mark_quietly(struct weir_ring *ring, int64_t t_ns)
{
	if (t_ns <= atomic_load_explicit(&ring->mark, memory_order_relaxed))
		return false;
	atomic_store(&ring->mark, t_ns); /* [C], as for head */
	return true;
}

void weir_ring_wake_watchers(struct weir_ring *ring)
{
	uint64_t asleep = atomic_load(&ring->control->sleepers.readers) & ring->mark_watchers;

	if (asleep)
		asleep &= atomic_fetch_and(&ring->control->sleepers.readers, ~asleep);
	for (; asleep; asleep &= asleep - 1)
		weir_bell_ring(ring->data_bell[__builtin_ctzll(asleep)]);
}

void weir_ring_mark(struct weir_ring *ring, int64_t t_ns)
{
	if (weir_ring_mark_quietly(ring, t_ns))
		weir_ring_wake_watchers(ring);
}

void weir_ring_commit(struct weir_ring *ring, uint32_t n)
{
	assert(n <= ring->reserved - ring->head);
	if (!n)
		return;
	ring->head += n;
	ring->slot = weir_ring_slot_after(ring, ring->slot, n);
	atomic_store(&ring->control->writer.head, ring->head); /* [B] and [C] */
	if (atomic_load(&ring->control->sleepers.readers))
		wake_readers(ring);
}

int weir_ring_wait_space(struct weir_ring *ring, int64_t deadline_ns)
{
	struct sleepers_line *sleepers = &ring->control->sleepers;
	int error = 0;

	for (;;) {
		uint32_t seen = atomic_load(&sleepers->space_bell);

		if (atomic_load(&ring->interrupted))
			return -EINTR;
		atomic_store(&sleepers->writer, 1); /* [C] */
		ring->limit = find_limit(ring);
		if (ring->limit != ring->head || error)
			break;
		error = weir_bell_wait(&sleepers->space_bell, seen, deadline_ns);
	}
	atomic_store(&sleepers->writer, 0);
	return ring->limit != ring->head ? 0 : error;
}

void weir_ring_set_space_bell(struct weir_ring *ring, _Atomic uint32_t *bell)
{
	ring->space_bell = bell;
}

bool weir_ring_has_space(struct weir_ring *ring)
{
	ring->limit = find_limit(ring);
	return ring->limit != ring->head || atomic_load(&ring->interrupted);
}

void weir_ring_announce(struct weir_ring *ring)
{
	atomic_store(&ring->control->sleepers.writer, 1); /* [C] */
}

void weir_ring_retract(struct weir_ring *ring)
{
	atomic_store(&ring->control->sleepers.writer, 0);
}

bool weir_ring_is_read(const struct weir_ring *ring)
{
	return atomic_load_explicit(&ring->control->roster.used, memory_order_relaxed);
}

bool weir_ring_is_full(const struct weir_ring *ring)
{
	uint64_t head = atomic_load(&ring->control->writer.head);

	for (uint64_t left = atomic_load(&ring->control->roster.holding); left; left &= left - 1)
		if (head - atomic_load(&ring->control->reader[__builtin_ctzll(left)].position) >= ring->capacity)
			return true;
	return false;
}

static enum weir_policy policy_of(const struct weir_ring *ring, unsigned reader)
{
	return atomic_load_explicit(&ring->control->reader[reader].policy, memory_order_relaxed);
}

bool weir_ring_refuses(const struct weir_ring *ring)
{
	bool refuses = false;

	for (uint64_t left = atomic_load(&ring->control->roster.holding); left; left &= left - 1) {
		unsigned reader = (unsigned)__builtin_ctzll(left);
		uint64_t unread = unread_by(ring, reader);

		if (unread < ring->capacity)
			continue;
		if (is_joining(ring, unread) || policy_of(ring, reader) == WEIR_BLOCK)
			return false;
		refuses = true;
	}
	return refuses;
}

void weir_ring_refuse(struct weir_ring *ring, uint32_t n)
{
	atomic_fetch_add_explicit(&ring->control->writer.refused, n, memory_order_relaxed);
}

void weir_ring_finish(struct weir_ring *ring)
{
	atomic_store(&ring->control->writer.finished, 1); /* [C] */
	wake_readers(ring);
}

void weir_ring_finish_at(struct weir_ring *ring, int64_t t_ns)
{
	atomic_store(&ring->end, t_ns);
	weir_ring_finish(ring);
}
