/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a combiner sees of its inputs, and when.
 *
 * By number: as many records of each input as the scarcest has, beginning at the same number. A reader that had to skip rows
 * comes back at a greater number, and the others skip up to it.
 *
 * By time: the oldest record goes first, once it is known that nothing older can come. An input with a record at hand shows that
 * by the record, one without by the mark of its ring: the time that whoever writes it has come to, whether or not it let anything
 * pass. So one source that reaches a combiner by two ways cannot hold itself up, however small the rings between. A record older
 * than one before it in the same input stands where that one stood.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "core/run.h"

static const struct weir_combiner_ops *ops_of(const struct weir_agent *agent)
{
	return agent->first->driver->combiner;
}

static void fill_all(struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		weir_port_fill(&agent->port[i], agent);
}

static bool is_done(const struct weir_port *port)
{
	return port->ended && weir_port_is_empty(port);
}

/* No record of this port will stand before this. */
static int64_t bound(const struct weir_port *port)
{
	int64_t t;

	if (weir_port_is_empty(port))
		return port->ended ? INT64_MAX : port->time_ns;
	t = port->block->t[port->at];
	return t > port->time_ns ? t : port->time_ns;
}

/* By number also of streams whose clocks differ: then the first one's time is that of all. */
static uint32_t n_timed(const struct weir_agent *agent)
{
	return ops_of(agent)->rows && !weir_node_is_of_one_clock(agent->first) ? 1 : agent->n_ports;
}

/* Of all inputs; the agent's own time when none will bring anything more. */
static int64_t earliest_bound(const struct weir_agent *agent)
{
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < n_timed(agent); i++)
		if (bound(&agent->port[i]) < least)
			least = bound(&agent->port[i]);
	return least < INT64_MAX ? least : agent->time_ns;
}

/* What a combiner by number makes next has the time of the latest of its parts. But it may as well be over with the earliest. */
static int64_t next_by_number(const struct weir_agent *agent)
{
	int64_t earliest = earliest_bound(agent);

	return earliest > agent->time_ns ? earliest : agent->time_ns;
}

/* ----------------------------------------------------------------- by number */

static void skip_to(struct weir_agent *agent, struct weir_port *port, uint64_t row)
{
	uint32_t left = port->block->n - port->at;
	uint64_t skip = row > port->row ? row - port->row : 0;

	if (skip > left)
		skip = left;
	if (skip)
		weir_lost(agent->first, WEIR_LOST_RING, skip);
	port->at += (uint32_t)skip;
	port->row += skip;
}

/* All that stand before the same number. How many records each of them has from there. */
static uint32_t align(struct weir_agent *agent)
{
	uint32_t n = WEIR_BLOCK_MAX;
	uint64_t row = 0;

	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (!weir_port_is_empty(&agent->port[i]) && agent->port[i].row > row)
			row = agent->port[i].row;
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		struct weir_port *port = &agent->port[i];

		skip_to(agent, port, row);
		if (port->block->n - port->at < n)
			n = port->block->n - port->at;
	}
	return n;
}

/* Where the times of what comes out go back, those below are first told how far they had come. */
static uint32_t run_in_order(const struct weir_agent *agent, uint32_t n)
{
	int64_t last = INT64_MIN;

	for (uint32_t k = 0; k < n && agent->is_timed; k++) {
		int64_t t = INT64_MIN;

		for (uint32_t i = 0; i < n_timed(agent); i++) {
			const struct weir_port *port = &agent->port[i];

			if (port->block->t[port->at + k] > t)
				t = port->block->t[port->at + k];
		}
		if (t < last)
			return k;
		last = t;
	}
	return n;
}

static void take_times(struct weir_agent *agent, const struct weir_block *part)
{
	int64_t newest = agent->time_ns;

	for (uint32_t i = 0; i < part->n; i++)
		newest = part->t[i] > newest ? part->t[i] : newest;
	agent->time_ns = newest;
}

static int give_rows(struct weir_agent *agent, uint32_t n)
{
	struct weir_block part[WEIR_INPUTS_MAX];
	const struct weir_block *in[WEIR_INPUTS_MAX];

	if (agent->numbers)
		weir_chain_last(agent->first)->stream->missing += agent->port[0].row - agent->row;
	agent->row = agent->port[0].row + n;
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		struct weir_port *port = &agent->port[i];

		weir_block_slice(&part[i], port->block, port->at, n);
		if (i < n_timed(agent))
			take_times(agent, &part[i]);
		in[i] = &part[i];
		port->at += n;
		port->row += n;
	}
	atomic_fetch_add_explicit(&agent->first->records_in, n, memory_order_relaxed);
	return ops_of(agent)->rows(agent->first, in);
}

