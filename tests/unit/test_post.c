/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records as HTTP requests to a server of the test's own, which answers well, late, with errors, with nonsense or not at all: whole
 * pipelines. What it has taken is compared with what was sent: nothing is missing, nothing is out of order, and what comes twice
 * has the same id and the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/dice.h"
#include "core/internal.h"
#include "post_server.h"
#include "weir/weir.h"

/* -------------------------------------------------------------------- outcome */

struct outcome {
	int status;
	uint64_t unsent;
	int64_t took_ns;
	char said[4000], how[1000];
};

/* The program, where %d is the port. */
static struct outcome run(const char *form)
{
	struct outcome outcome = { 0 };
	struct weir_options options = { .messages = fmemopen(outcome.said, sizeof(outcome.said) - 1, "w") };
	struct weir_pipeline *pipeline;
	char program[600];
	int64_t began;

	snprintf(program, sizeof(program), form, server.port);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	server_begin();
	began = weir_now(WEIR_CLOCK_MONOTONIC);
	outcome.status = weir_run(pipeline);
	outcome.took_ns = weir_now(WEIR_CLOCK_MONOTONIC) - began;
	server_end();
	for (uint32_t i = 0; i < pipeline->n_nodes; i++)
		outcome.unsent += atomic_load(&pipeline->node[i]->lost[WEIR_LOST_UNSENT]);
	snprintf(outcome.how, sizeof(outcome.how), "%s", weir_node_how(pipeline->node[pipeline->n_nodes - 1]));
	weir_close(pipeline);
	fclose(options.messages);
	return outcome;
}

static void play(unsigned n, const enum act *script)
{
	memcpy(server.script, script, n * sizeof(*script));
	server.n_script = n;
}
#define PLAY(...) play(sizeof((enum act[]){ __VA_ARGS__ }) / sizeof(enum act), (enum act[]){ __VA_ARGS__ })

/* The number in the first record of a request, and in its last one. */
static long number_at(const char *at)
{
	return strtol(at + 4, NULL, 10);
}

/* What the server has taken, without what came before by its id, is 0 to n - 1 but for `left_out` of them. @return repeats. */
static unsigned expect_all(long n, long left_out)
{
	unsigned repeats = 0;
	long next = 0, found = 0;

	for (unsigned i = 0; i < server.n; i++) {
		const struct request *request = &server.request[i];
		bool is_repeat = false;

		for (unsigned k = 0; k < i && request->is_taken && !is_repeat; k++) {
			is_repeat = server.request[k].is_taken && !strcmp(server.request[k].id, request->id);
			if (is_repeat)
				assert_string_equal(server.request[k].body, request->body);
		}
		repeats += is_repeat;
		for (const char *at = request->body; request->is_taken && !is_repeat && (at = strstr(at, "\"n\":"));
		     at++) {
			assert_true(number_at(at) >= next);
			next = number_at(at) + 1;
			found++;
		}
	}
	assert_int_equal(found, n - left_out);
	assert_true(next <= n);
	return repeats;
}

#define COUNT(n, arguments) \
	"synth:counter rate=max | limit " #n " | select n = value | http://127.0.0.1:%d/in " arguments

/* ---------------------------------------------------------------------- tests */

static void records_arrive_in_batches(void **state)
{
	struct outcome outcome = run(COUNT(5000, "batch=100"));

	(void)state;
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 0);
	assert_int_equal(expect_all(5000, 0), 0);
	assert_in_range(server.n, 50, 60);
	assert_in_range(server.connections, 1, 2); /* the probe, and one for all requests */
	assert_non_null(strstr(outcome.how, "5000 messages delivered, 0 waiting, 0 refused, 0 dropped"));
	assert_ptr_equal(strstr(server.request[0].head, "POST /in HTTP/1.1\r\n"), server.request[0].head);
	assert_non_null(strstr(server.request[0].head, "\r\nContent-Type: application/x-ndjson\r\n"));
}

