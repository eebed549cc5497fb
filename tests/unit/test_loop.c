/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loop's timers and watches, its sleep and its end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop_variants.h"
#include "skip.h"

/* ------------------------------------------------------- timers and watches */

#define PERIOD (20 * MS)

struct raster {
	struct weir_loop *loop;
	int64_t first, least_late;
	int fired;
	bool early;
};

static void on_raster(void *context)
{
	struct raster *raster = context;
	int64_t since = now() - raster->first;

	raster->early |= since < raster->fired * PERIOD;
	if (raster->fired++ == 3)
		usleep(50000); /* past two points and half way to the third */
	else if (raster->fired > 5 && since % PERIOD < raster->least_late)
		raster->least_late = since % PERIOD;
	if (since >= 12 * PERIOD)
		weir_loop_stop(raster->loop);
}

static void count(void *context)
{
	++*(int *)context;
}

/* A timer is never early and keeps to its raster, also after a callback that took too long: the points that were missed
 * come as one. A timer that is to fire once does. */
static void test_timers(void **state)
{
	struct weir_loop *loop = open_loop(*state);
	struct raster raster = { .loop = loop, .first = now() + PERIOD, .least_late = PERIOD };
	int once = 0;

	assert_int_equal(weir_loop_add_timer(loop, now(), 0, count, &once), 0);
	assert_int_equal(weir_loop_add_timer(loop, raster.first, PERIOD, on_raster, &raster), 0);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(once, 1);
	assert_false(raster.early);
	assert_true(raster.least_late < PERIOD / 4);
	assert_true(raster.fired <= 12);
	weir_loop_close(loop);
}

struct nibbler {
	struct weir_loop *loop;
	int fd, bytes, calls;
};

static void nibble(void *context)
{
	struct nibbler *nibbler = context;
	char byte;

	nibbler->calls++;
	nibbler->bytes += read(nibbler->fd, &byte, 1) == 1;
}

/* A watch is called as long as there is something to read, and a hang-up does not make it spin. */
static void test_watch_is_level_triggered(void **state)
{
	struct weir_loop *loop = open_loop(*state);
	struct nibbler nibbler = { .loop = loop };
	int end[2];

	assert_int_equal(pipe(end), 0);
	nibbler.fd = end[0];
	assert_true(weir_loop_add_watch(loop, end[0], nibble, &nibbler) >= 0);
	assert_int_equal(write(end[1], "abc", 3), 3);
	stop_after(loop, 20 * MS);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(nibbler.bytes, 3);
	assert_int_equal(write(end[1], "d", 1), 1);
	close(end[1]);
	stop_after(loop, 20 * MS);
	assert_int_equal(weir_loop_run(loop), 0);
	assert_int_equal(nibbler.bytes, 4);
	assert_int_equal(nibbler.calls, 5);
	weir_loop_close(loop);
	close(end[0]);
}

/* With nothing to do the loop sleeps: no wake-ups but the one that ends it. */
static void test_idle_sleeps(void **state)
{
	struct weir_loop *loop = open_loop(*state);
	struct rusage before, after;
	struct nibbler nibbler = { 0 };
	int end[2];

	assert_int_equal(pipe(end), 0);
	assert_true(weir_loop_add_watch(loop, end[0], nibble, &nibbler) >= 0);
	stop_after(loop, 200 * MS);
	getrusage(RUSAGE_THREAD, &before);
	assert_int_equal(weir_loop_run(loop), 0);
	getrusage(RUSAGE_THREAD, &after);
	assert_true(after.ru_nvcsw - before.ru_nvcsw <= 5);
	weir_loop_close(loop);
	close(end[0]);
	close(end[1]);
}

/* -------------------------------------------------------------------- stop */

static void *stop_soon(void *context)
{
	usleep(10000);
	weir_loop_stop(context);
	return NULL;
}

/* Another thread stops the loop; a stop that came first is not forgotten; and it can run again. */
static void test_stop(void **state)
{
	struct weir_loop *loop = open_loop(*state);
	pthread_t other;

	weir_loop_stop(loop);
	assert_int_equal(weir_loop_run(loop), 0);
	for (int i = 0; i < 3; i++) {
		pthread_create(&other, NULL, stop_soon, loop);
		assert_int_equal(weir_loop_run(loop), 0);
		pthread_join(other, NULL);
	}
	weir_loop_close(loop);
}

static struct weir_loop *stopped_by_signal;

static void on_signal(int number)
{
	(void)number;
	weir_loop_stop(stopped_by_signal);
}

static void *kill_soon(void *context)
{
	usleep(10000);
	pthread_kill(*(pthread_t *)context, SIGUSR1);
	return NULL;
}

/* A signal handler on the loop's own thread stops it. */
static void test_stop_from_signal(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t self = pthread_self(), other;

#ifdef __SANITIZE_THREAD__
	if (((const struct variant *)*state)->backend == WEIR_BACKEND_URING)
		skip_because("the thread sanitizer keeps signals back while liburing waits");
#endif
	stopped_by_signal = open_loop(*state);
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&other, NULL, kill_soon, &self);
	assert_int_equal(weir_loop_run(stopped_by_signal), 0);
	pthread_join(other, NULL);
	weir_loop_close(stopped_by_signal);
}

/* Where io_uring cannot be had, AUTO takes poll(), and a demand for io_uring fails. It is refused here by leaving a
 * single free descriptor. */
static void test_auto_falls_back(void **state)
{
	struct rlimit before, tight;
	int lowest = dup(STDIN_FILENO), demanded, taken;
	struct weir_loop *loop;

	(void)state;
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &before);
	tight = (struct rlimit){ (rlim_t)lowest + 1, before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &tight);
	demanded = weir_loop_open(&loop, WEIR_BACKEND_URING);
	taken = weir_loop_open(&loop, WEIR_BACKEND_AUTO);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(demanded < 0);
	assert_int_equal(taken, 0);
	assert_string_equal(weir_loop_backend(loop), "poll");
	weir_loop_close(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(test_auto_falls_back, 0), ON_EACH(test_timers), ON_EACH(test_watch_is_level_triggered),
		ON_EACH(test_idle_sleeps),   ON_EACH(test_stop),   ON_EACH(test_stop_from_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
