/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records that a window needs until it has come out, for sources that acknowledge a message only then (`ack=window`).
 *
 * The window says from which record on it needs them; the agent publishes that as the `released` position of its port, and the
 * source's checkpoint waits for that instead of `done`. A broker sends only so many messages without an answer, its credit, and
 * wants the answers in order. So a window that needs more messages than the credit would wait for messages that do not come: such
 * programs are refused here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/run.h"
#include "stream/clock.h"

#define TELL_DIGITS 3

/* --------------------------------------------------------------- what drivers say */

void weir_keeps(struct weir_node *node, uint64_t records, int64_t span_ns)
{
	node->keeps = true;
	node->keeps_records = records;
	node->keeps_ns = span_ns;
}

void weir_awaits_windows(struct weir_node *node, const struct weir_credit *credit)
{
	node->awaits_windows = true;
	node->credit = *credit;
}

bool weir_is_kept(const struct weir_node *node)
{
	return node->agent && node->agent->keeper == node;
}

uint64_t weir_place(const struct weir_node *node)
{
	return node->agent->place;
}

void weir_needs(struct weir_node *node, const uint64_t *place)
{
	node->agent->is_needed = place;
	if (place)
		node->agent->needed = *place;
}

/* Release: whoever sees it sees what the stages did with these records. */
void weir_kept_publish(struct weir_port *port, const struct weir_agent *agent, uint64_t position)
{
	if (atomic_load_explicit(&agent->has_undone, memory_order_relaxed))
		return;
	atomic_store_explicit(&port->done, position, memory_order_release);
	if (agent->keeper)
		atomic_store_explicit(&port->released, agent->is_needed ? agent->needed : position,
				      memory_order_release);
}

/* --------------------------------------------------------------------- refusals */

/* One way from the source downwards. */
struct way {
	struct weir_node *source;
	const struct weir_node *dropper; /* a stage before the window that may drop records; NULL: none */
	bool has_window;
	bool has_crossed; /* it has left the chain that reads the source */
	uint32_t *n_windows;
};

static int refuse_stage(const struct way *way, const struct weir_node *node, const char *what)
{
	return weir_fail_arg(way->source, "ack", "leave out ack=window, or the stage", "ack=window: '%s' %s",
			     node->driver->name, what);
}

static int refuse_length(const struct way *way, const struct weir_node *window)
{
	const struct weir_credit *credit = &way->source->credit;
	char hint[160];

	if (credit->argument)
		snprintf(hint, sizeof(hint),
			 "a window of at most %" PRIu32 ", or %s=%" PRIu64 " where the broker allows it",
			 credit->messages, credit->argument, window->keeps_records);
	else
		snprintf(hint, sizeof(hint), "a window of at most %" PRIu32, credit->messages);
	return weir_fail_arg(way->source, "ack", hint,
			     "ack=window: the window needs %" PRIu64 " messages, and only %" PRIu32
			     " come without an answer",
			     window->keeps_records, credit->messages);
}

/* It waits for a number of records, and needs the messages before, after and between them. */
static int check_count(const struct way *way, const struct weir_node *window)
{
	if (way->dropper)
		return weir_fail_arg(
			way->source, "ack", "a window by time, or the stage behind the window",
			"ack=window: '%s' drops records before a window that waits for a number of them, and "
			"only %" PRIu32 " messages come without an answer",
			way->dropper->driver->name, way->source->credit.messages);
	return window->keeps_records > way->source->credit.messages ? refuse_length(way, window) : 0;
}

/* Time ends it, with whatever has come: so it is the rate that is bounded. */
static int check_time(const struct way *way, const struct weir_node *window)
{
	const struct weir_credit *credit = &way->source->credit;
	double span = (double)window->keeps_ns / 1e9;
	/* A live stream's time waits so long for records under way. */
	double held = (double)(window->keeps_ns + way->source->lateness_ns) / 1e9;

	if (!weir_clock_is_live(way->source->out.clock))
		return weir_fail_arg(
			way->source, "ack", "leave out time=own, or ack=window",
			"ack=window: with time=own only a later record ends a window, and it may never come: "
			"%" PRIu32 " messages come without an answer",
			credit->messages);
	if (credit->longest_ns && window->keeps_ns >= credit->longest_ns)
		return weir_fail_arg(
			way->source, "ack", credit->remedy,
			"ack=window: the window lasts %g s, and the broker takes back a message without an "
			"answer after %g s",
			span, (double)credit->longest_ns / 1e9);
	weir_warn(way->source,
		  "ack=window: rate x span of a window must not exceed %" PRIu32
		  " messages, here %.*g per second%s%s: more "
		  "wait at the broker",
		  credit->messages, TELL_DIGITS, credit->messages / held, credit->argument ? ", see " : "",
		  credit->argument ? credit->argument : "");
	return 0;
}

static int check_window(struct way *way, struct weir_node *node)
{
	if (way->has_window)
		return refuse_stage(way, node, "keeps what another window has made");
	if (way->has_crossed)
		return weir_fail_arg(
			way->source, "ack", "write a chain from the source to the window for each of them",
			"ack=window: '%s' does not read the source itself, but a stream that several chains read",
			node->driver->name);
	if (!node->keeps_records && node->keeps_ns == INT64_MAX)
		return refuse_stage(way, node, "with session has no bound");
	if (node->sorts)
		return refuse_stage(way, node, "with lateness= keeps records that wait for older ones");
	way->has_window = true;
	(*way->n_windows)++;
	if (!node->absorbed)
		node->feeds_answers = true;
	return node->keeps_records ? check_count(way, node) : check_time(way, node);
}

static int check_stage(struct way *way, struct weir_node *node)
{
	if (node->driver->combiner)
		return refuse_stage(way, node, "waits for records of other streams");
	if (node->closes_circle)
		return refuse_stage(way, node, "closes a circle, in which records stay");
	if (node->keeps)
		return check_window(way, node);
	if (!node->driver->stage->keeps_nothing)
		return refuse_stage(way, node, "has memory of its own");
	if (!node->one_for_one && !node->absorbed)
		way->dropper = node;
	return 0;
}

/* Down from a node, by value: each branch is a way of its own. */
static int follow(struct way way, struct weir_node *node)
{
	int err = 0;

	way.has_crossed |= node->role != WEIR_SOURCE && node->n_readers > 1;
	for (uint32_t i = 0; i < node->n_readers && err >= 0; i++) {
		struct weir_node *reader = node->readers[i];
		struct way next = way;

		if (reader->role != WEIR_OPERATOR)
			continue;
		err = check_stage(&next, reader);
		if (err >= 0)
			err = follow(next, reader);
	}
	return err;
}

static int check_source(struct weir_node *source)
{
	uint32_t n_windows = 0;
	int err = follow((struct way){ .source = source, .n_windows = &n_windows }, source);

	if (err >= 0 && !n_windows)
		return weir_fail_arg(source, "ack", "leave out ack=window", "ack=window: a window is missing");
	return err;
}

static struct weir_node *find_keeper(const struct weir_agent *agent)
{
	for (struct weir_node *node = agent->first; node; node = node->down)
		if (node->feeds_answers)
			return node;
	return NULL;
}

int weir_kept_plan(struct weir_pipeline *pipeline)
{
	int err = 0;

	for (uint32_t i = 0; i < pipeline->n_nodes && err >= 0; i++)
		if (pipeline->node[i]->awaits_windows)
			err = check_source(pipeline->node[i]);
	for (uint32_t i = 0; i < pipeline->n_agents && err >= 0; i++)
		pipeline->agent[i]->keeper = find_keeper(pipeline->agent[i]);
	return err;
}
