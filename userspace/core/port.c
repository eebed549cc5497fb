/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an agent reads a stream: rows become a block, and records that are out of order are put in order where the first stage of the
 * agent wants that.
 *
 * Time goes with the records. Where none come, the ring's mark says where its writer has come to.
 */
#include <errno.h>
#include <stdint.h>

#include "core/notes.h"
#include "core/record.h"
#include "core/run.h"
#include "core/sorter.h"

int weir_port_open(struct weir_port *port, const struct weir_agent *agent)
{
	const struct weir_node *first = agent->first;
	int err;

	port->time_ns = port->promised_ns = port->reached_ns = INT64_MIN;
	port->next_note = port->missing = 0;
	if (port->from->is_lent)
		return weir_block_open(&port->block, &port->from->schema);
	err = weir_reader_open(&port->reader, port->from->ring, port->policy);
	if (err < 0)
		return err;
	port->done = weir_reader_position(port->reader);
	port->base = port->done - agent->pipeline->first_row;
	if (agent->is_timed)
		weir_reader_watch_marks(port->reader);
	if (agent->worker)
		weir_reader_set_bell(port->reader, &agent->worker->bell);
	err = weir_block_open(&port->block, &port->from->schema);
	if (err < 0 || !first->sorts)
		return err;
	return weir_sorter_open(&port->sorter, &port->from->schema, first->sorts_ns);
}

void weir_port_close(struct weir_port *port)
{
	weir_sorter_close(port->sorter);
	weir_block_close(port->block);
	weir_reader_close(port->reader);
	port->sorter = NULL;
	port->block = NULL;
	port->reader = NULL;
}

/* Decode before release: a row may be overwritten under a drop_oldest reader, and only release knows whether it was. */
static void take(struct weir_port *port, const void *rows, uint32_t n)
{
	uint64_t position = weir_reader_position(port->reader) - port->base + port->missing;

	weir_rows_decode(&port->from->schema, rows, n, port->block);
	port->at = weir_reader_release(port->reader, n);
	port->row = position + port->at;
}

static void reach(struct weir_port *port, int64_t t_ns)
{
	if (t_ns > port->reached_ns)
		port->reached_ns = t_ns;
}

static uint32_t most_rows(const struct weir_agent *agent)
{
	uint32_t most = agent->pipeline->options.block_rows;

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
		port->missing = note.missing;
		port->next_note++;
	}
	return n;
}

/* Rows as they are in the ring. False: there is none just now. */
static bool fetch(struct weir_port *port, const struct weir_agent *agent)
{
	/* Before looking: what is not there then is no older than the mark. */
	int64_t mark = weir_reader_mark(port->reader);
	uint32_t n;
	const void *rows;

	/* Release: whoever sees it sees what the stages did with these records. */
	atomic_store_explicit(&port->done, weir_reader_position(port->reader), memory_order_release);
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
