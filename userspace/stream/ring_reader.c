/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader's side: joining and leaving, peek and release, sleeping. docs/ring.md argues every barrier. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "stream/bell.h"
#include "stream/ring_internal.h"

struct weir_reader {
	alignas(LINE) struct weir_ring *ring;
	struct reader_line *line;
	uint64_t bit;
	enum weir_policy policy;
	bool racing;   /* told the thread sanitizer so */
	uint32_t slot; /* of position */
	uint64_t position;
	uint64_t head; /* when it last looked */
	uint64_t lost;
	uint64_t refused_before;
	int64_t mark; /* when it last looked */
};

/* The distance from the start never wraps, although positions may. */
static uint32_t slot_of(const struct weir_ring *ring, uint64_t position)
{
	return (uint32_t)((position - ring->start_at) % ring->capacity);
}

/*
 * A drop_oldest reader may look at bytes that are being overwritten, and throws them away after. The thread sanitizer
 * is told to look away: for that thread, from peek to release, and for no other policy.
 */
#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#else
#define AnnotateIgnoreReadsBegin(file, line) ((void)0)
#define AnnotateIgnoreReadsEnd(file, line) ((void)0)
#endif

static void racing_begins(struct weir_reader *reader)
{
	if (reader->policy != WEIR_DROP_OLDEST || reader->racing)
		return;
	reader->racing = true;
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
}

