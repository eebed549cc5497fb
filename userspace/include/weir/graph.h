/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file graph.h
 * @brief For applications: a graph of sources, stages and sinks that is built by calls, of ordinary C functions and of whatever the
 * language has.
 *
 *     static int twice(const union weir_call_value *in, union weir_call_value *out, void *state)
 *     {
 *             out[0].real = 2 * in[0].real;
 *             return 1;
 *     }
 *
 *     struct weir_graph *graph = weir_graph_open();
 *     weir_sink(weir_map(weir_source(graph, "synth:sine rate=10Hz"), "value", "y", twice, NULL), "print");
 *     return weir_graph_run(graph, NULL);
 *
 * A graph is the program that stands for it (weir_graph_text()): the same stages run on the same agents, and what is wrong is said
 * as everywhere, with its place in that program. Nothing is checked before weir_graph_start() or weir_graph_run(), which tell all errors in
 * one go. So no call in between needs to be looked at: one that has no memory gives NULL, whatever is given NULL gives NULL, and the
 * end says so.
 *
 * Functions and their fields are as weir/call.h has them: `in` names the fields that a function takes, `out` declares those that it
 * gives, and `state` is handed to it each time. One that gives 0 records gives nothing for what it was given. Functions are called
 * on threads of the run, each by one thread at a time. Texts are copied, `state` is not: it must live as long as the run.
 * A graph is for one thread at a time.
 */
#ifndef WEIR_GRAPH_H
#define WEIR_GRAPH_H

#include "weir/call.h"
#include "weir/weir.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_graph;

/** What a source or a stage gives: any number of stages and sinks may read it. It lives as long as the graph. */
struct weir_flow;

typedef int (*weir_element_fn)(const union weir_call_value *in, union weir_call_value *out, void *state);
typedef int (*weir_list_fn)(const struct weir_call_list *in, struct weir_call_list *out, void *state);
/** Of a source: fills `out`. Returns 1, 0 for nothing just now, -ENODATA for the end, or another negative number on failure. */
typedef int (*weir_make_fn)(union weir_call_value *out, void *state);
/** Of a filter: does the record stay? Of a split: the number of its branch. */
typedef int (*weir_judge_fn)(const union weir_call_value *in, void *state);
/** Of a sink: 0; -EAGAIN to be given the same again, later; another negative number on failure. */
typedef int (*weir_take_fn)(const union weir_call_value *in, void *state);
typedef int (*weir_take_list_fn)(const struct weir_call_list *in, void *state);

/* ---------------------------------------------------------------- the graph */

/** @brief An empty graph, or NULL: no memory. */
struct weir_graph *weir_graph_open(void);
void weir_graph_close(struct weir_graph *graph);

/**
 * @brief Check and plan: as weir_open() of the program.
 * @param name what messages call the program.
 * @param options its `functions` are those of the application for stages that are given as text; NULL: defaults.
 * @param out close it with weir_close() before the graph.
 * @return 0, 2 (wrong program), 3 (device missing) or 1 (out of memory).
 */
int weir_graph_start(struct weir_pipeline **out, const struct weir_graph *graph, const char *name,
		     const struct weir_options *options);

/** @brief Check, plan, run to the end, and close the graph. The exit status of the run. */
int weir_graph_run(struct weir_graph *graph, const struct weir_options *options);

/** @brief The program that stands for the graph, or NULL: no memory. The caller frees it. */
char *weir_graph_text(const struct weir_graph *graph);

/** @brief Name a flow as in `name = …`: merge and messages tell it, and zip puts it before fields that several have. Without, flows
 *  are s1, s2 … @return the flow. */
struct weir_flow *weir_name(struct weir_flow *flow, const char *name);

/* ------------------------------------------------------------------ sources */

/** @brief A source of the language: "iio:accel_3d[x,y,z] rate=200Hz". */
struct weir_flow *weir_source(struct weir_graph *graph, const char *text);

/**
 * @brief Records that a function makes.
 * @param period_ns it is called in step with it, on the monotonic clock, without drift; what a function that is held up
 * misses it makes up for, up to a second. 0: called whenever records are wanted, which are one nominal millisecond apart.
 */
struct weir_flow *weir_produce(struct weir_graph *graph, const char *out, int64_t period_ns, weir_make_fn make,
			       void *state);

/** @brief The same, called when a descriptor can be read: a pipe that threads of the application write to, an eventfd, a socket.
 *  It reads from it what makes one record. */
struct weir_flow *weir_produce_from(struct weir_graph *graph, const char *out, int fd, weir_make_fn make, void *state);

