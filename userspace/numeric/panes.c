/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/aggregate.h"
#include "weir/census.h"

struct pane {
	int64_t start;
};

struct weir_panes {
	uint32_t n_functions;
	enum weir_function *function;
	struct weir_order **order;   /**< by function; NULL but for those by order */
	struct weir_census **census; /**< likewise */
	uint32_t *queued;            /**< by index, then by function: values of the pane in its order or census */
	char **text;          /**< by function: a cell for each index, which summaries name by -1 - index; or NULL */
	uint32_t *text_bytes; /**< of a cell */
	uint32_t capacity;
	uint32_t oldest;      /**< index of the oldest pane, in a circle */
	uint32_t front, back; /**< panes in each stack; the newest pane, still open, is the last of the back */
	struct pane *pane;    /**< by index */
	struct weir_summary
		*summary;            /**< by index, then by function. Front: merged with all that follow in the front */
	struct weir_summary *closed; /**< by function: the back but for its open pane */
};

static uint32_t index_of(const struct weir_panes *panes, uint32_t age)
{
	uint32_t room = panes->capacity - panes->oldest;

	return age < room ? panes->oldest + age : age - room;
}

static struct weir_summary *summaries(const struct weir_panes *panes, uint32_t age)
{
	return panes->summary + (size_t)index_of(panes, age) * panes->n_functions;
}

static struct pane *pane_at(const struct weir_panes *panes, uint32_t age)
{
	return &panes->pane[index_of(panes, age)];
}

static void merge_all(const struct weir_panes *panes, struct weir_summary *into, const struct weir_summary *later)
{
	for (uint32_t i = 0; i < panes->n_functions; i++)
		weir_summary_merge(panes->function[i], &into[i], &later[i]);
}

static void clear(const struct weir_panes *panes, struct weir_summary *summary)
{
	memset(summary, 0, panes->n_functions * sizeof(*summary));
}

static int open_queues(struct weir_panes *panes, uint32_t capacity)
{
	for (uint32_t i = 0; i < panes->n_functions; i++) {
		int err = 0;

		if (weir_function_is_ordered(panes->function[i]))
			err = weir_order_open(&panes->order[i], capacity);
		if (weir_function_is_counted(panes->function[i]))
			err = weir_census_open(&panes->census[i], capacity);
		if (err < 0)
			return err;
	}
	return 0;
}

static bool take_memory(struct weir_panes *panes, uint32_t n, uint32_t capacity)
{
	panes->function = malloc(n * sizeof(*panes->function));
	panes->order = calloc(n, sizeof(struct weir_order *));
	panes->census = calloc(n, sizeof(struct weir_census *));
	panes->text = calloc(n, sizeof(char *));
	panes->text_bytes = calloc(n, sizeof(*panes->text_bytes));
	panes->pane = malloc(capacity * sizeof(*panes->pane));
	panes->queued = malloc((size_t)capacity * n * sizeof(*panes->queued));
	panes->summary = malloc((size_t)capacity * n * sizeof(*panes->summary));
	panes->closed = calloc(n, sizeof(*panes->closed));
	return panes->function && panes->order && panes->census && panes->text && panes->text_bytes && panes->pane &&
	       panes->queued && panes->summary && panes->closed;
}

int weir_panes_open(struct weir_panes **out, const enum weir_function *function, uint32_t n, uint32_t capacity,
		    uint32_t median_capacity)
{
	struct weir_panes *panes = calloc(1, sizeof(*panes));

	*out = panes;
	if (!panes)
		return -ENOMEM;
	panes->n_functions = n;
	panes->capacity = capacity;
	if (!take_memory(panes, n, capacity))
		goto close_panes;
	memcpy(panes->function, function, n * sizeof(*function));
	if (!open_queues(panes, median_capacity))
		return 0;

close_panes:
	weir_panes_close(panes);
	*out = NULL;
	return -ENOMEM;
}

void weir_panes_close(struct weir_panes *panes)
{
	if (!panes)
		return;
	for (uint32_t i = 0; panes->order && i < panes->n_functions; i++)
		weir_order_close(panes->order[i]);
	for (uint32_t i = 0; panes->census && i < panes->n_functions; i++)
		weir_census_close(panes->census[i]);
	for (uint32_t i = 0; panes->text && i < panes->n_functions; i++)
		free(panes->text[i]);
	free(panes->closed);
	free(panes->summary);
	free(panes->pane);
	free(panes->queued);
	free(panes->text_bytes);
	free(panes->text);
	free(panes->census);
	free(panes->order);
	free(panes->function);
	free(panes);
}

void weir_panes_aim(struct weir_panes *panes, uint32_t i, double quantile)
{
	weir_order_aim(panes->order[i], quantile);
}

int weir_panes_take_text(struct weir_panes *panes, uint32_t i, uint32_t bytes)
{
	panes->text_bytes[i] = bytes;
	panes->text[i] = malloc((size_t)panes->capacity * bytes);
	return panes->text[i] ? 0 : -ENOMEM;
}

