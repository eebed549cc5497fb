/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was under way when a run ended: records that a chain had not worked off when it failed, when the time to drain was over, or when
 * a second signal ended the run. A chain that ended in good order wanted no more.
 *
 * A chain that hangs is looked at from outside. What it had been given last is all counted, although some of it may have got through.
 */
#include "core/run.h"
#include "stream/sorter.h"

void weir_leftover_note(struct weir_port *port)
{
	port->left_n = port->block ? port->block->n - port->at : 0;
	if (port->sorter)
		port->left_n += weir_sorter_count(port->sorter);
	if (port->reader)
		port->left_at = weir_reader_position(port->reader);
}

static uint64_t left_at_port(const struct weir_agent *agent, const struct weir_port *port)
{
	uint64_t from = atomic_load(&port->done);

	if (atomic_load(&agent->ended))
		return port->from->is_lent ? port->left_n : weir_stream_head(port->from) - port->left_at + port->left_n;
	/* What it has dropped itself is counted already. */
	if (atomic_load(&agent->has_undone) && port->reader)
		from = weir_reader_position(port->reader);
	return weir_stream_head(port->from) - from;
}

void weir_leftover_count(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		struct weir_agent *agent = pipeline->agent[i];
		uint64_t left = 0;

		if (!weir_agent_has_started(agent) || (atomic_load(&agent->ended) && !agent->has_failed))
			continue;
		for (uint32_t k = 0; k < agent->n_ports; k++)
			left += left_at_port(agent, &agent->port[k]);
		weir_lost(agent->first, WEIR_LOST_END, left);
	}
}
