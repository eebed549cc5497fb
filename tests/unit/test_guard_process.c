/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guard process itself, without any device: its outputs here are files, which it treats as it does a DAC's attribute. It
 * listens in a directory of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/guard_link.h"

#define MS INT64_C(1000000)
#define PARK 7.0

static char directory[64], output[96];
static pid_t guard;

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void nap(void)
{
	const struct timespec time = { .tv_nsec = 2 * MS };

	nanosleep(&time, NULL);
}

static pid_t run_guard(const char *option)
{
	char program[512];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	pid_t pid;

	assert_true(n > 0);
	program[n] = '\0';
	strcpy(strstr(program, "/tests/unit/"), "/weir-guard");
	pid = fork();
	if (!pid) {
		execl(program, program, option, getenv("WEIR_GUARD"), NULL);
		_exit(127);
	}
	return pid;
}

static void start_guard(void)
{
	guard = run_guard("--stay");
}

static void kill_guard(int signal)
{
	kill(guard, signal);
	waitpid(guard, NULL, 0);
}

static void connect_to_guard(struct weir_guard_link *link)
{
	int err = -ENOENT;

	for (int i = 0; i < 2500 && err == -ENOENT; i++) {
		err = weir_guard_link_open(link, false);
		if (err == -ENOENT)
			nap();
	}
	assert_int_equal(err, 0);
}

static long in_file(void)
{
	char text[32] = "";
	int fd = open(output, O_RDONLY);

	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0);
	close(fd);
	return strtol(text, NULL, 10);
}

static void await_file(long value)
{
	for (int i = 0; i < 2500 && in_file() != value; i++)
		nap();
	assert_int_equal(in_file(), value);
}

static struct weir_guard_request wanted(void)
{
	struct weir_guard_request request = { .deadline_ns = 100 * MS };

	request.what = (struct weir_physical){ .n = 1, .is_file = 1, .factor = 1, .most = 1000, .park = { PARK } };
	strcpy(request.what.title, "dac");
	snprintf(request.what.device, sizeof(request.what.device), "%s", output);
	return request;
}

static int take(struct weir_guard_link *link, struct weir_guard_grip *grip, const char *title)
{
	struct weir_guard_request request = wanted();
	int file = open(output, O_WRONLY | O_CREAT, 0600), err;

	connect_to_guard(link);
	assert_int_equal(weir_guard_link_hello(link, title), 0);
	err = weir_guard_link_take(link, &request, file, grip);
	close(file);
	return err;
}

static void leave(struct weir_guard_link *link)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_LEAVE };

	assert_int_equal(weir_guard_link_call(link, &request, -1), 0);
	weir_guard_link_close(link);
}

static void ask(struct weir_guard_link *link, const struct weir_guard_grip *grip, double value, uint32_t how)
{
	assert_int_equal(weir_guard_link_ask(link, grip, &value, 0, how), 0);
}

/* An output is taken at its park value, set as asked, limited to its range, and parked on leaving. */
static void test_take_ask_leave(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	assert_int_equal(in_file(), PARK);
	weir_guard_link_beat(&link, &grip, now() + 3600000 * MS, now());
	ask(&link, &grip, 42, 0);
	await_file(42);
	weir_guard_link_beat(&link, &grip, now(), now());
	ask(&link, &grip, 5000, 0);
	await_file(1000);
	leave(&link);
	assert_int_equal(in_file(), PARK);
}

/* What one has, another cannot take, and is told who has it. */
static void test_one_holder(void **state)
{
	struct weir_guard_link link, other;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "the first"), 0);
	assert_int_equal(take(&other, &grip, "the second"), -EBUSY);
	assert_non_null(strstr(other.reply.text, "the first"));
	weir_guard_link_close(&other);
	leave(&link);
}

/* Without a beat: parked. What was asked before counts no more, and a retake counts when there is a beat again. */
static void test_deadline_and_retake(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	ask(&link, &grip, 42, 0);
	await_file(PARK);
	/* The file may have been 42 too shortly to be seen: that it was is in the counters. */
	while (atomic_load(&weir_guard_link_told(&link, &grip)->parks) == 0)
		nap();
	assert_int_equal(atomic_load(&weir_guard_link_told(&link, &grip)->done), 1);
	ask(&link, &grip, 43, 0);
	while (atomic_load(&weir_guard_link_told(&link, &grip)->refused) == 0)
		nap();
	assert_int_equal(in_file(), PARK);
	grip.epoch = atomic_load(&weir_guard_link_told(&link, &grip)->epoch);
	for (int i = 0; i < 2500 && in_file() != 44; i++) {
		grip.epoch = atomic_load(&weir_guard_link_told(&link, &grip)->epoch);
		weir_guard_link_beat(&link, &grip, now(), now());
		ask(&link, &grip, 44, WEIR_ASK_RETAKES);
		nap();
	}
	assert_int_equal(in_file(), 44);
	leave(&link);
}

