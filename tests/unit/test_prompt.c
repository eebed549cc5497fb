/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Agents that the loop runs itself: which they are, and that nothing but the thread differs. The source here is a pipe, the output
 * one that remembers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"

#define N 4000
#define PIPE_ROWS 4096 /* a pipe holds 64 KiB */
#define WAIT_US 20000000

struct row {
	int64_t t, value;
};

/* What the world of one run is: the pipe, and what the output was told. */
static struct {
	int reads, writes;
	double told[N + PIPE_ROWS];
	_Atomic uint32_t n;
	uint32_t fails_at; /* 0: never */
	uint32_t parks;
	_Atomic uint32_t ticks;
	pthread_t thread; /* that told it last */
} world;

/* --- drivers -------------------------------------------------------------------- */

static int pipe_open(struct weir_node *node, struct weir_schema *out)
{
	(void)node;
	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	return weir_schema_add(out, "value", WEIR_INT, "", 8);
}

static int pipe_fd(const struct weir_node *node)
{
	(void)node;
	return world.reads;
}

static int tell_open(struct weir_node *node, const struct weir_schema *in)
{
	(void)node;
	(void)in;
	return 0;
}

static int tell_start(struct weir_node *node)
{
	(void)node;
	return 0;
}

static int tell_apply(struct weir_node *node, double value)
{
	uint32_t n = atomic_load(&world.n);

	world.thread = pthread_self();
	if (world.fails_at && n == world.fails_at)
		return weir_fail_device(node, "the output", "tell", EIO, NULL);
	world.told[n] = value;
	atomic_store(&world.n, n + 1);
	return 0;
}

static int tell_park(struct weir_node *node)
{
	(void)node;
	world.parks++;
	return 0;
}

static double tell_parked(const struct weir_node *node)
{
	(void)node;
	return -1;
}

static int same_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	(void)node;
	*out = *in;
	return 0;
}

static int ticking_push(struct weir_node *node, const struct weir_block *in)
{
	struct weir_block first;

	weir_block_slice(&first, in, 0, 1);
	weir_took(node, 1);
	weir_tick_at(node, in->t[0] + 1);
	return weir_emit(node, &first);
}

static int ticking_tick(struct weir_node *node, int64_t now_ns)
{
	if (atomic_fetch_add(&world.ticks, 1) == 100000) {
		raise(SIGTERM);
		raise(SIGINT);
	}
	weir_tick_at(node, now_ns + 1);
	return 0;
}

static const struct weir_param no_params[] = { { .name = NULL } };
static const struct weir_source_ops pipe_ops = { .open = pipe_open, .fd = pipe_fd };
static const struct weir_operator_ops slow_ops = { .open = same_open, .push = weir_emit };
static const struct weir_operator_ops ticking_ops = {
	.open = same_open, .push = ticking_push, .tick = ticking_tick, .is_brief = true
};
static const struct weir_actuator_ops tell_ops = { .open = tell_open,
						   .start = tell_start,
						   .apply = tell_apply,
						   .park = tell_park,
						   .parked = tell_parked,
						   .is_brief = true };
static const struct weir_driver pipe_driver = { .name = "pipe", .source_params = no_params, .source = &pipe_ops };
static const struct weir_driver slow_driver = { .name = "slow", .operator_params = no_params, .stage = &slow_ops };
static const struct weir_driver ticking_driver = { .name = "ticking",
						   .operator_params = no_params,
						   .stage = &ticking_ops };
static const struct weir_driver tell_driver = { .name = "tell", .actuator_params = no_params, .actuator = &tell_ops };

extern const struct weir_driver weir_bridge_synth, weir_operator_select, weir_operator_where, weir_operator_every,
	weir_operator_changed, weir_operator_switch, weir_operator_limit, weir_operator_timeout, weir_bridge_null;

/* The linker looks into the library only for what is not defined here: this is the registry. */
const struct weir_driver *const weir_drivers[] = {
	&pipe_driver,           &slow_driver,          &ticking_driver,      &tell_driver,
	&weir_bridge_synth,     &weir_operator_select, &weir_operator_where, &weir_operator_every,
	&weir_operator_changed, &weir_operator_switch, &weir_operator_limit, &weir_operator_timeout,
	&weir_bridge_null,
};
const size_t weir_n_drivers = sizeof(weir_drivers) / sizeof(weir_drivers[0]);
const struct weir_builtin weir_builtins[] = { { 0 } };

/* --- running ------------------------------------------------------------------- */

