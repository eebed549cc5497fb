/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display/state.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/counters.h"
#include "core/run.h"

#define RATE_NS INT64_C(250000000) /* two looks for a rate are at least this far apart */

int display_state_open(struct display_state *state, struct weir_pipeline *pipeline, const char *name)
{
	*state = (struct display_state){ .pipeline = pipeline, .name = name };
	state->seen = calloc(pipeline->n_nodes, sizeof(*state->seen));
	state->rate = calloc(pipeline->n_nodes, sizeof(*state->rate));
	return state->seen && state->rate ? 0 : -ENOMEM;
}

void display_state_close(struct display_state *state)
{
	free(state->seen);
	free(state->rate);
	*state = (struct display_state){ 0 };
}

static uint64_t state_load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* --- rates ------------------------------------------------------------------------ */

static uint64_t state_rate(uint64_t now, uint64_t before, double seconds)
{
	return (uint64_t)((double)(now - before) * 1e3 / seconds);
}

/* Since the last look, or on average since the start where there was none. */
static void state_take_rates(struct display_state *state, int64_t now)
{
	int64_t since = state->seen_ns ? state->seen_ns : state->pipeline->runtime->started_ns;
	double seconds = (double)(now - since) / 1e9;

	if (now - since < (state->seen_ns ? RATE_NS : 1))
		return;
	for (uint32_t i = 0; i < state->pipeline->n_nodes; i++) {
		const struct weir_node *node = state->pipeline->node[i];
		struct display_seen seen = { state_load(&node->records_in), state_load(&node->records_out) };

		state->rate[i].in = state_rate(seen.in, state->seen[i].in, seconds);
		state->rate[i].out = state_rate(seen.out, state->seen[i].out, seconds);
		state->seen[i] = seen;
	}
	state->seen_ns = now;
}

/* --- nodes ------------------------------------------------------------------------ */

static uint32_t state_index(const struct weir_pipeline *pipeline, const struct weir_node *node)
{
	uint32_t i = 0;

	while (i < pipeline->n_nodes && pipeline->node[i] != node)
		i++;
	return i;
}

static json_t *state_inputs(const struct weir_node *node)
{
	json_t *inputs = json_array();

	for (uint32_t i = 0; i < node->n_ups; i++)
		json_array_append_new(inputs, json_integer(state_index(node->pipeline, node->ups[i])));
	if (!node->n_ups && node->up)
		json_array_append_new(inputs, json_integer(state_index(node->pipeline, node->up)));
	return inputs;
}

static json_t *state_lost(const struct weir_node *node, uint64_t total[WEIR_LOST_CAUSES])
{
	json_t *lost = json_object();

	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++) {
		uint64_t n = state_load(&node->lost[cause]);

		total[cause] += n;
		if (n)
			json_object_set_new(lost, weir_loss_name(cause), json_integer((json_int_t)n));
	}
	return lost;
}

static void state_add_stream(json_t *object, const struct weir_node *node)
{
	const struct weir_stream *stream = node->stream;
	json_t *fields;
	int64_t t;

	if (node->role == WEIR_SOURCE) {
		json_object_set_new(object, "tier", json_string(weir_stream_tier(stream)));
		if (stream->wants_filter || stream->custom) {
			uint64_t out = state_load(&node->records_out) + state_load(&node->lost[WEIR_LOST_FILTER]);
			uint64_t in = state_load(&node->records_in);

			json_object_set_new(object, "filtered", json_integer((json_int_t)(in > out ? in - out : 0)));
		}
	}
	fields = display_fields_json(stream, &t);
	json_object_set_new(object, "fields", fields);
	json_object_set_new(object, "t", t == INT64_MIN ? json_null() : json_integer(t));
	if (stream->ring)
		json_object_set_new(object, "ring",
				    json_pack("{s:I, s:I}", "capacity", (json_int_t)weir_ring_capacity(stream->ring),
					      "unread", (json_int_t)weir_ring_unread(stream->ring)));
}

