/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A graph that is built by calls is the program that stands for it, so there is one way from a graph to nodes and agents, and one
 * way of saying what is wrong with it.
 */
#include "api/builder.h"

#include <stdlib.h>
#include <string.h>

#include "core/report.h"

struct weir_graph *weir_graph_open(void)
{
	return calloc(1, sizeof(struct weir_graph));
}

static void close_step(struct weir_step *step)
{
	free(step->text);
	free(step->args);
	free(step->in);
	free(step->out);
	free(step);
}

static void close_bound(struct weir_bound *bound)
{
	free(bound->in);
	free(bound->out);
	free(bound);
}

void weir_graph_close(struct weir_graph *graph)
{
	if (!graph)
		return;
	for (uint32_t i = 0; i < graph->n_flows; i++)
		free(graph->flow[i]);
	for (uint32_t i = 0; i < graph->n_steps; i++)
		close_step(graph->step[i]);
	for (uint32_t i = 0; i < graph->n_bound; i++)
		close_bound(graph->bound[i]);
	free(graph->flow);
	free(graph->step);
	free(graph->bound);
	free(graph);
}

/* ------------------------------------------------------------------ building */

/* Room for one more pointer at the end of an array. */
static void *grow(void *array, uint32_t n)
{
	return realloc(array, ((size_t)n + 1) * sizeof(void *));
}

static struct weir_flow *add_flow(struct weir_graph *graph)
{
	struct weir_flow **grown = grow(graph->flow, graph->n_flows), *flow;

	if (grown)
		graph->flow = grown;
	flow = grown ? calloc(1, sizeof(*flow)) : NULL;
	if (!flow)
		return NULL;
	flow->graph = graph;
	snprintf(flow->name, sizeof(flow->name), "s%u", graph->n_flows + 1);
	graph->flow[graph->n_flows++] = flow;
	return flow;
}

/* An optional text, copied. */
static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static bool fill_step(struct weir_graph *graph, struct weir_step *to, const struct weir_step *from)
{
	bool good = copy_text(&to->text, from->text) && copy_text(&to->args, from->args);

	/* One more: a circle is fed when it has been begun. */
	to->in = calloc(from->n_in + 1, sizeof(struct weir_flow *));
	to->out = calloc(from->n_out + 1, sizeof(struct weir_flow *));
	if (!good || !to->in || !to->out)
		return false;
	for (uint32_t i = 0; i < from->n_in; i++)
		to->in[i] = from->in[i];
	for (uint32_t i = 0; i < from->n_out; i++) {
		to->out[i] = add_flow(graph);
		if (!to->out[i])
			return false;
	}
	return true;
}

static struct weir_step *add_step(struct weir_graph *graph, const struct weir_step *like)
{
	struct weir_step **grown = grow(graph->step, graph->n_steps), *step;

	if (grown)
		graph->step = grown;
	step = grown ? calloc(1, sizeof(*step)) : NULL;
	if (!step)
		return NULL;
	*step = (struct weir_step){
		.kind = like->kind,
		.n_in = like->n_in,
		.n_out = like->n_out,
		.is_waiting = like->is_waiting,
	};
	graph->step[graph->n_steps++] = step;
	return fill_step(graph, step, like) ? step : NULL;
}

static bool are_here(const struct weir_graph *graph, struct weir_flow *const *flow, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!flow[i] || flow[i]->graph != graph)
			return false;
	return true;
}

/* The language takes the clock of a circle from what its first reader reads beside it, which must have come before. */
static void place_circle(struct weir_graph *graph, const struct weir_flow *flow)
{
	for (uint32_t i = 0; i < graph->n_steps; i++) {
		struct weir_step *step = graph->step[i];

		if (!step->is_waiting || step->out[0] != flow)
			continue;
		step->is_waiting = false;
		for (; i + 1 < graph->n_steps; i++)
			graph->step[i] = graph->step[i + 1];
		graph->step[i] = step;
	}
}

void weir_graph_add(struct weir_graph *graph, const struct weir_step *like)
{
	struct weir_step *step = NULL;

	for (uint32_t i = 0; i < like->n_out; i++)
		like->out[i] = NULL;
	if (!graph)
		return;
	for (uint32_t i = 0; i < like->n_in; i++)
		place_circle(graph, like->in[i]);
	if (are_here(graph, like->in, like->n_in))
		step = add_step(graph, like);
	graph->failed |= !step;
	for (uint32_t i = 0; step && i < like->n_out; i++)
		like->out[i] = step->out[i];
}

