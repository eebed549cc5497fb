/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Agents that the loop runs itself, as soon as it has read their source: from an edge to an output nobody else has to wake up,
 * which on a small machine costs more than everything between. For chains that hold the loop up no longer than reading does,
 * and that write to no ring, since whoever writes to one may have to wait for space.
 *
 * Such an agent never waits. Where its stages live by time, the loop comes back when their time has come, and after a number of
 * turns even when there is more to do. A stage that does not return would stop the loop, and with it the beats of all outputs: the guard
 * then parks them. Brief stages are arithmetic and always return; what may take for ever is the number of ticks between two
 * records, so there signals are looked at: a second one ends the run.
 */
#include <errno.h>
#include <stdint.h>

#include "core/run.h"

static bool is_running(const struct weir_agent *agent)
{
	return agent->is_prompt && !atomic_load_explicit(&agent->ended, memory_order_relaxed);
}

static int64_t serve(void *context)
{
	struct weir_pipeline *pipeline = context;
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		struct weir_agent *agent = pipeline->agent[i];

		if (is_running(agent) && (!agent->has_begun || weir_agent_is_ready(agent)))
			weir_agent_serve(agent);
		if (is_running(agent) && agent->deadline_ns < first)
			first = agent->deadline_ns;
	}
	return first;
}

void weir_prompt_begin(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		if (!pipeline->agent[i]->is_prompt)
			continue;
		weir_loop_set_guest(pipeline->runtime->loop, serve, pipeline);
		for (struct weir_node *node = pipeline->agent[i]->first; node; node = node->down)
			node->is_prompt = true;
	}
}

void weir_prompt_end(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		if (is_running(pipeline->agent[i]) && pipeline->agent[i]->has_begun)
			weir_agent_end(pipeline->agent[i], -EINTR);
}
