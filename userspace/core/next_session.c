/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sessions: a recording that several runs wrote, whose clock began again in between. Live, each run began with fresh stages and ended
 * with a flush. So it does when the recording is played back: the run ends in good order, stages are opened again, and a new run
 * goes on with the next session. Sinks stay open and see one stream, so that a file has one header and a connection lasts.
 *
 * A chain that wanted no more has ended for good, as it would where the recording has a single session.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/run.h"

static bool has_one_source(const struct weir_pipeline *pipeline)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		n += pipeline->node[i]->role == WEIR_SOURCE;
	return n == 1;
}

bool weir_begin_session(struct weir_node *node)
{
	if (!node->driver->source->has_sessions || !node->stream || !has_one_source(node->pipeline))
		return false;
	atomic_store(&node->pipeline->runtime->has_session, true);
	return true;
}

/* --- between two runs ----------------------------------------------------------- */

static void empty(int fd)
{
	uint64_t bells;

	while (read(fd, &bells, sizeof(bells)) > 0)
		continue;
}

static void reset_runtime(struct weir_runtime *run)
{
	empty(run->halt_fd);
	empty(run->wake_fd);
	atomic_store(&run->stopping, false);
	atomic_store(&run->aborting, false);
	atomic_store(&run->is_over, false);
	run->has_deadline = false;
	run->n_feeds = 0;
}

/* Of a port, what the plan has set remains. */
static void reset_agent(struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		struct weir_port *port = &agent->port[i];

		*port = (struct weir_port){ .from = port->from,
					    .policy = port->policy,
					    .knows_start = port->knows_start };
	}
	agent->worker = NULL;
	agent->has_begun = agent->has_failed = agent->has_counted_block = agent->is_fresh = false;
	agent->turns = 0;
	atomic_store(&agent->ended, agent->is_out);
	atomic_store(&agent->has_undone, false);
}

static void reset_stream(struct weir_stream *stream)
{
	static const uint64_t zero[WEIR_STATE_WORDS];

	stream->n_initial = 0;
	if (stream->filter && stream->predicate && stream->predicate->n_state)
		weir_filter_set_state(stream->filter, zero);
}

/* There was to be another session, so that agents have not ended their sinks. */
static void end_sinks(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];

		if (node->role == WEIR_SINK && node->driver->sink->end && node->agent && !node->agent->is_out &&
		    !node->agent->has_failed)
			node->driver->sink->end(node);
	}
}

/* Outputs are held for a session that does not come. */
static bool end_here(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	weir_run_halt(pipeline);
	if (weir_report_status(pipeline->report) == WEIR_EXIT_OK && !weir_wants_reload(pipeline)) {
		weir_guarding_release(run->left);
		run->left = NULL;
	}
	end_sinks(pipeline);
	return false;
}

void weir_session_failed(struct weir_pipeline *pipeline)
{
	if (!pipeline->runtime->abandoned)
		end_sinks(pipeline);
}

bool weir_session_next(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	if (run->abandoned || !atomic_load(&run->has_session))
		return false;
	if (weir_report_status(pipeline->report) != WEIR_EXIT_OK || atomic_load(&run->is_asked))
		return end_here(pipeline);
	atomic_store(&run->has_session, false);
	reset_runtime(run);
	/* Behind the reset, which would undo a request that comes now. */
	if (atomic_load(&run->is_asked))
		return end_here(pipeline);
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		reset_agent(pipeline->agent[i]);
	for (uint32_t i = 0; i < pipeline->n_streams; i++)
		reset_stream(pipeline->stream[i]);
	return true;
}

static bool is_out(const struct weir_node *node)
{
	return node->agent && node->agent->is_out;
}

int weir_session_begin(struct weir_pipeline *pipeline)
{
	/* Downstream first: a stage may refer to what its input owns. */
	for (uint32_t i = pipeline->n_nodes; i--;)
		if (!is_out(pipeline->node[i]))
			weir_node_shut(pipeline->node[i]);
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		struct weir_node *node = pipeline->node[i];
		int err = 0;

		if (is_out(node))
			continue;
		if (node->role == WEIR_OPERATOR)
			err = weir_node_reopen(node);
		else if (node->role == WEIR_SINK && node->driver->sink->session)
			err = node->driver->sink->session(node);
		if (err < 0)
			return err;
	}
	return 0;
}

void weir_session_finish_rings(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_streams; i++)
		if (pipeline->stream[i]->writer && pipeline->stream[i]->writer->is_out)
			weir_ring_finish(pipeline->stream[i]->ring);
}
