/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From nodes to threads. A stream (schema and ring) stands where records change threads: below every source, and where more
 * than one chain reads the same output. Each reader of a stream begins an agent; what follows it in one line is fused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/run.h"
#include "stream/record.h"

#define LATENCY_NS INT64_C(1000000000)  /* of what lies below a device's watermark, unless latency= is given */
#define DELIVERY_NS INT64_C(1000000000) /* until it is where records are put in order */
#define PROMPT_NS INT64_C(100000000)

int weir_pipeline_stream(struct weir_pipeline *pipeline, struct weir_node *from)
{
	struct weir_stream **array = weir_append(pipeline->stream, pipeline->n_streams, sizeof(*array));
	struct weir_stream *stream = calloc(1, offsetof(struct weir_stream, schema) + weir_schema_bytes(&from->out));

	if (array)
		pipeline->stream = array;
	if (!array || !stream) {
		free(stream);
		return -ENOMEM;
	}
	stream->from = from;
	if (from->role == WEIR_SOURCE)
		weir_schema_copy(&stream->schema, &from->out);
	else
		weir_schema_native(&from->out, &stream->schema);
	from->stream = stream;
	pipeline->stream[pipeline->n_streams++] = stream;
	return 0;
}

/* Does a device that will not wait feed this node? Then neither may anything below it hold the flow up. */
static bool is_live(const struct weir_node *node)
{
	/* Within a circle records cannot be spared: each stands for one that is on its way. */
	if (node->closes_circle)
		return false;
	if (!node->up)
		return !weir_source_is_pulled(node);
	for (uint32_t i = 1; i < node->n_ups; i++)
		if (node->ups[i]->is_live)
			return true;
	return node->up->is_live;
}

static const struct weir_arg *find_arg(const struct weir_args *args, const char *name)
{
	for (uint32_t i = 0; i < args->n_params; i++)
		if (!strcmp(args->params[i].name, name) && args->arg[i].given)
			return &args->arg[i];
	return NULL;
}

/* What a device gathers before it lets us read is under way for long. */
static int64_t gathering_lateness(const struct weir_node *node)
{
	const struct weir_arg *latency = find_arg(node->args, "latency");
	int64_t most = latency ? latency->integer : LATENCY_NS;

	return (most > LATENCY_NS ? most : LATENCY_NS) + DELIVERY_NS;
}

static int64_t source_lateness(const struct weir_node *node)
{
	int64_t most = PROMPT_NS;

	if (node->closes_circle)
		return most;
	if (node->role == WEIR_SOURCE)
		return node->driver->source->collects && !weir_source_is_pulled(node) ? gathering_lateness(node)
										      : PROMPT_NS;
	for (uint32_t i = 1; i < node->n_ups; i++)
		if (node->ups[i]->lateness_ns > most)
			most = node->ups[i]->lateness_ns;
	return node->up->lateness_ns > most ? node->up->lateness_ns : most;
}

/* What is said of a node follows from what feeds it, which comes before it in the program but for a circle. */
static void look_up(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];

		node->is_live = is_live(node);
		node->lateness_ns = source_lateness(node);
	}
}

/* Whatever an output waits for depends on no other stream. What reads a node comes after it in the program but for a circle. */
static void look_down(struct weir_pipeline *pipeline)
{
	for (uint32_t i = pipeline->n_nodes; i-- > 0;) {
		struct weir_node *node = pipeline->node[i];

		node->feeds_output = node->role == WEIR_ACTUATOR || node->closes_circle;
		for (uint32_t k = 0; k < node->n_readers; k++)
			node->feeds_output |= node->readers[k]->feeds_output || node->readers[k]->closes_circle;
	}
}

/* The most patient stage of the chain decides. */
static int64_t chain_lateness(const struct weir_node *first)
{
	int64_t lateness = -1;

	for (const struct weir_node *node = first; node; node = node->down) {
		const struct weir_arg *arg = find_arg(node->args, "lateness");

		if (arg && arg->integer > lateness)
			lateness = arg->integer;
	}
	return lateness >= 0 ? lateness : first->lateness_ns;
}

static void open_port(struct weir_port *port, const struct weir_node *first, const struct weir_node *up)
{
	port->from = up->stream;
	port->policy = first->args->policy_given              ? first->args->policy
		       : up->is_live && !first->closes_circle ? WEIR_DROP_OLDEST
							      : WEIR_BLOCK;
}

