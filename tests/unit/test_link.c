/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a connection that is lost is made again: when, how often, and what people are told; with a peer that does as it is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "weir/link.h"

#define FIRST_NS INT64_C(100000000)
#define LAST_NS INT64_C(30000000000)
#define LASTS_NS INT64_C(300000000) /* of a connection, until it counts */

static const char *words; /* of the peer, when it hangs up; NULL: the usual ones */

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
	strcpy(why, words ? words : "it hung up");
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
	char *said; /* to people */
	size_t n_said;
};

static int setup(void **state)
{
	static const struct weir_link_ops ops = {
		.open = peer_open, .serve = peer_serve, .shut = peer_shut, .wait = peer_wait, .lasts_ns = LASTS_NS
	};
	static struct test test;
	struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 8);
	peer = (struct peer){ .serve = 1 };
	test = (struct test){ 0 };
	*state = &test;
	if (!harness_open(&test.harness, "null", &schema))
		return -1;
	test.harness.pipeline->options.messages = open_memstream(&test.said, &test.n_said);
	return !test.harness.pipeline->options.messages ||
	       weir_link_open(&test.link, test.harness.first, &ops, NULL, "peer:1");
}

static int teardown(void **state)
{
	struct test *test = *state;

	weir_link_close(test->link);
	fclose(test->harness.pipeline->options.messages);
	harness_close(&test->harness);
	free(test->said);
	return 0;
}

static void expect_how(struct test *test, const char *text)
{
	weir_link_how(test->link, test->text, sizeof(test->text));
	if (!strstr(test->text, text))
		fail_msg("'%s' is not in: %s", text, test->text);
}

/* How often people were told that. */
static int n_said(struct test *test, const char *what)
{
	int n = 0;

	fflush(test->harness.pipeline->options.messages);
	for (const char *at = test->said; (at = strstr(at, what)); at++)
		n++;
	return n;
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

/* Lost as soon as it is made, three times. @return the pause before the next attempt. */
static int64_t pause_after_brief_ones(struct test *test)
{
	int64_t pause = 0;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), i ? 0 : 1); /* sleeps until it is time */
		if (i)
			assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
		assert_int_equal(peer.opened, i + 1);
		pause = pause_of(test);
		assert_int_equal(weir_link_step(test->link, -1, 0), 0); /* nobody is asked before it is time */
	}
	return pause;
}

/* A connection that does not last is no success: pauses grow. */
static void a_brief_connection_keeps_the_pauses(void **state)
{
	struct test *test = *state;

	assert_true(pause_after_brief_ones(test) >= 4 * FIRST_NS * 3 / 4);
	assert_int_equal(n_said(test, "lost the connection"), 1);
	assert_int_equal(n_said(test, "connected to"), 1); /* after the first loss */
	assert_int_equal(n_said(test, "do not last"), 1);
}

/* People are told of connections that do not last once, and again when one does. */
static void a_long_connection_is_told_of(void **state)
{
	struct test *test = *state;

	pause_after_brief_ones(test);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 0);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
	assert_int_equal(n_said(test, "connected to"), 1);
	usleep(LASTS_NS / 1000 + 1000);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
	assert_int_equal(n_said(test, "connected to"), 2);
}

/* One that lasts begins anew with short ones. */
static void a_long_connection_forgets_the_pauses(void **state)
{
	struct test *test = *state;

	pause_after_brief_ones(test);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 0);
	assert_int_equal(weir_link_step(test->link, -1, INT64_MAX), 1);
	usleep(LASTS_NS / 1000 + 1000);
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

/* A peer that lets us in, and refuses us before it has done anything for us. */
static void a_refusal_behind_the_door_is_final(void **state)
{
	struct test *test = *state;

	assert_int_equal(weir_link_step(test->link, -1, 0), 1);
	peer.serve = -EPERM;
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

/* A peer's words stay on one line, and no terminal acts on them. */
static void words_of_the_peer_are_plain(void **state)
{
	struct test *test = *state;

	words = "busy \x1b[31m\xc2\x9b\xff \u00e4\nweir: forged\tline";
	peer.serve = -EIO;
	assert_int_equal(weir_link_step(test->link, -1, 0), 0);
	words = NULL;
	expect_how(test, "busy ?[31m??? \u00e4 weir: forged line");
	assert_int_equal(n_said(test, "\nweir: forged"), 0);
	assert_int_equal(n_said(test, "\u00e4 weir: forged line; trying again"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pauses_grow_and_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(a_brief_connection_keeps_the_pauses, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_connection_forgets_the_pauses, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_connection_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(people_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(words_of_the_peer_are_plain, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_final_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_behind_the_door_is_final, setup, teardown),
		cmocka_unit_test_setup_teardown(a_later_refusal_is_not, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
