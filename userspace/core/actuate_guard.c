/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Outputs that the guard holds, as a running pipeline sees them.
 *
 * The agent that drives an output asks; the loop's thread vouches for it. At each pulse it looks at every agent from the
 * source to the output: one that waits for its ring is well, one that works must have finished a block since the last look.
 * Only then does the output's lease get a beat. So a stage that does not return stops the beats, as does a process that is
 * stopped or dead.
 *
 * When the guard has parked a lease, what the agent wants is only remembered. Once all is well again, and the agents have
 * caught up with what came meanwhile, the loop's thread asks for the latest wish in the new epoch: the line goes from its park
 * value to that in one step.
 *
 * When the guard is gone, which its socket tells, or hangs, the request's descriptor that it has shared is used once: to park.
 * Then the run ends.
 *
 * A grip's lock is for these two threads, and free but in such moments.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/guard_link.h"
#include "core/run.h"
#include "guard/attribute.h"

#define GUARD_PATH_MAX 64 /* agents, and sources, that an output depends on */
#define DOUBTS 16
#define HANG_NS INT64_C(1000000000) /* a guard looks at its leases several times in a deadline */

struct weir_held {
	struct weir_node *node;
	struct weir_guard_grip grip;
	struct weir_physical what;
	int file; /* of an attribute, for the guard's end; -1 */
	bool is_direct;
	pthread_mutex_t lock; /* grip.epoch, wish, is_over */
	double wish[WEIR_PHYSICAL_LINES];
	int64_t record_t;
	bool is_over; /* nothing is to be asked any more */
	bool told;    /* its trouble has been reported */
	/* Loop's thread. */
	int64_t deadline_ns, stale_ns;
	const struct weir_agent *agent[GUARD_PATH_MAX];
	uint32_t turns[GUARD_PATH_MAX], n_agents;
	struct weir_feed *feed[GUARD_PATH_MAX];
	uint64_t seen[GUARD_PATH_MAX];
	int64_t fresh_ns[GUARD_PATH_MAX];
	uint32_t n_feeds;
};

struct weir_guarding {
	struct weir_guard_link link;
	struct weir_held held[WEIR_GUARD_SLOTS];
	uint32_t n;
	unsigned doubts;      /* pulses in a row at which the guard seemed to hang */
	_Atomic bool is_gone; /* the guard; written by the loop's thread */
	bool is_left;         /* the guard holds the outputs for the next program of this process */
};

/* --- taking ------------------------------------------------------------------- */

static int fail_link(struct weir_node *node, const struct weir_guard_link *link, int err)
{
	const char *why = *link->why ? link->why : strerror(-err);

	if (err == -ENOEXEC)
		return weir_fail(node, ENOEXEC, "cannot start a guard: %s; --no-guard does without it", why);
	return weir_fail(node, -err, "cannot reach the guard: %s; --no-guard does without it", why);
}

static int open_guarding(struct weir_node *node)
{
	struct weir_runtime *run = node->pipeline->runtime;
	struct weir_guarding *guarding = calloc(1, sizeof(*guarding));
	char title[64];
	int err;

	if (!guarding)
		return -ENOMEM;
	run->guarding = guarding;
	snprintf(title, sizeof(title), "weir run %s", weir_report_name(node->pipeline->report));
	err = weir_guard_link_open(&guarding->link, true);
	if (err >= 0)
		err = weir_guard_link_hello(&guarding->link, title);
	return err < 0 ? fail_link(node, &guarding->link, err) : 0;
}

static int fill_rules(struct weir_node *node, struct weir_guard_request *request)
{
	const struct weir_output_args *args = weir_output_args(node);
	struct weir_rule *rule = &request->rule;
	const char *group = args->interlock, *problem;

	*rule = (struct weir_rule){
		.park = node->driver->actuator->parked(node),
		.max_on = args->max_on_ns,
		.min_on = args->min_on_ns,
		.min_off = args->min_off_ns,
		.gap = args->break_ns,
		.starts = args->starts,
		.per = args->per_ns,
	};
	if (group && strlen(group) >= sizeof(rule->group))
		return weir_fail_arg(node, "interlock", NULL, "the group's name is too long");
	snprintf(rule->group, sizeof(rule->group), "%s", group ? group : "");
	request->deadline_ns = args->deadline_ns;
	request->stale_ns = args->stale_ns;
	problem = weir_rule_problem(rule);
	return problem ? weir_fail_arg(node, NULL, NULL, "%s", problem) : 0;
}

