/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From one guard to the next: descriptors that are handed on, and what the rules remember. Wherever an output's file is removed
 * first, a guard that still drives it has been handed its descriptor: it could not have opened it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard_place.h"

#define HOUR (3600000 * PLACE_MS)

static struct guard_place place;
static int seen = -1; /* the output's file, which may have no name any more */

/* --- looking ----------------------------------------------------------------------- */

/* Open for writing: until it has become the guard, a child of ours has what we have. */
static int has_output(pid_t pid)
{
	struct stat output, other, how;
	char name[320];
	struct dirent *entry;
	DIR *dir;
	int found = 0;

	assert_int_equal(fstat(seen, &output), 0);
	snprintf(name, sizeof(name), "/proc/%d/fd", (int)pid);
	dir = opendir(name);
	while (dir && (entry = readdir(dir))) {
		snprintf(name, sizeof(name), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		found += !stat(name, &other) && other.st_ino == output.st_ino && other.st_dev == output.st_dev &&
			 !lstat(name, &how) && how.st_mode & S_IWUSR;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void await_output(pid_t pid, int wanted)
{
	for (int i = 0; i < 2500 && !has_output(pid) != !wanted; i++)
		place_nap();
	assert_int_equal(!has_output(pid), !wanted);
}

static long value(void)
{
	char text[32] = "";

	assert_true(pread(seen, text, sizeof(text) - 1, 0) >= 0);
	return strtol(text, NULL, 10);
}

static void await_value(long wanted)
{
	for (int i = 0; i < 2500 && value() != wanted; i++)
		place_nap();
	assert_int_equal(value(), wanted);
}

/* --- beginning and end ---------------------------------------------------------------- */

static int set_up(void **state)
{
	(void)state;
	if (place_make(&place))
		return -1;
	seen = open(place.output, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	return seen < 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(seen);
	return place_drop(&place);
}

/* The guard is there first. */
static pid_t start_standby(int with_output)
{
	struct weir_guard_link link;
	pid_t pid;

	place_connect(&link);
	weir_guard_link_close(&link);
	pid = place_run("--stay");
	await_output(pid, with_output);
	return pid;
}

/* The guard is killed, and whoever stands by is the guard now. */
static void change(pid_t standby)
{
	place_kill(&place, SIGKILL);
	place.guard = standby;
}

static void take_with(struct weir_guard_link *link, struct weir_guard_grip *grip, struct weir_guard_request request)
{
	assert_int_equal(place_take(link, &request, grip, "one"), 0);
	weir_guard_link_beat(link, grip, place_now(), place_now());
}

static void await_count(const _Atomic uint64_t *count)
{
	for (int i = 0; i < 2500 && !atomic_load(count); i++)
		place_nap();
	assert_true(atomic_load(count) > 0);
}

/* --- descriptors ---------------------------------------------------------------------- */

/* What was held when it came, and what is taken later, is parked by the one that stands by, without being opened again. */
static void test_parks_what_it_was_handed(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	char away[96];

	(void)state;
	snprintf(away, sizeof(away), "%s/away", place.directory);
	/* First of all where no guard has the output yet: one that has taken over keeps it, and shares it with who stands by. */
	for (int comes_first = 1; comes_first >= 0; comes_first--) {
		pid_t standby = comes_first ? start_standby(0) : 0;

		place_drive(&place, &link, &grip, HOUR);
		if (comes_first)
			await_output(standby, 1);
		else
			standby = start_standby(1);
		await_value(42);
		assert_int_equal(rename(place.output, away), 0);
		change(standby);
		await_value((long)PLACE_PARK);
		weir_guard_link_close(&link);
		assert_int_equal(rename(away, place.output), 0);
	}
}

/* A third guard never comes between the guard and the one that stands by, which alone can still drive the output. */
static void test_third_waits(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	pid_t standby, third;

	(void)state;
	place_drive(&place, &link, &grip, HOUR);
	standby = start_standby(1);
	await_value(42);
	assert_int_equal(unlink(place.output), 0);
	kill(standby, SIGSTOP);
	change(standby);
	third = place_run("--stay");
	/* Time to do the wrong thing. */
	for (int i = 0; i < 100; i++)
		place_nap();
	kill(standby, SIGCONT);
	await_value((long)PLACE_PARK);
	await_output(third, 1);
	weir_guard_link_close(&link);
	change(third);
	/* It has the output already: that it is the guard now is known when it answers, and only then may it be told to end. */
	place_connect(&link);
	weir_guard_link_close(&link);
}

/* It lets go of what the guard lets go of. */
static void test_lets_go(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	pid_t standby = start_standby(0);

	(void)state;
	place_drive(&place, &link, &grip, HOUR);
	await_output(standby, 1);
	assert_int_equal(place_call(&link, WEIR_GUARD_PARK, 1), 0);
	await_output(standby, 0);
	weir_guard_link_close(&link);
	kill(standby, SIGKILL);
	assert_int_equal(place_status(standby), -1);
}

/* One after the other: at each death one is there that parks, and can be asked again. */
static void test_many_changes(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	for (int i = 0; i < 10; i++) {
		pid_t standby;

		place_drive(&place, &link, &grip, HOUR);
		standby = start_standby(1);
		change(standby);
		await_value((long)PLACE_PARK);
		weir_guard_link_close(&link);
	}
}

/* A pipeline that sets the output itself does so until it is killed. */
static pid_t start_direct(void)
{
	struct weir_guard_request request = place_wanted(&place);
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	pid_t pid = fork();
	int file;

	if (pid)
		return pid;
	request.direct = 1;
	request.deadline_ns = HOUR;
	take_with(&link, &grip, request);
	file = open(place.output, O_WRONLY);
	for (;;) {
		if (pwrite(file, "42\n", 3, 0) < 0)
			_exit(1);
		place_nap();
	}
}

/* A pipeline that sets the output itself is dead before the next guard parks it: it cannot set it later. */
static void test_kills_a_direct_holder(void **state)
{
	pid_t holder = start_direct(), standby;

	(void)state;
	await_value(42);
	standby = start_standby(1);
	change(standby);
	assert_int_equal(place_status(holder), -1);
	await_value((long)PLACE_PARK);
}

/* --- a hook's guard ------------------------------------------------------------------- */

/* The guard that a hook has left behind, for an output whose holder is dead. */
static void leave_to_hook(void)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	place_drive(&place, &link, &grip, HOUR);
	change(0);
	weir_guard_link_close(&link);
	assert_int_equal(place_status(place_run("--park")), 0);
	assert_int_equal(value(), (long)PLACE_PARK);
	place_connect(&link);
	place.guard = link.pid;
	weir_guard_link_close(&link);
	unlink(place.output);
}

/* A hook's guard hands on what it holds and ends by itself once the unit's own guard is there. */
static void test_hook_is_relieved(void **state)
{
	pid_t unit;

	(void)state;
	leave_to_hook();
	unit = place_run("--stay");
	place_await_end(place.guard);
	place.guard = unit;
	await_output(unit, 1);
}

/* One that is told to end waits for that. */
static void test_hook_waits_to_be_relieved(void **state)
{
	pid_t unit;

	(void)state;
	leave_to_hook();
	kill(place.guard, SIGTERM);
	unit = place_run("--stay");
	place_await_end(place.guard);
	place.guard = unit;
	await_output(unit, 1);
}

/* --- what is remembered --------------------------------------------------------------- */

static void by_starts(struct weir_rule *rule)
{
	rule->starts = 1;
	rule->per = HOUR;
}

static void by_min_off(struct weir_rule *rule)
{
	rule->min_off = HOUR;
}

static void restart_killed(void)
{
	change(0);
	place_start(&place);
}

static void restart_ended(void)
{
	place_kill(&place, SIGTERM);
	place_start(&place);
}

static void restart_behind_standby(void)
{
	change(start_standby(1));
}

/* Whatever ends a guard, the next one refuses what the rules of before refuse. */
static void test_rules_outlive_guards(void **state)
{
	void (*const by_rule[])(struct weir_rule *) = { by_starts, by_min_off };
	void (*const restart[])(void) = { restart_killed, restart_ended, restart_behind_standby };

	(void)state;
	for (int r = 0; r < 2; r++)
		for (int k = 0; k < 3; k++) {
			struct weir_guard_request request = place_wanted(&place);
			struct weir_guard_link link;
			struct weir_guard_grip grip;

			request.what.park[0] = 0;
			request.what.offset[0] = (uint32_t)(3 * r + k); /* an output that has no history yet */
			by_rule[r](&request.rule);
			take_with(&link, &grip, request);
			place_ask(&link, &grip, 42, 0);
			await_count(&weir_guard_link_told(&link, &grip)->done);
			restart[k]();
			weir_guard_link_close(&link);
			await_value(0);
			take_with(&link, &grip, request);
			place_ask(&link, &grip, 42, 0);
			await_count(&weir_guard_link_told(&link, &grip)->refused);
			assert_int_equal(value(), 0);
			weir_guard_link_close(&link);
		}
}

/* A memory of another boot, or of another build, is none: what it says of times is not of this clock. */
static void test_memory_of_another_boot(void **state)
{
	struct weir_guard_request request = place_wanted(&place);
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;
	char name[96];
	int file;

	(void)state;
	request.what.park[0] = 0;
	by_min_off(&request.rule);
	take_with(&link, &grip, request);
	place_ask(&link, &grip, 42, 0);
	await_count(&weir_guard_link_told(&link, &grip)->done);
	change(0);
	weir_guard_link_close(&link);
	snprintf(name, sizeof(name), "%s/socket.held", place.directory);
	file = open(name, O_WRONLY);
	assert_int_equal(pwrite(file, "another boot", 12, 8), 12); /* behind magic and size */
	close(file);
	place_start(&place);
	assert_int_equal(place_held(&reply), -ENOENT);
	take_with(&link, &grip, request);
	place_ask(&link, &grip, 43, 0);
	await_value(43);
	weir_guard_link_close(&link);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_parks_what_it_was_handed),
		TEST(test_third_waits),
		TEST(test_lets_go),
		TEST(test_many_changes),
		TEST(test_kills_a_direct_holder),
		TEST(test_hook_is_relieved),
		TEST(test_hook_waits_to_be_relieved),
		TEST(test_rules_outlive_guards),
		TEST(test_memory_of_another_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