static void racing_ends(struct weir_reader *reader)
{
	if (!reader->racing)
		return;
	reader->racing = false;
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

static void wake_writer(struct weir_ring *ring)
{
	struct sleepers_line *sleepers = &ring->control->sleepers;

	if (atomic_load(&sleepers->writer) && atomic_exchange(&sleepers->writer, 0)) /* [C] */
		weir_bell_ring(ring->space_bell);
}

/*
 * Space given back: a writer that sleeps is left asleep while more than three quarters are unread, or it would wake up for each
 * block, fill it, and sleep again. Nobody waits for ever because of that: this reader goes on reading, and one that waits
 * for the writer wakes it up, before it sleeps (see below) or, if it sleeps by now, here.
 */
static void give_back(struct weir_reader *reader)
{
	struct control *control = reader->ring->control;
	uint64_t unread = atomic_load_explicit(&control->writer.head, memory_order_relaxed) - reader->position;

	if (unread <= reader->ring->capacity - reader->ring->capacity / 4 || atomic_load(&control->sleepers.readers))
		wake_writer(reader->ring);
}

/* ----------------------------------------------------- joining and leaving */

static int take_place(struct roster_line *roster, unsigned *place)
{
	uint64_t used = atomic_load(&roster->used);

	do {
		if (used == UINT64_MAX)
			return -EUSERS;
		*place = (unsigned)__builtin_ctzll(~used);
	} while (!atomic_compare_exchange_weak(&roster->used, &used, used | UINT64_C(1) << *place));
	return 0;
}

/* Our position stands before the writer may see us, and is brought up to date after: see [D]. */
static void join(struct weir_reader *reader)
{
	struct control *control = reader->ring->control;

	/* The one before us in this place may have left something. */
	atomic_store(&reader->line->lost, 0);
	atomic_store(&reader->line->policy, reader->policy);
	atomic_store(&reader->line->position, atomic_load(&control->writer.head));
	if (reader->policy != WEIR_DROP_OLDEST)
		atomic_fetch_or(&control->roster.holding, reader->bit);
	reader->position = reader->head = atomic_load(&control->writer.head);
	reader->slot = slot_of(reader->ring, reader->position);
	reader->refused_before = atomic_load(&control->writer.refused);
	atomic_store(&reader->line->position, reader->position);
	wake_writer(reader->ring); /* which may have waited for just that */
}

int weir_reader_open(struct weir_reader **out, struct weir_ring *ring, enum weir_policy policy)
{
	struct weir_reader *reader = aligned_alloc(LINE, sizeof(*reader));
	unsigned place;
	int error;

	if (!reader)
		return -ENOMEM;
	error = take_place(&ring->control->roster, &place);
	if (error) {
		free(reader);
		return error;
	}
	*reader = (struct weir_reader){ .ring = ring, .policy = policy, .mark = INT64_MIN };
	reader->line = &ring->control->reader[place];
	reader->bit = UINT64_C(1) << place;
	join(reader);
	*out = reader;
	return 0;
}

void weir_reader_close(struct weir_reader *reader)
{
	if (!reader)
		return;
	struct weir_ring *ring = reader->ring;

	racing_ends(reader);
	atomic_fetch_and(&ring->control->roster.holding, ~reader->bit);
	atomic_fetch_and(&ring->control->roster.used, ~reader->bit);
	wake_writer(ring);
	free(reader);
}

/* -------------------------------------------------------- peek and release */

static void count_lost(struct weir_reader *reader, uint64_t n)
{
	reader->lost += n;
	atomic_store_explicit(&reader->line->lost, reader->lost, memory_order_relaxed);
}

/* How many of the `n` rows at our position a claim of the writer covers by now. */
static uint64_t overwritten(const struct weir_reader *reader, uint64_t n)
{
	/* Acquire: whoever sees this claim also sees the head that it started from. */
	uint64_t reserved = atomic_load_explicit(&reader->ring->control->writer.reserved, memory_order_acquire);
	int64_t behind = (int64_t)(reserved - reader->ring->capacity - reader->position);

	return behind <= 0 ? 0 : (uint64_t)behind < n ? (uint64_t)behind : n;
}

static void skip_overwritten(struct weir_reader *reader)
{
	uint64_t skip = overwritten(reader, UINT64_MAX);

	if (!skip)
		return;
	reader->position += skip;
	reader->slot = slot_of(reader->ring, reader->position);
	atomic_store_explicit(&reader->line->position, reader->position, memory_order_relaxed);
	count_lost(reader, skip);
}

const void *weir_reader_peek(struct weir_reader *reader, uint32_t max, uint32_t *got)
{
	if (reader->policy == WEIR_DROP_OLDEST)
		skip_overwritten(reader);
	if ((int64_t)(reader->head - reader->position) < (int64_t)max)
		reader->head = weir_ring_load_head(reader->ring); /* [B] */
	uint64_t unread = reader->head - reader->position;

	/* The writer may have come a lap farther since we skipped: what we stand on is void then, and there is no more than a lap. */
	if (unread > reader->ring->capacity)
		unread = reader->ring->capacity;
	*got = unread < max ? (uint32_t)unread : max;
	if (*got)
		racing_begins(reader);
	return weir_ring_row_at(reader->ring, reader->slot);
}

uint32_t weir_reader_release(struct weir_reader *reader, uint32_t n)
{
	uint32_t spoilt = 0;

	assert(n <= reader->head - reader->position);
	racing_ends(reader);
	if (reader->policy == WEIR_DROP_OLDEST) {
		atomic_thread_fence(memory_order_acquire); /* [A]: after the last byte was read */
		spoilt = (uint32_t)overwritten(reader, n);
		if (spoilt)
			count_lost(reader, spoilt);
	}
	reader->position += n;
	reader->slot = weir_ring_slot_after(reader->ring, reader->slot, n);
	if (reader->policy == WEIR_DROP_OLDEST) {
		atomic_store_explicit(&reader->line->position, reader->position, memory_order_relaxed);
		return spoilt;
	}
	atomic_store(&reader->line->position, reader->position); /* [B] and [C] */
	give_back(reader);
	return 0;
}

/* ---------------------------------------------------- sleeping and the end */

bool weir_reader_at_end(const struct weir_reader *reader)
{
	/* In this order: no row is committed after the end. */
	return atomic_load(&reader->ring->control->writer.finished) &&
	       weir_ring_load_head(reader->ring) == reader->position;
}

static bool has_news(const struct weir_reader *reader)
{
	struct writer_line *writer = &reader->ring->control->writer;

	return atomic_load(&writer->head) != reader->position || atomic_load(&writer->finished); /* [C] */
}

void weir_reader_watch_marks(struct weir_reader *reader)
{
	reader->ring->mark_watchers |= reader->bit;
}

int64_t weir_reader_mark(struct weir_reader *reader)
{
	reader->mark = atomic_load(&reader->ring->mark);
	return reader->mark;
}

int64_t weir_reader_end_time(const struct weir_reader *reader)
{
	return atomic_load(&reader->ring->end);
}

void weir_reader_set_bell(struct weir_reader *reader, _Atomic uint32_t *bell)
{
	reader->ring->data_bell[__builtin_ctzll(reader->bit)] = bell;
}

bool weir_reader_has_news(const struct weir_reader *reader)
{
	const struct weir_ring *ring = reader->ring;

	return has_news(reader) || atomic_load(&ring->interrupted) ||
	       (ring->mark_watchers & reader->bit && atomic_load(&ring->mark) != reader->mark);
}

void weir_reader_announce(struct weir_reader *reader)
{
	atomic_fetch_or(&reader->ring->control->sleepers.readers, reader->bit); /* [C] */
	wake_writer(reader->ring);
}

void weir_reader_retract(struct weir_reader *reader)
{
	atomic_fetch_and(&reader->ring->control->sleepers.readers, ~reader->bit);
}

int weir_reader_wait(struct weir_reader *reader, int64_t deadline_ns)
{
	_Atomic uint64_t *sleepers = &reader->ring->control->sleepers.readers;
	int error = 0;
	bool news;

	for (;;) {
		uint32_t seen = atomic_load(&reader->line->data_bell);

		if (atomic_load(&reader->ring->interrupted))
			return -EINTR;
		atomic_fetch_or(sleepers, reader->bit); /* [C] */
		wake_writer(reader->ring);
		news = has_news(reader);
		if (news || error)
			break;
		error = weir_bell_wait(&reader->line->data_bell, seen, deadline_ns);
	}
	atomic_fetch_and(sleepers, ~reader->bit);
	return news ? 0 : error;
}

uint64_t weir_reader_lost(const struct weir_reader *reader)
{
	uint64_t refused = atomic_load_explicit(&reader->ring->control->writer.refused, memory_order_relaxed);

	return atomic_load_explicit(&reader->line->lost, memory_order_relaxed) + refused - reader->refused_before;
}

uint64_t weir_reader_position(const struct weir_reader *reader)
{
	return atomic_load_explicit(&reader->line->position, memory_order_relaxed);
}