static bool has_rules(const struct weir_guard_request *request)
{
	const struct weir_rule *rule = &request->rule;

	return rule->max_on || rule->min_on || rule->min_off || rule->starts || *rule->group || request->stale_ns;
}

/* Whoever has the descriptor is bound by nothing but the guard's readiness to kill. */
static int fill_direct(struct weir_node *node, struct weir_guard_request *request)
{
	request->direct = !request->what.is_file && weir_output_args(node)->direct;
	if (request->direct && has_rules(request))
		return weir_fail_arg(node, "direct", "leave out direct, or the rules",
				     "an output that is set directly can have no rules but park= and deadline=");
	return 0;
}

/* Of the outputs before this one, those that the guard is to hold. */
static uint32_t count_held(const struct weir_pipeline *pipeline)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		n += pipeline->node[i]->role == WEIR_ACTUATOR && pipeline->node[i]->driver->actuator->describe;
	return n;
}

int weir_held_check(struct weir_node *node)
{
	struct weir_guard_request request = { 0 };
	uint32_t before = count_held(node->pipeline);

	if (before == WEIR_GUARD_SLOTS && !node->pipeline->options.no_guard)
		return weir_fail_arg(node, NULL, "the lines of one chip are one output: gpio:CHIP[A, B, C]",
				     "this is output %u, and the guard holds at most %d of a program", before + 1,
				     WEIR_GUARD_SLOTS);
	return fill_rules(node, &request);
}

int weir_held_describe(struct weir_node *node, struct weir_guard_request *request, int *file)
{
	int err = node->driver->actuator->describe(node, &request->what, file);

	if (err >= 0)
		err = fill_rules(node, request);
	if (err >= 0)
		err = fill_direct(node, request);
	return err;
}

static int fail_take(struct weir_node *node, const struct weir_guarding *guarding,
		     const struct weir_guard_request *request, int err)
{
	return weir_fail_device(node, request->what.title, "take the output", -err,
				*guarding->link.reply.text ? guarding->link.reply.text : NULL);
}

/* An attribute is made ready by us, which must not happen to one that somebody else is using. */
static int look(struct weir_node *node, struct weir_guarding *guarding, struct weir_guard_request *request)
{
	int err = weir_held_describe(node, request, NULL);

	if (err < 0 || !request->what.is_file)
		return err;
	err = weir_guard_link_look(&guarding->link, &request->what);
	if (err > 0 && guarding->link.reply.is_held) {
		snprintf(guarding->link.reply.text, sizeof(guarding->link.reply.text),
			 "it was set by hand; weir park gives it up");
		err = -EBUSY;
	}
	return err < 0 ? fail_take(node, guarding, request, err) : 0;
}

static int take(struct weir_node *node, struct weir_guarding *guarding)
{
	struct weir_held *held = &guarding->held[guarding->n];
	struct weir_guard_request request = { 0 };
	int err;

	*held = (struct weir_held){ .node = node, .file = -1, .grip.lines = -1 };
	err = look(node, guarding, &request);
	if (err >= 0)
		err = weir_held_describe(node, &request, &held->file);
	if (err >= 0) {
		err = weir_guard_link_take(&guarding->link, &request, held->file, &held->grip);
		if (err < 0)
			fail_take(node, guarding, &request, err);
	}
	if (err < 0) {
		if (held->file >= 0)
			close(held->file);
		return err;
	}
	pthread_mutex_init(&held->lock, NULL);
	memcpy(held->wish, request.what.park, sizeof(held->wish));
	held->what = request.what;
	held->is_direct = request.direct;
	held->deadline_ns = request.deadline_ns;
	held->stale_ns = request.stale_ns;
	guarding->n++;
	node->held = held;
	return 0;
}

int weir_held_start(struct weir_node *node)
{
	struct weir_runtime *run = node->pipeline->runtime;
	int err = run->guarding ? 0 : open_guarding(node);

	if (err < 0)
		return err;
	if (run->guarding->n == WEIR_GUARD_SLOTS)
		return weir_fail(node, ENOSPC, "a pipeline has at most %d guarded outputs", WEIR_GUARD_SLOTS);
	return take(node, run->guarding);
}

/* --- asking ------------------------------------------------------------------- */

static bool is_lost(const struct weir_guarding *guarding, const struct weir_held *held)
{
	return atomic_load(&weir_guard_link_told(&guarding->link, &held->grip)->epoch) != held->grip.epoch;
}

