/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys to slots: open addressing with linear probing at a load of at most one half, so that a look-up touches about two entries. An
 * entry has a part of the hash beside the slot: other keys are passed without a look at them. Removal moves later entries back, so
 * there are no tombstones, and a table that has lived for years is as fast as a new one.
 *
 * Live slots are in two lists: by first record, which is the order of output, and by latest record, at whose end the next key to go is.
 */
#include "weir/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE WEIR_NO_SLOT

struct link {
	uint32_t before, after;
};

struct slot {
	uint64_t hash;
	int64_t newest_ns; /* of its records */
	uint64_t birth;
	struct link born, used;
};

struct ends {
	uint32_t first, last;
};

struct entry {
	uint32_t slot; /* NONE: free */
	uint32_t hash; /* the upper half */
};

struct part {
	uint32_t field, at, bytes; /* of the schema; in the cell */
	enum weir_kind kind;
};

struct weir_keys {
	struct slot *slot;
	struct entry *entry;
	uint32_t mask; /* entries - 1 */
	uint32_t max, n;
	uint32_t fresh; /* slots from here on were never used */
	uint32_t free;  /* list of others, through born.after */
	struct ends born, used;
	int64_t forget_ns, now_ns;
	uint64_t births, evicted;
	uint32_t n_parts, key_bytes;
	struct part part[WEIR_FIELDS_MAX];
	char *key;   /* max cells, and behind them one for the key that is looked for */
	char *asked; /* that one */
};

static void keys_lay(struct weir_keys *keys, const struct weir_schema *schema, const uint32_t *field, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		const struct weir_field *from = &schema->field[field[k]];
		uint32_t bytes = from->kind == WEIR_TEXT ? from->bytes : 8;

		keys->part[k] = (struct part){ field[k], keys->key_bytes, bytes, from->kind };
		keys->key_bytes += (bytes + 7) / 8 * 8;
	}
	keys->n_parts = n;
}

static uint32_t keys_entries(uint32_t max)
{
	uint32_t n = 4;

	while (n < 2 * max)
		n *= 2;
	return n;
}

