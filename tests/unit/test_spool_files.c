/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The spool on real directories, with its thread. WEIR_SPOOL_RUNS says how often a process is killed. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "skip.h"
#include "spool_model.h"

static struct weir_spool_config real_config(const char *dir)
{
	return (struct weir_spool_config){
		.dir = dir, .limit_bytes = 64 << 20, .policy = WEIR_SPOOL_BLOCK, .sync_ns = 1000000
	};
}

static void make_dir(char dir[32])
{
	strcpy(dir, "/tmp/test_spool.XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* The numbers from `from` on, in order; acknowledges them. @return the number after the last. */
static uint32_t consume(struct weir_spool *spool, uint32_t from, uint32_t upto)
{
	struct pollfd wait = { .fd = weir_spool_fd(spool), .events = POLLIN };
	struct weir_spool_message message;
	eventfd_t bells;
	int64_t due_ns;

	while (from < upto) {
		if (weir_spool_peek(spool, &message, 0, &due_ns) < 0) {
			if (poll(&wait, 1, 2000) <= 0)
				break;
			eventfd_read(wait.fd, &bells);
			continue;
		}
		assert_int_equal(spool_number(&message), from++);
		if (from % 64 == 0 || from == upto)
			weir_spool_ack(spool, message.id);
	}
	return from;
}

static void *produce(void *context)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];

	for (uint32_t number = 0; number < MESSAGES / 4; number++) {
		assert_int_equal(weir_spool_append(context, bytes, spool_fill(bytes, number)), 0);
		if (number % 10 == 0)
			assert_int_equal(weir_spool_commit(context), 0);
	}
	assert_int_equal(weir_spool_commit(context), 0);
	return NULL;
}

/* Producer, writer and consumer on threads of their own: everything arrives, in order, and is then gone from the disk. */
static void three_threads_share_it(void **state)
{
	struct weir_spool_config config;
	struct weir_spool_counts c;
	struct weir_spool *spool;
	char dir[32], error[256];
	pthread_t thread;

	(void)state;
	make_dir(dir);
	config = real_config(dir);
	config.limit_bytes = 4 << 20; /* less than what goes through it */
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, spool), 0);
	assert_int_equal(consume(spool, 0, MESSAGES / 4), MESSAGES / 4);
	pthread_join(thread, NULL);
	weir_spool_read_counts(spool, &c);
	assert_int_equal(c.acknowledged, MESSAGES / 4);
	assert_int_equal(c.waiting + c.lost_limit + c.lost_disk + c.lost_corrupt, 0);
	weir_spool_close(spool);
	remove_dir(dir);
}

/* Two spools on one directory would write over each other: one at a time, and a limit that makes sense; both are said. */
static void what_cannot_be_is_refused(void **state)
{
	struct weir_spool_config config;
	struct weir_spool *spool, *second;
	char dir[32], error[256];

	(void)state;
	make_dir(dir);
	config = real_config(dir);
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	assert_int_equal(weir_spool_open(&second, &config, error), -EBUSY);
	assert_non_null(strstr(error, dir));
	weir_spool_close(spool);
	config.limit_bytes = 1000;
	assert_int_equal(weir_spool_open(&spool, &config, error), -EINVAL);
	config = real_config("/nowhere/at/all");
	assert_int_equal(weir_spool_open(&spool, &config, error), -ENOENT);
	assert_non_null(strstr(error, "/nowhere/at/all"));
	remove_dir(dir);
}

/* Of those that a process appended, how many are in files. */
static uint32_t n_written(struct weir_spool *spool)
{
	struct weir_spool_counts c;

	weir_spool_read_counts(spool, &c);
	return (uint32_t)(c.acknowledged + c.waiting + c.lost_limit + c.lost_disk + c.lost_corrupt - c.recovered);
}

/* Tells the number after the last message that is in a file, until it is killed. */
static _Noreturn void produce_until_killed(const char *dir, uint32_t from, int report)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];
	struct weir_spool_config config = real_config(dir);
	struct weir_spool *spool;
	char error[256];

	if (weir_spool_open(&spool, &config, error) < 0)
		_exit(1);
	for (uint32_t number = from;; number++) {
		uint32_t next;

		if (weir_spool_append(spool, bytes, spool_fill(bytes, number)) < 0 || weir_spool_commit(spool) < 0)
			_exit(1);
		if (number % 16 == 15)
			usleep(300);
		next = from + n_written(spool);
		if (write(report, &next, sizeof(next)) != sizeof(next))
			_exit(1);
	}
}

