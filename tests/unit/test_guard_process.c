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
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard_place.h"

static struct guard_place place;

static int take(struct weir_guard_link *link, struct weir_guard_grip *grip, const char *title)
{
	struct weir_guard_request request = place_wanted(&place);

	return place_take(link, &request, grip, title);
}

static void leave(struct weir_guard_link *link)
{
	assert_int_equal(place_call(link, WEIR_GUARD_LEAVE, 0), 0);
	weir_guard_link_close(link);
}

/* An output is taken at its park value, set as asked, limited to its range, and parked on leaving. */
static void test_take_ask_leave(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	assert_int_equal(place_value(&place), PLACE_PARK);
	weir_guard_link_beat(&link, &grip, place_now() + 3600000 * PLACE_MS, place_now());
	place_ask(&link, &grip, 42, 0);
	place_await(&place, 42);
	weir_guard_link_beat(&link, &grip, place_now(), place_now());
	place_ask(&link, &grip, 5000, 0);
	place_await(&place, 1000);
	leave(&link);
	assert_int_equal(place_value(&place), PLACE_PARK);
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
	place_ask(&link, &grip, 42, 0);
	place_await(&place, PLACE_PARK);
	/* The file may have been 42 too shortly to be seen: that it was is in the counters. */
	while (atomic_load(&weir_guard_link_told(&link, &grip)->parks) == 0)
		place_nap();
	assert_int_equal(atomic_load(&weir_guard_link_told(&link, &grip)->done), 1);
	place_ask(&link, &grip, 43, 0);
	while (atomic_load(&weir_guard_link_told(&link, &grip)->refused) == 0)
		place_nap();
	assert_int_equal(place_value(&place), PLACE_PARK);
	grip.epoch = atomic_load(&weir_guard_link_told(&link, &grip)->epoch);
	for (int i = 0; i < 2500 && place_value(&place) != 44; i++) {
		grip.epoch = atomic_load(&weir_guard_link_told(&link, &grip)->epoch);
		weir_guard_link_beat(&link, &grip, place_now(), place_now());
		place_ask(&link, &grip, 44, WEIR_ASK_RETAKES);
		place_nap();
	}
	assert_int_equal(place_value(&place), 44);
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
				place_nap();
			assert_true(atomic_load(&link.tells->beat_ns) != last);
		}
		place_ask(&link, &grip, 42, 0);
		while (atomic_load(&weir_guard_link_told(&link, &grip)->parks) == 0)
			place_nap();
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
	place_ask(&link, &grip, 42, 0);
	weir_guard_link_close(&link);
	place_await(&place, PLACE_PARK);
	place_connect(&link);
	while (weir_guard_link_call(&link, &list, -1) == 0 && link.reply.is_held)
		place_nap();
	assert_int_equal(link.reply.error, 0);
	assert_int_equal(link.reply.cause, WEIR_DIED);
	weir_guard_link_close(&link);
}

/* Is it held, an instant later than a released output would be? */
static bool is_still_held(struct weir_guard_link *link)
{
	for (int i = 0; i < 50; i++) {
		place_nap();
		if (place_call(link, WEIR_GUARD_LIST, 0))
			return false;
	}
	return true;
}

/* A program that is to be reloaded leaves its output held, until it leaves again: unless the next one has taken it. */
static void test_left_to_next(void **state)
{
	struct weir_guard_link last, next;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&last, &grip, "last"), 0);
	place_ask(&last, &grip, 42, 0);
	assert_int_equal(place_call(&last, WEIR_GUARD_LEAVE, WEIR_LEAVE_TO_NEXT), 0);
	place_await(&place, PLACE_PARK);
	assert_true(is_still_held(&last));
	assert_int_equal(take(&next, &grip, "next"), 0);
	assert_int_equal(place_call(&last, WEIR_GUARD_LEAVE, WEIR_LEAVE_RELEASES), 0);
	weir_guard_link_close(&last);
	assert_int_equal(place_call(&next, WEIR_GUARD_LIST, 0), 0);
	assert_true(next.reply.is_held && next.reply.pid);
	assert_int_equal(place_call(&next, WEIR_GUARD_LEAVE, WEIR_LEAVE_TO_NEXT), 0);
	assert_true(is_still_held(&next));
	assert_int_equal(place_call(&next, WEIR_GUARD_LEAVE, WEIR_LEAVE_RELEASES), 0);
	place_nap();
	assert_int_equal(place_call(&next, WEIR_GUARD_LIST, 0), -ENOENT);
	weir_guard_link_close(&next);
}

