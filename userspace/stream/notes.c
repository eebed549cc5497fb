/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring of notes. Readers are never waited for: whoever has read the rows behind a note needs it no longer, and there is a place for
 * every row that the ring can hold. A reader that has been overtaken all the same looks again at what was written meanwhile.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "stream/notes.h"

struct place {
	_Atomic uint64_t position;
	_Atomic int64_t time_ns;
	_Atomic uint64_t missing;
};

struct weir_notes {
	_Atomic uint64_t n; /**< written so far */
	uint64_t capacity;
	struct place place[];
};

int weir_notes_open(struct weir_notes **out, uint32_t rows)
{
	/* One more is being written, and one may stand before the next row. */
	uint64_t capacity = (uint64_t)rows + 2;
	struct weir_notes *notes = calloc(1, sizeof(*notes) + capacity * sizeof(*notes->place));

	*out = notes;
	if (!notes)
		return -ENOMEM;
	notes->capacity = capacity;
	return 0;
}

void weir_notes_close(struct weir_notes *notes)
{
	free(notes);
}

void weir_notes_add(struct weir_notes *notes, const struct weir_note *note)
{
	uint64_t n = atomic_load_explicit(&notes->n, memory_order_relaxed);
	struct place *place = &notes->place[n % notes->capacity];

	/* Release, one by one: whoever reads any of them sees the number below that was stored before. */
	atomic_store_explicit(&place->position, note->position, memory_order_release);
	atomic_store_explicit(&place->time_ns, note->time_ns, memory_order_release);
	atomic_store_explicit(&place->missing, note->missing, memory_order_release);
	atomic_store_explicit(&notes->n, n + 1, memory_order_release);
}

bool weir_notes_peek(const struct weir_notes *notes, uint64_t *next, struct weir_note *note)
{
	for (;;) {
		uint64_t n = atomic_load_explicit(&notes->n, memory_order_acquire);
		const struct place *place;

		/* The place of the oldest one may be that of the one being written. */
		if (n - *next >= notes->capacity)
			*next = n - notes->capacity + 1;
		if (*next == n)
			return false;
		place = &notes->place[*next % notes->capacity];
		note->position = atomic_load_explicit(&place->position, memory_order_acquire);
		note->time_ns = atomic_load_explicit(&place->time_ns, memory_order_acquire);
		note->missing = atomic_load_explicit(&place->missing, memory_order_acquire);
		if (atomic_load_explicit(&notes->n, memory_order_relaxed) - *next < notes->capacity)
			return true;
	}
}
