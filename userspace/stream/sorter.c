/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records lie in slots and are not moved; a heap with the oldest on top orders what waits, and slots whose records may go queue up.
 * A slot is used again as soon as it is free, so memory is touched only as far as records really waited.
 */
#include <errno.h>
#include <stdlib.h>

#include "stream/record.h"
#include "stream/sorter.h"

#define SLOTS (WEIR_SORTER_MAX + WEIR_BLOCK_MAX)

struct waiting {
	int64_t t;
	uint64_t number; /**< in the order of arrival */
	uint32_t slot;
};

struct weir_sorter {
	int64_t lateness_ns;
	int64_t time_ns; /**< what is older is late */
	uint64_t n_added;
	struct weir_block *record; /**< by slot */
	struct waiting *heap;
	uint32_t n_waiting;
	uint32_t *ready; /**< slots of records that may go, from `next` on */
	uint32_t next, n_ready;
	uint32_t *idle; /**< slots that were used and are free */
	uint32_t n_idle, n_used;
};

int weir_sorter_open(struct weir_sorter **out, const struct weir_schema *schema, int64_t lateness_ns)
{
	struct weir_sorter *sorter = calloc(1, sizeof(*sorter));

	*out = sorter;
	if (!sorter)
		return -ENOMEM;
	sorter->lateness_ns = lateness_ns;
	sorter->time_ns = INT64_MIN;
	sorter->heap = malloc(SLOTS * sizeof(*sorter->heap));
	sorter->ready = malloc(SLOTS * sizeof(*sorter->ready));
	sorter->idle = malloc(SLOTS * sizeof(*sorter->idle));
	if (sorter->heap && sorter->ready && sorter->idle && !weir_block_open_rows(&sorter->record, schema, SLOTS))
		return 0;
	weir_sorter_close(sorter);
	*out = NULL;
	return -ENOMEM;
}

void weir_sorter_close(struct weir_sorter *sorter)
{
	if (!sorter)
		return;
	weir_block_close(sorter->record);
	free(sorter->idle);
	free(sorter->ready);
	free(sorter->heap);
	free(sorter);
}

/* ---------------------------------------------------------------------- heap */

static bool goes_before(const struct waiting *a, const struct waiting *b)
{
	return a->t < b->t || (a->t == b->t && a->number < b->number);
}

static void push(struct weir_sorter *sorter, struct waiting record)
{
	uint32_t at = sorter->n_waiting++;

	for (uint32_t above; at; at = above) {
		above = (at - 1) / 2;
		if (goes_before(&sorter->heap[above], &record))
			break;
		sorter->heap[at] = sorter->heap[above];
	}
	sorter->heap[at] = record;
}

static uint32_t pop(struct weir_sorter *sorter)
{
	uint32_t slot = sorter->heap[0].slot, n = --sorter->n_waiting, at = 0;
	struct waiting last = sorter->heap[n];

	for (uint32_t below; (below = 2 * at + 1) < n; at = below) {
		if (below + 1 < n && goes_before(&sorter->heap[below + 1], &sorter->heap[below]))
			below++;
		if (goes_before(&last, &sorter->heap[below]))
			break;
		sorter->heap[at] = sorter->heap[below];
	}
	sorter->heap[at] = last;
	return slot;
}

/* --------------------------------------------------------------------- order */

void weir_sorter_promise(struct weir_sorter *sorter, int64_t t_ns)
{
	if (t_ns > sorter->time_ns)
		sorter->time_ns = t_ns;
	/* One of exactly that time may go: another that is still to come stands behind it. */
	while (sorter->n_waiting && sorter->heap[0].t <= sorter->time_ns)
		sorter->ready[sorter->n_ready++] = pop(sorter);
}

void weir_sorter_reach(struct weir_sorter *sorter, int64_t t_ns)
{
	int64_t earlier;

	if (!__builtin_sub_overflow(t_ns, sorter->lateness_ns, &earlier))
		weir_sorter_promise(sorter, earlier);
}

static void keep(struct weir_sorter *sorter, const struct weir_block *in, uint32_t from)
{
	uint32_t slot = sorter->n_idle ? sorter->idle[--sorter->n_idle] : sorter->n_used++;

	sorter->record->n = slot;
	weir_block_append(sorter->record, in, from);
	push(sorter, (struct waiting){ in->t[from], sorter->n_added++, slot });
}

uint32_t weir_sorter_add(struct weir_sorter *sorter, const struct weir_block *in)
{
	uint32_t late = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		/* It may be older than what is let go to make room for it. */
		if (sorter->n_waiting == WEIR_SORTER_MAX && in->t[i] >= sorter->time_ns)
			weir_sorter_promise(sorter, sorter->heap[0].t);
		if (in->t[i] < sorter->time_ns) {
			late++;
			continue;
		}
		keep(sorter, in, i);
		weir_sorter_reach(sorter, in->t[i]);
	}
	return late;
}

uint32_t weir_sorter_take(struct weir_sorter *sorter, struct weir_block *out, uint32_t most)
{
	uint32_t n = sorter->n_ready - sorter->next;

	n = n < most ? n : most;
	weir_block_gather(out, sorter->record, sorter->ready + sorter->next, n);
	for (uint32_t i = 0; i < n; i++)
		sorter->idle[sorter->n_idle++] = sorter->ready[sorter->next++];
	if (sorter->next == sorter->n_ready)
		sorter->next = sorter->n_ready = 0;
	return n;
}

uint32_t weir_sorter_count(const struct weir_sorter *sorter)
{
	return sorter->n_waiting + sorter->n_ready - sorter->next;
}

int64_t weir_sorter_time(const struct weir_sorter *sorter)
{
	return sorter->time_ns;
}

int64_t weir_sorter_oldest(const struct weir_sorter *sorter)
{
	return sorter->n_waiting ? sorter->heap[0].t : INT64_MAX;
}
