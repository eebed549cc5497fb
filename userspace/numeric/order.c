/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A quantile of a queue: the values up to it in a heap with the greatest on top, the others in a heap with the least on top; of
 * the median, these are the two halves. Each value's slot remembers its place, so the oldest can be taken out of the middle of a heap.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "weir/aggregate.h"

#define NOWHERE UINT32_MAX /* the place of a NaN, which has no order and is only counted */

struct heap {
	uint32_t *slot;
	uint32_t n;
	bool least_on_top;
};

struct weir_order {
	uint32_t capacity;
	uint32_t oldest, n; /**< slots in use, in a circle */
	uint32_t n_nan;
	double quantile;
	struct heap lower, upper; /**< lower: the values at the places 0 to quantile * (all - 1) */
	double *value;            /**< by slot */
	uint32_t *place;          /**< by slot: index in its heap; its lowest bit says which heap */
};

int weir_order_open(struct weir_order **out, uint32_t capacity)
{
	struct weir_order *order = calloc(1, sizeof(*order));

	*out = order;
	if (!order)
		return -ENOMEM;
	order->capacity = capacity;
	order->upper.least_on_top = true;
	order->quantile = 0.5;
	order->value = malloc(capacity * sizeof(*order->value));
	order->place = malloc(capacity * sizeof(*order->place));
	order->lower.slot = malloc(capacity * sizeof(*order->lower.slot));
	order->upper.slot = malloc(capacity * sizeof(*order->upper.slot));
	if (order->value && order->place && order->lower.slot && order->upper.slot)
		return 0;
	weir_order_close(order);
	*out = NULL;
	return -ENOMEM;
}

void weir_order_close(struct weir_order *order)
{
	if (!order)
		return;
	free(order->upper.slot);
	free(order->lower.slot);
	free(order->place);
	free(order->value);
	free(order);
}

void weir_order_aim(struct weir_order *order, double quantile)
{
	order->quantile = quantile;
}

static void put(struct weir_order *order, struct heap *heap, uint32_t at, uint32_t slot)
{
	heap->slot[at] = slot;
	order->place[slot] = at << 1 | heap->least_on_top;
}

static bool is_above(const struct weir_order *order, const struct heap *heap, uint32_t a, uint32_t b)
{
	return heap->least_on_top ? order->value[a] < order->value[b] : order->value[a] > order->value[b];
}

static uint32_t sift_up(struct weir_order *order, struct heap *heap, uint32_t at, uint32_t slot)
{
	while (at && is_above(order, heap, slot, heap->slot[(at - 1) / 2])) {
		put(order, heap, at, heap->slot[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(order, heap, at, slot);
	return at;
}

static void sift_down(struct weir_order *order, struct heap *heap, uint32_t at, uint32_t slot)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < heap->n && is_above(order, heap, heap->slot[child + 1], heap->slot[child]))
			child++;
		if (child >= heap->n || !is_above(order, heap, heap->slot[child], slot))
			break;
		put(order, heap, at, heap->slot[child]);
		at = child;
	}
	put(order, heap, at, slot);
}

static void insert(struct weir_order *order, struct heap *heap, uint32_t slot)
{
	sift_up(order, heap, heap->n++, slot);
}

static void take_out(struct weir_order *order, struct heap *heap, uint32_t at)
{
	uint32_t last = heap->slot[--heap->n];

	if (at < heap->n)
		sift_down(order, heap, sift_up(order, heap, at, last), last);
}

static void move_top(struct weir_order *order, struct heap *from, struct heap *to)
{
	uint32_t slot = from->slot[0];

	take_out(order, from, 0);
	insert(order, to, slot);
}

/* Where in the order of its `n` values the quantile is. */
static double place_of(const struct weir_order *order, uint32_t n)
{
	return order->quantile * (double)(n - 1);
}

static void balance(struct weir_order *order)
{
	uint32_t n = order->lower.n + order->upper.n;
	uint32_t wanted = n ? (uint32_t)place_of(order, n) + 1 : 0;

	while (order->lower.n > wanted)
		move_top(order, &order->lower, &order->upper);
	while (order->lower.n < wanted)
		move_top(order, &order->upper, &order->lower);
}

int weir_order_push(struct weir_order *order, double value)
{
	uint32_t room = order->capacity - order->oldest;
	uint32_t slot = order->n < room ? order->oldest + order->n : order->n - room;

	if (order->n == order->capacity)
		return -ENOBUFS;
	order->n++;
	order->value[slot] = value;
	if (isnan(value)) {
		order->place[slot] = NOWHERE;
		order->n_nan++;
		return 0;
	}
	if (!order->lower.n || value <= order->value[order->lower.slot[0]])
		insert(order, &order->lower, slot);
	else
		insert(order, &order->upper, slot);
	balance(order);
	return 0;
}

static void pop_one(struct weir_order *order)
{
	uint32_t place = order->place[order->oldest];

	if (place == NOWHERE)
		order->n_nan--;
	else
		take_out(order, place & 1 ? &order->upper : &order->lower, place >> 1);
	balance(order);
	order->oldest = order->oldest + 1 < order->capacity ? order->oldest + 1 : 0;
	order->n--;
}

void weir_order_pop(struct weir_order *order, uint64_t n)
{
	if (n >= order->n) {
		order->n = order->n_nan = order->lower.n = order->upper.n = 0;
		return;
	}
	while (n--)
		pop_one(order);
}

/* Two great values overflow unless they are halved first; two tiny ones would be rounded by that. */
static double mean_of(double low, double high)
{
	double sum = low + high;

	return isfinite(sum) ? sum / 2 : low / 2 + high / 2;
}

/* The distance of two great values overflows, and that of two equal infinities is none. */
static double between(double low, double high, double share)
{
	double apart = high - low;

	if (low == high)
		return low;
	return isfinite(apart) ? low + apart * share : low * (1 - share) + high * share;
}

double weir_order_quantile(const struct weir_order *order)
{
	double low, share;

	if (!order->n || order->n_nan)
		return NAN;
	low = order->value[order->lower.slot[0]];
	share = place_of(order, order->n) - (double)(order->lower.n - 1);
	if (!(share > 0) || !order->upper.n)
		return low;
	return share == 0.5 ? mean_of(low, order->value[order->upper.slot[0]])
			    : between(low, order->value[order->upper.slot[0]], share);
}

double weir_order_median(const struct weir_order *order)
{
	return weir_order_quantile(order);
}