static uint32_t *queued(const struct weir_panes *panes, uint32_t age)
{
	return panes->queued + (size_t)index_of(panes, age) * panes->n_functions;
}

static int begin_pane(struct weir_panes *panes, int64_t start)
{
	uint32_t age = panes->front + panes->back;

	if (age == panes->capacity)
		return -ENOBUFS;
	if (panes->back)
		merge_all(panes, panes->closed, summaries(panes, age - 1));
	clear(panes, summaries(panes, age));
	memset(queued(panes, age), 0, panes->n_functions * sizeof(*panes->queued));
	*pane_at(panes, age) = (struct pane){ .start = start };
	panes->back++;
	return 0;
}

static int add_to_queue(struct weir_panes *panes, uint32_t i, const struct weir_values *values, uint32_t *n_queued)
{
	for (uint32_t k = 0; k < values->n; k++, ++*n_queued) {
		int err = panes->order[i] ? weir_order_push(panes->order[i], values->x[k])
					  : weir_census_push(panes->census[i], values->x[k]);

		if (err < 0)
			return err;
	}
	return 0;
}

/* A record that was just chosen by the number of its cell is from now on the pane's own. Panes stay as long as summaries that have chosen
 * from them, since a summary knows of no pane older than its own. */
static void keep_text(struct weir_panes *panes, uint32_t i, struct weir_summary *summary, const char *cells,
		      uint32_t age)
{
	double *choice = weir_summary_choice(panes->function[i], summary);
	size_t bytes = panes->text_bytes[i], index = index_of(panes, age);

	if (!(*choice >= 0))
		return;
	memcpy(panes->text[i] + index * bytes, cells + (size_t)*choice * bytes, bytes);
	*choice = -1 - (double)index;
}

int weir_panes_add(struct weir_panes *panes, int64_t start, const struct weir_values *values)
{
	uint32_t newest = panes->front + panes->back - 1;
	struct weir_summary *summary;
	int err = 0;

	/* With nothing in the back there is no open pane: what is in the front has been merged and is closed. */
	if (!panes->back || pane_at(panes, newest)->start != start)
		err = begin_pane(panes, start);
	if (err < 0)
		return err;
	newest = panes->front + panes->back - 1;
	summary = summaries(panes, newest);
	for (uint32_t i = 0; i < panes->n_functions && !err; i++) {
		if (panes->order[i] || panes->census[i])
			err = add_to_queue(panes, i, &values[i], &queued(panes, newest)[i]);
		else
			weir_summary_add(panes->function[i], &summary[i], &values[i]);
		if (panes->text[i] && values[i].n)
			keep_text(panes, i, &summary[i], values[i].cells, newest);
	}
	return err;
}

/* The back becomes the front, but for its open pane. */
static void turn_over(struct weir_panes *panes)
{
	panes->front = panes->back - 1;
	panes->back = 1;
	for (uint32_t age = panes->front; age-- > 1;)
		merge_all(panes, summaries(panes, age - 1), summaries(panes, age));
	clear(panes, panes->closed);
}

static void drop_oldest(struct weir_panes *panes)
{
	for (uint32_t i = 0; i < panes->n_functions; i++)
		if (panes->order[i])
			weir_order_pop(panes->order[i], queued(panes, 0)[i]);
		else if (panes->census[i])
			weir_census_pop(panes->census[i], queued(panes, 0)[i]);
	if (!panes->front && panes->back > 1)
		turn_over(panes);
	if (panes->front)
		panes->front--;
	else
		panes->back--;
	panes->oldest = panes->oldest + 1 < panes->capacity ? panes->oldest + 1 : 0;
}

void weir_panes_evict(struct weir_panes *panes, int64_t start)
{
	while (!weir_panes_empty(panes) && pane_at(panes, 0)->start < start)
		drop_oldest(panes);
}

bool weir_panes_empty(const struct weir_panes *panes)
{
	return !panes->front && !panes->back;
}

static double result_of(const struct weir_panes *panes, uint32_t i)
{
	struct weir_summary all;

	if (panes->order[i])
		return weir_order_quantile(panes->order[i]);
	if (panes->census[i])
		return panes->function[i] == WEIR_MODE ? weir_census_mode(panes->census[i])
						       : weir_census_distinct(panes->census[i]);
	all = panes->front ? summaries(panes, 0)[i] : panes->closed[i];
	if (panes->front)
		weir_summary_merge(panes->function[i], &all, &panes->closed[i]);
	if (panes->back)
		weir_summary_merge(panes->function[i], &all, &summaries(panes, panes->front + panes->back - 1)[i]);
	return weir_summary_result(panes->function[i], &all);
}

void weir_panes_results(const struct weir_panes *panes, double *result)
{
	for (uint32_t i = 0; i < panes->n_functions; i++)
		result[i] = result_of(panes, i);
}

const char *weir_panes_text(const struct weir_panes *panes, uint32_t i, double result)
{
	return result < 0 ? panes->text[i] + (size_t)(-1 - result) * panes->text_bytes[i] : NULL;
}
