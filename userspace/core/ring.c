/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Positions, policies and sleeping. docs/ring.md argues every barrier; [A] to [D] below refer to it. */
#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/bell.h"
#include "core/mirror.h"
#include "core/ring.h"

#define LINE 64 /* bytes of a cache line on every machine that we know */
#define ROWS_MAX (1u << 30)

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
	struct control *control;
	void *memory;
	size_t bytes;
	uint32_t row_bytes, capacity;
	uint64_t start_at;
	_Atomic bool interrupted;
	/* The writer's own, apart from what readers look at. */
	alignas(LINE) uint64_t head;
	uint64_t reserved;
	uint64_t limit; /* it may claim up to here without looking at the readers again */
	uint32_t slot;  /* of head: positions wrap at 2^64, which capacity need not divide */
};

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
};

/* ------------------------------------------------------------------ memory */

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
	return atomic_load_explicit(&ring->control->writer.head, memory_order_acquire);
}

static void *row_at(const struct weir_ring *ring, uint32_t slot)
{
	return (uint8_t *)ring->memory + (size_t)slot * ring->row_bytes;
}

/* The distance from the start never wraps, although positions may. */
static uint32_t slot_of(const struct weir_ring *ring, uint64_t position)
{
	return (uint32_t)((position - ring->start_at) % ring->capacity);
}

static uint32_t slot_after(const struct weir_ring *ring, uint32_t slot, uint32_t n)
{
	slot += n;
	return slot < ring->capacity ? slot : slot - ring->capacity;
}

/* -------------------------------------------------- what is racy by design */

/*
 * A drop_oldest reader may look at bytes that are being overwritten, and throws them away after. The thread sanitizer
 * is told to look away: for that thread, from peek to release, and for no other policy. It does not model fences
 * either, and need not: they order nothing but those bytes.
 */
#ifdef __SANITIZE_THREAD__
#pragma GCC diagnostic ignored "-Wtsan"
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

/* ---------------------------------------------------------------- sleeping */

static void wake_readers(struct weir_ring *ring)
{
	/* Taken, not only read: one sleep costs the writer one wake-up, however long the sleeper takes to run. */
	uint64_t asleep = atomic_exchange(&ring->control->sleepers.readers, 0);

	for (; asleep; asleep &= asleep - 1)
		weir_bell_ring(&ring->control->reader[__builtin_ctzll(asleep)].data_bell);
}

static void wake_writer(struct weir_ring *ring)
{
	struct sleepers_line *sleepers = &ring->control->sleepers;

	if (atomic_load(&sleepers->writer) && atomic_exchange(&sleepers->writer, 0)) /* [C] */
		weir_bell_ring(&sleepers->space_bell);
}

void weir_ring_interrupt(struct weir_ring *ring)
{
	struct control *control = ring->control;
	int saved = errno; /* we may be in a signal handler */

	atomic_store(&ring->interrupted, true);
	for (uint64_t used = atomic_load(&control->roster.used); used; used &= used - 1)
		weir_bell_ring(&control->reader[__builtin_ctzll(used)].data_bell);
	weir_bell_ring(&control->sleepers.space_bell);
	errno = saved;
}

/* ------------------------------------------------------------------ writer */

static uint64_t unread_by(const struct weir_ring *ring, unsigned reader)
{
	/* Acquire: what the reader read before it moved on has been read. [B] */
	return ring->head - atomic_load_explicit(&ring->control->reader[reader].position, memory_order_acquire);
}

static uint64_t find_limit(const struct weir_ring *ring)
{
	uint64_t most = 0;

	for (uint64_t left = atomic_load(&ring->control->roster.holding); left; left &= left - 1) { /* [D] */
		uint64_t unread = unread_by(ring, (unsigned)__builtin_ctzll(left));

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
	return row_at(ring, ring->slot);
}

void weir_ring_commit(struct weir_ring *ring, uint32_t n)
{
	assert(n <= ring->reserved - ring->head);
	if (!n)
		return;
	ring->head += n;
	ring->slot = slot_after(ring, ring->slot, n);
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

bool weir_ring_refuses(const struct weir_ring *ring)
{
	bool refuses = false;

	for (uint64_t left = atomic_load(&ring->control->roster.holding); left; left &= left - 1) {
		unsigned reader = (unsigned)__builtin_ctzll(left);

		if (unread_by(ring, reader) < ring->capacity)
			continue;
		if (atomic_load_explicit(&ring->control->reader[reader].policy, memory_order_relaxed) == WEIR_BLOCK)
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

/* ------------------------------------------------------------------ reader */

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
	*reader = (struct weir_reader){ .ring = ring, .policy = policy };
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
		reader->head = weir_ring_head(reader->ring); /* [B] */
	uint64_t unread = reader->head - reader->position;

	*got = unread < max ? (uint32_t)unread : max;
	if (*got)
		racing_begins(reader);
	return row_at(reader->ring, reader->slot);
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
	reader->slot = slot_after(reader->ring, reader->slot, n);
	if (reader->policy == WEIR_DROP_OLDEST) {
		atomic_store_explicit(&reader->line->position, reader->position, memory_order_relaxed);
		return spoilt;
	}
	atomic_store(&reader->line->position, reader->position); /* [B] and [C] */
	wake_writer(reader->ring);
	return 0;
}

bool weir_reader_at_end(const struct weir_reader *reader)
{
	/* In this order: no row is committed after the end. */
	return atomic_load(&reader->ring->control->writer.finished) && weir_ring_head(reader->ring) == reader->position;
}

static bool has_news(const struct weir_reader *reader)
{
	struct writer_line *writer = &reader->ring->control->writer;

	return atomic_load(&writer->head) != reader->position || atomic_load(&writer->finished); /* [C] */
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