static void begin(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	memset(&world, 0, sizeof(world));
	world.reads = fds[0];
	world.writes = fds[1];
	assert_int_equal(fcntl(world.reads, F_SETFL, O_NONBLOCK), 0);
}

static void put(uint32_t from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct row row = { .t = (from + i) * INT64_C(1000), .value = from + i };

		assert_int_equal(write(world.writes, &row, sizeof(row)), sizeof(row));
	}
}

static void end_input(void)
{
	close(world.writes);
	world.writes = -1;
}

static struct weir_pipeline *open_program(const char *program, struct weir_options options)
{
	struct weir_pipeline *pipeline;

	options.quiet = true;
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	return pipeline;
}

static uint64_t finish(struct weir_pipeline *pipeline)
{
	uint64_t lost = weir_pipeline_lost(pipeline);

	weir_close(pipeline);
	close(world.reads);
	if (world.writes >= 0)
		close(world.writes);
	return lost;
}

/* --- which they are ------------------------------------------------------------- */

/* Brief stages from a descriptor to an output are the loop's, unless threads were asked for; whatever may wait, may take long, is
 * rehearsed on a terminal or made by a thread is not. */
static void the_plan_says_which(void **state)
{
	static const struct {
		const char *program;
		struct weir_options options;
		bool is_prompt;
	} cases[] = {
		{ "pipe | tell", { 0 }, true },
		{ "pipe | where value > 3 | select x = value * 2 | changed x | tell", { 0 }, true },
		{ "pipe | timeout 1s | switch on stale off not stale | tell", { 0 }, true },
		{ "pipe | tell", { .threads = 1 }, false },
		{ "pipe | tell", { .dry_run = true }, false },
		{ "pipe | where format('%d', value) in ('3', '4') | tell", { 0 }, true },
		{ "pipe | where matches(format('%d', value), '^(1+)+$') | tell", { 0 }, false },
		{ "pipe | select x = length(extract(format('%d', value), '(1+)')) | tell", { 0 }, false },
		{ "pipe | slow | tell", { 0 }, false },
		{ "pipe | null", { 0 }, true },
		{ "pipe | null", { .threads = 1 }, false },
		{ "synth:counter | select value | tell", { 0 }, false },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_pipeline *pipeline = open_program(cases[i].program, cases[i].options);
		char *text = NULL;
		size_t size;
		FILE *stream = open_memstream(&text, &size);

		weir_explain(pipeline, stream, WEIR_FORMAT_TEXT);
		fclose(stream);
		if (!strstr(text, "agent 1, run by the loop, reads") == cases[i].is_prompt)
			fail_msg("%s:\n%s", cases[i].program, text);
		free(text);
		weir_close(pipeline);
	}
	close(world.reads);
	close(world.writes);
}

/* --- what they do --------------------------------------------------------------- */

static void *feed(void *context)
{
	uint64_t *random = context;

	for (uint32_t i = 0; i < N;) {
		uint32_t n = 1 + (uint32_t)((*random = *random * 6364136223846793005u + 1) >> 33) % 60;

		n = n < N - i ? n : N - i;
		put(i, n);
		i += n;
		if (*random >> 61 == 0)
			usleep(200);
	}
	end_input();
	return NULL;
}

/* One run of `program` on N records that come in chunks; true: on the loop's own thread. */
static bool run_fed(const char *program, struct weir_options options, uint64_t seed)
{
	struct weir_pipeline *pipeline;
	pthread_t thread;

	begin();
	pipeline = open_program(program, options);
	assert_int_equal(pthread_create(&thread, NULL, feed, &seed), 0);
	assert_int_equal(weir_run(pipeline), 0);
	pthread_join(thread, NULL);
	assert_int_equal(finish(pipeline), 0);
	return pthread_equal(world.thread, pthread_self());
}

/* The output is told the same, whichever thread runs the stages, over both back ends and for blocks and chunks of any size: the
 * whole of it, in order, and in the end it is parked, once. */
static void the_thread_does_not_show(void **state)
{
	static const char *const programs[] = {
		"pipe | tell policy=block",
		"pipe | where value % 7 != 3 policy=block | select x = value * 3 | tell",
		"pipe | every 5 policy=block | select x = floor(value / 10) | changed x | tell",
		"pipe | switch on value % 100 == 50 off value % 100 == 75 policy=block | tell",
	};
	static double told[N];

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		uint32_t n;

		assert_false(run_fed(programs[i], (struct weir_options){ .threads = 1 }, i));
		n = atomic_load(&world.n);
		memcpy(told, world.told, n * sizeof(*told));
		assert_true(n > 50);
		for (uint32_t k = 0; k < 4; k++) {
			struct weir_options options = { .io = k & 1 ? WEIR_IO_POLL : WEIR_IO_AUTO,
							.block_rows = k & 2 ? 7 : 0 };

			assert_true(run_fed(programs[i], options, 10 * i + k));
			assert_int_equal(atomic_load(&world.n), n);
			assert_memory_equal(told, world.told, n * sizeof(*told));
			assert_int_equal(world.parks, 1);
		}
	}
}

