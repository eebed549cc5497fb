/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an agent makes of what it reads: what is late, and what is missing below; and the time at which its stream ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/run.h"
#include "stream/notes.h"
#include "weir/weir.h"
#include "whole_file.h"

/* -------------------------------------------------------------- one agent alone */

struct fixture {
	struct weir_pipeline pipeline;
	struct weir_stream in, out;
	struct weir_node sink;
	struct weir_port port;
	struct weir_agent agent;
};

static int64_t pushed[16];
static uint32_t n_pushed;

static int collect(struct weir_node *node, const struct weir_block *block)
{
	(void)node;
	for (uint32_t i = 0; i < block->n; i++)
		pushed[n_pushed++ % 16] = block->t[i];
	return 0;
}

static void open_stream(struct weir_stream *stream)
{
	struct weir_ring_config config = { .rows = 64, .fd = -1 };

	weir_schema_init(&stream->schema, WEIR_CLOCK_NOMINAL);
	/* Rows of 256 bytes: then a ring is one block at most, also where pages have 64 KiB. */
	assert_true(weir_schema_add(&stream->schema, "s", WEIR_TEXT, "", 248) >= 0);
	config.row_bytes = stream->schema.row_bytes;
	assert_int_equal(weir_ring_open(&stream->ring, &config), 0);
	assert_int_equal(weir_notes_open(&stream->notes, weir_ring_capacity(stream->ring)), 0);
}

static void close_stream(struct weir_stream *stream)
{
	weir_notes_close(stream->notes);
	weir_ring_close(stream->ring);
}

static void open_fixture(struct fixture *f)
{
	static const struct weir_sink_ops ops = { .push = collect };
	static const struct weir_driver driver = { .name = "collect", .sink = &ops };

	*f = (struct fixture){ 0 };
	n_pushed = 0;
	open_stream(&f->in);
	f->sink.pipeline = &f->pipeline;
	f->sink.driver = &driver;
	f->sink.role = WEIR_SINK;
	f->sink.tick_ns = INT64_MAX;
	f->sink.stream = &f->out;
	f->port = (struct weir_port){ .from = &f->in, .policy = WEIR_BLOCK };
	f->agent = (struct weir_agent){ .port = &f->port,
					.n_ports = 1,
					.first = &f->sink,
					.pipeline = &f->pipeline,
					.time_ns = INT64_MIN,
					.has_begun = true,
					.numbers = true };
	assert_int_equal(weir_port_open(&f->port, &f->agent), 0);
}

static void close_fixture(struct fixture *f)
{
	weir_port_close(&f->port);
	close_stream(&f->in);
}

static void write_times(struct weir_stream *stream, const int64_t *t, uint32_t n)
{
	uint32_t got, bytes = stream->schema.row_bytes;
	char *rows = weir_ring_reserve(stream->ring, n, &got);

	assert_int_equal(got, n);
	memset(rows, 0, (size_t)n * bytes);
	for (uint32_t i = 0; i < n; i++)
		memcpy(rows + (size_t)i * bytes + stream->schema.t.at, &t[i], sizeof(t[i]));
	weir_ring_commit(stream->ring, n);
}

/* Live, what is older than the time that has passed is late, and counts as missing below; what has exactly that time is not. */
static void late_is_what_is_older(void **state)
{
	static const int64_t times[] = { 9, 10, 11, 8, 12 };
	struct fixture f;

	(void)state;
	open_fixture(&f);
	weir_port_promise(&f.port, 10);
	write_times(&f.in, times, 5);
	weir_agent_serve(&f.agent);
	assert_int_equal(n_pushed, 3);
	assert_int_equal(pushed[0], 10);
	assert_int_equal(pushed[1], 11);
	assert_int_equal(pushed[2], 12);
	assert_int_equal(f.sink.lost[WEIR_LOST_LATE], 2);
	assert_int_equal(f.out.missing, 2);
	assert_true(weir_port_is_empty(&f.port));
	close_fixture(&f);
}

static int collect_pairs(struct weir_node *node, const struct weir_block *const *in)
{
	(void)node;
	assert_int_equal(in[0]->n, in[1]->n);
	for (uint32_t i = 0; i < in[0]->n; i++)
		assert_int_equal(in[0]->t[i], in[1]->t[i]);
	n_pushed += in[0]->n;
	return 0;
}