/* How far time had come before the records that are at hand. */
static int64_t time_before(const struct weir_agent *agent)
{
	int64_t most = agent->time_ns;

	for (uint32_t i = 0; i < n_timed(agent); i++)
		if (agent->port[i].time_ns > most)
			most = agent->port[i].time_ns;
	return most;
}

static bool has_ended(const struct weir_agent *agent)
{
	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (is_done(&agent->port[i]))
			return true;
	return false;
}

/*
 * It is over with the shortest of its inputs; to what time it came follows from all that are as short. So each of the others is waited
 * for until it shows one record more, or its end: but not live, where that may take for ever. Nobody is held up meanwhile.
 */
static int end_by_number(struct weir_agent *agent)
{
	bool knows_all = true;

	for (uint32_t i = 0; i < agent->n_ports; i++) {
		struct weir_port *port = &agent->port[i];

		port->goes_on |= !weir_port_is_empty(port);
		port->at = port->block->n;
		knows_all &= port->goes_on || port->ended;
	}
	return knows_all || weir_clock_is_live(agent->port[0].from->schema.clock) ? WEIR_ENOUGH : -EAGAIN;
}

static int combine_by_number(struct weir_agent *agent)
{
	uint32_t n;
	int err;

	fill_all(agent);
	if (has_ended(agent))
		return end_by_number(agent);
	n = run_in_order(agent, align(agent));
	if (!n)
		return -EAGAIN;
	err = weir_chain_advance(agent->first, time_before(agent));
	if (!err)
		err = give_rows(agent, n);
	return err ? err : weir_chain_advance(agent->first, next_by_number(agent));
}

/* ------------------------------------------------------------------- by time */

static void drop_late(struct weir_agent *agent, struct weir_port *port)
{
	while (!weir_port_is_empty(port) && port->block->t[port->at] < port->promised_ns) {
		weir_lost(agent->first, WEIR_LOST_LATE, 1);
		port->at++;
	}
}

/* The port whose record goes next, of those that have one; -1: none has. */
static int oldest(const struct weir_agent *agent)
{
	int best = -1;

	for (uint32_t i = 0; i < agent->n_ports; i++)
		if (!weir_port_is_empty(&agent->port[i]) &&
		    (best < 0 || bound(&agent->port[i]) < bound(&agent->port[best])))
			best = (int)i;
	return best;
}

/*
 * Ports in the order of their bounds: of equal ones, those that are named first, and last those that will bring nothing more. While
 * records go down, only the first one's bound changes, so each turn costs a binary search.
 */
struct turns {
	uint32_t n;
	uint8_t port[WEIR_INPUTS_MAX];
	int64_t bound[WEIR_INPUTS_MAX]; /* of each port, by its number */
	bool is_done[WEIR_INPUTS_MAX];
};

_Static_assert(WEIR_INPUTS_MAX <= UINT8_MAX, "a port's number is one byte");

static bool goes_before(const struct turns *turns, uint32_t a, uint32_t b)
{
	if (turns->bound[a] != turns->bound[b])
		return turns->bound[a] < turns->bound[b];
	if (turns->is_done[a] != turns->is_done[b])
		return turns->is_done[b];
	return a < b;
}

/* Where port `number` stands among those from `from` on. */
static uint32_t turns_find(const struct turns *turns, uint32_t from, uint32_t number)
{
	uint32_t low = from, high = turns->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (goes_before(turns, turns->port[middle], number))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void turns_look(struct turns *turns, const struct weir_port *port, uint32_t number)
{
	turns->bound[number] = bound(port);
	turns->is_done[number] = is_done(port);
}

static void turns_start(struct turns *turns, const struct weir_agent *agent)
{
	turns->n = 0;
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		uint32_t at;

		turns_look(turns, &agent->port[i], i);
		at = turns_find(turns, 0, i);
		memmove(turns->port + at + 1, turns->port + at, turns->n - at);
		turns->port[at] = (uint8_t)i;
		turns->n++;
	}
}

/* The first one has moved on. */
static void turns_next(struct turns *turns, const struct weir_agent *agent)
{
	uint8_t first = turns->port[0];
	uint32_t at;

	turns_look(turns, &agent->port[first], first);
	at = turns_find(turns, 1, first);
	memmove(turns->port, turns->port + 1, at - 1);
	turns->port[at - 1] = first;
}

