/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sink that a disk holds up at the end of a run is awaited, and its run ends well. A parent of vfork(2) waits for its child in
 * the state in which a thread waits for a disk, so a child that sleeps stands for a card that is busy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/disk_wait.h"
#include "skip.h"
#include "weir/graph.h"
#include "weir/weir.h"

#define BUSY_S 4 /* longer than a stage may take that hangs: three seconds and some looks */

/*
 * As write(2) to such a disk. System calls of their own, without the C library and what a sanitizer has put around it, which would
 * hold up all threads while the child is there.
 */
static void write_to_disk(time_t seconds)
{
	struct timespec busy = { .tv_sec = seconds };
	pid_t child = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);

	if (!child) {
		syscall(SYS_nanosleep, &busy, NULL);
		syscall(SYS_exit_group, 0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* An emulator of programs makes a fork(2) of it. */
static void skip_if_emulated(void)
{
	if (is_emulated())
		skip_because("the emulator has no vfork");
}

static int take(const union weir_call_value *in, void *state)
{
	unsigned *n = state;

	(void)in;
	if (!(*n)++)
		write_to_disk(BUSY_S);
	return 0;
}

static void a_slow_disk_is_awaited(void **state)
{
	struct weir_options options = { .quiet = true, .for_ns = 200000000 };
	struct weir_graph *graph = weir_graph_open();
	unsigned n = 0;

	(void)state;
	skip_if_emulated();
	weir_consume(weir_source(graph, "synth:counter rate=100Hz"), "value", take, &n);
	assert_int_equal(weir_graph_run(graph, &options), 0);
	assert_true(n >= 1);
}

static void *use_disk(void *context)
{
	(void)context;
	write_to_disk(2);
	return NULL;
}

/* Of any thread; one that waits for another thread, as this one does, waits for no disk. */
static void only_a_disk_counts(void **state)
{
	pthread_t thread;
	bool is_seen = false;

	(void)state;
	skip_if_emulated();
	assert_false(weir_disk_is_awaited());
	assert_int_equal(pthread_create(&thread, NULL, use_disk, NULL), 0);
	for (int tries = 0; tries < 20000 && !is_seen; tries++) {
		usleep(500);
		is_seen = weir_disk_is_awaited();
	}
	assert_true(is_seen);
	pthread_join(thread, NULL);
	assert_false(weir_disk_is_awaited());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_disk_is_awaited),
		cmocka_unit_test(only_a_disk_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