/* A guard with nothing to judge still shows that it lives, to one that has not asked yet and to one that is parked. */
static void test_sign_of_life(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	for (int parked = 0; parked <= 1; parked++) {
		for (int i = 0; i < 3; i++) {
			int64_t last = atomic_load(&link.tells->beat_ns);

			for (int k = 0; k < 2500 && atomic_load(&link.tells->beat_ns) == last; k++)
				nap();
			assert_true(atomic_load(&link.tells->beat_ns) != last);
		}
		ask(&link, &grip, 42, 0);
		while (atomic_load(&weir_guard_link_told(&link, &grip)->parks) == 0)
			nap();
	}
	leave(&link);
}

/* A holder that is gone without a word: parked, and held. */
static void test_death(void **state)
{
	struct weir_guard_request list = { .verb = WEIR_GUARD_LIST };
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	ask(&link, &grip, 42, 0);
	weir_guard_link_close(&link);
	await_file(PARK);
	connect_to_guard(&link);
	while (weir_guard_link_call(&link, &list, -1) == 0 && link.reply.is_held)
		nap();
	assert_int_equal(link.reply.error, 0);
	assert_int_equal(link.reply.cause, WEIR_DIED);
	weir_guard_link_close(&link);
}

/* Neither page can be resized, and the guard's cannot be written by others. */
static void test_seals(void **state)
{
	struct weir_guard_request hello = { .verb = WEIR_GUARD_HELLO };
	struct weir_guard_link link;

	(void)state;
	connect_to_guard(&link);
	assert_int_equal(weir_guard_link_call(&link, &hello, -1), 0);
	assert_int_equal(ftruncate(link.fds[0], 0), -1);
	assert_int_equal(ftruncate(link.fds[1], 0), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, link.fds[1], 0), MAP_FAILED);
	assert_int_equal(write(link.fds[1], "x", 1), -1);
	weir_guard_link_close(&link);
}

/* A guard that is started after one was killed parks what that held. */
static void test_next_guard_parks(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	weir_guard_link_beat(&link, &grip, now() + 3600000 * MS, now());
	ask(&link, &grip, 42, 0);
	while (atomic_load(&weir_guard_link_told(&link, &grip)->done) == 0)
		nap();
	kill_guard(SIGKILL);
	weir_guard_link_close(&link);
	assert_int_equal(truncate(output, 0), 0);
	start_guard();
	await_file(PARK);
}

static int request_by_hand(struct weir_guard_link *link, enum weir_guard_verb verb, uint32_t index)
{
	struct weir_guard_request request = { .verb = verb, .index = index };

	return weir_guard_link_call(link, &request, -1);
}

/* The first output that is held; 0 or -ENOENT. */
static int held_output(struct weir_guard_reply *reply)
{
	struct weir_guard_link link;
	int err;

	connect_to_guard(&link);
	err = request_by_hand(&link, WEIR_GUARD_LIST, 0);
	*reply = link.reply;
	weir_guard_link_close(&link);
	return err;
}

/* What is held for somebody dead is held until somebody says that it may go. */
static void test_release(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	ask(&link, &grip, 42, 0);
	weir_guard_link_close(&link);
	await_file(PARK);
	connect_to_guard(&link);
	assert_int_equal(request_by_hand(&link, WEIR_GUARD_PARK, 0), 0);
	assert_int_equal(held_output(&reply), 0);
	assert_int_equal(request_by_hand(&link, WEIR_GUARD_PARK, 1), 0);
	assert_int_equal(held_output(&reply), -ENOENT);
	weir_guard_link_close(&link);
	assert_int_equal(in_file(), PARK);
}

