/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A node for each different value, with its count. A hash table with linear probing finds the node of a value, a heap has the most
 * frequent one on top, and the queue has the node of each value in order of arrival.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weir/census.h"

#define NO_NODE UINT32_MAX /* of a NaN */

struct node {
	double value;
	uint32_t count, place; /* place: in the heap; of a free node, the next free one */
};

struct weir_census {
	uint32_t capacity, oldest, n, n_nan; /* of the queue, a circle */
	uint32_t n_heap, n_nodes, free;      /* n_nodes: ever used; free: a list of those not in use any more */
	uint32_t shift, mask;                /* of the hash */
	uint32_t *queue, *heap;
	uint32_t *slot; /* a node's number and 1; 0: free */
	struct node *node;
};

int weir_census_open(struct weir_census **out, uint32_t capacity)
{
	struct weir_census *census = calloc(1, sizeof(*census));
	uint32_t bits = 1;

	*out = census;
	if (!census)
		return -ENOMEM;
	while (UINT32_C(1) << bits < 2 * capacity)
		bits++;
	census->capacity = capacity;
	census->free = NO_NODE;
	census->shift = 64 - bits;
	census->mask = (UINT32_C(1) << bits) - 1;
	census->queue = malloc(capacity * sizeof(*census->queue));
	census->heap = malloc(capacity * sizeof(*census->heap));
	census->node = malloc(capacity * sizeof(*census->node));
	census->slot = calloc((size_t)census->mask + 1, sizeof(*census->slot));
	if (census->queue && census->heap && census->node && census->slot)
		return 0;
	weir_census_close(census);
	*out = NULL;
	return -ENOMEM;
}

void weir_census_close(struct weir_census *census)
{
	if (!census)
		return;
	free(census->queue);
	free(census->heap);
	free(census->node);
	free(census->slot);
	free(census);
}

/* --------------------------------------------------------------------- hash */

/* Numbers such as 1, 2, 3 differ in their upper bits only: these are mixed into the lower ones. */
static uint32_t census_home(const struct weir_census *census, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	bits = (bits ^ bits >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ bits >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(bits >> census->shift);
}

/* Where the value is, or where there is room for it. */
static uint32_t census_find(const struct weir_census *census, double value)
{
	uint32_t at = census_home(census, value);

	while (census->slot[at] && census->node[census->slot[at] - 1].value != value)
		at = (at + 1) & census->mask;
	return at;
}

/* Those behind it that could stand there move up, so that no search ends too early. */
static void census_forget(struct weir_census *census, uint32_t at)
{
	uint32_t next = at;

	for (;;) {
		next = (next + 1) & census->mask;
		if (!census->slot[next])
			break;
		uint32_t home = census_home(census, census->node[census->slot[next] - 1].value);

		if (((next - home) & census->mask) < ((next - at) & census->mask))
			continue;
		census->slot[at] = census->slot[next];
		at = next;
	}
	census->slot[at] = 0;
}

/* --------------------------------------------------------------------- heap */

static bool census_above(const struct weir_census *census, uint32_t a, uint32_t b)
{
	const struct node *x = &census->node[a], *y = &census->node[b];

	return x->count != y->count ? x->count > y->count : x->value < y->value;
}

static void census_put(struct weir_census *census, uint32_t place, uint32_t node)
{
	census->heap[place] = node;
	census->node[node].place = place;
}

static uint32_t census_up(struct weir_census *census, uint32_t place, uint32_t node)
{
	for (; place && census_above(census, node, census->heap[(place - 1) / 2]); place = (place - 1) / 2)
		census_put(census, place, census->heap[(place - 1) / 2]);
	census_put(census, place, node);
	return place;
}

static void census_down(struct weir_census *census, uint32_t place, uint32_t node)
{
	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child + 1 < census->n_heap && census_above(census, census->heap[child + 1], census->heap[child]))
			child++;
		if (child >= census->n_heap || !census_above(census, census->heap[child], node))
			break;
		census_put(census, place, census->heap[child]);
		place = child;
	}
	census_put(census, place, node);
}

/* -------------------------------------------------------------------- queue */

static uint32_t census_new_node(struct weir_census *census, double value)
{
	uint32_t node = census->free;

	if (node == NO_NODE)
		node = census->n_nodes++;
	else
		census->free = census->node[node].place;
	census->node[node] = (struct node){ .value = value };
	census->heap[census->n_heap] = node;
	census->node[node].place = census->n_heap++;
	return node;
}

static uint32_t census_add(struct weir_census *census, double value)
{
	uint32_t at = census_find(census, value), node;

	if (!census->slot[at])
		census->slot[at] = census_new_node(census, value) + 1;
	node = census->slot[at] - 1;
	census->node[node].count++;
	census_up(census, census->node[node].place, node);
	return node;
}

int weir_census_push(struct weir_census *census, double value)
{
	uint32_t room = census->capacity - census->oldest;

	if (census->n == census->capacity)
		return -ENOBUFS;
	if (value != value)
		census->n_nan++;
	census->queue[census->n < room ? census->oldest + census->n : census->n - room] =
		value != value ? NO_NODE : census_add(census, value == 0 ? 0.0 : value);
	census->n++;
	return 0;
}

static void census_remove(struct weir_census *census, uint32_t node)
{
	uint32_t place = census->node[node].place;

	if (--census->node[node].count) {
		census_down(census, place, node);
		return;
	}
	census_forget(census, census_find(census, census->node[node].value));
	if (place < --census->n_heap) {
		uint32_t last = census->heap[census->n_heap];

		census_down(census, census_up(census, place, last), last);
	}
	census->node[node].place = census->free;
	census->free = node;
}

void weir_census_pop(struct weir_census *census, uint64_t n)
{
	for (; n && census->n; n--, census->n--) {
		uint32_t node = census->queue[census->oldest];

		census->oldest = census->oldest + 1 < census->capacity ? census->oldest + 1 : 0;
		if (node == NO_NODE)
			census->n_nan--;
		else
			census_remove(census, node);
	}
}

double weir_census_distinct(const struct weir_census *census)
{
	return census->n_nan ? NAN : census->n_heap;
}

double weir_census_mode(const struct weir_census *census)
{
	return census->n_nan || !census->n_heap ? NAN : census->node[census->heap[0]].value;
}
