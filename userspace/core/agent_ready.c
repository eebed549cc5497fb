/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an agent waits for, and whether it has come. */
#include <stdint.h>

#include "core/run.h"

/* Records at hand wait for others, not for more of their own. */
static bool is_hungry(const struct weir_port *port)
{
	return weir_port_is_empty(port) && !port->ended;
}

bool weir_agent_has_started(const struct weir_agent *agent)
{
	if (agent->is_pooled)
		return agent->port[0].feed && atomic_load(&agent->port[0].feed->is_open);
	return agent->is_prompt ? agent->has_begun : agent->worker && agent->worker->started;
}

bool weir_agent_is_ready(const struct weir_agent *agent)
{
	if (agent->is_pausing)
		return true;
	if (agent->wants_space)
		return weir_ring_has_space(agent->wants_space);
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (is_hungry(&agent->port[i]) && weir_reader_has_news(agent->port[i].reader))
			return true;
	return agent->deadline_ns != INT64_MAX && weir_now(WEIR_CLOCK_MONOTONIC) >= agent->deadline_ns;
}

void weir_agent_announce(struct weir_agent *agent)
{
	if (agent->wants_space)
		weir_ring_announce(agent->wants_space);
	for (uint32_t i = 0; i < agent->n_ports && !agent->wants_space; i++)
		if (is_hungry(&agent->port[i]))
			weir_reader_announce(agent->port[i].reader);
}

void weir_agent_retract(struct weir_agent *agent)
{
	if (agent->wants_space)
		weir_ring_retract(agent->wants_space);
	for (uint32_t i = 0; i < agent->n_ports && !agent->wants_space; i++)
		weir_reader_retract(agent->port[i].reader);
}
