/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several users of one stream: none can lock the others out, neither with readers nor with connections that say nothing, that ask again
 * and again, or that come and go. The publisher's own user and root always get in. Needs root, to be other users.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "other_users.h"
#include "share/share_internal.h"
#include "share_peer.h"

#define GROUP 12345
#define USER 20001                  /* the first of those that the test is */
#define SOON_NS INT64_C(1500000000) /* for an honest reader among hostile ones; less than what silence may last */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct weir_share *open_share(void)
{
	struct weir_share_config config = peer_config();

	config.group = GROUP;
	return peer_share(&config);
}

static void become(uid_t user)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setgroups(0, NULL) < 0 || setgid(GROUP) < 0 || setuid(user) < 0)
		_exit(99);
}

/* ------------------------------------------------------------------ processes */

/** A process of a user, which stays until it is ended. */
struct other {
	pid_t pid;
	uint32_t got; /* readers */
};

/* As many readers as there can be, `want` at most. */
static uint32_t take_seats(uint32_t want)
{
	uint32_t n = 0;

	for (struct weir_tap *tap; n < want && !weir_tap_open(&tap, "s", WEIR_TAP_DROP_OLDEST, NULL); n++)
		;
	return n;
}

static struct other start_readers(uid_t user, uint32_t want)
{
	struct other other = { 0 };
	int pipes[2];

	assert_int_equal(pipe(pipes), 0);
	other.pid = fork();
	assert_true(other.pid >= 0);
	if (!other.pid) {
		uint32_t n;

		if (user)
			become(user);
		n = take_seats(want);
		if (write(pipes[1], &n, sizeof(n)) == sizeof(n))
			pause();
		_exit(0);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &other.got, sizeof(other.got)), sizeof(other.got));
	close(pipes[0]);
	return other;
}

static void end(struct other *other)
{
	kill(other->pid, SIGKILL);
	assert_int_equal(waitpid(other->pid, NULL, 0), other->pid);
}

/* What a hostile process does with connections, for ever. */
static void say_nothing(void)
{
	for (;;) {
		int fd = weir_share_connect("s");

		if (fd == -EMFILE)
			usleep(100);
	}
}

static void look_again_and_again(void)
{
	const struct weir_share_hello hello = { WEIR_SHARE_MAGIC, WEIR_SHARE_VERSION, WEIR_SHARE_LOOK, 0 };
	static char answer[100000];
	int fds[64] = { 0 };

	for (unsigned i = 0;; i = (i + 1) % 64) {
		if (fds[i] <= 0)
			fds[i] = weir_share_connect("s");
		if (fds[i] >= 0 && send(fds[i], &hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno != EAGAIN) {
			close(fds[i]);
			fds[i] = 0;
		}
		while (fds[i] > 0 && recv(fds[i], answer, sizeof(answer), MSG_DONTWAIT) > 0)
			;
	}
}

static void come_and_go(void)
{
	for (;;) {
		int fd = weir_share_connect("s");

		if (fd >= 0)
			close(fd);
	}
}

static struct other start_hostile(uid_t user, void (*what)(void))
{
	struct other other = { .pid = fork() };

	assert_true(other.pid >= 0);
	if (!other.pid) {
		become(user);
		what();
	}
	return other;
}

/* Does a process of this user become a reader soon? */
static bool gets_in(uid_t user)
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		int64_t until = now_ns() + SOON_NS;
		struct weir_tap *tap;
		int err = -EAGAIN;

		if (user)
			become(user);
		while (err == -EAGAIN && now_ns() < until)
			err = weir_tap_open(&tap, "s", WEIR_TAP_DROP_OLDEST, NULL);
		_exit(err || now_ns() > until);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* ---------------------------------------------------------------------- tests */

static int set_up(void **state)
{
	if (peer_setup(state))
		return -1;
	return chmod(getenv("RUNTIME_DIRECTORY"), 0755);
}

/* A user gets a bounded number of readers; others get theirs beside it; root gets in when they have all they can have. */
static void no_user_takes_all_seats(void **state)
{
	struct weir_share *share = open_share();
	struct other other[6];
	uint32_t all = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		other[i] = start_readers(USER + (uid_t)i, 100);
		all += other[i].got;
		if (i < 3)
			assert_int_equal(other[i].got, SHARE_USER_SEATS);
	}
	assert_int_equal(all, SHARE_OTHER_SEATS);
	assert_false(gets_in(USER + 4));
	other[4] = start_readers(0, 100);
	assert_int_equal(other[4].got, WEIR_SHARE_READERS_MAX - SHARE_OTHER_SEATS);
	end(&other[0]);
	assert_true(gets_in(USER + 4));
	for (int i = 1; i < 5; i++)
		end(&other[i]);
	weir_share_close(share);
}

/* The publisher writes on meanwhile, and an honest reader of each user gets its seat soon. */
static void nobody_is_kept_outside_by(void (*what)(void))
{
	struct weir_share *share = open_share();
	struct other hostile[3];
	struct dice dice = { 1 };

	for (int i = 0; i < 3; i++)
		hostile[i] = start_hostile(USER, what);
	usleep(200000);
	for (uint64_t i = 0; i < 4; i++) {
		peer_write(share, 500 * i, 500 * (i + 1), &dice);
		assert_true(gets_in(i % 2 ? 0 : USER + 1 + (uid_t)i));
	}
	for (int i = 0; i < 3; i++)
		end(&hostile[i]);
	weir_share_close(share);
}

static void silence_keeps_nobody_out(void **state)
{
	(void)state;
	nobody_is_kept_outside_by(say_nothing);
}

static void questions_keep_nobody_out(void **state)
{
	(void)state;
	nobody_is_kept_outside_by(look_again_and_again);
}

static void knocking_keeps_nobody_out(void **state)
{
	(void)state;
	nobody_is_kept_outside_by(come_and_go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_user_takes_all_seats),
		cmocka_unit_test(silence_keeps_nobody_out),
		cmocka_unit_test(questions_keep_nobody_out),
		cmocka_unit_test(knocking_keeps_nobody_out),
	};

	if (!there_are_other_users()) {
		fputs("only root can be several users\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, peer_teardown);
}
