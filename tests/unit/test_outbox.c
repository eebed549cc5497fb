/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages on their way to a broker that refuses, forgets and dies, from a sender that is killed: whole pipelines, with a broker
 * in shared memory, so that it outlives the process that talks with it.
 *
 * The broker has what reached it in order; a cut loses what was on the wire, and answers to what was not. WEIR_CUTS says how
 * often the sender is killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbox_world.h"

/* --------------------------------------------------------------------- tests */

/* A broker that is full now and then gets everything over one connection, each message once, and is not flooded. */
static void a_full_broker_is_waited_for(void **state)
{
	int64_t began = weir_now(WEIR_CLOCK_MONOTONIC), pauses, sum = 0;
	struct outcome outcome;

	(void)state;
	world->n_records = 30;
	world->is_full = true;
	outcome = run("linger=60s");
	pauses = (weir_now(WEIR_CLOCK_MONOTONIC) - began) / 100000000;
	assert_int_equal(outcome.unsent, 0);
	assert_int_equal(world->n_stored, 30); /* as they are: none twice */
	for (int64_t i = 0; i < 30; i++)
		sum += world->stored[i].n;
	assert_int_equal(sum, 29 * 30 / 2);
	assert_in_range(world->postponed, 1, 30 + 10 * pauses);
	assert_non_null(strstr(outcome.said, "takes no messages for now"));
	assert_null(strstr(strstr(outcome.said, "takes no messages") + 1, "takes no messages"));
}

/* Through a connection that is cut all the time everything arrives, in order, and what comes twice is recognised. */
static void a_cut_connection_loses_nothing(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 20000;
	world->cut_every = 30;
	outcome = run("linger=60s");
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.lost, 0);
	assert_true(world->cuts > 0);
	assert_true(leave_out_duplicates() > 0);
	expect_all_in_order(20000);
	assert_non_null(strstr(outcome.how, "20000 messages delivered, 0 waiting"));
}

/* What the broker will never take does not hold up the rest, and is not taken for delivered. */
static void a_refused_message_is_counted(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 5000;
	world->refuses = 10;
	outcome = run("linger=60s");
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 500);
	assert_int_equal(world->n_stored, 4500);
	assert_non_null(strstr(outcome.how, "4500 messages delivered, 0 waiting, 500 refused, 0 dropped"));
}

/*
 * A broker that hangs up at a message, without a word, is asked three times, the last time after it has taken another one. Then the
 * message is set aside, and the rest arrives.
 */
static void a_message_that_ends_connections_is_set_aside(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 3000;
	world->hangs_up = 1234;
	outcome = run("linger=60s");
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 1);
	leave_out_duplicates();
	assert_int_equal(world->n_stored, 2999);
	assert_in_range(world->hung_up, 3, 4);
	assert_non_null(strstr(outcome.how, "2999 messages delivered, 0 waiting, 1 refused"));
}

/* One that says that it is the message is believed when that was alone under way, also where no other message comes. */
static void a_message_that_is_named_is_set_aside_at_once(void **state)
{
	static const int64_t at[][2] = { { 3000, 1234 }, { 3000, 2999 }, { 2, 1 } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct outcome outcome;

		memset(world, 0, offsetof(struct world, stored));
		world->n_records = at[i][0];
		world->hangs_up = at[i][1];
		world->tells = true;
		outcome = run("linger=60s");
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.unsent, 1);
		leave_out_duplicates();
		assert_int_equal(world->n_stored, at[i][0] - 1);
		assert_in_range(world->hung_up, 1, 2);
	}
}

/* Where the length is the reason, which two messages show, others of that length cost no connection. */
static void what_is_too_long_is_learned(void **state)
{
	struct outcome outcome;
	uint64_t at = 0;

	(void)state;
	world->n_records = 3000;
	world->wide = 3;
	world->longest = (int64_t)strlen("{\"t\":2999,\"n\":2999}");
	outcome = run("linger=60s");
	assert_int_equal(outcome.unsent, 1000);
	leave_out_duplicates();
	assert_int_equal(world->n_stored, 2000);
	for (int64_t i = 0; i < 3000; i++)
		if (!is_wide(i))
			assert_int_equal(world->stored[at++].n, i);
	assert_in_range(world->hung_up, 5, 7);
}

/* A broker that crashes at whatever it gets, time and again, has not refused a message: all arrive when it is well. */
static void a_broker_that_crashes_costs_no_message(void **state)
{
	static const int64_t n[] = { 1, 2, 3000 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct outcome outcome;
		int64_t sum = 0;

		memset(world, 0, offsetof(struct world, stored));
		world->n_records = n[i];
		world->crashes = 50;
		outcome = run("linger=60s");
		assert_int_equal(outcome.unsent, 0);
		leave_out_duplicates();
		assert_int_equal(world->n_stored, n[i]);
		for (int64_t j = 0; j < n[i]; j++)
			sum += world->stored[j].n;
		assert_int_equal(sum, n[i] * (n[i] - 1) / 2);
		assert_int_equal(world->hung_up, 50);
	}
}

/* Nor has one that takes messages again only after more than a window of them has come. */
static void more_crashes_than_a_window_cost_no_message(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 3000;
	world->crashes = WEIR_OUTBOX_WINDOW + 100;
	outcome = run("linger=60s");
	assert_int_equal(outcome.unsent, 0);
	leave_out_duplicates();
	assert_int_equal(world->n_stored, 3000);
}