static void state_add_output(json_t *object, const struct weir_node *node)
{
	double value = atomic_load_explicit(&node->applied, memory_order_relaxed);
	struct weir_held_look look = { state_load(&node->actuations), state_load(&node->refused),
				       state_load(&node->parked), !atomic_load(&node->agent->ended) };
	const char *by = node->pipeline->options.dry_run ? "nothing (dry run)" : "this process";

	if (node->held) {
		weir_held_look(node, &look);
		by = "guard";
		if (!look.is_live)
			value = node->driver->actuator->parked(node);
	}
	json_object_set_new(object, "output",
			    json_pack("{s:f, s:b, s:s, s:I, s:I, s:I}", "value", value, "live", (int)look.is_live,
				      "held_by", by, "actuations", (json_int_t)look.done, "refused",
				      (json_int_t)look.refused, "parked", (json_int_t)look.parks));
}

static json_t *state_node(const struct display_state *state, uint32_t index, uint64_t total[WEIR_LOST_CAUSES])
{
	const struct weir_node *node = state->pipeline->node[index];
	int length;
	const char *text = weir_node_text(node, &length);
	json_t *object = json_pack("{s:I, s:s, s:s%, s:o, s:I, s:I, s:f, s:f, s:o}", "id", (json_int_t)index, "role",
				   weir_role_name(node->role), "text", text, (size_t)length, "inputs",
				   state_inputs(node), "in", (json_int_t)state_load(&node->records_in), "out",
				   (json_int_t)state_load(&node->records_out), "in_rate",
				   (double)state->rate[index].in / 1e3, "out_rate",
				   (double)state->rate[index].out / 1e3, "lost", state_lost(node, total));

	if (node->name)
		json_object_set_new(object, "name", json_string(node->name));
	if (node->absorbed)
		json_object_set_new(object, "absorbed", json_true());
	if (node->stream)
		state_add_stream(object, node);
	if (node->role == WEIR_ACTUATOR)
		state_add_output(object, node);
	return object;
}

/* --- the whole ---------------------------------------------------------------------- */

static json_t *state_totals(const uint64_t total[WEIR_LOST_CAUSES])
{
	json_t *lost = json_object();
	uint64_t sum = 0;

	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++) {
		json_object_set_new(lost, weir_loss_name(cause), json_integer((json_int_t)total[cause]));
		sum += total[cause];
	}
	json_object_set_new(lost, "total", json_integer((json_int_t)sum));
	return lost;
}

static json_t *state_head(const struct display_state *state, const char *phase, double uptime)
{
	const struct weir_report *report = state->pipeline->report;

	return json_pack("{s:s, s:i, s:s, s:s, s:f, s:s%}", "name", state->name, "pid", (int)getpid(), "version",
			 WEIR_VERSION, "state", phase, "uptime", uptime, "program", weir_report_shown(report),
			 (size_t)weir_report_length(report));
}

json_t *display_state_json(struct display_state *state)
{
	uint64_t total[WEIR_LOST_CAUSES] = { 0 };
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);
	json_t *object, *nodes;

	if (!weir_run_look(state->pipeline))
		return state_head(state, "starting or ending", 0);
	state_take_rates(state, now);
	object = state_head(state, "running", (double)(now - state->pipeline->runtime->started_ns) / 1e9);
	nodes = json_array();
	for (uint32_t i = 0; i < state->pipeline->n_nodes; i++)
		json_array_append_new(nodes, state_node(state, i, total));
	weir_run_look_end(state->pipeline);
	json_object_set_new(object, "lost", state_totals(total));
	json_object_set_new(object, "nodes", nodes);
	return object;
}

json_t *display_history_json(struct display_state *state, uint32_t index, uint32_t points)
{
	const struct weir_node *node = index < state->pipeline->n_nodes ? state->pipeline->node[index] : NULL;
	json_t *rows = NULL;

	if (!node || !weir_run_look(state->pipeline))
		return NULL;
	if (node->stream && node->stream->ring)
		rows = display_rows_json(node->stream, points < DISPLAY_HISTORY_MAX ? points : DISPLAY_HISTORY_MAX);
	weir_run_look_end(state->pipeline);
	return rows;
}