static void *end_when_told(void *context)
{
	for (int i = 0; i < WAIT_US / 1000 && atomic_load(&world.n) < 2; i++)
		usleep(1000);
	end_input();
	return context;
}

/* Time alone brings what it should, while nothing comes from the source: the loop wakes for it. */
static void time_passes_alone(void **state)
{
	struct weir_pipeline *pipeline;
	pthread_t thread;
	struct row row = { .t = 0, .value = 1 };

	(void)state;
	begin();
	pipeline = open_program("pipe | timeout 30ms lateness=10ms | select stale | tell", (struct weir_options){ 0 });
	row.t = weir_now(WEIR_CLOCK_MONOTONIC);
	assert_int_equal(write(world.writes, &row, sizeof(row)), sizeof(row));
	assert_int_equal(pthread_create(&thread, NULL, end_when_told, NULL), 0);
	assert_int_equal(weir_run(pipeline), 0);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&world.n), 2);
	assert_true(world.told[0] == 0 && world.told[1] == 1);
	assert_true(pthread_equal(world.thread, pthread_self()));
	finish(pipeline);
}

/* What an ordered end still finds in the device reaches the output, also where the ring holds an eighth of it and its reader is to
 * be waited for: the loop, which would have to wait for itself, lets it read. */
static void the_end_drains(void **state)
{
	struct weir_pipeline *pipeline;

	(void)state;
	begin();
	put(0, PIPE_ROWS);
	pipeline = open_program("pipe | tell policy=block", (struct weir_options){ .ring_rows = 512 });
	weir_stop(pipeline);
	assert_int_equal(weir_run(pipeline), 0);
	assert_int_equal(atomic_load(&world.n), PIPE_ROWS);
	for (uint32_t i = 0; i < PIPE_ROWS; i++)
		assert_true(world.told[i] == i);
	assert_int_equal(finish(pipeline), 0);
}

/* An output that fails ends the run with the device's status, and so does a stage that has had enough, with success; parked both
 * times, while the source could go on. */
static void ends_are_the_same(void **state)
{
	static const struct {
		const char *program;
		uint32_t fails_at;
		int status;
		uint32_t told;
	} cases[] = {
		{ "pipe | tell", 10, WEIR_EXIT_DEVICE, 10 },
		{ "pipe | limit 7 | tell", 0, WEIR_EXIT_OK, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *null = fopen("/dev/null", "w");
		struct weir_pipeline *pipeline;

		begin();
		world.fails_at = cases[i].fails_at;
		put(0, 100);
		pipeline = open_program(cases[i].program, (struct weir_options){ .messages = null });
		assert_int_equal(weir_run(pipeline), cases[i].status);
		assert_int_equal(atomic_load(&world.n), cases[i].told);
		assert_int_equal(world.parks, 1);
		finish(pipeline);
		fclose(null);
	}
}

/* A stage that wants a tick at each nanosecond is never done: neither with the time that passes, nor with what is between two records,
 * where the loop never comes back. Two signals end the run at once all the same, and the output is parked. */
static void endless_ticks_can_be_ended(void **state)
{
	(void)state;
	for (int between = 0; between < 2; between++) {
		struct weir_options options = { .handle_signals = true };
		struct weir_pipeline *pipeline;
		struct row row[2] = { { .t = 1 }, { .t = INT64_MAX / 2 } };

		begin();
		assert_int_equal(write(world.writes, row, (between + 1) * sizeof(*row)), (between + 1) * sizeof(*row));
		pipeline = open_program("pipe | ticking | tell", options);
		assert_int_equal(weir_run(pipeline), 0);
		assert_int_equal(world.parks, 1);
		assert_in_range(atomic_load(&world.ticks), 100000, 1000000);
		finish(pipeline);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_says_which), cmocka_unit_test(the_thread_does_not_show),
		cmocka_unit_test(time_passes_alone),   cmocka_unit_test(the_end_drains),
		cmocka_unit_test(ends_are_the_same),   cmocka_unit_test(endless_ticks_can_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
