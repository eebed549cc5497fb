/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring of entries with one writer. A reader looks from the newest entry backwards, and looks again when the writer may have
 * reached what it read: 1024 times that a clock is set lie between.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "stream/clock.h"
#include "weir/wall.h"

#define ENTRIES 1024u

struct wall_entry {
	_Atomic int64_t from_ns, ns;
};

struct weir_wall {
	_Atomic uint64_t n; /* ever added */
	struct wall_entry entry[ENTRIES];
};

static struct weir_wall live;
static pthread_once_t live_once = PTHREAD_ONCE_INIT;

struct weir_wall *weir_wall_open(void)
{
	return calloc(1, sizeof(struct weir_wall));
}

void weir_wall_close(struct weir_wall *wall)
{
	free(wall);
}

void weir_wall_add(struct weir_wall *wall, const struct weir_wall_offset *offset)
{
	uint64_t n = atomic_load_explicit(&wall->n, memory_order_relaxed);
	struct wall_entry *entry = &wall->entry[n % ENTRIES];

	/* A reader that meets one of these in place of an older one then sees that the count has gone on. */
	atomic_store_explicit(&entry->from_ns, offset->from_ns, memory_order_release);
	atomic_store_explicit(&entry->ns, offset->ns, memory_order_release);
	/* A reader that sees the count sees the entry. */
	atomic_store_explicit(&wall->n, n + 1, memory_order_release);
}

static void measure_live(void)
{
	struct weir_wall_offset offset = { INT64_MIN, weir_now(WEIR_CLOCK_REALTIME) - weir_now(WEIR_CLOCK_MONOTONIC) };

	weir_wall_add(&live, &offset);
}

const struct weir_wall *weir_wall_live(void)
{
	pthread_once(&live_once, measure_live);
	return &live;
}

static struct weir_wall_offset wall_load(const struct weir_wall *wall, uint64_t i)
{
	const struct wall_entry *entry = &wall->entry[i % ENTRIES];

	return (struct weir_wall_offset){ atomic_load_explicit(&entry->from_ns, memory_order_acquire),
					  atomic_load_explicit(&entry->ns, memory_order_acquire) };
}

static uint64_t wall_oldest(uint64_t n)
{
	return n > ENTRIES - 1 ? n - (ENTRIES - 1) : 0;
}

/* Of `n` entries the newest that holds at t_ns, or else the oldest that is there. */
static struct weir_wall_offset wall_find(const struct weir_wall *wall, uint64_t n, int64_t t_ns)
{
	struct weir_wall_offset found = { INT64_MIN, 0 };

	for (uint64_t i = n; i-- > wall_oldest(n);) {
		found = wall_load(wall, i);
		if (found.from_ns <= t_ns)
			break;
	}
	return found;
}

struct weir_wall_offset weir_wall_at(const struct weir_wall *wall, int64_t t_ns)
{
	for (;;) {
		uint64_t n = atomic_load_explicit(&wall->n, memory_order_acquire);
		struct weir_wall_offset found = wall_find(wall, n, t_ns);

		if (atomic_load_explicit(&wall->n, memory_order_relaxed) == n)
			return found;
	}
}

uint64_t weir_wall_count(const struct weir_wall *wall)
{
	return atomic_load_explicit(&wall->n, memory_order_acquire);
}

struct weir_wall_offset weir_wall_entry(const struct weir_wall *wall, uint64_t i)
{
	for (;;) {
		uint64_t n = weir_wall_count(wall), oldest = wall_oldest(n);
		struct weir_wall_offset entry = wall_load(wall, i < oldest ? oldest : i);

		if (weir_wall_count(wall) == n)
			return entry;
	}
}

const struct weir_wall *weir_wall_of(const struct weir_schema *schema)
{
	return schema->clock == WEIR_CLOCK_MONOTONIC ? weir_wall_live()
	       : schema->clock == WEIR_CLOCK_NOMINAL ? schema->wall
						     : NULL;
}

bool weir_wall_has_dates(const struct weir_schema *schema)
{
	return schema->clock != WEIR_CLOCK_NOMINAL || schema->wall;
}