/** @brief The same of all that weir/call.h describes; `args` are those of the source `call`, "period=1s" say, or NULL. */
struct weir_flow *weir_produce_by(struct weir_graph *graph, const struct weir_call *call, void *state,
				  const char *args);

/* ------------------------------------------------------------- one to one */

/** @brief Stages of the language: "where x > 3", or several with `|` between them. */
struct weir_flow *weir_stage(struct weir_flow *from, const char *text);

/** @brief A function of each record. An `out` that begins with `+` adds its fields to the record's own. */
struct weir_flow *weir_map(struct weir_flow *from, const char *in, const char *out, weir_element_fn map, void *state);

/** @brief The same, where it may give up to `most` records for one. */
struct weir_flow *weir_map_many(struct weir_flow *from, const char *in, const char *out, uint32_t most,
				weir_element_fn map, void *state);

/** @brief The records for which a function is not 0, as they are. A negative result is a failure. */
struct weir_flow *weir_filter(struct weir_flow *from, const char *in, weir_judge_fn judge, void *state);

/** @brief A function of all records that have arrived; at most as many as it is given come out. */
struct weir_flow *weir_map_list(struct weir_flow *from, const char *in, const char *out, weir_list_fn map, void *state);

/** @brief A function of windows, which gives at most one record for each. `window` is "100", "100 step=10", "1s step=100ms". */
struct weir_flow *weir_window(struct weir_flow *from, const char *window, const char *in, const char *out,
			      weir_list_fn map, void *state);

/** @brief All that weir/call.h describes: an end, several records for a window, memory of its own. `args` are those of the stage `call`,
 *  "window=100 on_error=skip" say, or NULL. */
struct weir_flow *weir_apply(struct weir_flow *from, const struct weir_call *call, void *state, const char *args);

/* ------------------------------------------------------------- many to one */

/** @brief The k-th record of one beside the k-th of every other. */
struct weir_flow *weir_zip(struct weir_flow *const *from, uint32_t n);
/** @brief All records, in the order of their times. */
struct weir_flow *weir_merge(struct weir_flow *const *from, uint32_t n);
/** @brief Records whose times are at most so far apart, side by side; what has no counterpart is left out, and weir_unite("join", from,
 *  n, "within=10ms, missing=null") keeps it. */
struct weir_flow *weir_join(struct weir_flow *const *from, uint32_t n, int64_t within_ns);
/** @brief The latest of `from` whenever `when` has a record. */
struct weir_flow *weir_on(struct weir_flow *from, struct weir_flow *when);
/** @brief Any stage of the language that combines: "merge" and "tag=which"; `args` may be NULL. */
struct weir_flow *weir_unite(const char *stage, struct weir_flow *const *from, uint32_t n, const char *args);

/* ------------------------------------------------------------- one to many */

/** @brief Each record to the branch whose number a function gives; one that is negative or n and more to none, and counted. A field
 *  `branch` with the number is added to each. @param out n flows. */
void weir_split(struct weir_flow *from, const char *in, weir_judge_fn judge, void *state, struct weir_flow **out,
		uint32_t n);
/** @brief A stage of the language that makes several streams: "split x > 3", "unzip a". @param out n flows. */
void weir_branches(struct weir_flow *from, const char *text, struct weir_flow **out, uint32_t n);

/* ------------------------------------------------------------------ circles */

/** @brief What a flow that is made later was: give `stage`, "delay 10 y=0", a place to begin, and weir_feed_back() its input. */
struct weir_flow *weir_past(struct weir_graph *graph, const char *stage);
void weir_feed_back(struct weir_flow *past, struct weir_flow *later);

/* -------------------------------------------------------------------- sinks */

/** @brief A sink or an actuator of the language, perhaps with stages before it: "print", "gpio:LAMP park=off". */
void weir_sink(struct weir_flow *from, const char *text);
/** @brief A function of each record. */
void weir_consume(struct weir_flow *from, const char *in, weir_take_fn take, void *state);
/** @brief A function of all records that have arrived. */
void weir_consume_list(struct weir_flow *from, const char *in, weir_take_list_fn take, void *state);
/** @brief A function of windows; `window` as of weir_window(). */
void weir_consume_window(struct weir_flow *from, const char *window, const char *in, weir_take_list_fn take,
			 void *state);
/** @brief The same of all that weir/call.h describes; `args` are those of the sink `call`, "on_error=skip" say, or NULL. */
void weir_consume_by(struct weir_flow *from, const struct weir_call *call, void *state, const char *args);

#ifdef __cplusplus
}
#endif
#endif
