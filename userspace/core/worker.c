/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads for agents. One that has a single agent simply runs it. One with several gives each a stack of its own and goes from
 * one that can go on to the next; an agent that waits, for records or for space, costs nothing. All that any of them waits for
 * rings the same bell, so a thread with nothing to do sleeps until there is something, and never looks in vain.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/fiber.h"
#include "core/run.h"

/* ----------------------------------------------------------------------- run */

static void run_in_turn(struct weir_worker *worker)
{
	uint32_t left = worker->n_agents;

	while (left) {
		bool any = false;

		for (uint32_t i = 0; i < worker->n_agents; i++) {
			struct weir_agent *agent = worker->agent[i];

			if (weir_fiber_is_over(agent->fiber) || !weir_agent_is_ready(agent))
				continue;
			any = true;
			weir_fiber_resume(agent->fiber);
			left -= weir_fiber_is_over(agent->fiber);
		}
		if (!any)
			weir_worker_sleep(worker);
	}
}

static void *run(void *context)
{
	struct weir_worker *worker = context;

	struct weir_feed *feed = worker->agent[0]->port[0].feed;

	if (worker->n_agents == 1)
		weir_agent_run(worker->agent[0]);
	else
		run_in_turn(worker);
	if (feed && weir_feed_concludes(feed)) {
		weir_feed_conclude(feed);
		weir_feed_want_end(feed);
	}
	return NULL;
}

int weir_worker_start(struct weir_worker *worker)
{
	int err = pthread_create(&worker->thread, NULL, run, worker);

	worker->started = !err;
	return -err;
}

int weir_worker_join(struct weir_worker *worker, const struct timespec *deadline)
{
	int err;

	if (!worker->started || worker->joined)
		return 0;
	err = pthread_timedjoin_np(worker->thread, NULL, deadline);
	worker->joined = !err;
	return -err;
}

/* ---------------------------------------------------------------- the plan */

/* What ends in the world outside, or asks there, may be held up there, and must then hold up nobody else. */
static bool may_hang(struct weir_agent *agent)
{
	for (struct weir_node *node = agent->first; node; node = node->down)
		if (node->role != WEIR_OPERATOR || (node->driver->stage && node->driver->stage->may_wait))
			return true;
	return false;
}

/* A source that lends its rows has no thread, but for that of the agent which reads them. */
static bool has_own_thread(struct weir_agent *agent)
{
	return agent->port[0].from->is_lent || (!agent->pipeline->options.threads && may_hang(agent));
}

/* The loop or a thread of slow sources runs it, or it has ended. */
static bool is_elsewhere(const struct weir_agent *agent)
{
	return agent->is_prompt || agent->is_pooled || agent->is_out;
}

/* By default: one each for those that may hang, and for the rest as many as there are processors. */
static uint32_t number_of_workers(const struct weir_pipeline *pipeline, uint32_t *shared)
{
	uint32_t own = 0, rest = 0, wanted = pipeline->options.threads;

	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		if (!is_elsewhere(pipeline->agent[i]))
			*(has_own_thread(pipeline->agent[i]) ? &own : &rest) += 1;
	if (!wanted)
		wanted = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	*shared = rest < wanted ? rest : wanted;
	return *shared + own;
}

static int give_agent(struct weir_worker *worker, struct weir_agent *agent)
{
	struct weir_agent **grown = realloc(worker->agent, (worker->n_agents + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	worker->agent = grown;
	worker->agent[worker->n_agents++] = agent;
	agent->worker = worker;
	agent->is_pausing = true; /* until it has begun */
	return 0;
}

static int deal_out(struct weir_pipeline *pipeline, uint32_t shared)
{
	struct weir_runtime *run = pipeline->runtime;
	uint32_t next_own = shared, next_shared = 0;

	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		if (is_elsewhere(pipeline->agent[i]))
			continue;
		uint32_t to = has_own_thread(pipeline->agent[i]) ? next_own++ : next_shared++ % shared;
		int err = give_agent(&run->worker[to], pipeline->agent[i]);

		if (err < 0)
			return err;
	}
	return 0;
}

static void run_agent(void *context)
{
	struct weir_agent *agent = context;

	agent->is_pausing = false;
	weir_agent_run(agent);
}

int weir_workers_open(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	uint32_t shared;
	int err;

	run->n_workers = number_of_workers(pipeline, &shared);
	run->worker = calloc(run->n_workers + 1, sizeof(*run->worker));
	if (!run->worker)
		return -ENOMEM;
	for (uint32_t i = 0; i < run->n_workers; i++)
		run->worker[i].pipeline = pipeline;
	err = deal_out(pipeline, shared);
	for (uint32_t i = 0; i < pipeline->n_agents && err >= 0; i++) {
		struct weir_agent *agent = pipeline->agent[i];

		if (agent->worker && agent->worker->n_agents > 1)
			err = weir_fiber_open(&agent->fiber, run_agent, agent);
		else
			agent->is_pausing = false;
	}
	return err;
}

void weir_workers_close(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	for (uint32_t i = 0; i < pipeline->n_agents; i++) {
		weir_fiber_close(pipeline->agent[i]->fiber);
		pipeline->agent[i]->fiber = NULL;
	}
	for (uint32_t i = 0; i < run->n_workers; i++)
		free(run->worker[i].agent);
	free(run->worker);
	run->worker = NULL;
	run->n_workers = 0;
}