int weir_keys_open(struct weir_keys **out, const struct weir_schema *schema, const uint32_t *field, uint32_t n,
		   uint32_t max, int64_t forget_ns)
{
	struct weir_keys *keys = *out = calloc(1, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	keys_lay(keys, schema, field, n);
	keys->max = max;
	keys->forget_ns = forget_ns;
	keys->now_ns = INT64_MIN;
	keys->mask = keys_entries(max) - 1;
	keys->free = keys->born.first = keys->born.last = keys->used.first = keys->used.last = NONE;
	keys->slot = calloc(max, sizeof(*keys->slot));
	keys->entry = malloc(((size_t)keys->mask + 1) * sizeof(*keys->entry));
	keys->key = calloc((size_t)max + 1, keys->key_bytes);
	if (!keys->slot || !keys->entry || !keys->key) {
		weir_keys_close(keys);
		*out = NULL;
		return -ENOMEM;
	}
	memset(keys->entry, 0xff, ((size_t)keys->mask + 1) * sizeof(*keys->entry));
	keys->asked = keys->key + (size_t)max * keys->key_bytes;
	return 0;
}

void weir_keys_close(struct weir_keys *keys)
{
	if (!keys)
		return;
	free(keys->slot);
	free(keys->entry);
	free(keys->key);
	free(keys);
}

/* ------------------------------------------------------------------------- lists */

static struct link *keys_link(const struct weir_keys *keys, const struct ends *ends, uint32_t slot)
{
	return ends == &keys->born ? &keys->slot[slot].born : &keys->slot[slot].used;
}

static void keys_append(struct weir_keys *keys, struct ends *ends, uint32_t slot)
{
	*keys_link(keys, ends, slot) = (struct link){ ends->last, NONE };
	if (ends->last == NONE)
		ends->first = slot;
	else
		keys_link(keys, ends, ends->last)->after = slot;
	ends->last = slot;
}

static void keys_unlink(struct weir_keys *keys, struct ends *ends, uint32_t slot)
{
	struct link link = *keys_link(keys, ends, slot);

	if (link.before == NONE)
		ends->first = link.after;
	else
		keys_link(keys, ends, link.before)->after = link.after;
	if (link.after == NONE)
		ends->last = link.before;
	else
		keys_link(keys, ends, link.after)->before = link.before;
}

/* ------------------------------------------------------------------------ entries */

static uint32_t keys_home(const struct weir_keys *keys, uint64_t hash)
{
	return (uint32_t)hash & keys->mask;
}

static void keys_remove(struct weir_keys *keys, uint32_t slot)
{
	uint32_t at = keys_home(keys, keys->slot[slot].hash);

	while (keys->entry[at].slot != slot)
		at = (at + 1) & keys->mask;
	for (uint32_t next = at;;) {
		uint32_t home;

		next = (next + 1) & keys->mask;
		if (keys->entry[next].slot == NONE)
			break;
		home = keys_home(keys, keys->slot[keys->entry[next].slot].hash);
		/* It may move back to `at` unless its home lies behind that, up to where it is. Indices wrap. */
		if (((next - home) & keys->mask) < ((next - at) & keys->mask))
			continue;
		keys->entry[at] = keys->entry[next];
		at = next;
	}
	keys->entry[at].slot = NONE;
}

static void keys_insert(struct weir_keys *keys, uint32_t slot, uint64_t hash)
{
	uint32_t at = keys_home(keys, hash);

	while (keys->entry[at].slot != NONE)
		at = (at + 1) & keys->mask;
	keys->entry[at] = (struct entry){ slot, (uint32_t)(hash >> 32) };
	keys->slot[slot].hash = hash;
}

/* ---------------------------------------------------------------------- the key */

static uint64_t keys_canonical(double value)
{
	uint64_t bits;

	if (value == 0)
		return 0;
	if (value != value)
		return UINT64_C(0x7ff8000000000000);
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static void keys_ask_for(struct weir_keys *keys, const struct weir_block *block, uint32_t row)
{
	for (uint32_t k = 0; k < keys->n_parts; k++) {
		const struct part *part = &keys->part[k];
		union weir_column column = block->column[part->field];
		char *to = keys->asked + part->at;
		uint64_t bits;

		if (part->kind == WEIR_TEXT) {
			memcpy(to, column.text + (size_t)row * part->bytes, part->bytes);
			continue;
		}
		bits = part->kind == WEIR_REAL ? keys_canonical(column.real[row]) : (uint64_t)column.integer[row];
		memcpy(to, &bits, sizeof(bits));
	}
}

static uint64_t keys_mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	return h;
}

static uint64_t keys_hash(const struct weir_keys *keys)
{
	uint64_t h = 0, word;

	for (uint32_t at = 0; at < keys->key_bytes; at += 8) {
		memcpy(&word, keys->asked + at, sizeof(word));
		h = keys_mix(h + word + UINT64_C(0x9e3779b97f4a7c15));
	}
	return keys_mix(h);
}

static char *keys_cell(const struct weir_keys *keys, uint32_t slot)
{
	return keys->key + (size_t)slot * keys->key_bytes;
}

static uint32_t keys_look_up(const struct weir_keys *keys, uint64_t hash)
{
	for (uint32_t at = keys_home(keys, hash); keys->entry[at].slot != NONE; at = (at + 1) & keys->mask)
		if (keys->entry[at].hash == (uint32_t)(hash >> 32) &&
		    !memcmp(keys_cell(keys, keys->entry[at].slot), keys->asked, keys->key_bytes))
			return keys->entry[at].slot;
	return NONE;
}

/* -------------------------------------------------------------------------- life */

bool weir_keys_is_over(const struct weir_keys *keys, uint32_t slot, int64_t now_ns)
{
	int64_t newest = keys->slot[slot].newest_ns;

	/* Unsigned, since the distance of two times may not fit in a signed integer. */
	return now_ns > newest && (uint64_t)now_ns - (uint64_t)newest > (uint64_t)keys->forget_ns;
}

void weir_keys_end(struct weir_keys *keys, uint32_t slot)
{
	keys_remove(keys, slot);
	keys_unlink(keys, &keys->born, slot);
	keys_unlink(keys, &keys->used, slot);
	keys->slot[slot].born.after = keys->free;
	keys->free = slot;
	keys->n--;
}

static uint32_t keys_take_slot(struct weir_keys *keys)
{
	uint32_t slot = keys->free;

	if (slot == NONE)
		return keys->fresh++;
	keys->free = keys->slot[slot].born.after;
	return slot;
}

/* A slot for a key that has none. */
static uint32_t keys_begin(struct weir_keys *keys, uint64_t hash, int64_t t, enum weir_key_is *is)
{
	uint32_t slot, oldest = keys->used.first;

	if (keys->n == keys->max) {
		*is = weir_keys_is_over(keys, oldest, keys->now_ns) ? WEIR_KEY_FORGOTTEN : WEIR_KEY_EVICTED;
		keys->evicted += *is == WEIR_KEY_EVICTED;
		weir_keys_end(keys, oldest);
	}
	slot = keys_take_slot(keys);
	memcpy(keys_cell(keys, slot), keys->asked, keys->key_bytes);
	keys_insert(keys, slot, hash);
	keys->slot[slot].newest_ns = t;
	keys->slot[slot].birth = keys->births++;
	keys_append(keys, &keys->born, slot);
	keys_append(keys, &keys->used, slot);
	keys->n++;
	return slot;
}

/* A key that was forgotten is born again. */
static void keys_renew(struct weir_keys *keys, uint32_t slot)
{
	keys->slot[slot].birth = keys->births++;
	keys_unlink(keys, &keys->born, slot);
	keys_append(keys, &keys->born, slot);
}

uint32_t weir_keys_find(struct weir_keys *keys, const struct weir_block *block, uint32_t row, enum weir_key_is *is)
{
	int64_t t = block->t[row];
	struct slot *known;
	uint64_t hash;
	uint32_t slot;

	keys_ask_for(keys, block, row);
	hash = keys_hash(keys);
	slot = keys_look_up(keys, hash);
	if (t > keys->now_ns)
		keys->now_ns = t;
	*is = WEIR_KEY_NEW;
	if (slot == NONE)
		return keys_begin(keys, hash, t, is);
	*is = weir_keys_is_over(keys, slot, t) ? WEIR_KEY_FORGOTTEN : WEIR_KEY_KNOWN;
	if (*is == WEIR_KEY_FORGOTTEN)
		keys_renew(keys, slot);
	known = &keys->slot[slot];
	if (t > known->newest_ns)
		known->newest_ns = t;
	if (keys->used.last != slot) {
		keys_unlink(keys, &keys->used, slot);
		keys_append(keys, &keys->used, slot);
	}
	return slot;
}

/* --------------------------------------------------------------------- questions */

uint32_t weir_keys_first(const struct weir_keys *keys)
{
	return keys->born.first;
}

uint32_t weir_keys_next(const struct weir_keys *keys, uint32_t slot)
{
	return keys->slot[slot].born.after;
}

uint64_t weir_keys_birth(const struct weir_keys *keys, uint32_t slot)
{
	return keys->slot[slot].birth;
}

void weir_keys_put(const struct weir_keys *keys, uint32_t slot, uint32_t k, union weir_column column, uint32_t row)
{
	const struct part *part = &keys->part[k];

	memcpy(column.text + (size_t)row * part->bytes, keys_cell(keys, slot) + part->at, part->bytes);
}

uint32_t weir_keys_count(const struct weir_keys *keys)
{
	return keys->n;
}

uint64_t weir_keys_evicted(const struct weir_keys *keys)
{
	return keys->evicted;
}
