/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an agent reads a stream: rows become a block, and records that are out of order are put in order where the first stage of the
 * agent wants that.
 *
 * Time goes with the records. Where none come, the ring's mark says where its writer has come to.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/rescale.h"
#include "core/run.h"
#include "stream/notes.h"
#include "stream/record.h"
#include "stream/sorter.h"

/* In a circle one stream is made of the other: it has no counterpart to what the other lacks, and would wait for it for ever. */
static bool is_in_circle(const struct weir_node *node)
{
	if (node->closes_circle)
		return true;
	for (uint32_t i = 1; i < node->n_ups; i++)
		if (is_in_circle(node->ups[i]))
			return true;
	return node->up && is_in_circle(node->up);
}

static int open_scaled(struct weir_port *port)
{
	if (!port->from->rescale)
		return 0;
	port->scaled = malloc(sizeof(*port->scaled));
	if (!port->scaled)
		return -ENOMEM;
	weir_schema_copy(port->scaled, &port->from->schema);
	port->rescaled = 0;
	return 0;
}

int weir_port_open(struct weir_port *port, const struct weir_agent *agent)
{
	const struct weir_node *first = agent->first;
	int err;

	port->time_ns = port->promised_ns = port->reached_ns = INT64_MIN;
	port->done = port->released = agent->pipeline->first_row;
	if (port->from->is_lent)
		return weir_block_open(&port->block, &port->from->schema);
	err = weir_reader_open(&port->reader, port->from->ring, port->policy);
	if (err < 0)
		return err;
	port->next_note = port->missing = 0;
	port->has_passed_over = !port->knows_start;
	port->done = port->released = weir_reader_position(port->reader);
	port->base = port->done - agent->pipeline->first_row;
	port->heeds_missing = !is_in_circle(first);
	port->expected = agent->pipeline->first_row;
	port->lost = 0;
	if (agent->is_timed)
		weir_reader_watch_marks(port->reader);
	if (agent->worker)
		weir_reader_set_bell(port->reader, &agent->worker->bell);
	err = open_scaled(port);
	if (err >= 0)
		err = weir_block_open(&port->block, &port->from->schema);
	if (err < 0 || !first->sorts)
		return err;
	return weir_sorter_open(&port->sorter, &port->from->schema, first->sorts_ns);
}

void weir_port_close(struct weir_port *port)
{
	weir_sorter_close(port->sorter);
	weir_block_close(port->block);
	free(port->scaled);
	weir_reader_close(port->reader);
	port->sorter = NULL;
	port->feed = NULL;
	port->block = NULL;
	port->scaled = NULL;
	port->reader = NULL;
}

static const struct weir_schema *current_schema(struct weir_port *port)
{
	if (!port->scaled)
		return &port->from->schema;
	weir_rescale_read(port->from->rescale, &port->rescaled, port->scaled);
	return port->scaled;
}

/* Decode before release: a row may be overwritten under a drop_oldest reader, and only release knows whether it was. */
static void take(struct weir_port *port, const void *rows, uint32_t n)
{
	uint64_t position = weir_reader_position(port->reader) - port->base + port->missing;

	weir_rows_decode(current_schema(port), rows, n, port->block);
	port->at = weir_reader_release(port->reader, n);
	port->row = position + port->at;
	port->lost += port->row - port->expected;
	port->expected = port->row + (n - port->at);
}

static void reach(struct weir_port *port, int64_t t_ns)
{
	if (t_ns > port->reached_ns)
		port->reached_ns = t_ns;
}

static uint32_t most_rows(const struct weir_agent *agent)
{
	uint32_t most = agent->takes_one ? 1 : agent->pipeline->options.block_rows;

	return most && most < WEIR_BLOCK_MAX ? most : WEIR_BLOCK_MAX;
}