/* Records of the first port may go while they stand before this: of equal times, those of the ports that are named first. */
static int64_t turns_limit(const struct turns *turns)
{
	uint32_t first = turns->port[0], next;

	if (turns->n == 1)
		return INT64_MAX;
	next = turns->port[1];
	return turns->bound[next] + (next > first && turns->bound[next] < INT64_MAX);
}

static int give_run(struct weir_agent *agent, uint32_t best, int64_t limit)
{
	struct weir_port *port = &agent->port[best];
	struct weir_block part;
	uint32_t n = 0;

	for (; port->at + n < port->block->n; n++) {
		int64_t t = port->block->t[port->at + n];

		if (n && t < port->time_ns)
			break;
		if (t >= limit && limit < INT64_MAX && t > port->time_ns)
			break;
		if (t < port->promised_ns)
			break;
		if (t > port->time_ns)
			port->time_ns = t;
	}
	if (port->time_ns > agent->time_ns)
		agent->time_ns = port->time_ns;
	weir_block_slice(&part, port->block, port->at, n);
	port->at += n;
	agent->first->input = best;
	return weir_node_push(agent->first, &part);
}

static int tell_ended(struct weir_agent *agent)
{
	bool all = true;
	int err = 0;

	for (uint32_t i = 0; i < agent->n_ports && !err; i++) {
		struct weir_port *port = &agent->port[i];

		all &= is_done(port);
		if (!is_done(port) || port->told)
			continue;
		port->told = true;
		if (ops_of(agent)->ended)
			err = ops_of(agent)->ended(agent->first, i);
	}
	return err ? err : all ? WEIR_ENOUGH : 0;
}

static bool goes_back(const struct weir_port *port)
{
	return !weir_port_is_empty(port) && port->block->t[port->at] < port->time_ns;
}

/* Before time goes back, those below are told how far it had come, wherever blocks are cut. */
static int tell_time(struct weir_agent *agent, int64_t t_ns)
{
	int err = weir_node_settle(agent->first);

	return err ? err : weir_chain_advance(agent->first, t_ns);
}

/* Runs as long as it is known whose turn it is, until some port must be filled again. */
static int give_all(struct weir_agent *agent, bool *any)
{
	struct turns turns;
	struct weir_port *port;
	int err;

	turns_start(&turns, agent);
	do {
		uint32_t first = turns.port[0];

		port = &agent->port[first];
		if (weir_port_is_empty(port))
			return 0;
		*any = true;
		err = goes_back(port) ? tell_time(agent, port->time_ns) : 0;
		if (!err)
			err = give_run(agent, first, turns_limit(&turns));
		drop_late(agent, port);
		turns_next(&turns, agent);
	} while (!err && !weir_port_is_empty(port));
	return err;
}

static int combine_by_time(struct weir_agent *agent)
{
	int64_t before = weir_combine_frontier(agent), now;
	bool any = false;
	int err, settled;

	fill_all(agent);
	for (uint32_t i = 0; i < agent->n_ports; i++)
		drop_late(agent, &agent->port[i]);
	err = give_all(agent, &any);
	if (!err)
		err = tell_ended(agent);
	settled = weir_node_settle(agent->first);
	if (err || settled)
		return err < 0 || !settled ? err : settled;
	now = weir_combine_frontier(agent);
	if (!any && now <= before)
		return -EAGAIN;
	return weir_chain_advance(agent->first, now);
}

/* ---------------------------------------------------------------------------- */

int64_t weir_combine_frontier(const struct weir_agent *agent)
{
	return ops_of(agent)->rows ? next_by_number(agent) : earliest_bound(agent);
}

int64_t weir_combine_end(const struct weir_agent *agent)
{
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < n_timed(agent); i++)
		if (is_done(&agent->port[i]) && !agent->port[i].goes_on && agent->port[i].time_ns < least)
			least = agent->port[i].time_ns;
	return least < INT64_MAX ? least : INT64_MIN;
}

int64_t weir_combine_blocked(const struct weir_agent *agent)
{
	int best = ops_of(agent)->rows ? -1 : oldest(agent);

	return best < 0 ? INT64_MAX : bound(&agent->port[best]);
}

void weir_combine_promise(struct weir_agent *agent, int64_t t_ns)
{
	for (uint32_t i = 0; i < agent->n_ports; i++) {
		struct weir_port *port = &agent->port[i];

		if (!weir_port_is_empty(port) || port->ended || port->time_ns > t_ns)
			continue;
		weir_port_promise(port, t_ns + 1);
	}
}

int weir_combine(struct weir_agent *agent)
{
	return ops_of(agent)->rows ? combine_by_number(agent) : combine_by_time(agent);
}
