/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file builder.h
 * @brief How a graph that is built by calls is kept: the statements of a program, and the C functions that they name.
 */
#ifndef WEIR_API_BUILDER_H
#define WEIR_API_BUILDER_H

#include <stdbool.h>

#include "weir/driver.h"
#include "weir/graph.h"

struct weir_flow {
	struct weir_graph *graph;
	char name[WEIR_NAME_MAX];
};

enum weir_step_kind {
	WEIR_STEP_HEAD,    /**< OUT = TEXT */
	WEIR_STEP_CHAIN,   /**< OUT, OUT = IN | TEXT, or IN | TEXT */
	WEIR_STEP_COMBINE, /**< OUT = TEXT(IN, IN, ARGS) */
	WEIR_STEP_ON,      /**< OUT = IN on IN */
};

/** A statement. */
struct weir_step {
	enum weir_step_kind kind;
	char *text, *args;            /**< owned; may be NULL */
	struct weir_flow **in, **out; /**< owned arrays */
	uint32_t n_in, n_out;
	bool is_waiting; /**< begins a circle, and nobody has read it yet */
};

/** A function that the application gave: what the library is told to call, and what that calls where it has another form. */
struct weir_bound {
	struct weir_call call;
	char name[WEIR_NAME_MAX];
	char *in, *out;  /**< owned; of call */
	void *state;     /**< the application's */
	bool is_adapted; /**< call is given this struct for a state */
	union {
		weir_make_fn make;
		weir_judge_fn judge;
		weir_take_fn take;
		weir_take_list_fn take_list;
	};
};

struct weir_graph {
	struct weir_flow **flow;
	struct weir_step **step;
	struct weir_bound **bound;
	uint32_t n_flows, n_steps, n_bound;
	bool failed; /**< there was no memory, or a call was given what is no flow of this graph */
};

/**
 * @brief Append a statement.
 * @param step its texts are copied; NULL among its `in` makes the graph fail; its `out` is set to new flows, or to NULL when that
 * fails.
 */
void weir_graph_add(struct weir_graph *graph, const struct weir_step *step);

/** @brief Bind a function under a name that begins with `what`. NULL: no memory. */
struct weir_bound *weir_graph_bind(struct weir_graph *graph, const char *what, const struct weir_call *call,
				   void *state);

#endif