static int add_agent(struct weir_pipeline *pipeline, struct weir_node *first)
{
	struct weir_agent **array = weir_append(pipeline->agent, pipeline->n_agents, sizeof(*array));
	struct weir_agent *agent = calloc(1, sizeof(*agent));
	uint32_t n = first->n_ups ? first->n_ups : 1;
	struct weir_port *port = calloc(n, sizeof(*port));

	if (array)
		pipeline->agent = array;
	if (!array || !agent || !port) {
		free(port);
		free(agent);
		return -ENOMEM;
	}
	*agent = (struct weir_agent){ .pipeline = pipeline, .first = first, .port = port, .n_ports = n };
	for (uint32_t i = 0; i < n; i++)
		open_port(&port[i], first, first->ups ? first->ups[i] : first->up);
	pipeline->agent[pipeline->n_agents++] = agent;
	return 0;
}

/* ------------------------------------------------------------------- streams */

/* A combiner reads rings, and so does a stage that closes a circle: its agent must not wait for itself. Records are put in order
 * where they are read. */
static bool needs_ring(const struct weir_node *node)
{
	for (uint32_t i = 0; i < node->n_readers; i++) {
		const struct weir_node *reader = node->readers[i];

		if (reader->n_ups || reader->closes_circle || reader->sorts ||
		    (reader->role == WEIR_SINK && reader->driver->sink->reads_ring))
			return true;
	}
	return false;
}

/* The plan makes a source's stream early, when it hangs a filter on it. */
static int make_streams(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];
		int err = 0;

		if (node->absorbed || node->stream)
			continue;
		if (node->role == WEIR_SOURCE || node->n_readers > 1 || needs_ring(node))
			err = weir_pipeline_stream(pipeline, node);
		if (err < 0)
			return err;
	}
	return 0;
}

static int make_agents(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];
		int err = 0;

		if (node->absorbed || !node->up)
			continue;
		if (node->up->stream)
			err = add_agent(pipeline, node);
		else
			node->up->down = node;
		if (err < 0)
			return err;
	}
	return 0;
}

/* ---------------------------------------------------------------------- time */

static bool wants_time(struct weir_agent *agent)
{
	const struct weir_node *last = weir_chain_last(agent->first);

	return agent->first->sorts || (agent->n_ports > 1 && agent->first->driver->combiner->push) ||
	       weir_chain_ticks(agent->first) || (last->stream && last->stream->is_timed);
}

/* From those who live by time up to where it comes from; more than once, because streams may go in circles. */
static void spread_time(struct weir_pipeline *pipeline)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = pipeline->n_agents; i--;) {
			struct weir_agent *agent = pipeline->agent[i];

			if (agent->is_timed || !wants_time(agent))
				continue;
			agent->is_timed = changed = true;
			for (uint32_t k = 0; k < agent->n_ports; k++)
				agent->port[k].from->is_timed = true;
		}
	}
}

/* Who writes and who reads each stream. */
static void connect(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		struct weir_agent *agent = pipeline->agent[i];
		struct weir_stream *out = weir_chain_last(agent->first)->stream;

		if (out)
			out->writer = agent;
		for (uint32_t k = 0; k < agent->n_ports; k++) {
			agent->port[k].from->reader = agent;
			agent->port[k].from->n_ports += agent->n_ports;
		}
	}
}

/* A record passes through one ring after another, and each agent on the way may wait for it. */
static int64_t patience(const struct weir_stream *stream)
{
	const struct weir_agent *writer = stream->writer;

	return writer && writer->is_timed ? writer->lateness_ns : 0;
}

static void add_patience(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		struct weir_agent *agent = pipeline->agent[i];
		int64_t most = 0;

		for (uint32_t k = 0; k < agent->n_ports; k++) {
			int64_t above = patience(agent->port[k].from);

			if (above > most)
				most = above;
		}
		agent->lateness_ns = chain_lateness(agent->first) + most;
	}
}

