/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an agent reads a stream, alone: what it counts when it is overtaken while it decodes, and when records are done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/run.h"
#include "stream/notes.h"
#include "stream/record.h"

#define SECOND INT64_C(1000000000)

struct fixture {
	struct weir_pipeline pipeline;
	struct weir_node first;
	struct weir_stream stream;
	struct weir_port port;
	struct weir_agent agent;
	uint64_t written;
};

static struct weir_ring *overtaken; /* whose writer claims rows while they are decoded */
static uint32_t claims;

void __real_weir_rows_decode(const struct weir_schema *schema, const void *rows, uint32_t n, struct weir_block *block);
void __wrap_weir_rows_decode(const struct weir_schema *schema, const void *rows, uint32_t n, struct weir_block *block);

void __wrap_weir_rows_decode(const struct weir_schema *schema, const void *rows, uint32_t n, struct weir_block *block)
{
	uint32_t got;

	__real_weir_rows_decode(schema, rows, n, block);
	if (overtaken)
		(void)weir_ring_reserve(overtaken, claims, &got);
	overtaken = NULL;
}

static void open_fixture(struct fixture *f, enum weir_policy policy, int64_t sorts_ns)
{
	struct weir_ring_config config = { .rows = 64, .fd = -1 };

	*f = (struct fixture){ 0 };
	weir_schema_init(&f->stream.schema, WEIR_CLOCK_NOMINAL);
	assert_true(weir_schema_add(&f->stream.schema, "n", WEIR_INT, "", 0) >= 0);
	/* Rows of 256 bytes: then a ring is one block at most, also where pages have 64 KiB. */
	assert_true(weir_schema_add(&f->stream.schema, "s", WEIR_TEXT, "", 240) >= 0);
	config.row_bytes = f->stream.schema.row_bytes;
	assert_int_equal(weir_ring_open(&f->stream.ring, &config), 0);
	assert_int_equal(weir_notes_open(&f->stream.notes, weir_ring_capacity(f->stream.ring)), 0);
	f->first.pipeline = &f->pipeline;
	f->first.sorts = sorts_ns > 0;
	f->first.sorts_ns = sorts_ns;
	f->agent = (struct weir_agent){ .port = &f->port, .n_ports = 1, .first = &f->first, .pipeline = &f->pipeline };
	f->port = (struct weir_port){ .from = &f->stream, .policy = policy };
	assert_int_equal(weir_port_open(&f->port, &f->agent), 0);
}

static void close_fixture(struct fixture *f)
{
	weir_port_close(&f->port);
	weir_notes_close(f->stream.notes);
	weir_ring_close(f->stream.ring);
}

static void write_record(struct fixture *f, int64_t t)
{
	const struct weir_schema *schema = &f->stream.schema;
	uint32_t got;
	char *row = weir_ring_reserve(f->stream.ring, 1, &got);

	assert_int_equal(got, 1);
	memset(row, 0, schema->row_bytes);
	memcpy(row + schema->t.at, &t, sizeof(t));
	memcpy(row + schema->field[0].at, &f->written, sizeof(f->written));
	f->written++;
	weir_ring_commit(f->stream.ring, 1);
}

static void write_records(struct fixture *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		write_record(f, (int64_t)f->written);
}

/* What is left of the block goes down the chain. */
static void use_up(struct fixture *f)
{
	f->port.at = f->port.block->n;
}

/* Records that the writer claims while they are decoded are left out and counted once, and those behind them keep their numbers. */
static void overtaken_while_decoding(void **state)
{
	struct fixture f;
	uint32_t capacity;

	(void)state;
	open_fixture(&f, WEIR_DROP_OLDEST, 0);
	capacity = weir_ring_capacity(f.stream.ring);
	write_records(&f, capacity);
	overtaken = f.stream.ring;
	claims = 3;
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.block->n - f.port.at, capacity - 3);
	assert_int_equal(f.port.row, 3);
	assert_int_equal(f.port.block->column[0].integer[f.port.at], 3);
	assert_int_equal(f.port.lost, 3);
	assert_int_equal(weir_reader_lost(f.port.reader), 3);
	use_up(&f);
	write_records(&f, 2);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.block->n - f.port.at, 2);
	assert_int_equal(f.port.row, capacity);
	assert_int_equal(f.port.lost, 3);
	close_fixture(&f);
}

/* Those that were overwritten before they were looked at, too. */
static void overtaken_before(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, WEIR_DROP_OLDEST, 0);
	write_records(&f, weir_ring_capacity(f.stream.ring) + 5);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.row, 5);
	assert_int_equal(f.port.block->column[0].integer[f.port.at], 5);
	assert_int_equal(f.port.lost, 5);
	close_fixture(&f);
}

/* A record is done when the chain asks for more after it, and not while it waits for others to be put in order. */
static void done_when_asked_for_more(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, WEIR_BLOCK, 0);
	write_records(&f, 4);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.done, 0);
	use_up(&f);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.done, 4);
	close_fixture(&f);
}

static void not_done_while_sorted(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, WEIR_BLOCK, SECOND);
	write_record(&f, 0);
	for (int i = 0; i < 2; i++) {
		weir_port_fill(&f.port, &f.agent);
		assert_true(weir_port_is_empty(&f.port));
		assert_int_equal(f.port.done, 0);
	}
	write_record(&f, 5 * SECOND);
	for (int i = 0; i < 2; i++) {
		weir_port_fill(&f.port, &f.agent);
		assert_int_equal(f.port.block->n, !i);
		use_up(&f);
		assert_int_equal(f.port.done, 0);
	}
	weir_ring_finish_at(f.stream.ring, 5 * SECOND);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.block->n, 1);
	use_up(&f);
	weir_port_fill(&f.port, &f.agent);
	assert_true(f.port.ended);
	assert_int_equal(f.port.done, 2);
	close_fixture(&f);
}

/* The time that a note tells counts from the record before which it stands, and not before. */
static void notes_count_from_their_record(void **state)
{
	struct weir_note note = { .position = 2, .time_ns = 100, .missing = 7 };
	struct fixture f;

	(void)state;
	open_fixture(&f, WEIR_BLOCK, 0);
	weir_notes_add(f.stream.notes, &note);
	write_records(&f, 4);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.block->n, 2);
	assert_int_equal(f.port.time_ns, INT64_MIN);
	assert_int_equal(f.port.lost, 0);
	use_up(&f);
	weir_port_fill(&f.port, &f.agent);
	assert_int_equal(f.port.block->n, 2);
	assert_int_equal(f.port.time_ns, 100);
	assert_int_equal(f.port.row, 9);
	assert_int_equal(f.port.lost, 7);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overtaken_while_decoding),      cmocka_unit_test(overtaken_before),
		cmocka_unit_test(done_when_asked_for_more),      cmocka_unit_test(not_done_while_sorted),
		cmocka_unit_test(notes_count_from_their_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
