/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file api_seen.h
 * @brief What the tests of graphs share: a source of numbers, and a sink that remembers what it was given.
 */
#ifndef API_SEEN_H
#define API_SEEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "weir/graph.h"

#define N 5000
#define MOST 20000

/* What a sink was given. */
struct seen {
	uint32_t n;
	int64_t t[MOST];
	double x[MOST];
};

static inline int see(const union weir_call_value *in, void *state)
{
	struct seen *seen = state;

	assert_true(seen->n < MOST);
	seen->t[seen->n] = in[0].integer;
	seen->x[seen->n++] = in[1].real;
	return 0;
}

static inline struct seen *new_seen(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	return seen;
}

/* The records that most tests are made of: value k at k ms. */
static inline struct weir_flow *count(struct weir_graph *graph)
{
	return weir_source(graph, "synth:counter rate=max");
}

static inline int run(struct weir_graph *graph, uint32_t block_rows, uint32_t threads)
{
	return weir_graph_run(
		graph,
		&(struct weir_options){ .limit = N, .block_rows = block_rows, .threads = threads, .strict = true });
}

static inline int twice(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	assert_null(state);
	out[0].real = 2 * in[0].real;
	return 1;
}

#endif