/* What is noted of the next row counts from here on. How many of the `n` rows there are before the next note. */
static uint32_t heed_notes(struct weir_port *port, uint32_t n)
{
	uint64_t position = weir_reader_position(port->reader);
	struct weir_note note;

	/* Signed distances: positions wrap. */
	while (weir_notes_peek(port->from->notes, &port->next_note, &note)) {
		int64_t ahead = (int64_t)(note.position - position);

		if (ahead > 0)
			return (uint64_t)ahead < n ? (uint32_t)ahead : n;
		reach(port, note.time_ns);
		if (port->heeds_missing)
			port->missing = note.missing;
		port->next_note++;
	}
	return n;
}

/* What says how things stood at the start is not this one's: its rows are counted from the one after it. */
static void pass_over_initial(struct weir_port *port)
{
	uint32_t n;

	weir_reader_peek(port->reader, 1, &n);
	if (!n)
		return;
	port->has_passed_over = true;
	if (!port->from->n_initial)
		return;
	(void)!weir_reader_release(port->reader, 1);
	port->base++;
}

/* Rows as they are in the ring. False: there is none just now. */
static bool fetch(struct weir_port *port, const struct weir_agent *agent)
{
	/* Before looking: what is not there then is no older than the mark. */
	int64_t mark = weir_reader_mark(port->reader);
	const void *rows;
	uint32_t n;

	if (!port->has_passed_over)
		pass_over_initial(port);
	if (weir_port_oldest(port) == INT64_MAX)
		weir_kept_publish(port, agent, weir_reader_position(port->reader));
	rows = weir_reader_peek(port->reader, most_rows(agent), &n);
	if (n) {
		take(port, rows, heed_notes(port, n));
		return true;
	}
	port->is_dry = weir_reader_at_end(port->reader);
	reach(port, port->is_dry ? weir_reader_end_time(port->reader) : mark);
	return false;
}

/* Until it is known of some records that they are the next ones, or nothing more is there. */
static void fetch_in_order(struct weir_port *port, const struct weir_agent *agent)
{
	struct weir_block *block = port->block, fresh;
	bool any = true;

	block->n = port->at = 0;
	while (!weir_sorter_take(port->sorter, block, most_rows(agent)) && any) {
		any = fetch(port, agent);
		/* What a writer tells is the time of the newest record that it has seen: others may be as late as they may be here. */
		weir_sorter_reach(port->sorter, port->reached_ns);
		weir_block_slice(&fresh, block, port->at, block->n - port->at);
		weir_lost(agent->first, WEIR_LOST_LATE, weir_sorter_add(port->sorter, &fresh));
		block->n = port->at = 0;
		if (port->is_dry)
			weir_sorter_promise(port->sorter, INT64_MAX);
	}
}

/* Nothing older will come. */
static int64_t time_of(const struct weir_port *port)
{
	return port->sorter && !port->is_dry ? weir_sorter_time(port->sorter) : port->reached_ns;
}

void weir_port_fill(struct weir_port *port, const struct weir_agent *agent)
{
	if (!weir_port_is_empty(port) || port->ended)
		return;
	if (port->feed) {
		weir_kept_publish(port, agent, weir_stream_head(port->from));
		weir_lent_fill(port, most_rows(agent));
		return;
	}
	if (port->sorter)
		fetch_in_order(port, agent);
	else
		fetch(port, agent);
	if (weir_port_is_empty(port))
		port->ended = port->is_dry;
	else if (port->sorter)
		return;
	if (time_of(port) > port->time_ns)
		port->time_ns = time_of(port);
}

void weir_port_promise(struct weir_port *port, int64_t t_ns)
{
	if (port->sorter) {
		weir_sorter_promise(port->sorter, t_ns);
		return;
	}
	port->promised_ns = t_ns;
	if (t_ns > port->time_ns)
		port->time_ns = t_ns;
}

int64_t weir_port_oldest(const struct weir_port *port)
{
	return port->sorter && weir_port_is_empty(port) ? weir_sorter_oldest(port->sorter) : INT64_MAX;
}
