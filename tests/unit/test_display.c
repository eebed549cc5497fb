/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control socket: the numbers are those of the pipeline, and clients of any kind hold up neither it nor each other. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shown.h"

#define PROGRAM "a = synth:counter rate=1kHz | select n = value, twice = 2 * value\na | null\na | where n > 1e9 | null"

static json_int_t whole(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

static const json_t *node(const json_t *state, size_t i)
{
	return json_array_get(json_object_get(state, "nodes"), i);
}

static double value(const json_t *state, size_t i, size_t field)
{
	return json_number_value(
		json_object_get(json_array_get(json_object_get(node(state, i), "fields"), field), "value"));
}

/* Counters agree with each other and grow, values are of one record, and the socket is for the user and the group. */
static void state_is_that_of_the_pipeline(void **state)
{
	struct shown shown;
	struct stat status;
	json_t *first, *second;

	(void)state;
	shown_start(&shown, PROGRAM, NULL);
	assert_int_equal(stat(shown.path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
	poll(NULL, 0, 400);
	first = shown_ask(&shown, "state\n");
	poll(NULL, 0, 400);
	second = shown_ask(&shown, "state\n");
	assert_string_equal(json_string_value(json_object_get(second, "name")), "test");
	assert_string_equal(json_string_value(json_object_get(second, "program")), PROGRAM);
	assert_int_equal(whole(second, "pid"), getpid());
	assert_int_equal(json_array_size(json_object_get(second, "nodes")), 5);
	assert_true(whole(node(second, 0), "out") > whole(node(first, 0), "out"));
	assert_true(whole(node(second, 1), "out") > whole(node(first, 1), "out"));
	assert_true(value(second, 1, 0) > value(first, 1, 0));
	assert_true(value(second, 1, 1) == 2 * value(second, 1, 0));
	assert_int_equal(whole(json_object_get(second, "lost"), "total"), 0);
	assert_true(json_number_value(json_object_get(node(second, 0), "in_rate")) > 0);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(node(second, 1), "inputs"), 0)), 0);
	json_decref(first);
	json_decref(second);
	shown_stop(&shown);
}

/* History has the rows of the ring, oldest first, each of one record. */
static void history_is_that_of_the_ring(void **state)
{
	struct shown shown;
	json_t *rows, *none;
	double before = -1;

	(void)state;
	shown_start(&shown, PROGRAM, NULL);
	poll(NULL, 0, 500);
	rows = shown_ask(&shown, "history 1 50\n");
	assert_int_equal(json_array_size(json_object_get(rows, "n")), 50);
	for (size_t i = 0; i < 50; i++) {
		double n = json_number_value(json_array_get(json_object_get(rows, "n"), i));

		assert_true(n > before);
		assert_true(json_number_value(json_array_get(json_object_get(rows, "twice"), i)) == 2 * n);
		before = n;
	}
	none = shown_ask(&shown, "history 4 50\n");
	assert_non_null(json_object_get(none, "error"));
	json_decref(rows);
	json_decref(none);
	shown_stop(&shown);
}

static void errors_are_answered(void **state)
{
	static const char *const wrong[] = { "stat\n",          "state now\n",    "history\n",
					     "history 1\n",     "history 99 5\n", "history -1 5\n",
					     "history 1 5 5\n", "{\"get\":1}\n",  "\x01\xff\n" };
	struct shown shown;

	(void)state;
	shown_start(&shown, PROGRAM, NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *answer = shown_ask(&shown, wrong[i]);

		assert_non_null(json_object_get(answer, "error"));
		json_decref(answer);
	}
	shown_stop(&shown);
}