/* But not as long as a rule needs to know when it was last switched. */
static void test_release_waits_for_rules(void **state)
{
	struct weir_guard_request request = wanted();
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;
	int file = open(output, O_WRONLY);

	(void)state;
	request.rule.min_on = 1000 * MS;
	connect_to_guard(&link);
	assert_int_equal(weir_guard_link_hello(&link, "one"), 0);
	assert_int_equal(weir_guard_link_take(&link, &request, file, &grip), 0);
	close(file);
	ask(&link, &grip, 0, 0);
	while (atomic_load(&weir_guard_link_told(&link, &grip)->done) == 0)
		nap();
	assert_int_equal(request_by_hand(&link, WEIR_GUARD_PARK, 1), 0);
	assert_int_equal(in_file(), PARK);
	assert_int_equal(held_output(&reply), 0);
	for (int i = 0; i < 2500 && held_output(&reply) == 0; i++)
		nap();
	assert_int_equal(held_output(&reply), -ENOENT);
	weir_guard_link_close(&link);
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The output of a pipeline that lives, at 42. */
static void drive(struct weir_guard_link *link, struct weir_guard_grip *grip)
{
	assert_int_equal(take(link, grip, "one"), 0);
	weir_guard_link_beat(link, grip, now(), now());
	ask(link, grip, 42, 0);
	while (atomic_load(&weir_guard_link_told(link, grip)->done) == 0)
		nap();
}

/* The stop hook of one pipeline does nothing to another one's outputs while there is a guard. */
static void test_hook_beside_a_guard(void **state)
{
	struct weir_guard_request hour = wanted();
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	const double value = 42;
	int file = open(output, O_WRONLY);

	(void)state;
	hour.deadline_ns = 3600000 * MS;
	connect_to_guard(&link);
	assert_int_equal(weir_guard_link_hello(&link, "one"), 0);
	assert_int_equal(weir_guard_link_take(&link, &hour, file, &grip), 0);
	close(file);
	assert_int_equal(weir_guard_link_ask(&link, &grip, &value, 0, 0), 0);
	await_file(42);
	assert_int_equal(status_of(run_guard("--park")), 0);
	assert_int_equal(in_file(), 42);
	leave(&link);
}

/* Without one it parks what that held, is done only then, and leaves a guard behind that holds it. */
static void test_hook_without_a_guard(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;

	(void)state;
	drive(&link, &grip);
	kill_guard(SIGKILL);
	weir_guard_link_close(&link);
	assert_int_equal(status_of(run_guard("--park")), 0);
	assert_int_equal(in_file(), PARK);
	assert_int_equal(held_output(&reply), 0);
	assert_false(reply.is_live);
	connect_to_guard(&link);
	assert_int_not_equal(link.pid, guard);
	guard = link.pid;
	weir_guard_link_close(&link);
}

/* A guard that is told to end, while it holds something for somebody dead, leaves that to the next one; so does the hook's. */
static void test_ended_guard_leaves_notes(void **state)
{
	struct weir_guard_reply reply;

	(void)state;
	assert_int_equal(held_output(&reply), 0);
	kill_guard(SIGTERM);
	assert_int_equal(truncate(output, 0), 0);
	start_guard();
	await_file(PARK);
	assert_int_equal(held_output(&reply), 0);
}

/* A guard that hangs is none: the hook ends it, and parks. */
static void test_hook_and_a_guard_that_hangs(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	drive(&link, &grip);
	kill(guard, SIGSTOP);
	weir_guard_link_close(&link);
	assert_int_equal(truncate(output, 0), 0);
	assert_int_equal(status_of(run_guard("--park")), 0);
	assert_int_equal(status_of(guard), -1);
	assert_int_equal(in_file(), PARK);
	connect_to_guard(&link);
	guard = link.pid;
	weir_guard_link_close(&link);
	kill_guard(SIGTERM);
	start_guard();
}

/* A second guard waits for the end of the first, and then parks what that held. */
static void test_standby(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	pid_t second;

	(void)state;
	drive(&link, &grip);
	second = run_guard("--stay");
	for (int i = 0; i < 50; i++)
		nap();
	assert_int_equal(waitpid(second, NULL, WNOHANG), 0);
	kill_guard(SIGKILL);
	guard = second;
	weir_guard_link_close(&link);
	await_file(PARK);
	connect_to_guard(&link);
	assert_int_equal(link.pid, second);
	weir_guard_link_close(&link);
}

/* Nonsense is refused, and serves nobody as a way to end the guard. */
static void test_nonsense(void **state)
{
	struct weir_guard_request request = { .verb = 99 };
	struct weir_guard_link link;
	uint64_t random = 42;

	(void)state;
	for (int i = 0; i < 200; i++) {
		connect_to_guard(&link);
		for (size_t at = 0; at < sizeof(request); at++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			((unsigned char *)&request)[at] = (unsigned char)(random >> 40);
		}
		request.verb = i % 9;
		/* A path that could be opened or a value that could be set must not come of it. */
		request.what.n = request.verb == WEIR_GUARD_PARK ? 99 : request.what.n | 32;
		assert_true(weir_guard_link_call(&link, &request, -1) <= 0);
		weir_guard_link_close(&link);
	}
	assert_int_equal(waitpid(guard, NULL, WNOHANG), 0);
}

static int set_up(void **state)
{
	char socket[96];

	(void)state;
	/* A guard that a hook leaves behind is ours then, to be waited for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(directory, sizeof(directory), "/tmp/weir-guard-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(output, sizeof(output), "%s/output", directory);
	snprintf(socket, sizeof(socket), "%s/socket", directory);
	setenv("WEIR_GUARD", socket, 1);
	start_guard();
	return 0;
}

static int tear_down(void **state)
{
	static const char *const left[] = { "output", "socket.lock", "socket.held" };
	char path[128];

	(void)state;
	kill_guard(SIGTERM);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, left[i]);
		unlink(path);
	}
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_ask_leave),
		cmocka_unit_test(test_one_holder),
		cmocka_unit_test(test_deadline_and_retake),
		cmocka_unit_test(test_sign_of_life),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_next_guard_parks),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_release_waits_for_rules),
		cmocka_unit_test(test_hook_beside_a_guard),
		cmocka_unit_test(test_hook_without_a_guard),
		cmocka_unit_test(test_ended_guard_leaves_notes),
		cmocka_unit_test(test_hook_and_a_guard_that_hangs),
		cmocka_unit_test(test_standby),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
