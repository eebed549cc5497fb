/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading a publisher's memory where it lies. The publisher may be broken, or worse: of what its memory says, each number is loaded
 * once, and whatever it is, what we look at lies within the mapping. docs/streams.md argues the barriers.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "share/tap_internal.h"
#include "stream/bell.h"

#define HEAR_MAX 100

static uint64_t load_head(const struct weir_tap *tap)
{
	return atomic_load(&tap->front->head); /* [B] and [C] */
}

/* How many of the `n` rows at our position a claim of the writer covers by now. */
static uint64_t overwritten(const struct weir_tap *tap, uint64_t n)
{
	/* Acquire: whoever sees this claim also sees the head that it started from. */
	uint64_t reserved = atomic_load_explicit(&tap->front->reserved, memory_order_acquire);
	int64_t behind = (int64_t)(reserved - tap->capacity - tap->position);

	return behind <= 0 ? 0 : (uint64_t)behind < n ? (uint64_t)behind : n;
}

static void count_lost(struct weir_tap *tap, uint64_t n)
{
	if (!n)
		return;
	tap->lost += n;
	atomic_store_explicit(&tap->seat->lost, tap->lost, memory_order_relaxed);
}

static void skip_overwritten(struct weir_tap *tap)
{
	uint64_t skip = overwritten(tap, UINT64_MAX);

	if (!skip)
		return;
	tap->position += skip;
	tap->slot = (uint32_t)((tap->position - tap->start_at) % tap->capacity);
	count_lost(tap, skip);
}

const void *weir_tap_peek(struct weir_tap *tap, uint32_t max, uint32_t *n)
{
	uint64_t unread;

	skip_overwritten(tap);
	unread = load_head(tap) - tap->position;
	/* No row is ever taken back. */
	tap->absurd |= (int64_t)unread < 0;
	if (tap->absurd)
		unread = 0;
	/* More than there is room for: the writer is about to overtake us, as release will tell. */
	if (unread > tap->capacity)
		unread = tap->capacity;
	*n = tap->peeked = unread < max ? (uint32_t)unread : max;
	return (const uint8_t *)tap->rows + (size_t)tap->slot * tap->row_bytes;
}

static void wake_writer(struct weir_tap *tap)
{
	if (atomic_load(&tap->seat->writer_sleeps) && atomic_exchange(&tap->seat->writer_sleeps, 0)) /* [C] */
		weir_bell_ring(&tap->seat->space_bell);
}

uint32_t weir_tap_release(struct weir_tap *tap, uint32_t n)
{
	uint32_t spoilt;

	if (n > tap->peeked)
		n = tap->peeked;
	tap->peeked -= n;
	atomic_thread_fence(memory_order_acquire); /* [A]: after the last byte was read */
	/* Also where the publisher waits for us: it may have lost its patience. */
	spoilt = (uint32_t)overwritten(tap, n);
	count_lost(tap, spoilt);
	tap->position += n;
	tap->slot += n;
	if (tap->slot >= tap->capacity)
		tap->slot -= tap->capacity;
	if (!tap->holds) {
		atomic_store_explicit(&tap->seat->position, tap->position, memory_order_relaxed);
		return spoilt;
	}
	atomic_store(&tap->seat->position, tap->position); /* [B] and [C] */
	wake_writer(tap);
	return spoilt;
}

/* ------------------------------------------------------------------- waiting */

static bool has_ended(const struct weir_tap *tap)
{
	return atomic_load(&tap->front->end) == WEIR_SHARE_ENDED;
}

static bool has_rows(const struct weir_tap *tap)
{
	return !tap->absurd && load_head(tap) != tap->position;
}

/* What woke us has done so; and whether there is still somebody to do it again. */
static void hear(struct weir_tap *tap)
{
	char bytes[64];
	ssize_t n = 1;

	/* Not for as long as somebody likes to send. */
	for (int i = 0; n > 0 && i < HEAR_MAX; i++)
		n = recv(tap->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	tap->gone |= !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* In this order: who has gone has written all that he will, and no row comes after the end. */
static int look(struct weir_tap *tap)
{
	bool gone = tap->gone, ended = has_ended(tap);

	if (has_rows(tap))
		return 1;
	if (tap->absurd)
		return -EPROTO;
	return ended ? -ENODATA : gone ? -EPIPE : 0;
}

int weir_tap_arm(struct weir_tap *tap)
{
	int state;

	hear(tap);
	atomic_store(&tap->seat->reader_sleeps, 1); /* [C] */
	state = look(tap);
	if (state)
		atomic_store(&tap->seat->reader_sleeps, 0);
	return state;
}

static int left_ms(int64_t deadline_ns)
{
	int64_t left = deadline_ns - weir_now(WEIR_CLOCK_MONOTONIC);

	return left <= 0 ? 0 : left / 1000000 >= INT_MAX ? INT_MAX : (int)(left / 1000000) + 1;
}

int weir_tap_wait(struct weir_tap *tap, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? INT64_MAX : weir_now(WEIR_CLOCK_MONOTONIC) + timeout_ms * INT64_C(1000000);
	struct pollfd wait = { .fd = tap->fd, .events = POLLIN };
	int state = look(tap);

	while (!state) {
		state = weir_tap_arm(tap);
		if (state || (timeout_ms >= 0 && !left_ms(deadline)))
			break;
		if (poll(&wait, 1, timeout_ms < 0 ? -1 : left_ms(deadline)) < 0)
			state = -errno;
	}
	return state;
}

int weir_tap_fd(const struct weir_tap *tap)
{
	return tap->fd;
}

/* ----------------------------------------------------------------- what it is */

const char *weir_tap_text(const struct weir_tap *tap)
{
	return tap->text;
}

int weir_tap_describe(const struct weir_tap *tap, uint32_t i, struct weir_tap_field *out)
{
	static const char kinds[] = { [WEIR_REAL] = 'f', [WEIR_INT] = 'i', [WEIR_BOOL] = 'b', [WEIR_TEXT] = 's' };
	const struct weir_field *field = &tap->schema.field[i];

	if (i >= tap->schema.n_fields)
		return -ENOENT;
	*out = (struct weir_tap_field){
		.name = field->name,
		.unit = field->unit,
		.kind = kinds[field->kind],
		.at = field->at,
		.bytes = field->bytes,
	};
	return 0;
}

uint32_t weir_tap_row_bytes(const struct weir_tap *tap)
{
	return tap->row_bytes;
}

uint64_t weir_tap_lost(const struct weir_tap *tap)
{
	return tap->lost;
}

uint64_t weir_tap_position(const struct weir_tap *tap)
{
	return tap->position;
}

const struct weir_schema *weir_tap_schema(const struct weir_tap *tap)
{
	return &tap->schema;
}

uint64_t weir_tap_missed(const struct weir_tap *tap)
{
	return tap->joined_at - tap->start_at;
}

bool weir_share_same_schema(const struct weir_schema *a, const struct weir_schema *b)
{
	bool same = a->clock == b->clock && a->n_fields == b->n_fields;

	for (uint32_t i = 0; same && i < a->n_fields; i++) {
		const struct weir_field *x = &a->field[i], *y = &b->field[i];

		same = !strcmp(x->name, y->name) && !strcmp(x->unit, y->unit) && x->kind == y->kind &&
		       x->bytes == y->bytes && x->scale == y->scale && x->offset == y->offset;
	}
	return same;
}