static void bodies_have_their_forms(void **state)
{
	static const struct {
		const char *arguments, *type, *body;
	} forms[] = {
		{ "batch_time=1h time=none", "application/x-ndjson", "{\"n\":11}\n{\"n\":12}\n" },
		{ "batch_time=1h time=none array=yes", "application/json", "[{\"n\":11},{\"n\":12}]" },
		{ "batch_time=1h time=none format=csv", "text/csv; charset=utf-8", "11\n12\n" },
		{ "batch_time=1h time=none format=influx", "text/plain; charset=utf-8", "weir n=11\nweir n=12\n" },
		{ "batch=1 time=none", "application/json", "{\"n\":11}" },
		{ "batch=1 time=none array=yes", "application/json", "[{\"n\":11}]" },
		{ "batch=1 time=none content_type=text/x-own", "text/x-own", "{\"n\":11}" },
	};
	char program[300], line[100];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		unsigned before = server.n;

		snprintf(program, sizeof(program),
			 "synth:counter rate=max | limit 3 | select n = value + 10 | http://127.0.0.1:%%d/in %s",
			 forms[i].arguments);
		assert_int_equal(run(program).status, 0);
		/* The first goes alone, as one of unheard-of length. */
		assert_int_equal(server.n - before, strstr(forms[i].arguments, "batch=1") ? 3 : 2);
		assert_string_equal(server.request[before + 1].body, forms[i].body);
		snprintf(line, sizeof(line), "\r\nContent-Type: %s\r\n", forms[i].type);
		assert_non_null(strstr(server.request[before + 1].head, line));
	}
}

static void headers_are_those_of_the_arguments(void **state)
{
	char path[] = "/tmp/weir-post-XXXXXX", form[400];
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "# secrets\nX-Key: k1\r\nX-More: m\n", 31), 31);
	close(fd);
	setenv("POST_TOKEN", "opensesame", 1);
	snprintf(form, sizeof(form),
		 "synth:counter rate=max | limit 2 | http://127.0.0.1:%%d/a?b=c method=PUT header=\"X-Site: attic\" "
		 "header_file=%s token_env=POST_TOKEN token_scheme=Token id_header=X-Id",
		 path);
	assert_int_equal(run(form).status, 0);
	unlink(path);
	assert_ptr_equal(strstr(server.request[0].head, "PUT /a?b=c HTTP/1.1\r\n"), server.request[0].head);
	assert_non_null(strstr(server.request[0].head, "\r\nX-Site: attic\r\n"));
	assert_non_null(strstr(server.request[0].head, "\r\nX-Key: k1\r\n"));
	assert_non_null(strstr(server.request[0].head, "\r\nX-More: m\r\n"));
	assert_non_null(strstr(server.request[0].head, "\r\nAuthorization: Token opensesame\r\n"));
	assert_non_null(strstr(server.request[0].head, "\r\nX-Id: "));
	assert_null(strstr(server.request[0].head, "Expect"));
}

/* A server in trouble gets the same batch again, after a pause, over the same connection. */
static void errors_of_the_server_are_waited_for(void **state)
{
	struct outcome outcome;

	(void)state;
	PLAY(TAKE, BUSY, TOO_MANY, BUSY, TAKE, LATE);
	outcome = run(COUNT(1000, "batch=100"));
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 0);
	assert_int_equal(expect_all(1000, 0), 0);
	assert_string_equal(server.request[1].id, server.request[2].id);
	assert_string_equal(server.request[1].id, server.request[4].id);
	assert_true(server.request[2].at_ns - server.request[1].at_ns >= 70 * MS);
	assert_true(server.request[3].at_ns - server.request[2].at_ns >= 140 * MS);
	assert_non_null(strstr(outcome.said, "the server takes no messages for now: 503 Service Unavailable: busy;"));
	assert_null(strstr(outcome.said, "lost the connection"));
}

static void retry_after_is_heeded(void **state)
{
	(void)state;
	PLAY(TAKE, BUSY_1S);
	assert_int_equal(run(COUNT(10, "")).status, 0);
	expect_all(10, 0);
	assert_true(server.request[2].at_ns - server.request[1].at_ns >= 990 * MS);
}

/* A batch that the server refuses is counted, record by record, and does not hold up the next one. */
static void a_refused_batch_is_counted(void **state)
{
	struct outcome outcome;

	(void)state;
	PLAY(TAKE, TAKE, BAD, TAKE, ABSENT);
	outcome = run(COUNT(1000, "batch=100"));
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 200);
	expect_all(1000, 200);
	assert_non_null(strstr(outcome.how, "800 messages delivered, 0 waiting, 200 refused"));
	assert_non_null(strstr(outcome.said, "the server refuses a message (400 Bad Request: field n is real)"));
}

