/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls that build a graph: each is a statement, and perhaps a function that it names. */
#include <stdlib.h>

#include "api/builder.h"

#define ARGS_MAX 512

/* ------------------------------------------------ functions of other forms */

static int make_element(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	const struct weir_bound *bound = state;

	(void)in;
	return bound->make(out, bound->state);
}

static int judge_element(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	const struct weir_bound *bound = state;
	int result = bound->judge(in, bound->state);

	(void)out;
	return result > 0 ? 1 : result;
}

static int branch_element(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	const struct weir_bound *bound = state;

	out[0].integer = bound->judge(in, bound->state);
	return 1;
}

static int take_element(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	const struct weir_bound *bound = state;

	(void)out;
	return bound->take(in, bound->state);
}

static int take_list(const struct weir_call_list *in, struct weir_call_list *out, void *state)
{
	const struct weir_bound *bound = state;

	(void)out;
	return bound->take_list(in, bound->state);
}

/* ---------------------------------------------------------------- statements */

static struct weir_graph *graph_of(const struct weir_flow *flow)
{
	return flow ? flow->graph : NULL;
}

/* Of several, one of which may be missing: the graph is then told so. */
static struct weir_graph *graph_of_any(struct weir_flow *const *flow, uint32_t n)
{
	struct weir_graph *graph = NULL;

	for (uint32_t i = 0; i < n && !graph; i++)
		graph = graph_of(flow[i]);
	return graph;
}

static struct weir_flow *add_head(struct weir_graph *graph, const char *text, const char *args)
{
	struct weir_flow *flow;
	struct weir_step step = { .kind = WEIR_STEP_HEAD, .text = (char *)text, .args = (char *)args };

	step.out = &flow;
	step.n_out = 1;
	weir_graph_add(graph, &step);
	return flow;
}

static void add_chain(struct weir_flow *from, const char *text, const char *args, struct weir_flow **out, uint32_t n)
{
	struct weir_step step = { .kind = WEIR_STEP_CHAIN, .text = (char *)text, .args = (char *)args };

	step.in = &from;
	step.n_in = 1;
	step.out = out;
	step.n_out = n;
	weir_graph_add(graph_of(from), &step);
}

#define CALL_MAX (sizeof("call ") + WEIR_NAME_MAX)

static const char *call_of(char text[CALL_MAX], const struct weir_bound *bound)
{
	snprintf(text, CALL_MAX, "call %s", bound->name);
	return text;
}

static struct weir_flow *add_maker(struct weir_graph *graph, const struct weir_bound *bound, const char *args)
{
	char text[CALL_MAX];

	return bound ? add_head(graph, call_of(text, bound), args) : NULL;
}

static struct weir_flow *add_call(struct weir_flow *from, const struct weir_bound *bound, const char *args)
{
	struct weir_flow *flow = NULL;
	char text[CALL_MAX];

	if (bound)
		add_chain(from, call_of(text, bound), args, &flow, 1);
	return flow;
}

static void add_taker(struct weir_flow *from, const struct weir_bound *bound, const char *args)
{
	char text[CALL_MAX];

	if (bound)
		add_chain(from, call_of(text, bound), args, NULL, 0);
}

static struct weir_bound *bind(struct weir_graph *graph, const char *what, struct weir_call call, void *state)
{
	return graph ? weir_graph_bind(graph, what, &call, state) : NULL;
}

/* The function that is called is ours, and it calls the application's. */
static struct weir_bound *bind_adapted(struct weir_graph *graph, const char *what, struct weir_call call, void *state)
{
	struct weir_bound *bound = bind(graph, what, call, state);

	if (bound)
		bound->is_adapted = true;
	return bound;
}

/* ------------------------------------------------------------------- sources */

struct weir_flow *weir_source(struct weir_graph *graph, const char *text)
{
	return add_head(graph, text, NULL);
}

