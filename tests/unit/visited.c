/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "visited.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void visited_open(struct visited *visited, uint32_t room)
{
	visited->room = room;
	visited->n = 0;
	visited->key = calloc(room, VISITED_KEY);
	visited->slot = calloc(2 * (size_t)room, sizeof(*visited->slot));
	assert_non_null(visited->key);
	assert_non_null(visited->slot);
}

/* FNV-1a. */
static uint64_t hash(const uint8_t *key)
{
	uint64_t sum = 1469598103934665603u;

	for (uint32_t i = 0; i < VISITED_KEY; i++)
		sum = (sum ^ key[i]) * 1099511628211u;
	return sum ^ sum >> 32;
}

void visited_add(struct visited *visited, const uint8_t key[VISITED_KEY])
{
	uint64_t at = hash(key);

	while (visited->slot[at % (2 * visited->room)]) {
		if (!memcmp(visited->key[visited->slot[at % (2 * visited->room)] - 1], key, VISITED_KEY))
			return;
		at++;
	}
	assert_true(visited->n < visited->room);
	memcpy(visited->key[visited->n], key, VISITED_KEY);
	visited->slot[at % (2 * visited->room)] = ++visited->n;
}

void visited_close(struct visited *visited)
{
	free(visited->key);
	free(visited->slot);
}