static int set_directly(struct weir_held *held, struct weir_guarding *guarding)
{
	int err = weir_grip_set(&held->grip, held->wish);

	if (err < 0)
		return weir_fail_device(held->node, held->what.title, "set the line", -err, NULL);
	return weir_guard_link_ask(&guarding->link, &held->grip, held->wish, held->record_t, WEIR_ASK_IS_DONE);
}

/* With the lock. */
static int ask(struct weir_held *held, struct weir_guarding *guarding)
{
	if (held->is_over || is_lost(guarding, held))
		return 0;
	if (held->is_direct)
		return set_directly(held, guarding);
	return weir_guard_link_ask(&guarding->link, &held->grip, held->wish, held->record_t, 0);
}

int weir_held_ask(struct weir_node *node, const double *value, uint32_t n, int64_t t)
{
	struct weir_held *held = node->held;
	int err;

	pthread_mutex_lock(&held->lock);
	memcpy(held->wish, value, n * sizeof(*value));
	held->record_t = t;
	err = ask(held, node->pipeline->runtime->guarding);
	pthread_mutex_unlock(&held->lock);
	if (err == -ETIMEDOUT)
		return weir_fail(node, ETIMEDOUT, "the guard does not answer");
	return err;
}

static int set_park(const struct weir_held *held)
{
	if (!held->what.is_file)
		return weir_grip_set(&held->grip, held->what.park);
	return weir_attribute_set(held->file, &held->what, held->what.park[0], NULL);
}

void weir_held_park(struct weir_node *node)
{
	struct weir_held *held = node->held;

	struct weir_guarding *guarding = node->pipeline->runtime->guarding;

	pthread_mutex_lock(&held->lock);
	if (guarding->is_gone)
		set_park(held);
	else if (!held->is_over && !is_lost(guarding, held) &&
		 weir_guard_link_ask(&guarding->link, &held->grip, held->what.park, 0, WEIR_ASK_PARKS) < 0)
		weir_fail(node, ETIMEDOUT, "the guard does not answer");
	held->is_over = true;
	pthread_mutex_unlock(&held->lock);
}

void weir_held_look(const struct weir_node *node, struct weir_held_look *out)
{
	const struct weir_guarding *guarding = node->pipeline->runtime->guarding;
	const struct weir_guard_grip *grip = &node->held->grip;
	const struct weir_guard_tell_slot *told = weir_guard_link_told(&guarding->link, grip);

	out->done = atomic_load(&told->done);
	out->refused = atomic_load(&told->refused);
	out->parks = atomic_load(&told->parks);
	out->is_live = !guarding->is_gone && atomic_load(&told->epoch) == atomic_load(&grip->epoch);
}

struct weir_progress weir_held_progress(const struct weir_node *node)
{
	const struct weir_guarding *guarding = node->pipeline->runtime->guarding;
	const struct weir_guard_grip *grip = &node->held->grip;

	return (struct weir_progress){ atomic_load(&guarding->link.asks->slot[grip->slot].head),
				       atomic_load(&weir_guard_link_told(&guarding->link, grip)->tail) };
}

/* --- the loop's side ---------------------------------------------------------- */

/* The guard is no more, and with it all that it knew. */
static void park_without(struct weir_pipeline *pipeline, const char *why)
{
	struct weir_guarding *guarding = pipeline->runtime->guarding;

	if (guarding->is_gone)
		return;
	guarding->is_gone = true;
	for (uint32_t i = 0; i < guarding->n; i++) {
		pthread_mutex_lock(&guarding->held[i].lock);
		guarding->held[i].is_over = true;
		set_park(&guarding->held[i]);
		pthread_mutex_unlock(&guarding->held[i].lock);
	}
	weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL,
			"the guard (process %d) %s; outputs are parked", guarding->link.pid, why);
	weir_stop(pipeline);
}

static void on_guard(void *context)
{
	park_without(context, "has ended");
}

/* All agents from the source to the output are well; *idle: and have nothing to do. */
static bool is_well(struct weir_held *held, bool *idle)
{
	bool well = true;

	*idle = true;
	for (uint32_t i = 0; i < held->n_agents; i++) {
		uint32_t turns = atomic_load(&held->agent[i]->progress);
		bool waits = atomic_load(&held->agent[i]->waiting) || atomic_load(&held->agent[i]->ended);

		well &= waits || turns != held->turns[i];
		*idle &= waits;
		held->turns[i] = turns;
	}
	return well;
}

