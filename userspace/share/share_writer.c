/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer's side of a shared stream: claims, what readers leave space for, waking them. As in ring_writer.c, but that nothing which
 * a reader has written is believed. */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "share/share_internal.h"
#include "stream/bell.h"
#include "stream/record.h"

#define LOOK_NS INT64_C(100000000) /* a reader that dies in the wrong moment cannot ring */
#define HALT_NS INT64_C(500000000) /* what readers get once the run is to end */

/*
 * A position that no honest reader can have holds nobody up. But one who is joining, and has been overtaken since the server first
 * wrote down where we were, will begin where we may have claimed up to by now, and no further: he leaves no space until the server
 * has said where. [D] Who has joined is looked at first, so that who has is seen where he begins.
 */
static uint64_t unread_by(const struct weir_share *share, unsigned reader)
{
	bool joins = atomic_load(&share->joining) >> reader & 1;
	/* Acquire: what the reader read before it moved on has been read. [B] */
	uint64_t unread = share->head -
			  atomic_load_explicit(&share_seat(share, reader)->position, memory_order_acquire);

	if (unread <= share->capacity)
		return unread;
	return joins ? share->capacity : 0;
}

/* The reader that leaves least space; -1: all of it is free. */
static int find_limit(struct weir_share *share)
{
	uint64_t most = 0;
	int slowest = -1;

	for (uint64_t left = atomic_load(&share->holding); left; left &= left - 1) { /* [D] */
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t unread = unread_by(share, i);

		if (unread > most) {
			most = unread;
			slowest = (int)i;
		}
	}
	share->limit = share->head + (share->capacity - most);
	return slowest;
}

void *weir_share_reserve(struct weir_share *share, uint32_t want, uint32_t *got)
{
	if (share->limit - share->head < want)
		find_limit(share);
	uint64_t space = share->limit - share->head;

	*got = space < want ? (uint32_t)space : want;
	if ((int64_t)(share->head + *got - share->reserved) > 0) {
		share->reserved = share->head + *got;
		atomic_store_explicit(&share->front->reserved, share->reserved, memory_order_release);
		atomic_thread_fence(memory_order_release); /* [A] */
	}
	return (uint8_t *)share->rows + (size_t)share->slot * share->schema.row_bytes;
}

/* A byte that finds no room is none too few: those before it wake as well. */
static void wake_readers(struct weir_share *share)
{
	for (uint64_t left = atomic_load(&share->used); left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		_Atomic uint32_t *sleeps = &share_seat(share, i)->reader_sleeps;

		if (atomic_load(sleeps) && atomic_exchange(sleeps, 0)) /* [C] */
			send(share->line[i], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

void weir_share_commit(struct weir_share *share, uint32_t n)
{
	assert(n <= share->reserved - share->head);
	if (!n)
		return;
	share->head += n;
	share->slot += n;
	if (share->slot >= share->capacity)
		share->slot -= share->capacity;
	atomic_store(&share->front->head, share->head); /* [B] and [C] */
	wake_readers(share);
}

void weir_share_finish(struct weir_share *share, bool ended)
{
	if (share->finished)
		return;
	share->finished = true;
	atomic_store(&share->front->end, ended ? WEIR_SHARE_ENDED : WEIR_SHARE_STOPPED); /* [C] */
	wake_readers(share);
}

/* --------------------------------------------------------- waiting for readers */

static void turn_out(struct weir_share *share, unsigned reader)
{
	uint64_t bit = UINT64_C(1) << reader;

	atomic_fetch_and(&share->holding, ~bit);
	atomic_fetch_or(&share->unwanted, bit);
	share->turned_out++;
	share_tell(share, SHARE_LOOK);
}

static bool is_halted(const struct weir_share *share, int64_t now)
{
	int64_t halted = atomic_load(&share->halted_ns);

	return halted && now >= halted + HALT_NS;
}

/* Until this reader has moved, or gone; one that does neither is turned out. A time in which the whole machine stood still is not
 * held against it. */
static void wait_for(struct weir_share *share, unsigned reader)
{
	struct weir_share_seat *seat = share_seat(share, reader);
	int64_t left = share->config.patience_ns, now = weir_now(WEIR_CLOCK_MONOTONIC), before;

	for (;;) {
		uint32_t seen = atomic_load(&seat->space_bell);

		atomic_store(&seat->writer_sleeps, 1); /* [C] */
		if (!(atomic_load(&share->holding) >> reader & 1) || unread_by(share, reader) < share->capacity)
			return;
		if (left <= 0 || is_halted(share, now))
			break;
		before = now;
		weir_bell_wait(&seat->space_bell, seen, now + (left < LOOK_NS ? left : LOOK_NS));
		now = weir_now(WEIR_CLOCK_MONOTONIC);
		left -= now - before < LOOK_NS ? now - before : LOOK_NS;
	}
	turn_out(share, reader);
}

void weir_share_wait_space(struct weir_share *share)
{
	int slowest;

	for (slowest = find_limit(share); share->limit == share->head; slowest = find_limit(share))
		wait_for(share, (unsigned)slowest);
}

uint32_t weir_share_readers(const struct weir_share *share)
{
	return (uint32_t)__builtin_popcountll(atomic_load(&share->used));
}

int weir_share_await(struct weir_share *share, uint32_t n)
{
	for (;;) {
		uint32_t seen = atomic_load(&share->arrivals);

		if (weir_share_readers(share) >= n)
			return 0;
		if (atomic_load(&share->halted_ns))
			return -EINTR;
		weir_bell_wait(&share->arrivals, seen, INT64_MAX);
	}
}

void weir_share_push(struct weir_share *share, const struct weir_block *block)
{
	for (uint32_t from = 0, got; from < block->n; from += got) {
		void *rows = weir_share_reserve(share, block->n - from, &got);

		if (!got) {
			weir_share_wait_space(share);
			continue;
		}
		weir_rows_encode(&share->schema, block, from, got, rows);
		weir_share_commit(share, got);
	}
}