/* Dead between two programs: its output stays held. */
static void test_left_by_the_dead(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	assert_int_equal(place_call(&link, WEIR_GUARD_LEAVE, WEIR_LEAVE_TO_NEXT), 0);
	weir_guard_link_close(&link);
	place_connect(&link);
	assert_true(is_still_held(&link));
	weir_guard_link_close(&link);
}

/* What is asked just before leaving is done before the output is parked. */
static void test_last_ask_counts(void **state)
{
	struct weir_guard_link link, listener;
	struct weir_guard_grip grip;
	struct weir_actuation seen[8];
	unsigned n = 0;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	place_connect(&listener);
	assert_int_equal(place_call(&listener, WEIR_GUARD_LISTEN, 0), 0);
	/* As weir_guard_link_ask(), but the bell is not rung: the guard sees it when it sees the leave. */
	link.asks->slot[grip.slot].ask[0] = (struct weir_guard_ask){ .epoch = grip.epoch, .value = { 42 } };
	atomic_store(&link.asks->slot[grip.slot].head, 1);
	assert_int_equal(place_call(&link, WEIR_GUARD_LEAVE, 0), 0);
	while (n < 8 && recv(listener.fd, &seen[n], sizeof(seen[n]), MSG_DONTWAIT) == sizeof(seen[n]))
		n++;
	assert_int_equal(n, 2);
	assert_int_equal(seen[0].cause, WEIR_ASKED);
	assert_true(seen[0].done == 42);
	assert_int_equal(seen[1].cause, WEIR_LEFT);
	assert_int_equal(place_value(&place), PLACE_PARK);
	weir_guard_link_close(&link);
	weir_guard_link_close(&listener);
}

/* Neither page can be resized, and the guard's cannot be written by others. */
static void test_seals(void **state)
{
	struct weir_guard_request hello = { .verb = WEIR_GUARD_HELLO };
	struct weir_guard_link link;

	(void)state;
	place_connect(&link);
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
	weir_guard_link_beat(&link, &grip, place_now() + 3600000 * PLACE_MS, place_now());
	place_ask(&link, &grip, 42, 0);
	while (atomic_load(&weir_guard_link_told(&link, &grip)->done) == 0)
		place_nap();
	place_kill(&place, SIGKILL);
	weir_guard_link_close(&link);
	assert_int_equal(truncate(place.output, 0), 0);
	place_start(&place);
	place_await(&place, PLACE_PARK);
}

/* What is held for somebody dead is held until somebody says that it may go. */
static void test_release(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;

	(void)state;
	assert_int_equal(take(&link, &grip, "one"), 0);
	place_ask(&link, &grip, 42, 0);
	weir_guard_link_close(&link);
	place_await(&place, PLACE_PARK);
	place_connect(&link);
	assert_int_equal(place_call(&link, WEIR_GUARD_PARK, 0), 0);
	assert_int_equal(place_held(&reply), 0);
	assert_int_equal(place_call(&link, WEIR_GUARD_PARK, 1), 0);
	assert_int_equal(place_held(&reply), -ENOENT);
	weir_guard_link_close(&link);
	assert_int_equal(place_value(&place), PLACE_PARK);
}

/* But not as long as a rule needs to know when it was last switched. */
static void test_release_waits_for_rules(void **state)
{
	struct weir_guard_request request = place_wanted(&place);
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;
	int file = open(place.output, O_WRONLY);

	(void)state;
	request.rule.min_on = 1000 * PLACE_MS;
	place_connect(&link);
	assert_int_equal(weir_guard_link_hello(&link, "one"), 0);
	assert_int_equal(weir_guard_link_take(&link, &request, file, &grip), 0);
	close(file);
	place_ask(&link, &grip, 0, 0);
	while (atomic_load(&weir_guard_link_told(&link, &grip)->done) == 0)
		place_nap();
	assert_int_equal(place_call(&link, WEIR_GUARD_PARK, 1), 0);
	assert_int_equal(place_value(&place), PLACE_PARK);
	assert_int_equal(place_held(&reply), 0);
	for (int i = 0; i < 2500 && place_held(&reply) == 0; i++)
		place_nap();
	assert_int_equal(place_held(&reply), -ENOENT);
	weir_guard_link_close(&link);
}