/* With nothing behind it that the broker takes, a message is not known to be the reason. It waits until the end. */
static void the_last_message_is_not_given_up(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 100;
	world->hangs_up = 99;
	outcome = run("linger=300ms");
	assert_int_equal(outcome.unsent, 1);
	assert_true(world->hung_up > 3);
	assert_non_null(strstr(outcome.how, "99 messages delivered, 1 waiting, 0 refused"));
}

/* With nobody there, everything is lost and every record of it counted, whatever gives way. */
static void what_is_not_sent_is_counted(void **state)
{
	static const char *const full[] = { "drop_oldest", "drop_newest" };
	char arguments[100];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct outcome outcome;

		world->n_records = 60000; /* more than fit */
		world->is_away = true;
		snprintf(arguments, sizeof(arguments), "queue=1MiB when_full=%s linger=0s", full[i]);
		outcome = run(arguments);
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.unsent, 60000);
		assert_non_null(strstr(outcome.how, "not connected to broker"));
		assert_null(strstr(outcome.how, " 0 dropped"));
	}
}

/* Who is refused from the start is told so, and not tried for ever. */
static void a_closed_door_ends_the_run(void **state)
{
	(void)state;
	world->n_records = 5000;
	world->is_closed = true;
	assert_int_equal(run("").status, 3);
}

/* With a spool, what could not be sent waits for the next run, and nothing of it is lost. */
static void a_spool_outlives_the_run(void **state)
{
	char *dir = make_directory(), arguments[100];
	struct outcome outcome;

	(void)state;
	snprintf(arguments, sizeof(arguments), "spool=8MiB spool_dir=%s linger=0s", dir);
	world->is_away = true;
	world->n_records = 3000;
	outcome = run(arguments);
	assert_int_equal(outcome.lost, 0);
	assert_non_null(strstr(outcome.how, "0 messages delivered, 3000 waiting on disk"));
	world->is_away = false;
	snprintf(arguments, sizeof(arguments), "spool=8MiB spool_dir=%s linger=60s", dir);
	outcome = run(arguments);
	assert_int_equal(outcome.lost, 0);
	assert_int_equal(leave_out_duplicates(), 0);
	expect_all_in_order(6000);
	remove_directory(dir);
}

/* --------------------------------------------------------------------- killed */

static unsigned n_cuts(void)
{
	const char *text = getenv("WEIR_CUTS");

	return text ? (unsigned)atoi(text) : 300;
}

/* On a slow machine a run takes its time to begin. */
static void await_records(int64_t before)
{
	for (int i = 0; i < 20000 && __atomic_load_n(&world->produced, __ATOMIC_RELAXED) == before; i++)
		usleep(100);
}

/* After its first records, and then a while. */
static void run_and_kill(const char *arguments, uint32_t after_us)
{
	int64_t before = world->produced;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		is_child = true;
		run(arguments);
		_exit(0);
	}
	await_records(before);
	usleep(after_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

struct part {
	int64_t begin, safe; /* the first record of a run, and the last that must arrive; below begin: none */
};

/* Of each run's records a first part arrived, each once and in order, and what was in a file is in it. */
static void expect_first_parts(const struct part *part, unsigned n_runs)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < n_runs; i++) {
		int64_t n = part[i].begin;

		for (; at < world->n_stored && world->stored[at].n < part[i + 1].begin; at++, n++)
			assert_int_equal(world->stored[at].n, n);
		assert_true(n > part[i].safe);
	}
	assert_int_equal(at, world->n_stored);
}

/*
 * Sender killed, broker cut, or both, at random: what was in a file arrives, once and in order, whoever died when. The last run
 * is left alone, so that all that waits arrives, and all of its own.
 */
static void a_killed_sender_goes_on(void **state)
{
	unsigned n = n_cuts();
	struct part *part = calloc(n + 2, sizeof(*part));
	char *dir = make_directory(), arguments[130];
	struct dice dice = { 1 };
	uint64_t duplicates;

	(void)state;
	assert_non_null(part);
	world->safe = -1;
	snprintf(arguments, sizeof(arguments), "spool=64MiB spool_dir=%s linger=60s when_full=block", dir);
	world->lingers = true;
	for (unsigned i = 0; i < n; i++) {
		part[i].begin = world->produced;
		world->n_records = 50 + roll_below(&dice, 1500);
		world->cut_every = i % 3 ? 20 : 0;
		run_and_kill(arguments, roll_below(&dice, 8000));
		part[i].safe = world->safe;
	}
	part[n].begin = world->produced;
	world->lingers = false;
	world->n_records = 1000;
	world->cut_every = 0;
	assert_int_equal(run(arguments).lost, 0);
	part[n].safe = world->produced - 1;
	part[n + 1].begin = world->produced;
	duplicates = leave_out_duplicates();
	expect_first_parts(part, n + 1);
	assert_true(n < 100 || duplicates > 0);
	print_message("# %u kills, %lld cuts, %llu of %lld arrived, %llu came twice\n", n, (long long)world->cuts,
		      (unsigned long long)world->n_stored, (long long)world->produced, (unsigned long long)duplicates);
	remove_directory(dir);
	free(part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cut_connection_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_broker_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_message_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_that_ends_connections_is_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_that_is_named_is_set_aside_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_learned, setup, teardown),
		cmocka_unit_test_setup_teardown(a_broker_that_crashes_costs_no_message, setup, teardown),
		cmocka_unit_test_setup_teardown(more_crashes_than_a_window_cost_no_message, setup, teardown),
		cmocka_unit_test_setup_teardown(the_last_message_is_not_given_up, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_sent_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_door_ends_the_run, setup, teardown),
		cmocka_unit_test_setup_teardown(a_spool_outlives_the_run, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_sender_goes_on, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