/* Where only the size is the reason, smaller batches go. */
static void batches_become_smaller(void **state)
{
	struct outcome outcome;

	(void)state;
	server.then = TOO_LARGE;
	outcome = run(COUNT(60, "batch=8 linger=60s"));
	assert_int_equal(outcome.unsent, 0);
	expect_all(60, 0);
}

/* A sender that is not let in has nothing to gather for. Its secret is not in what it says. */
static void a_refused_sender_ends(void **state)
{
	static const enum act acts[] = { DENIED, ABSENT, MOVED };

	(void)state;
	setenv("POST_TOKEN", "opensesame", 1);
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		struct outcome outcome;

		server.then = acts[i];
		outcome = run(COUNT(10, "token_env=POST_TOKEN"));
		assert_int_equal(outcome.status, 3);
		assert_int_equal(outcome.unsent, 10);
		assert_null(strstr(outcome.said, "opensesame"));
		assert_non_null(strstr(outcome.said, acts[i] == DENIED   ? "401 Unauthorized: Authorization: ***"
						     : acts[i] == ABSENT ? "404 Not Found"
									 : "302 Found"));
	}
}

/* Later it may be let in again: a token that was changed, say. */
static void a_sender_that_was_let_in_tries_again(void **state)
{
	struct outcome outcome;

	(void)state;
	PLAY(TAKE, DENIED, DENIED);
	outcome = run(COUNT(10, ""));
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 0);
	expect_all(10, 0);
	assert_non_null(strstr(outcome.said, "401 Unauthorized"));
}

/* Whatever ends a connection, the batch goes again. Where it had arrived, it has the id and the bytes that it had. */
static void a_lost_connection_loses_nothing(void **state)
{
	static const enum act acts[] = { TAKE_MUTE, TAKE_HALF, CLOSE, RESET, HANG, GARBAGE, HUGE_HEAD };

	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		struct outcome outcome;
		bool was_taken = acts[i] == TAKE_MUTE || acts[i] == TAKE_HALF;

		teardown(NULL);
		setup(NULL);
		PLAY(TAKE, TAKE, acts[i], TAKE, acts[i]);
		outcome = run(COUNT(600, "batch=100 timeout=300ms"));
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.unsent, 0);
		assert_int_equal(expect_all(600, 0), was_taken ? 2 : 0);
		/* Where a kept connection ends before the answer begins, libcurl itself tries another. */
		if (acts[i] >= HANG || acts[i] == TAKE_HALF)
			assert_non_null(strstr(outcome.said, "lost the connection to 127.0.0.1:"));
	}
}

/* An answer without an end costs neither memory nor the batch. */
static void an_endless_answer_is_cut_off(void **state)
{
	struct rusage before, after;
	struct outcome outcome;

	(void)state;
	PLAY(TAKE, ENDLESS);
	getrusage(RUSAGE_SELF, &before);
	outcome = run(COUNT(600, "batch=100"));
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(outcome.unsent, 0);
	assert_int_equal(expect_all(600, 0), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 20 << 10); /* KiB */
}

/* Any mixture of all that passes: nothing is lost. */
static void random_trouble_loses_nothing(void **state)
{
	static const enum act often[] = { TAKE, TAKE, TAKE, TAKE_SLOW, BUSY, TOO_MANY, ENDLESS };
	static const enum act seldom[] = { TAKE_MUTE, TAKE_HALF, CLOSE, RESET, GARBAGE, LATE };
	struct dice dice = { .state = (uint64_t)getpid() };

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct outcome outcome;

		teardown(NULL);
		setup(NULL);
		server.n_script = SCRIPT;
		for (int i = 0; i < SCRIPT; i++)
			server.script[i] = often[roll_below(&dice, sizeof(often) / sizeof(*often))];
		for (int i = 0; i < 4; i++)
			server.script[roll_below(&dice, SCRIPT)] =
				seldom[roll_below(&dice, sizeof(seldom) / sizeof(*seldom))];
		outcome = run(COUNT(20000, "batch=300 linger=60s queue=1MiB"));
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.unsent, 0);
		expect_all(20000, 0);
	}
}