struct weir_bound *weir_graph_bind(struct weir_graph *graph, const char *what, const struct weir_call *call,
				   void *state)
{
	struct weir_bound **grown = grow(graph->bound, graph->n_bound), *bound;

	if (grown)
		graph->bound = grown;
	bound = grown ? calloc(1, sizeof(*bound)) : NULL;
	if (!bound) {
		graph->failed = true;
		return NULL;
	}
	graph->bound[graph->n_bound++] = bound;
	graph->failed |= !copy_text(&bound->in, call->in) || !copy_text(&bound->out, call->out);
	bound->call = *call;
	bound->call.version = WEIR_CALL_VERSION;
	bound->call.bytes = sizeof(*call);
	bound->call.in = bound->in;
	bound->call.out = bound->out;
	bound->state = state;
	snprintf(bound->name, sizeof(bound->name), "%s.%u", what, graph->n_bound);
	return bound;
}

struct weir_flow *weir_name(struct weir_flow *flow, const char *name)
{
	if (flow && strlen(name) < sizeof(flow->name))
		strcpy(flow->name, name);
	else if (flow)
		flow->graph->failed = true;
	return flow;
}

/* ---------------------------------------------------------------------- text */

static void print_names(FILE *to, struct weir_flow *const *flow, uint32_t n, const char *between)
{
	for (uint32_t i = 0; i < n; i++)
		fprintf(to, "%s%s", i ? between : "", flow[i]->name);
}

static void print_step(FILE *to, const struct weir_step *step)
{
	print_names(to, step->out, step->n_out, ", ");
	fputs(step->n_out ? " = " : "", to);
	if (step->kind == WEIR_STEP_COMBINE)
		fprintf(to, "%s(", step->text);
	print_names(to, step->in, step->n_in, step->kind == WEIR_STEP_ON ? " on " : ", ");
	if (step->kind == WEIR_STEP_COMBINE)
		fprintf(to, "%s%s)", step->args ? ", " : "", step->args ? step->args : "");
	else if (step->kind != WEIR_STEP_ON)
		fprintf(to, "%s%s", step->n_in ? " | " : "", step->text);
	if (step->args && step->kind != WEIR_STEP_COMBINE)
		fprintf(to, " %s", step->args);
	fputc('\n', to);
}

char *weir_graph_text(const struct weir_graph *graph)
{
	char *text = NULL;
	size_t n;
	FILE *to = graph->failed ? NULL : open_memstream(&text, &n);

	if (!to)
		return NULL;
	for (uint32_t i = 0; i < graph->n_steps; i++)
		print_step(to, graph->step[i]);
	if (!fclose(to))
		return text;
	free(text);
	return NULL;
}

/* ----------------------------------------------------------------------- run */

static struct weir_native function_of(struct weir_bound *bound)
{
	return (struct weir_native){
		.name = bound->name,
		.call = &bound->call,
		.state = bound->is_adapted ? bound : bound->state,
	};
}

/* The graph's functions and those that the application gives by name. */
static struct weir_native *all_functions(const struct weir_graph *graph, const struct weir_options *options)
{
	struct weir_native *all = calloc((size_t)graph->n_bound + options->n_functions + 1, sizeof(*all));

	for (uint32_t i = 0; all && i < graph->n_bound; i++)
		all[i] = function_of(graph->bound[i]);
	if (all && options->n_functions)
		memcpy(all + graph->n_bound, options->functions, options->n_functions * sizeof(*all));
	return all;
}

static int not_whole(const struct weir_options *options)
{
	fputs("weir: the graph is not whole: a call had no memory, or was given NULL or a flow of another graph\n",
	      options->messages ? options->messages : stderr);
	return WEIR_EXIT_RUNTIME;
}

int weir_graph_start(struct weir_pipeline **out, const struct weir_graph *graph, const char *name,
		     const struct weir_options *options)
{
	struct weir_options all = options ? *options : (struct weir_options){ 0 };
	struct weir_native *functions = graph ? all_functions(graph, &all) : NULL;
	char *text = functions ? weir_graph_text(graph) : NULL;
	int status;

	*out = NULL;
	if (text) {
		all.functions = functions;
		all.n_functions += graph->n_bound;
		status = weir_open(out, text, name, &all);
	} else {
		status = not_whole(&all);
	}
	free(text);
	free(functions);
	return status;
}

int weir_graph_run(struct weir_graph *graph, const struct weir_options *options)
{
	struct weir_pipeline *pipeline;
	int status = weir_graph_start(&pipeline, graph, "<graph>", options);

	if (!status)
		status = weir_run(pipeline);
	weir_close(pipeline);
	weir_graph_close(graph);
	return status;
}
