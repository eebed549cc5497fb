/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows that a chain reads in the memory of another process (here: another thread's): that no stage sees one which was overwritten
 * meanwhile, that each arrives or is counted, and that the thread which waits for rows lets time pass.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/internal.h"
#include "share_peer.h"
#include "skip.h"
#include "weir/graph.h"

#define ROWS 400000

struct publisher {
	struct weir_share *share;
	uint64_t least, rows;   /* to publish, published */
	_Atomic uint64_t *wait; /* and on until this is nothing; NULL: no further */
	pthread_t thread;
};

static void *publish(void *context)
{
	struct publisher *publisher = context;
	struct dice dice = { 4 };

	assert_int_equal(weir_share_await(publisher->share, 1), 0);
	for (; publisher->rows < publisher->least || (publisher->wait && *publisher->wait); publisher->rows += 1000)
		peer_write(publisher->share, publisher->rows, publisher->rows + 1000, &dice);
	weir_share_finish(publisher->share, true);
	return NULL;
}

static void begin(struct publisher *publisher, bool waits, uint32_t keep)
{
	struct weir_share_config config = peer_config();

	config.waits = waits;
	config.rows = keep;
	config.start_at = NEAR_WRAP;
	publisher->share = peer_share(&config);
	pthread_create(&publisher->thread, NULL, publish, publisher);
}

static void end(struct publisher *publisher)
{
	pthread_join(publisher->thread, NULL);
	weir_share_close(publisher->share);
}

struct witness {
	uint64_t seen, wrong;
	int64_t next;
	struct dice dice;
	_Atomic uint64_t naps; /* to be taken */
};

/* Each row shows by its time which one it is. */
static int look(const union weir_call_value *in, void *state)
{
	struct witness *witness = state;

	witness->wrong += in[0].integer < witness->next || (uint64_t)in[1].integer != value_at((uint64_t)in[0].integer);
	witness->next = in[0].integer + 1;
	witness->seen++;
	if (witness->naps && !roll_below(&witness->dice, 2000)) {
		witness->naps--;
		usleep(roll_below(&witness->dice, 100));
	}
	return 0;
}

/* A chain on a stream, run to its end. How many rows were lost. */
static uint64_t run(const char *source, const char *stage, struct witness *witness, uint32_t n,
		    const struct weir_options *options)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_flow *flow = weir_source(graph, source);
	struct weir_pipeline *pipeline;
	uint64_t lost;

	for (uint32_t i = 0; i < n; i++)
		weir_consume(weir_stage(flow, stage), "t:int, value:int", look, &witness[i]);
	assert_int_equal(weir_graph_start(&pipeline, graph, "<test>", options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	lost = weir_pipeline_lost(pipeline);
	weir_close(pipeline);
	weir_graph_close(graph);
	return lost;
}

/* The publisher goes round its memory all the time, and its reader naps: what was overwritten before it was read, or while it was, is
 * counted, and no stage ever sees a row of which that is true. */
static void overwritten_rows_are_seen_by_nobody(void **state)
{
	(void)state;
	for (uint32_t keep = 1; keep <= 1024; keep *= 32) {
		struct witness witness = { .naps = 300 };
		struct publisher publisher = { .wait = &witness.naps };
		uint64_t lost;

		begin(&publisher, false, keep);
		lost = run("weir:s", "where t >= 0", &witness, 1, NULL);
		end(&publisher);
		assert_int_equal(witness.wrong, 0);
		assert_int_equal(witness.seen + lost, publisher.rows);
		assert_true(lost > 0);
	}
}

/* Where the publisher waits all rows arrive, whether one chain reads them in its memory, with the threads that there are or with one
 * for all; or several do, or one that has asked for a ring, to which they are copied. */
static void all_arrive_by_either_way(void **state)
{
	static const struct {
		uint32_t chains, threads;
		const char *stage;
	} ways[] = { { 1, 0, "where t >= 0" },
		     { 1, 1, "where t >= 0" },
		     { 2, 0, "where t >= 0" },
		     { 1, 0, "where t >= 0 policy=drop_newest" } };

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct weir_options options = { .threads = ways[i].threads, .ring_rows = 2 * ROWS };
		struct witness witness[2] = { 0 };
		struct publisher publisher = { .least = ROWS };

		begin(&publisher, true, 300);
		assert_int_equal(run("weir:s", ways[i].stage, witness, ways[i].chains, &options), 0);
		end(&publisher);
		for (uint32_t k = 0; k < ways[i].chains; k++) {
			assert_int_equal(witness[k].wrong, 0);
			assert_int_equal(witness[k].seen, ROWS);
		}
	}
}

/* A run of so many records takes no more, and lets go of a publisher that has others. */
static void limit_ends_the_reading(void **state)
{
	struct witness witness = { 0 };
	struct publisher publisher = { .least = ROWS };

	(void)state;
	begin(&publisher, true, 300);
	run("weir:s", "where t >= 0", &witness, 1, &(struct weir_options){ .limit = 1234 });
	end(&publisher);
	assert_int_equal(witness.wrong, 0);
	assert_int_equal(witness.seen, 1234);
}

/* ----------------------------------------------------------------------- time */

/* A live stream, and who publishes it. */
struct live {
	struct weir_schema schema;
	struct weir_share *share;
	int mute_fd;
	pthread_t thread;
};

static void begin_live(struct live *live, void *(*publisher)(void *))
{
	struct weir_share_config config = peer_config();

	weir_schema_init(&live->schema, WEIR_CLOCK_MONOTONIC);
	weir_schema_add(&live->schema, "value", WEIR_INT, "V", 0);
	config.schema = &live->schema;
	live->share = peer_share(&config);
	pthread_create(&live->thread, NULL, publisher, live);
}

/* One record of now, and then nothing more. */
static void *say_one(void *context)
{
	struct live *live = context;
	struct row *row;
	uint32_t got;

	assert_int_equal(weir_share_await(live->share, 1), 0);
	row = weir_share_reserve(live->share, 1, &got);
	*row = (struct row){ weir_now(WEIR_CLOCK_MONOTONIC), 1 };
	weir_share_commit(live->share, 1);
	return NULL;
}

static uint64_t beats(const char *program)
{
	struct weir_pipeline *pipeline;
	uint64_t n;

	assert_int_equal(weir_open(&pipeline, program, "<test>", NULL), 0);
	assert_int_equal(weir_run(pipeline), 0);
	n = pipeline->node[pipeline->n_nodes - 1]->records_in;
	weir_close(pipeline);
	return n;
}

/* Who waits for rows is the one who has to let time pass: a stage that lives by it goes on while nothing comes. */
static void time_passes_while_nothing_comes(void **state)
{
	struct live live;

	(void)state;
	begin_live(&live, say_one);
	assert_int_equal(beats("weir:s | heartbeat 10ms | limit 5 | null"), 5);
	pthread_join(live.thread, NULL);
	weir_share_close(live.share);
}

/* Who takes calls and never answers. */
static int take_the_place(const char *directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	char place[128];

	snprintf(place, sizeof(place), "%s/s.stream", directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/early", directory);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(rename(address.sun_path, place), 0);
	return fd;
}

static void *say_one_and_leave(void *context)
{
	struct live *live = context;

	say_one(live);
	weir_share_close(live->share);
	live->mute_fd = take_the_place(getenv("RUNTIME_DIRECTORY"));
	return NULL;
}

/* Nor does time stand still while a publisher does not answer: all beats come before the first question is given up and another one
 * is asked. */
static void time_passes_while_nobody_answers(void **state)
{
	struct live live;
	int calls = 0;

	(void)state;
	begin_live(&live, say_one_and_leave);
	assert_int_equal(beats("weir:s | heartbeat 100ms | limit 8 | null"), 8);
	pthread_join(live.thread, NULL);
	while (accept(live.mute_fd, NULL, NULL) >= 0)
		calls++;
	assert_int_equal(calls, 1);
	close(live.mute_fd);
}

static bool shares_a_thread(const char *program)
{
	struct weir_options options = { .quiet = true, .no_guard = true };
	struct weir_pipeline *pipeline;
	bool is_lent;

	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	is_lent = pipeline->stream[0]->is_lent;
	weir_close(pipeline);
	return is_lent;
}

/* A broker that does not answer keeps its source's thread for seconds: neither a timer nor an output may wait for that. */
static void a_timer_does_not_wait_for_a_broker(void **state)
{
	(void)state;
	if (weir_tell_absent("mqtt", stderr))
		skip_because("this build has no mqtt");
	assert_true(shares_a_thread("mqtt://localhost/a out=n | where n > 1 | null"));
	assert_false(shares_a_thread("mqtt://localhost/a out=n | heartbeat 1s | null"));
	assert_false(shares_a_thread("q = mqtt://localhost/a out=n\nq | null\nq | null\n"));
	assert_false(shares_a_thread("mqtt://localhost/a out=n | exec:true per=record"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overwritten_rows_are_seen_by_nobody),
		cmocka_unit_test(all_arrive_by_either_way),
		cmocka_unit_test(limit_ends_the_reading),
		cmocka_unit_test(time_passes_while_nothing_comes),
		cmocka_unit_test(time_passes_while_nobody_answers),
		cmocka_unit_test(a_timer_does_not_wait_for_a_broker),
	};

	return cmocka_run_group_tests(tests, peer_setup, peer_teardown);
}