/* Several requests in one packet, and one in many, have an answer each; also after the client has closed its side. */
static void requests_may_be_cut_anywhere(void **state)
{
	struct shown shown;
	int fd;

	(void)state;
	shown_start(&shown, PROGRAM, NULL);
	fd = shown_connect(&shown);
	assert_true(shown_say(fd, "state\nhistory 1 3\r\nstate\n", 25));
	for (int i = 0; i < 3; i++) {
		json_t *answer = shown_hear(fd);

		assert_non_null(json_object_get(answer, i == 1 ? "n" : "nodes"));
		json_decref(answer);
	}
	for (const char *at = "state\n"; *at; at++) {
		assert_true(shown_say(fd, at, 1));
		poll(NULL, 0, 5);
	}
	shutdown(fd, SHUT_WR);
	json_t *answer = shown_hear(fd);

	assert_non_null(json_object_get(answer, "nodes"));
	json_decref(answer);
	assert_true(shown_is_closed(fd, 5000));
	close(fd);
	shown_stop(&shown);
}

/* Connections that say nothing, that never read, and that send for ever: others are answered at once, and nothing is lost. */
static void hostile_clients_hold_nobody_up(void **state)
{
	struct shown shown;
	char junk[1024];
	int fd[200], flood;

	(void)state;
	memset(junk, 'x', sizeof(junk));
	shown_start(&shown, PROGRAM, NULL);
	flood = shown_connect(&shown);
	for (int i = 0; i < 20 && shown_say(flood, junk, sizeof(junk)); i++)
		;
	assert_true(shown_is_closed(flood, 5000));
	close(flood);
	for (int i = 0; i < 200; i++) {
		fd[i] = shown_connect(&shown);
		for (int k = 0; k < i % 50; k++)
			send(fd[i], "state\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (i % 20 == 0) {
			json_t *answer = shown_ask(&shown, "state\n");

			assert_non_null(json_object_get(answer, "nodes"));
			json_decref(answer);
		}
	}
	for (int i = 0; i < 200; i++)
		close(fd[i]);
	shown_stop(&shown);
}

/* web: what it reads has values, and they are those of the chain. Without it a chain has none inside. */
static void web_shows_what_it_reads(void **state)
{
	struct shown shown;
	json_t *answer;

	(void)state;
	shown_start(&shown,
		    "synth:counter rate=1kHz | select n = 2 * value | web\nsynth:counter rate=1kHz | select n = value "
		    "| null",
		    NULL);
	poll(NULL, 0, 300);
	answer = shown_ask(&shown, "state\n");
	assert_true(value(answer, 1, 0) > 0);
	assert_true((json_int_t)value(answer, 1, 0) % 2 == 0);
	assert_null(json_object_get(node(answer, 4), "fields"));
	json_decref(answer);
	shown_stop(&shown);
}

/* A source that would need no ring has one where it is asked for. */
static void rings_are_kept_where_asked_for(void **state)
{
	static const char program[] = "synth:counter rate=10Hz | null";

	(void)state;
	for (int kept = 0; kept < 2; kept++) {
		struct shown shown;
		json_t *answer;

		shown_start_with(&shown, program, NULL, &(struct weir_options){ .keep_rings = kept });
		poll(NULL, 0, 300);
		answer = shown_ask(&shown, "state\n");
		assert_int_equal(json_object_get(node(answer, 0), "ring") != NULL, kept);
		json_decref(answer);
		shown_stop(&shown);
	}
}

/* Nothing of it stays behind. */
static void ends_with_the_run(void **state)
{
	struct shown shown;

	(void)state;
	shown_start(&shown, "synth:counter rate=max | null", NULL);
	shown_stop(&shown);
	assert_int_equal(access(shown.path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_is_that_of_the_pipeline),
		cmocka_unit_test(history_is_that_of_the_ring),
		cmocka_unit_test(errors_are_answered),
		cmocka_unit_test(requests_may_be_cut_anywhere),
		cmocka_unit_test(hostile_clients_hold_nobody_up),
		cmocka_unit_test(web_shows_what_it_reads),
		cmocka_unit_test(rings_are_kept_where_asked_for),
		cmocka_unit_test(ends_with_the_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
