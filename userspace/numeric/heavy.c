/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters lie side by side; a hash table of their numbers finds a key's. When all are in use a new key is paid for by one from
 * each: those are O(k) steps, but every k + 1 keys can pay for them only once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/random.h"
#include "weir/sketches.h"

#define NONE UINT32_MAX

struct weir_heavy {
	uint32_t capacity, n;
	uint32_t key_bytes, mask;
	uint64_t taken;  /**< from each counter so far */
	char *key;       /**< by counter */
	uint64_t *count; /**< by counter */
	uint32_t *table; /**< by hash: a counter, or NONE; at least half is NONE */
	struct weir_heavy_item *item;
};

int weir_heavy_open(struct weir_heavy **out, uint32_t counters, uint32_t key_bytes)
{
	struct weir_heavy *heavy = *out = calloc(1, sizeof(*heavy));
	uint32_t slots = 4;

	if (!heavy)
		return -ENOMEM;
	while (slots < 2 * counters)
		slots *= 2;
	heavy->capacity = counters;
	heavy->key_bytes = key_bytes;
	heavy->mask = slots - 1;
	heavy->key = malloc((size_t)counters * key_bytes);
	heavy->count = malloc(counters * sizeof(*heavy->count));
	heavy->table = malloc(slots * sizeof(*heavy->table));
	heavy->item = malloc(counters * sizeof(*heavy->item));
	if (!heavy->key || !heavy->count || !heavy->table || !heavy->item) {
		weir_heavy_close(heavy);
		*out = NULL;
		return -ENOMEM;
	}
	memset(heavy->table, 0xff, slots * sizeof(*heavy->table));
	return 0;
}

void weir_heavy_close(struct weir_heavy *heavy)
{
	if (!heavy)
		return;
	free(heavy->item);
	free(heavy->table);
	free(heavy->count);
	free(heavy->key);
	free(heavy);
}

static char *key_at(const struct weir_heavy *heavy, uint32_t i)
{
	return heavy->key + (size_t)i * heavy->key_bytes;
}

/* The slot that has the key's counter, or the empty one where it belongs. */
static uint32_t *slot_of(struct weir_heavy *heavy, const char *key)
{
	uint32_t at = (uint32_t)weir_hash(key, heavy->key_bytes) & heavy->mask;

	while (heavy->table[at] != NONE && memcmp(key_at(heavy, heavy->table[at]), key, heavy->key_bytes))
		at = (at + 1) & heavy->mask;
	return &heavy->table[at];
}

static void pay(struct weir_heavy *heavy)
{
	uint32_t n = 0;

	heavy->taken++;
	memset(heavy->table, 0xff, ((size_t)heavy->mask + 1) * sizeof(*heavy->table));
	for (uint32_t i = 0; i < heavy->n; i++) {
		if (!--heavy->count[i])
			continue;
		if (i != n)
			memcpy(key_at(heavy, n), key_at(heavy, i), heavy->key_bytes);
		heavy->count[n] = heavy->count[i];
		*slot_of(heavy, key_at(heavy, n)) = n;
		n++;
	}
	heavy->n = n;
}

void weir_heavy_add(struct weir_heavy *heavy, const char *key)
{
	uint32_t *slot = slot_of(heavy, key);

	if (*slot != NONE) {
		heavy->count[*slot]++;
	} else if (heavy->n == heavy->capacity) {
		pay(heavy);
	} else {
		memcpy(key_at(heavy, heavy->n), key, heavy->key_bytes);
		heavy->count[heavy->n] = 1;
		*slot = heavy->n++;
	}
}

uint64_t weir_heavy_error(const struct weir_heavy *heavy)
{
	return heavy->taken;
}

static int by_count(const void *a, const void *b, void *key_bytes)
{
	const struct weir_heavy_item *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return memcmp(x->key, y->key, *(uint32_t *)key_bytes);
}

uint32_t weir_heavy_list(struct weir_heavy *heavy, const struct weir_heavy_item **items)
{
	for (uint32_t i = 0; i < heavy->n; i++)
		heavy->item[i] = (struct weir_heavy_item){ key_at(heavy, i), heavy->count[i] };
	qsort_r(heavy->item, heavy->n, sizeof(*heavy->item), by_count, &heavy->key_bytes);
	*items = heavy->item;
	return heavy->n;
}