/* When the source that has been silent for longest last brought something. */
static int64_t freshness(struct weir_held *held, int64_t now)
{
	int64_t oldest = now;

	for (uint32_t i = 0; i < held->n_feeds; i++) {
		uint64_t seen = weir_feed_seen(held->feed[i]);

		if (seen != held->seen[i] || !held->fresh_ns[i])
			held->fresh_ns[i] = now;
		held->seen[i] = seen;
		if (held->fresh_ns[i] < oldest)
			oldest = held->fresh_ns[i];
	}
	return oldest;
}

/* The agent may be about to ask for something else: whoever comes second has the last word, as it should be. */
static void retake(struct weir_held *held, struct weir_guarding *guarding)
{
	const struct weir_guard_tell_slot *told = weir_guard_link_told(&guarding->link, &held->grip);

	pthread_mutex_lock(&held->lock);
	held->grip.epoch = atomic_load(&told->epoch);
	if (!held->is_over &&
	    weir_guard_link_ask(&guarding->link, &held->grip, held->wish, held->record_t, WEIR_ASK_RETAKES) < 0)
		held->is_over = true;
	pthread_mutex_unlock(&held->lock);
}

static void look_at_told(struct weir_held *held, struct weir_guarding *guarding)
{
	const struct weir_guard_tell_slot *told = weir_guard_link_told(&guarding->link, &held->grip);
	int error = (int)atomic_load(&told->error);

	if (held->told || (!error && !atomic_load(&told->is_gone)))
		return;
	held->told = true;
	if (error)
		weir_fail_device(held->node, held->what.title, "set the output", error, NULL);
	else
		weir_fail(held->node, EPERM, "the output was parked by hand (weir park)");
	weir_stop(held->node->pipeline);
}

static void vouch(struct weir_held *held, struct weir_guarding *guarding, int64_t now)
{
	int64_t fresh_ns = freshness(held, now);
	bool idle, well = is_well(held, &idle);

	if (well)
		weir_guard_link_beat(&guarding->link, &held->grip, now, fresh_ns);
	/* With a source that is still silent it would be refused, at each pulse. */
	if (well && idle && is_lost(guarding, held) && !held->told &&
	    (!held->stale_ns || now - fresh_ns < held->stale_ns))
		retake(held, guarding);
	look_at_told(held, guarding);
}

static void on_pulse(void *context)
{
	struct weir_pipeline *pipeline = context;
	struct weir_guarding *guarding = pipeline->runtime->guarding;
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), longest = HANG_NS;

	if (guarding->is_gone)
		return;
	for (uint32_t i = 0; i < guarding->n; i++) {
		vouch(&guarding->held[i], guarding, now);
		if (4 * guarding->held[i].deadline_ns > longest)
			longest = 4 * guarding->held[i].deadline_ns;
	}
	/* Not at the first sight: whatever has stopped us may have stopped it as well, and may let us go on first. */
	if (now - atomic_load(&guarding->link.tells->beat_ns) <= longest)
		guarding->doubts = 0;
	else if (++guarding->doubts == DOUBTS) {
		kill(guarding->link.pid, SIGKILL);
		park_without(pipeline, "hung and was killed");
	}
}

/* --- begin, end --------------------------------------------------------------- */

static const struct weir_agent *agent_of(const struct weir_pipeline *pipeline, const struct weir_node *node)
{
	for (uint32_t i = 0; i < pipeline->n_agents; i++)
		for (const struct weir_node *stage = pipeline->agent[i]->first; stage; stage = stage->down)
			if (stage == node)
				return pipeline->agent[i];
	return NULL;
}

static void add_agent(struct weir_held *held, const struct weir_agent *agent)
{
	for (uint32_t i = 0; i < held->n_agents; i++)
		if (held->agent[i] == agent)
			return;
	if (agent && held->n_agents < GUARD_PATH_MAX)
		held->agent[held->n_agents++] = agent;
}

static void add_feed(struct weir_held *held, struct weir_runtime *run, const struct weir_node *source)
{
	for (uint32_t i = 0; i < held->n_feeds; i++)
		if (held->feed[i]->node == source)
			return;
	for (uint32_t i = 0; i < run->n_feeds; i++)
		if (run->feed[i].node == source && held->n_feeds < GUARD_PATH_MAX)
			held->feed[held->n_feeds++] = &run->feed[i];
}

/* Whoever shares a thread with one of the path can keep it from running. */
static void add_neighbours(struct weir_held *held, const struct weir_pipeline *pipeline)
{
	uint32_t n = held->n_agents;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < pipeline->n_agents; k++)
			if (pipeline->agent[k]->worker == held->agent[i]->worker && !pipeline->agent[k]->is_pooled)
				add_agent(held, pipeline->agent[k]);
}

