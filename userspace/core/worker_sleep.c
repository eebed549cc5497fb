/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a worker waits for all of its agents at once, and one of its agents for its turn. */
#include <stdint.h>

#include "core/fiber.h"
#include "core/run.h"
#include "stream/bell.h"

static bool is_anyone_ready(const struct weir_worker *worker)
{
	for (uint32_t i = 0; i < worker->n_agents; i++)
		if (!atomic_load_explicit(&worker->agent[i]->ended, memory_order_relaxed) &&
		    weir_agent_is_ready(worker->agent[i]))
			return true;
	return false;
}

static void for_each_live(struct weir_worker *worker, void (*what)(struct weir_agent *))
{
	for (uint32_t i = 0; i < worker->n_agents; i++)
		if (!atomic_load_explicit(&worker->agent[i]->ended, memory_order_relaxed))
			what(worker->agent[i]);
}

static int64_t first_deadline(const struct weir_worker *worker)
{
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < worker->n_agents; i++) {
		const struct weir_agent *agent = worker->agent[i];

		if (!atomic_load_explicit(&agent->ended, memory_order_relaxed) && !agent->wants_space &&
		    agent->deadline_ns < first)
			first = agent->deadline_ns;
	}
	return first;
}

/* Announce, look again, sleep: whoever makes something to see looks for announcements after. */
void weir_worker_sleep(struct weir_worker *worker)
{
	uint32_t seen = atomic_load(&worker->bell);
	int64_t deadline = first_deadline(worker);

	for_each_live(worker, weir_agent_announce);
	if (!is_anyone_ready(worker)) {
		if (deadline == INT64_MAX)
			atomic_store(&worker->asleep, UINT64_C(1) << 32 | seen);
		weir_bell_wait(&worker->bell, seen, deadline);
		atomic_store(&worker->asleep, 0);
	}
	for_each_live(worker, weir_agent_retract);
}

void weir_worker_wait(struct weir_agent *agent)
{
	if (agent->fiber)
		weir_fiber_yield(agent->fiber);
	else
		while (!weir_agent_is_ready(agent))
			weir_worker_sleep(agent->worker);
}

/* All bells before and after: none was rung while we looked, so they were all asleep at one time. */
static uint64_t count_rings(const struct weir_runtime *run)
{
	uint64_t rings = 0;

	for (uint32_t i = 0; i < run->n_workers; i++)
		rings += atomic_load(&run->worker[i].bell);
	return rings;
}

bool weir_workers_rest(const struct weir_pipeline *pipeline)
{
	const struct weir_runtime *run = pipeline->runtime;
	uint64_t rings = count_rings(run);

	for (uint32_t i = 0; i < run->n_workers; i++) {
		const struct weir_worker *worker = &run->worker[i];
		bool ended = true;

		for (uint32_t k = 0; k < worker->n_agents; k++)
			ended &= atomic_load(&worker->agent[k]->ended);
		if (!ended && atomic_load(&worker->asleep) != (UINT64_C(1) << 32 | atomic_load(&worker->bell)))
			return false;
	}
	return rings == count_rings(run);
}