/* How far a process came that is killed -9 after a while. */
static uint32_t kill_one(const char *dir, uint32_t from, useconds_t after_us)
{
	uint32_t next = from;
	int report[2];
	pid_t child;

	assert_int_equal(pipe(report), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		produce_until_killed(dir, from, report[1]);
	close(report[1]);
	usleep(after_us);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(report[0], &next, sizeof(next)) == sizeof(next))
		;
	close(report[0]);
	return next;
}

/* kill -9 at any moment: what was written before arrives in order, over many lives of the process. A message may be written
 * without having been reported, so the next life goes on from what was found. */
static void kill_9_loses_nothing_written(void **state)
{
	uint64_t random = 7;
	uint32_t from = 0, lives = (uint32_t)spool_runs(10);
	char dir[32], error[256];

	(void)state;
	make_dir(dir);
	for (uint32_t life = 0; life < lives; life++) {
		struct weir_spool_config config = real_config(dir);
		uint32_t reported = kill_one(dir, from, 1000 + harness_below(&random, 20000)), found;
		struct weir_spool_counts c;
		struct weir_spool *spool;

		assert_int_equal(weir_spool_open(&spool, &config, error), 0);
		weir_spool_read_counts(spool, &c);
		found = consume(spool, from, from + (uint32_t)c.waiting);
		assert_int_equal(found, from + c.waiting);
		assert_true(found >= reported);
		assert_int_equal(c.lost_corrupt, 0);
		weir_spool_close(spool);
		from = found;
	}
	remove_dir(dir);
}

/* ------------------------------------------------------------ on a small disk */

/* In a name space of its own, with a small file system on `dir`. @return what `act` returned, as an exit status; 77: that cannot
 * be had here. */
static int on_small_disk(const char *dir, int (*act)(const char *dir))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
		    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("weir-test", dir, "tmpfs", 0, "size=2m") < 0)
			_exit(77);
		_exit(act(dir));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_on_small_disk(int (*act)(const char *dir))
{
	char dir[32];
	int status;

	make_dir(dir);
	status = on_small_disk(dir, act);
	remove_dir(dir);
	if (status == 77)
		skip_because("no right to mount a small disk");
	assert_int_equal(status, 0);
}

/* Of numbers below `n`, in order, those that arrive. */
static uint32_t drain(struct weir_spool *spool, uint32_t n)
{
	struct weir_spool_message message;
	uint32_t arrived = 0, least = 0;
	int64_t due_ns;

	while (!weir_spool_peek(spool, &message, 0, &due_ns)) {
		uint32_t number = spool_number(&message);

		if (number < least || number >= n)
			return UINT32_MAX;
		least = number + 1;
		arrived++;
		weir_spool_ack(spool, message.id);
	}
	return arrived;
}

/* The file system is smaller than the limit. */
static int fill_disk(const char *dir)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];
	struct weir_spool_config config = real_config(dir);
	struct weir_spool_counts c;
	struct weir_spool *spool;
	uint32_t n = 20000, arrived;
	char error[256];

	config.policy = WEIR_SPOOL_DROP_NEWEST;
	if (weir_spool_open(&spool, &config, error) < 0)
		return 1;
	for (uint32_t number = 0; number < n; number++)
		if (weir_spool_append(spool, bytes, spool_fill(bytes, number)) < 0)
			return 2;
	weir_spool_end(spool);
	weir_spool_read_counts(spool, &c);
	if (c.appended != n || c.waiting + c.lost_disk != n || !c.lost_disk || !c.waiting)
		return 3;
	weir_spool_close(spool);
	if (weir_spool_open(&spool, &config, error) < 0)
		return 4;
	arrived = drain(spool, n);
	weir_spool_close(spool);
	return arrived == c.waiting ? 0 : 5;
}

/* A file system that really is full: what it took arrives with the next run, and all that it did not is counted. */
static void a_full_disk_keeps_what_it_has(void **state)
{
	(void)state;
	expect_on_small_disk(fill_disk);
}

static int make_read_only(const char *dir)
{
	struct weir_spool_config config = real_config(dir);
	struct weir_spool *spool;
	char error[256];

	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (weir_spool_open(&spool, &config, error) != -EROFS)
		return 1;
	return strstr(error, dir) && strstr(error, "Read-only") ? 0 : 2;
}

/* A directory that cannot be written to is an error at the start, with its name and the reason. */
static void a_read_only_directory_is_refused(void **state)
{
	(void)state;
	expect_on_small_disk(make_read_only);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_threads_share_it),           cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(kill_9_loses_nothing_written),     cmocka_unit_test(a_full_disk_keeps_what_it_has),
		cmocka_unit_test(a_read_only_directory_is_refused),
	};

	return cmocka_run_group_tests_name("spool_files", tests, NULL, NULL);
}