static struct weir_flow *produce(struct weir_graph *graph, const char *out, const char *args, weir_make_fn make,
				 void *state)
{
	struct weir_bound *bound = bind_adapted(graph, "produce",
						(struct weir_call){ .out = out, .element = make_element }, state);

	if (bound)
		bound->make = make;
	return add_maker(graph, bound, args);
}

struct weir_flow *weir_produce(struct weir_graph *graph, const char *out, int64_t period_ns, weir_make_fn make,
			       void *state)
{
	char args[64];

	snprintf(args, sizeof(args), "period=%lldns", (long long)period_ns);
	return produce(graph, out, period_ns ? args : NULL, make, state);
}

struct weir_flow *weir_produce_from(struct weir_graph *graph, const char *out, int fd, weir_make_fn make, void *state)
{
	char args[64];

	snprintf(args, sizeof(args), "fd=%d", fd);
	return produce(graph, out, args, make, state);
}

struct weir_flow *weir_produce_by(struct weir_graph *graph, const struct weir_call *call, void *state, const char *args)
{
	return add_maker(graph, bind(graph, "produce", *call, state), args);
}

/* ---------------------------------------------------------------- one to one */

struct weir_flow *weir_stage(struct weir_flow *from, const char *text)
{
	struct weir_flow *flow;

	add_chain(from, text, NULL, &flow, 1);
	return flow;
}

struct weir_flow *weir_map_many(struct weir_flow *from, const char *in, const char *out, uint32_t most,
				weir_element_fn map, void *state)
{
	struct weir_call call = { .in = in, .out = out, .most = most, .element = map };

	return add_call(from, bind(graph_of(from), "map", call, state), NULL);
}

struct weir_flow *weir_map(struct weir_flow *from, const char *in, const char *out, weir_element_fn map, void *state)
{
	return weir_map_many(from, in, out, 1, map, state);
}

struct weir_flow *weir_filter(struct weir_flow *from, const char *in, weir_judge_fn judge, void *state)
{
	struct weir_call call = { .in = in, .element = judge_element };
	struct weir_bound *bound = bind_adapted(graph_of(from), "filter", call, state);

	if (bound)
		bound->judge = judge;
	return add_call(from, bound, NULL);
}

struct weir_flow *weir_map_list(struct weir_flow *from, const char *in, const char *out, weir_list_fn map, void *state)
{
	struct weir_call call = { .in = in, .out = out, .list = map };

	return add_call(from, bind(graph_of(from), "list", call, state), NULL);
}

static const char *window_args(char args[ARGS_MAX], const char *window)
{
	snprintf(args, ARGS_MAX, "window=%s", window);
	return args;
}

struct weir_flow *weir_window(struct weir_flow *from, const char *window, const char *in, const char *out,
			      weir_list_fn map, void *state)
{
	struct weir_call call = { .in = in, .out = out, .list = map };
	char args[ARGS_MAX];

	return add_call(from, bind(graph_of(from), "window", call, state), window_args(args, window));
}

struct weir_flow *weir_apply(struct weir_flow *from, const struct weir_call *call, void *state, const char *args)
{
	return add_call(from, bind(graph_of(from), "apply", *call, state), args);
}

/* --------------------------------------------------------------- many to one */

static struct weir_flow *combine(enum weir_step_kind kind, const char *stage, struct weir_flow *const *from, uint32_t n,
				 const char *args)
{
	struct weir_flow *flow;
	struct weir_step step = { .kind = kind, .text = (char *)stage, .args = (char *)args };

	step.in = (struct weir_flow **)from;
	step.n_in = n;
	step.out = &flow;
	step.n_out = 1;
	weir_graph_add(graph_of_any(from, n), &step);
	return flow;
}

struct weir_flow *weir_unite(const char *stage, struct weir_flow *const *from, uint32_t n, const char *args)
{
	return combine(WEIR_STEP_COMBINE, stage, from, n, args);
}

struct weir_flow *weir_zip(struct weir_flow *const *from, uint32_t n)
{
	return weir_unite("zip", from, n, NULL);
}