/* Of a zip whose second reader was overtaken, the first skips as many records as that one has lost, and each loss is counted. */
static void a_zip_counts_what_it_skips(void **state)
{
	static const struct weir_combiner_ops ops = { .rows = collect_pairs };
	static const struct weir_driver driver = { .name = "collect", .combiner = &ops };
	struct weir_stream in[2] = { 0 }, out = { 0 };
	struct weir_pipeline pipeline = { 0 };
	struct weir_node first = { .pipeline = &pipeline, .driver = &driver, .role = WEIR_OPERATOR, .stream = &out };
	struct weir_port port[2] = { { .from = &in[0], .policy = WEIR_BLOCK },
				     { .from = &in[1], .policy = WEIR_DROP_OLDEST } };
	struct weir_agent agent = {
		.port = port, .n_ports = 2, .first = &first, .pipeline = &pipeline, .numbers = true
	};
	uint32_t capacity;

	(void)state;
	first.tick_ns = INT64_MAX;
	n_pushed = 0;
	for (int i = 0; i < 2; i++) {
		open_stream(&in[i]);
		assert_int_equal(weir_port_open(&port[i], &agent), 0);
	}
	capacity = weir_ring_capacity(in[0].ring);
	for (int64_t t = 0; t < capacity; t++)
		write_times(&in[0], &t, 1);
	for (int64_t t = 0; t < capacity + 5; t++)
		write_times(&in[1], &t, 1);
	assert_int_equal(weir_combine(&agent), 0);
	assert_int_equal(n_pushed, capacity - 5);
	assert_int_equal(first.lost[WEIR_LOST_RING], 5);
	assert_int_equal(weir_reader_lost(port[1].reader), 5);
	assert_int_equal(out.missing, 5);
	for (int i = 0; i < 2; i++) {
		weir_port_close(&port[i]);
		close_stream(&in[i]);
	}
}

/* ------------------------------------------------------------------ when it ends */

/* A window by count that is not full comes out with the time at which its stream has ended: expect it to be `t`. */
static void expect_end(const char *streams, const char *expected)
{
	struct weir_options options = { .quiet = true };
	struct weir_pipeline *pipeline;
	char path[] = "/tmp/weir-test-XXXXXX", program[512], *text;

	close(mkstemp(path));
	snprintf(program, sizeof(program), "%s | window 50 count() as c partial | csv:%s", streams, path);
	for (uint32_t size = 0; size < 2; size++) {
		options.block_rows = size;
		assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
		assert_int_equal(weir_run(pipeline), 0);
		weir_close(pipeline);
		text = whole_file(path);
		if (strncmp(text, "t,c\n", 4) != 0 || strcmp(text + 4, expected) != 0)
			fail_msg("%s: %s", program, text);
		free(text);
	}
	unlink(path);
}

/* A stream ends with the last record that its source gave, also where that does not pass; a zip with the shortest of its streams. */
static void the_end_is_that_of_what_came(void **state)
{
	static const char source[] = "s = synth:counter rate=max | limit 10\n";
	char text[300];

	(void)state;
	snprintf(text, sizeof(text), "%sk = s | where value < 3\nk | null\nk", source);
	expect_end(text, "9000000,3\n");
	snprintf(text, sizeof(text), "%sk = s | where value < 9\nk | null\nk", source);
	expect_end(text, "9000000,9\n");
	snprintf(text, sizeof(text), "%sa = s | where value < 3\nb = s | where value < 3\nz = zip(a, b)\nz", source);
	expect_end(text, "9000000,3\n");
	snprintf(text, sizeof(text), "%sa = s | where value < 3\nb = s | where value < 5\nz = zip(a, b)\nz", source);
	expect_end(text, "9000000,3\n");
}

/* To the ns: a record that does not pass, right behind the last one that does. */
static void the_end_is_exact(void **state)
{
	char path[] = "/tmp/weir-test-XXXXXX", text[300];
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	assert_non_null(file);
	fputs("t,x\n0,1\n1,0\n", file);
	fclose(file);
	snprintf(text, sizeof(text), "s = csv:%s time=t unit=ns | where x > 0\ns | null\ns", path);
	expect_end(text, "1,1\n");
	unlink(path);
}

/* Groups of a join go on when a block is full of them, however many more there are in this turn. */
static void a_join_gives_full_blocks(void **state)
{
	static const char program[] = "a = synth:counter\nb = synth:counter\nj = join(a, b, missing=null)\nj | null\n";
	struct weir_options options = { .quiet = true };
	struct weir_pipeline *pipeline;
	struct weir_block *block;
	struct weir_node *join;

	(void)state;
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	join = pipeline->node[2];
	assert_string_equal(join->driver->name, "join");
	assert_int_equal(weir_block_open(&block, &pipeline->node[0]->out), 0);
	block->n = 1;
	for (int64_t t = 0; t <= WEIR_BLOCK_MAX; t++) {
		assert_int_equal(join->records_out, 0);
		join->took = 1;
		block->t[0] = t;
		assert_int_equal(join->driver->combiner->push(join, 0, block), 0);
	}
	assert_int_equal(join->records_out, WEIR_BLOCK_MAX);
	weir_block_close(block);
	weir_close(pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_is_what_is_older),
		cmocka_unit_test(a_zip_counts_what_it_skips),
		cmocka_unit_test(the_end_is_that_of_what_came),
		cmocka_unit_test(a_join_gives_full_blocks),
		cmocka_unit_test(the_end_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