/* The stop hook of one pipeline does nothing to another one's outputs while there is a guard. */
static void test_hook_beside_a_guard(void **state)
{
	struct weir_guard_request hour = place_wanted(&place);
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	const double value = 42;
	int file = open(place.output, O_WRONLY);

	(void)state;
	hour.deadline_ns = 3600000 * PLACE_MS;
	place_connect(&link);
	assert_int_equal(weir_guard_link_hello(&link, "one"), 0);
	assert_int_equal(weir_guard_link_take(&link, &hour, file, &grip), 0);
	close(file);
	assert_int_equal(weir_guard_link_ask(&link, &grip, &value, 0, 0), 0);
	place_await(&place, 42);
	assert_int_equal(place_status(place_run("--park")), 0);
	assert_int_equal(place_value(&place), 42);
	leave(&link);
}

/* Without one it parks what that held, is done only then, and leaves a guard behind that holds it. */
static void test_hook_without_a_guard(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;
	struct weir_guard_reply reply;

	(void)state;
	place_drive(&place, &link, &grip, 100 * PLACE_MS);
	place_kill(&place, SIGKILL);
	weir_guard_link_close(&link);
	assert_int_equal(place_status(place_run("--park")), 0);
	assert_int_equal(place_value(&place), PLACE_PARK);
	assert_int_equal(place_held(&reply), 0);
	assert_false(reply.is_live);
	place_connect(&link);
	assert_int_not_equal(link.pid, place.guard);
	place.guard = link.pid;
	weir_guard_link_close(&link);
}

/* A guard that is told to end, while it holds something for somebody dead, leaves that to the next one; so does the hook's. */
static void test_ended_guard_leaves_notes(void **state)
{
	struct weir_guard_reply reply;

	(void)state;
	assert_int_equal(place_held(&reply), 0);
	place_kill(&place, SIGTERM);
	assert_int_equal(truncate(place.output, 0), 0);
	place_start(&place);
	place_await(&place, PLACE_PARK);
	assert_int_equal(place_held(&reply), 0);
}

/* A guard that hangs is none: the hook ends it, and parks. */
static void test_hook_and_a_guard_that_hangs(void **state)
{
	struct weir_guard_link link;
	struct weir_guard_grip grip;

	(void)state;
	place_drive(&place, &link, &grip, 100 * PLACE_MS);
	kill(place.guard, SIGSTOP);
	assert_int_equal(place_call(&link, WEIR_GUARD_LIST, 0), -ETIMEDOUT);
	weir_guard_link_close(&link);
	assert_int_equal(truncate(place.output, 0), 0);
	assert_int_equal(place_status(place_run("--park")), 0);
	assert_int_equal(place_status(place.guard), -1);
	assert_int_equal(place_value(&place), PLACE_PARK);
	place_connect(&link);
	place.guard = link.pid;
	weir_guard_link_close(&link);
	place_kill(&place, SIGTERM);
	place_start(&place);
}

/* Nonsense is refused, and serves nobody as a way to end the guard. */
static void test_nonsense(void **state)
{
	struct weir_guard_request request = { .verb = 99 };
	struct weir_guard_link link;
	uint64_t random = 42;

	(void)state;
	for (int i = 0; i < 200; i++) {
		place_connect(&link);
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
	assert_int_equal(waitpid(place.guard, NULL, WNOHANG), 0);
}

static int set_up(void **state)
{
	(void)state;
	return place_make(&place);
}

static int tear_down(void **state)
{
	(void)state;
	return place_drop(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_ask_leave),
		cmocka_unit_test(test_one_holder),
		cmocka_unit_test(test_deadline_and_retake),
		cmocka_unit_test(test_sign_of_life),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_left_to_next),
		cmocka_unit_test(test_left_by_the_dead),
		cmocka_unit_test(test_last_ask_counts),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_next_guard_parks),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_release_waits_for_rules),
		cmocka_unit_test(test_hook_beside_a_guard),
		cmocka_unit_test(test_hook_without_a_guard),
		cmocka_unit_test(test_ended_guard_leaves_notes),
		cmocka_unit_test(test_hook_and_a_guard_that_hangs),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
