/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct weir_named {
	const char *name; /* NULL: the slot is free */
	uint32_t hash, number;
};

/* FNV-1a. */
static uint32_t hash_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

/* The slot of a name, or the free one where it would be. A quarter at least is free. */
static struct weir_named *slot_of(const struct weir_names *names, const char *name, uint32_t hash)
{
	uint32_t at = hash & (names->capacity - 1);

	while (names->slot[at].name && (names->slot[at].hash != hash || strcmp(names->slot[at].name, name)))
		at = (at + 1) & (names->capacity - 1);
	return &names->slot[at];
}

static int names_grow(struct weir_names *names)
{
	struct weir_names wider = { .n = names->n, .capacity = names->capacity ? 2 * names->capacity : 64 };

	wider.slot = calloc(wider.capacity, sizeof(*wider.slot));
	if (!wider.slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < names->capacity; i++)
		if (names->slot[i].name)
			*slot_of(&wider, names->slot[i].name, names->slot[i].hash) = names->slot[i];
	free(names->slot);
	*names = wider;
	return 0;
}

int weir_names_add(struct weir_names *names, const char *name, uint32_t number)
{
	uint32_t hash = hash_of(name);
	struct weir_named *slot;

	if (names->n >= names->capacity / 4 * 3 && names_grow(names) < 0)
		return -ENOMEM;
	slot = slot_of(names, name, hash);
	names->n += !slot->name;
	if (!slot->name)
		*slot = (struct weir_named){ .name = name, .hash = hash, .number = number };
	return 0;
}

uint32_t weir_names_find(const struct weir_names *names, const char *name)
{
	const struct weir_named *slot = names->n ? slot_of(names, name, hash_of(name)) : NULL;

	return slot && slot->name ? slot->number : WEIR_NO_NAME;
}

void weir_names_close(struct weir_names *names)
{
	free(names->slot);
	*names = (struct weir_names){ 0 };
}