/* From the output up, all inputs of each; a circle comes back to what is there already. */
static void find_path(struct weir_held *held, struct weir_pipeline *pipeline)
{
	add_agent(held, agent_of(pipeline, held->node));
	for (uint32_t i = 0; i < held->n_agents; i++)
		for (uint32_t k = 0; k < held->agent[i]->n_ports; k++) {
			const struct weir_node *from = held->agent[i]->port[k].from->from;

			if (from->role == WEIR_SOURCE)
				add_feed(held, pipeline->runtime, from);
			else
				add_agent(held, agent_of(pipeline, from));
		}
	add_neighbours(held, pipeline);
}

int weir_guarding_begin(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	struct weir_guarding *guarding = run->guarding;
	int64_t pulse = INT64_MAX;
	int err;

	if (!guarding)
		return 0;
	for (uint32_t i = 0; i < guarding->n; i++) {
		find_path(&guarding->held[i], pipeline);
		if (weir_guard_pulse(guarding->held[i].deadline_ns) < pulse)
			pulse = weir_guard_pulse(guarding->held[i].deadline_ns);
	}
	err = weir_loop_add_watch(run->loop, guarding->link.fd, on_guard, pipeline);
	if (err >= 0)
		err = weir_loop_add_timer(run->loop, weir_now(WEIR_CLOCK_MONOTONIC), pulse, on_pulse, pipeline);
	return err < 0 ? err : 0;
}

static void count(struct weir_held *held, const struct weir_guarding *guarding)
{
	const struct weir_guard_tell_slot *told = weir_guard_link_told(&guarding->link, &held->grip);

	atomic_fetch_add(&held->node->actuations, atomic_load(&told->done));
	atomic_fetch_add(&held->node->refused, atomic_load(&told->refused));
	atomic_fetch_add(&held->node->parked, atomic_load(&told->parks));
}

/* After a failure somebody has to look at it, and a reloaded program, or the next session, may have the same outputs: until then none is
 * released. */
static enum weir_guard_leave how_to_leave(const struct weir_pipeline *pipeline)
{
	if (weir_report_status(pipeline->report) != WEIR_EXIT_OK)
		return WEIR_LEAVE_KEEPS;
	return weir_wants_reload(pipeline) || weir_run_goes_on(pipeline) ? WEIR_LEAVE_TO_NEXT : WEIR_LEAVE_RELEASES;
}

void weir_guarding_end(struct weir_pipeline *pipeline)
{
	struct weir_guarding *guarding = pipeline->runtime->guarding;
	struct weir_guard_request request = { .verb = WEIR_GUARD_LEAVE, .index = how_to_leave(pipeline) };

	if (!guarding)
		return;
	for (uint32_t i = 0; i < guarding->n; i++) {
		pthread_mutex_lock(&guarding->held[i].lock);
		guarding->held[i].is_over = true;
		pthread_mutex_unlock(&guarding->held[i].lock);
	}
	if (guarding->n && !guarding->is_gone && weir_guard_link_call(&guarding->link, &request, -1) < 0)
		park_without(pipeline, "has ended");
	guarding->is_left = guarding->n && !guarding->is_gone && request.index == WEIR_LEAVE_TO_NEXT;
	for (uint32_t i = 0; i < guarding->n; i++)
		count(&guarding->held[i], guarding);
}

void weir_guarding_close(struct weir_pipeline *pipeline)
{
	struct weir_guarding *guarding = pipeline->runtime->guarding;

	if (!guarding)
		return;
	for (uint32_t i = 0; i < guarding->n; i++) {
		struct weir_held *held = &guarding->held[i];

		held->node->held = NULL;
		pthread_mutex_destroy(&held->lock);
		if (held->grip.lines >= 0)
			close(held->grip.lines);
		if (held->file >= 0)
			close(held->file);
	}
	guarding->n = 0;
	pipeline->runtime->guarding = NULL;
	if (guarding->is_left)
		pipeline->runtime->left = guarding;
	else
		weir_guarding_free(guarding);
}

void weir_guarding_free(struct weir_guarding *left)
{
	if (left)
		weir_guard_link_close(&left->link);
	free(left);
}

void weir_guarding_release(struct weir_guarding *left)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_LEAVE, .index = WEIR_LEAVE_RELEASES };

	/* A guard that does not answer keeps them, which is safe. */
	if (left)
		(void)!weir_guard_link_call(&left->link, &request, -1);
	weir_guarding_free(left);
}