/* A server that says nothing holds up the end of a run only for linger=, and what it did not take is counted. */
static void a_silent_server_holds_up_no_end(void **state)
{
	struct outcome outcome;

	(void)state;
	server.then = HANG;
	outcome = run(COUNT(100, "linger=300ms timeout=1h"));
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 100);
	assert_true(outcome.took_ns < 2000 * MS);
}

/* ----------------------------------------------------------------------- kill */

/* A sender that says by a byte that all of its records are on disk or at the server, and goes on. */
static void child(const char *program, uint64_t n, int fd)
{
	struct weir_options options = { .messages = stderr };
	struct weir_pipeline *pipeline;
	struct weir_node *sink;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stderr) || weir_open(&pipeline, program, "<test>", &options) ||
	    pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)weir_run, pipeline))
		_exit(1);
	sink = pipeline->node[pipeline->n_nodes - 1];
	/* Records count as in before the outbox has them. */
	while (atomic_load(&sink->records_in) < n || sink->driver->sink->progress(sink).taken < n ||
	       strstr(weir_node_how(sink), "in memory"))
		usleep(1000);
	(void)!write(fd, "", 1);
	pthread_join(thread, NULL);
	_exit(0);
}

/* @return true: it was killed. */
static bool run_child(const char *program, uint64_t n, useconds_t kill_after_us)
{
	int pipes[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid)
		child(program, n, pipes[1]);
	server_begin(); /* no thread was there at the fork */
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	if (kill_after_us) {
		usleep(kill_after_us);
		kill(pid, SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	server_end();
	return WIFSIGNALED(status);
}

/* Each record that was on disk arrives, however often the sender is killed; those that come again come in order. */
static void a_killed_sender_loses_nothing(void **state)
{
	static bool has[100000];
	static const enum act often[] = { TAKE, TAKE, TAKE_SLOW, TAKE_MUTE, BUSY, CLOSE };
	struct dice dice = { .state = (uint64_t)getpid() };
	char dir[] = "/tmp/weir-post-XXXXXX", program[400], command[100];
	const uint64_t each = 2000;
	unsigned rounds = 12, killed = 0;
	long n_found = 0;

	(void)state;
	memset(has, 0, sizeof(has));
	assert_non_null(mkdtemp(dir));
	server.n_script = SCRIPT;
	for (int i = 0; i < SCRIPT; i++)
		server.script[i] = often[roll_below(&dice, sizeof(often) / sizeof(*often))];
	for (unsigned i = 0; i <= rounds; i++) {
		bool is_last = i == rounds;

		snprintf(program, sizeof(program),
			 "synth:counter rate=max | limit %u | select n = value + %u | "
			 "http://127.0.0.1:%d/in batch=100 spool=8MiB spool_dir=%s linger=%s",
			 (unsigned)each, i * (unsigned)each, server.port, dir, "30s");
		killed += run_child(program, each, is_last ? 0 : 1 + roll_below(&dice, 60000));
	}
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
	for (unsigned i = 0; i < server.n; i++)
		for (const char *at = server.request[i].body; server.request[i].is_taken && (at = strstr(at, "\"n\":"));
		     at++) {
			long n = number_at(at);

			if (!has[n])
				assert_int_equal(n, n_found); /* new ones come in order */
			n_found += !has[n];
			has[n] = true;
		}
	assert_int_equal(n_found, each * (rounds + 1));
	assert_true(killed > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(records_arrive_in_batches),
		TEST(bodies_have_their_forms),
		TEST(headers_are_those_of_the_arguments),
		TEST(errors_of_the_server_are_waited_for),
		TEST(retry_after_is_heeded),
		TEST(a_refused_batch_is_counted),
		TEST(batches_become_smaller),
		TEST(a_refused_sender_ends),
		TEST(a_sender_that_was_let_in_tries_again),
		TEST(a_lost_connection_loses_nothing),
		TEST(an_endless_answer_is_cut_off),
		TEST(random_trouble_loses_nothing),
		TEST(a_silent_server_holds_up_no_end),
		TEST(a_killed_sender_loses_nothing),
	};

	if (weir_tell_absent("http", stderr))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