/* What a chain begins with must find room before anybody reads. */
static void make_room(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		const struct weir_stream *stream = weir_chain_last(pipeline->agent[i]->first)->stream;
		uint32_t rows = 0;

		for (const struct weir_node *node = pipeline->agent[i]->first; node; node = node->down)
			rows += node->begins_with;
		if (stream && rows)
			stream->from->stream->least_rows = rows + WEIR_BLOCK_MAX;
	}
}

/* -------------------------------------------------------------------- numbers */

/* From a stream that a combiner by number reads up to where it comes from. */
static void spread_numbers(struct weir_node *node)
{
	if (node->feeds_numbers)
		return;
	node->feeds_numbers = true;
	for (uint32_t i = 1; i < node->n_ups; i++)
		spread_numbers(node->ups[i]);
	if (node->up)
		spread_numbers(node->up);
}

/* What a reader wants no newer ones of is written for nobody. The others learn that with the next row that is; by then a zip may have
 * held up all that could bring one. */
static int check_policies(const struct weir_pipeline *pipeline)
{
	int err = 0;

	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		const struct weir_agent *agent = pipeline->agent[i];

		for (uint32_t k = 0; k < agent->n_ports && agent->first->driver->combiner; k++)
			if (agent->first->driver->combiner->rows)
				spread_numbers(agent->port[k].from->from);
	}
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		for (uint32_t k = 0; k < pipeline->agent[i]->n_ports; k++)
			if (pipeline->agent[i]->port[k].policy == WEIR_DROP_NEWEST &&
			    pipeline->agent[i]->port[k].from->from->feeds_numbers)
				err = weir_fail_arg(
					pipeline->agent[i]->first, NULL,
					"policy=drop_oldest loses records for this reader alone",
					"policy=drop_newest leaves records out for all readers of the stream, "
					"and a zip takes them by number");
	return err;
}

bool weir_pipeline_can_jam(const struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		if (pipeline->agent[i]->n_ports > 1)
			return true;
	return false;
}

/* ------------------------------------------------------------------- lending */

static void attach(const struct weir_agent *agent)
{
	struct weir_node *last = weir_chain_last(agent->first);

	last->is_attached = last->role == WEIR_SINK && last->driver->sink->serve;
}

/* A reader that is to be overtaken needs a ring to be overtaken in; one that sorts waits for the ring's marks. */
static void lend(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_streams; i++) {
		struct weir_stream *stream = pipeline->stream[i];
		/* The one that reads this stream, and nothing else. */
		const struct weir_agent *reader = stream->n_ports == 1 ? stream->reader : NULL;

		bool suits = stream->from->role == WEIR_SOURCE && !stream->filter && reader && !reader->first->sorts &&
			     reader->port->policy == WEIR_BLOCK && !pipeline->options.keep_rings &&
			     !needs_ring(stream->from);

		stream->is_pooled = stream->from->role == WEIR_SOURCE && weir_pool_suits(stream->from);
		stream->is_lent = suits && (stream->is_pooled ? weir_pool_suits_chain(stream->from, reader)
							      : weir_lent_suits(stream->from, reader));
		if (stream->is_lent && !stream->is_pooled)
			attach(reader);
	}
}

static bool is_pooled(const struct weir_agent *agent)
{
	return agent->port[0].from->is_lent && agent->port[0].from->is_pooled;
}

/* A slow stage has one record at a time, so that each is acknowledged as soon as it is done. */
static void set_pace(struct weir_agent *agent)
{
	for (const struct weir_node *node = agent->first; node; node = node->down)
		agent->takes_one |= node->is_slow;
	agent->takes_one &= weir_node_is_answered(agent->first);
	agent->takes_one |= agent->keeper != NULL;
}

int weir_pipeline_group(struct weir_pipeline *pipeline)
{
	int err = make_streams(pipeline);

	look_up(pipeline);
	look_down(pipeline);
	if (err >= 0)
		err = make_agents(pipeline);
	if (err < 0)
		return err;
	connect(pipeline);
	lend(pipeline);
	make_room(pipeline);
	spread_time(pipeline);
	add_patience(pipeline);
	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		pipeline->agent[i]->is_prompt = weir_agent_suits_loop(pipeline->agent[i]);
		pipeline->agent[i]->is_pooled = is_pooled(pipeline->agent[i]);
	}
	err = weir_kept_plan(pipeline);
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		set_pace(pipeline->agent[i]);
	return err < 0 ? err : check_policies(pipeline);
}
