/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slow sources that share threads: a source or a chain that keeps its thread gets it for itself, and the others go on; no record is lost
 * or seen twice by that; the records are those that each source has with a thread of its own; an output's source shares with none.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "api_seen.h"
#include "core/run.h"
#include "weir/paced.h"

#define RECORDS 30
#define FLOWS_MAX 64
#define PATIENCE_US 10000000

struct flows;

struct flow {
	struct flows *all;
	uint32_t seen, wrong;
	bool is_slow;
	pthread_t first, last; /* threads of the first and of the last record */
};

struct flows {
	uint32_t n;
	bool hangs;           /* the slow one waits for all others, once; else it takes 20 ms each time */
	_Atomic uint32_t far; /* others that have seen half of their records */
	bool has_given_up;
	struct flow flow[FLOWS_MAX];
};

static void wait_for_others(struct flows *flows)
{
	for (uint32_t us = 0; atomic_load(&flows->far) < flows->n - 1 && !flows->has_given_up; us += 1000) {
		usleep(1000);
		flows->has_given_up = us > PATIENCE_US;
	}
}

static int look(const union weir_call_value *in, void *state)
{
	struct flow *flow = state;

	flow->wrong += in[0].integer != flow->seen;
	if (!flow->seen)
		flow->first = pthread_self();
	flow->last = pthread_self();
	flow->seen++;
	if (!flow->is_slow && flow->seen == RECORDS / 2)
		atomic_fetch_add(&flow->all->far, 1);
	if (flow->is_slow && flow->all->hangs)
		wait_for_others(flow->all);
	else if (flow->is_slow)
		usleep(20000);
	return 0;
}

/* At least three for each thread that is shared; the first is slow. */
static void set_up(struct flows *flows, bool hangs)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	*flows = (struct flows){ .n = processors > FLOWS_MAX / 3 ? FLOWS_MAX : 3 * (uint32_t)processors,
				 .hangs = hangs };
	for (uint32_t i = 0; i < flows->n; i++)
		flows->flow[i].all = flows;
	flows->flow[0].is_slow = true;
}

static int run_flows(struct flows *flows, const struct weir_options *options)
{
	struct weir_graph *graph = weir_graph_open();

	for (uint32_t i = 0; i < flows->n; i++)
		weir_consume(weir_source(graph, "synth:counter rate=100Hz"), "value:int", look, &flows->flow[i]);
	return weir_graph_run(graph, options);
}

static void check(const struct flows *flows)
{
	assert_false(flows->has_given_up);
	for (uint32_t i = 0; i < flows->n; i++) {
		assert_int_equal(flows->flow[i].seen, RECORDS);
		assert_int_equal(flows->flow[i].wrong, 0);
	}
}

static uint32_t count_threads(const struct flows *flows)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < flows->n; i++) {
		bool is_new = true;

		for (uint32_t k = 0; k < i; k++)
			is_new &= !pthread_equal(flows->flow[k].first, flows->flow[i].first);
		n += is_new;
	}
	return n;
}

static const struct weir_options strict = { .limit = RECORDS, .strict = true };

static void no_more_threads_than_processors(void **state)
{
	static struct flows flows;

	(void)state;
	set_up(&flows, false);
	flows.flow[0].is_slow = false;
	assert_int_equal(run_flows(&flows, &strict), 0);
	check(&flows);
	assert_in_range(count_threads(&flows), 1, sysconf(_SC_NPROCESSORS_ONLN));
}

/* As it would be alone: on a thread that in the end runs no other. */
static void assert_alone(const struct flows *flows)
{
	for (uint32_t i = 1; i < flows->n; i++)
		assert_false(pthread_equal(flows->flow[i].last, flows->flow[0].last));
}

static void a_chain_that_keeps_its_thread_gets_it(void **state)
{
	static struct flows flows;

	(void)state;
	set_up(&flows, false);
	assert_int_equal(run_flows(&flows, &strict), 0);
	check(&flows);
	assert_alone(&flows);
}

/* It waits for what the others have yet to do, and they do it. */
static void a_chain_that_hangs_holds_up_no_other(void **state)
{
	static struct flows flows;

	(void)state;
	set_up(&flows, true);
	assert_int_equal(run_flows(&flows, &strict), 0);
	check(&flows);
	assert_alone(&flows);
}

/* At any time, also while a thread is handed over. */
static void a_run_ends_at_any_time(void **state)
{
	static struct flows flows;

	(void)state;
	for (int64_t ms = 1; ms < 60; ms += 3) {
		struct weir_options options = { .for_ns = ms * 1000000, .strict = true };

		set_up(&flows, false);
		assert_int_equal(run_flows(&flows, &options), 0);
		for (uint32_t i = 0; i < flows.n; i++)
			assert_int_equal(flows.flow[i].wrong, 0);
	}
}

/* ------------------------------------------------------------------- results */

static void run_windows(struct seen *seen, uint32_t threads, uint32_t block_rows)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_options options = { .limit = 200, .threads = threads, .block_rows = block_rows, .strict = true };
	struct weir_flow *flow = weir_source(graph, "synth:noise rate=1kHz seed=7");

	weir_consume(weir_stage(flow, "skip 3 | window 7 step 3 mean(value) as m | where m > -0.2"), "t:int, m", see,
		     seen);
	seen->n = 0;
	assert_int_equal(weir_graph_run(graph, &options), 0);
}

static void results_are_those_of_own_threads(void **state)
{
	struct seen *pooled = new_seen(), *own = new_seen();

	(void)state;
	for (uint32_t block = 0; block <= 3; block += 3) {
		run_windows(pooled, 0, block);
		run_windows(own, 2, block);
		assert_in_range(pooled->n, 10, 200);
		assert_int_equal(pooled->n, own->n);
		assert_memory_equal(pooled->x, own->x, own->n * sizeof(own->x[0]));
	}
	free(pooled);
	free(own);
}

/* ----------------------------------------------------------------- placement */

static int no_rows(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	(void)node;
	(void)rows;
	(void)wait;
	return 0;
}

static void sources_of_outputs_do_not_share(void **state)
{
	static const struct weir_source_ops ops = { .produce = no_rows };
	static const struct weir_driver driver = { .name = "source", .source = &ops };
	struct weir_pipeline pipeline = { .n_nodes = 1 };
	struct weir_node *source = calloc(1, sizeof(*source));

	(void)state;
	source->pipeline = &pipeline;
	source->driver = &driver;
	source->role = WEIR_SOURCE;
	assert_false(weir_pool_suits(source));
	weir_is_paced(source, 10);
	assert_true(weir_pool_suits(source));
	source->feeds_output = true;
	assert_false(weir_pool_suits(source));
	source->feeds_output = false;
	weir_is_paced(source, 100000);
	assert_false(weir_pool_suits(source));
	weir_is_paced(source, 10);
	pipeline.options.threads = 1;
	assert_false(weir_pool_suits(source));
	free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_threads_than_processors),
		cmocka_unit_test(a_chain_that_keeps_its_thread_gets_it),
		cmocka_unit_test(a_chain_that_hangs_holds_up_no_other),
		cmocka_unit_test(a_run_ends_at_any_time),
		cmocka_unit_test(results_are_those_of_own_threads),
		cmocka_unit_test(sources_of_outputs_do_not_share),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