struct weir_flow *weir_merge(struct weir_flow *const *from, uint32_t n)
{
	return weir_unite("merge", from, n, NULL);
}

struct weir_flow *weir_join(struct weir_flow *const *from, uint32_t n, int64_t within_ns)
{
	char args[64];

	snprintf(args, sizeof(args), "within=%lldns", (long long)within_ns);
	return weir_unite("join", from, n, args);
}

struct weir_flow *weir_on(struct weir_flow *from, struct weir_flow *when)
{
	return combine(WEIR_STEP_ON, NULL, (struct weir_flow *[]){ from, when }, 2, NULL);
}

/* --------------------------------------------------------------- one to many */

void weir_branches(struct weir_flow *from, const char *text, struct weir_flow **out, uint32_t n)
{
	add_chain(from, text, NULL, out, n);
}

void weir_split(struct weir_flow *from, const char *in, weir_judge_fn judge, void *state, struct weir_flow **out,
		uint32_t n)
{
	struct weir_call call = { .in = in, .out = "+branch:int", .element = branch_element };
	struct weir_bound *bound = bind_adapted(graph_of(from), "split", call, state);

	if (bound)
		bound->judge = judge;
	weir_branches(add_call(from, bound, NULL), "split branch", out, n);
}

/* ------------------------------------------------------------------- circles */

static struct weir_step *step_of(const struct weir_flow *flow)
{
	for (uint32_t i = 0; i < flow->graph->n_steps; i++)
		if (flow->graph->step[i]->n_out == 1 && flow->graph->step[i]->out[0] == flow)
			return flow->graph->step[i];
	return NULL;
}

/* Until it is fed, it is made of itself, which is what the language says is wrong with it. */
struct weir_flow *weir_past(struct weir_graph *graph, const char *stage)
{
	struct weir_flow *past = NULL;
	struct weir_step step = { .kind = WEIR_STEP_CHAIN, .text = (char *)stage, .is_waiting = true };

	step.out = &past;
	step.n_out = 1;
	weir_graph_add(graph, &step);
	weir_feed_back(past, past);
	return past;
}

void weir_feed_back(struct weir_flow *past, struct weir_flow *later)
{
	struct weir_graph *graph = graph_of(past ? past : later);
	struct weir_step *step = past && later && later->graph == graph ? step_of(past) : NULL;

	if (!graph)
		return;
	graph->failed |= !step;
	if (!step)
		return;
	step->in[0] = later;
	step->n_in = 1;
}

/* --------------------------------------------------------------------- sinks */

void weir_sink(struct weir_flow *from, const char *text)
{
	add_chain(from, text, NULL, NULL, 0);
}

void weir_consume(struct weir_flow *from, const char *in, weir_take_fn take, void *state)
{
	struct weir_call call = { .in = in, .element = take_element };
	struct weir_bound *bound = bind_adapted(graph_of(from), "consume", call, state);

	if (bound)
		bound->take = take;
	add_taker(from, bound, NULL);
}

static void consume_lists(struct weir_flow *from, const char *args, const char *in, weir_take_list_fn take, void *state)
{
	struct weir_call call = { .in = in, .list = take_list };
	struct weir_bound *bound = bind_adapted(graph_of(from), "consume", call, state);

	if (bound)
		bound->take_list = take;
	add_taker(from, bound, args);
}

void weir_consume_list(struct weir_flow *from, const char *in, weir_take_list_fn take, void *state)
{
	consume_lists(from, NULL, in, take, state);
}

void weir_consume_window(struct weir_flow *from, const char *window, const char *in, weir_take_list_fn take,
			 void *state)
{
	char args[ARGS_MAX];

	consume_lists(from, window_args(args, window), in, take, state);
}

void weir_consume_by(struct weir_flow *from, const struct weir_call *call, void *state, const char *args)
{
	add_taker(from, bind(graph_of(from), "consume", *call, state), args);
}
