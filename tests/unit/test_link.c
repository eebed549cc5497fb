/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a connection that is lost is made again: when, how often, and what people are told; with a peer that does as it is told. */
#include <errno.h>
#include <string.h>

#include "harness.h"
#include "weir/link.h"

#define FIRST_NS INT64_C(100000000)
#define LAST_NS INT64_C(30000000000)

static struct peer {
	int open, serve; /* what they return */
	int opened, shut;
} peer;

static int peer_open(void *context, char why[WEIR_LINK_WHY])
{
	(void)context;
	peer.opened++;
	strcpy(why, "nobody is there");
	return peer.open;
}

static int peer_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	(void)context;
	(void)wake_fd;
	(void)until_ns;
	strcpy(why, "it hung up");
	return peer.serve;
}

static void peer_shut(void *context)
{
	(void)context;
	peer.shut++;
}

static void peer_wait(void *context, struct weir_wait *wait)
{
	(void)context;
	wait->until_ns = INT64_MAX;
}

struct test {
	struct harness harness;
	struct weir_link *link;
	char text[600];
};

static int setup(void **state)
{
	static const struct weir_link_ops ops = {
		.open = peer_open, .serve = peer_serve, .shut = peer_shut, .wait = peer_wait
	};
	static struct test test;
	struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 8);
	peer = (struct peer){ .serve = 1 };
	test = (struct test){ 0 };
	*state = &test;
	return !harness_open(&test.harness, "null", &schema) ||
	       weir_link_open(&test.link, test.harness.first, &ops, NULL, "peer:1");
}

static int teardown(void **state)
{
	struct test *test = *state;

	weir_link_close(test->link);
	harness_close(&test->harness);
	return 0;
}

static void expect_how(struct test *test, const char *text)
{
	weir_link_how(test->link, test->text, sizeof(test->text));
	if (!strstr(test->text, text))
		fail_msg("'%s' is not in: %s", text, test->text);
}

/* Until the next attempt. */
static int64_t pause_of(struct test *test)
{
	struct weir_wait wait;
	int64_t before = weir_now(WEIR_CLOCK_MONOTONIC);

	weir_link_lost(test->link, "it hung up");
	weir_link_wait(test->link, &wait);
	return wait.until_ns - before;
}

/* Twice as long each time, up to 30 s, give or take a quarter; and not always the same. */
static void pauses_grow_and_differ(void **state)
{
	int64_t expected = FIRST_NS, first = 0;
	unsigned n_same = 0;

	for (int i = 0; i < 20; i++) {
		int64_t pause = pause_of(*state);

		assert_true(pause >= expected - expected / 4);
		assert_true(pause <= expected + expected / 4 + FIRST_NS); /* the last for a machine that is busy */
		if (expected == LAST_NS)
			n_same += pause / 1000000 == (first ? first : (first = pause / 1000000));
		expected = expected * 2 < LAST_NS ? expected * 2 : LAST_NS;
	}
	assert_true(n_same < 6);
}

/* A connection that works begins anew with short pauses; nobody is asked before it is time. */
static void a_connection_forgets_the_pauses(void **state)
{
	struct test *test = *state;

	assert_int_equal(weir_link_step(test->link, -1, 0), 1);
	for (int i = 0; i < 3; i++)
		assert_true(pause_of(test) >= FIRST_NS * (1 << i) * 3 / 4);
	assert_int_equal(weir_link_step(test->link, -1, 0), 0);
	assert_int_equal(peer.opened, 1);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 0); /* sleeps until it is time */
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
	assert_int_equal(peer.opened, 2);
	assert_in_range(pause_of(test), FIRST_NS * 3 / 4, FIRST_NS * 9 / 4);
}

/* Its state is told at any time; each connection is ended once. */
static void people_are_told(void **state)
{
	struct test *test = *state;

	expect_how(test, "to peer:1");
	peer.open = -ECONNREFUSED;
	assert_int_equal(weir_link_step(test->link, -1, 0), 0);
	expect_how(test, "not connected to peer:1: nobody is there (1 attempts)");
	peer.open = 0;
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 0);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
	expect_how(test, "connected to peer:1");
	peer.serve = -EIO;
	assert_int_equal(weir_link_step(test->link, -1, 0), 0);
	expect_how(test, "not connected to peer:1: it hung up");
	peer.serve = 1;
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 0);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
	expect_how(test, "connected to peer:1, 2 times so far; before that: it hung up");
	assert_int_equal(weir_link_count(test->link), 2);
	weir_link_shut(test->link);
	assert_int_equal(peer.shut, peer.opened);
}

/* A refusal is final at first, and passes for a moment's trouble once we have been let in. */
static void a_refusal_is_final_at_first(void **state)
{
	struct test *test = *state;

	peer.serve = -EACCES;
	assert_true(weir_link_step(test->link, -1, 0) < 0);
	harness_expect_error(&test->harness, "it hung up");
}

static void a_later_refusal_is_not(void **state)
{
	struct test *test = *state;

	assert_int_equal(weir_link_step(test->link, -1, 0), 1);
	peer.serve = -EACCES;
	assert_int_equal(weir_link_step(test->link, -1, 0), 0);
	expect_how(test, "not connected to peer:1: it hung up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pauses_grow_and_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(a_connection_forgets_the_pauses, setup, teardown),
		cmocka_unit_test_setup_teardown(people_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_final_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_later_refusal_is_not, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
