/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that several slow sources share. A source that waits for time alone is a timer: its thread asks those that are due, runs the
 * chain that reads them, and sleeps until the next is. No ring and no thread is between such a source and its chain. Where a chain
 * would hold the others up, or where several read the source, it has a ring, and its readers have threads.
 *
 * A source begins as soon as its device captures, when others of its thread may not have started yet.
 *
 * A source or a chain that keeps the thread for 10 ms stays alone with it, and the others get a new one: a read on a slow bus, a full
 * pipe. The thread says so itself after such a turn. Where the turn does not end, the loop sees that, and takes the others away:
 *
 *   thread   turn: even -> odd; runs one; turn: odd -> even. Failed: it has only this one now
 *   loop     the turn is odd, and for long; turn: odd -> even. Failed: it has ended meanwhile
 *
 * Who makes the number even has the list of sources.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/run.h"

#define HOLD_NS INT64_C(10000000)   /* longest turn of one that shares its thread */
#define HANG_NS INT64_C(100000000)  /* of a turn that has not ended, until the loop takes the others away */
#define WATCH_NS INT64_C(250000000) /* from one look of the loop to the next, at least */

/* ----------------------------------------------------------------------- run */

static void pool_serve(struct weir_feed *feed)
{
	struct weir_agent *reader = feed->reader;

	if (!reader) {
		feed->is_done = !weir_feed_step(feed, &feed->due_ns);
		return;
	}
	weir_agent_serve(reader);
	feed->due_ns = reader->deadline_ns;
	feed->is_done = atomic_load_explicit(&reader->ended, memory_order_relaxed);
}

/* --------------------------------------------------------------------- turns */

/* For how long this thread was ready to run and had no processor, in all. 0 where the kernel does not count that. */
static int64_t pool_delay(void)
{
	char text[80];
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	long long delay = 0;

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return sscanf(text, "%*s %lld", &delay) == 1 ? delay : 0;
}

/* It is not the source's fault that the machine is busy. Delays since the last look count, of short turns too: then it is the next
 * long turn that decides. */
static bool pool_was_held(int64_t held_ns, int64_t *delay_ns)
{
	int64_t before = *delay_ns;

	if (held_ns <= HOLD_NS)
		return false;
	*delay_ns = pool_delay();
	return held_ns - (*delay_ns - before) > HOLD_NS;
}

/* One source and its chain. False: the thread has nothing else any more. */
static bool pool_take_turn(struct weir_pool *pool, struct weir_feed *feed, int64_t *delay_ns)
{
	uint64_t turn = atomic_load_explicit(&pool->turn, memory_order_relaxed) + 1;
	int64_t since = weir_now(WEIR_CLOCK_MONOTONIC), held;

	pool->running = feed;
	atomic_store(&pool->since_ns, since);
	atomic_store(&pool->turn, turn);
	pool_serve(feed);
	held = weir_now(WEIR_CLOCK_MONOTONIC) - since;
	if (!atomic_compare_exchange_strong(&pool->turn, &turn, turn + 1))
		return false;
	if (pool->n_feeds == 1 || feed->is_done || !pool_was_held(held, delay_ns))
		return true;
	atomic_store(&feed->node->held_ns, held);
	atomic_store(&pool->is_left, true);
	weir_run_wake(feed->pipeline);
	return false;
}

static bool is_stopping(const struct weir_pipeline *pipeline)
{
	return atomic_load(&pipeline->runtime->stopping);
}

/* Of those that are due each once. When the next is; INT64_MIN: none is left. `*alone`: the one with which the thread stays. */
static int64_t pool_serve_due(struct weir_pool *pool, int64_t *delay_ns, struct weir_feed **alone)
{
	/* Before looking at those that have begun: no other will begin. */
	bool is_closed = atomic_load(&pool->is_closed), stops = is_stopping(pool->pipeline);
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), next = INT64_MAX;
	uint32_t n_left = 0;

	for (uint32_t i = 0; i < pool->n_feeds; i++) {
		struct weir_feed *feed = pool->feed[i];
		bool is_open = atomic_load(&feed->is_open), is_due = stops || feed->due_ns <= now;

		if (is_open && !feed->is_done && is_due && !pool_take_turn(pool, feed, delay_ns)) {
			*alone = feed;
			return INT64_MAX;
		}
		n_left += is_open ? !feed->is_done : !is_closed;
		if (is_open && !feed->is_done && feed->due_ns < next)
			next = feed->due_ns;
	}
	return n_left ? next : INT64_MIN;
}

/* Until that time, until `wake_fd` says that another source has begun, or until the run wants to end. */
static void pool_sleep(const struct weir_pipeline *pipeline, int wake_fd, int64_t until)
{
	struct pollfd fds[2] = {
		{ .fd = wake_fd, .events = POLLIN },
		{ .fd = is_stopping(pipeline) ? -1 : pipeline->runtime->halt_fd, .events = POLLIN },
	};
	int64_t left = until - weir_now(WEIR_CLOCK_MONOTONIC);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	uint64_t bells;

	if (left <= 0)
		return;
	if (ppoll(fds, 2, until == INT64_MAX ? NULL : &timeout, NULL) > 0 && fds[0].revents &&
	    read(wake_fd, &bells, sizeof(bells)) < 0)
		return; /* someone has read it */
}

/* As any source with a thread of its own. */
static void pool_run_alone(struct weir_feed *feed)
{
	while (!feed->is_done) {
		pool_sleep(feed->pipeline, -1, feed->due_ns);
		pool_serve(feed);
	}
}

static void *pool_run(void *context)
{
	struct weir_pool *pool = context;
	struct weir_feed *alone = NULL;
	int64_t next, delay_ns = pool_delay();

	while ((next = pool_serve_due(pool, &delay_ns, &alone)) != INT64_MIN && !alone) {
		atomic_store_explicit(&pool->next_ns, next, memory_order_relaxed);
		pool_sleep(pool->pipeline, pool->wake_fd, next);
	}
	if (alone)
		pool_run_alone(alone);
	else
		atomic_store_explicit(&pool->next_ns, INT64_MAX, memory_order_relaxed);
	return NULL;
}

/* ------------------------------------------------------------------ watching */

static int pool_start(struct weir_pool *pool)
{
	int err = pthread_create(&pool->thread, NULL, pool_run, pool);

	pool->started = !err;
	return -err;
}

/* The thread stays with the one that it runs, which leaves the list here, and the others get another thread. */
static void pool_part(struct weir_pool *pool)
{
	struct weir_feed *feed = pool->running;
	uint32_t n = 0;
	int err;

	for (uint32_t i = 0; i < pool->n_feeds; i++)
		if (pool->feed[i] != feed)
			pool->feed[n++] = pool->feed[i];
	pool->n_feeds = n;
	feed->thread = pool->thread;
	feed->is_alone = true;
	err = pool_start(pool);
	if (err < 0) {
		weir_fail(feed->node, -err, "cannot start a thread for the other sources: %s", strerror(-err));
		weir_stop(pool->pipeline);
	}
}

static void pool_look(struct weir_pool *pool)
{
	uint64_t turn = atomic_load(&pool->turn);
	int64_t held = weir_now(WEIR_CLOCK_MONOTONIC) - atomic_load(&pool->since_ns);

	if (!pool->started || pool->n_feeds < 2)
		return;
	if (atomic_exchange(&pool->is_left, false)) {
		pool_part(pool);
	} else if (turn % 2 && held > HANG_NS && atomic_compare_exchange_strong(&pool->turn, &turn, turn + 1)) {
		atomic_store(&pool->running->node->held_ns, held);
		pool_part(pool);
	}
}

void weir_pools_look(struct weir_pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->runtime->n_pools; i++)
		pool_look(&pipeline->runtime->pool[i]);
}

/* When a turn that hangs would be seen: a thread that sleeps is not looked at before it has woken up. INT64_MAX: never. */
static int64_t pools_look_at(const struct weir_runtime *run)
{
	int64_t soonest = weir_now(WEIR_CLOCK_MONOTONIC) + WATCH_NS, at = INT64_MAX;

	for (uint32_t i = 0; i < run->n_pools; i++) {
		int64_t next = atomic_load_explicit(&run->pool[i].next_ns, memory_order_relaxed);

		if (run->pool[i].n_feeds > 1 && next < INT64_MAX - HANG_NS && next + HANG_NS < at)
			at = next + HANG_NS;
	}
	return at > soonest ? at : soonest;
}

static bool pools_are_shared(const struct weir_runtime *run)
{
	for (uint32_t i = 0; i < run->n_pools; i++)
		if (run->pool[i].n_feeds > 1 &&
		    atomic_load_explicit(&run->pool[i].next_ns, memory_order_relaxed) != INT64_MAX)
			return true;
	return false;
}

static void pools_on_watch(void *context)
{
	struct weir_pipeline *pipeline = context;

	weir_pools_look(pipeline);
	if (weir_pools_watch(pipeline) >= 0)
		return;
	weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL, "no memory");
	weir_stop(pipeline);
}

int weir_pools_watch(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	if (!pools_are_shared(run))
		return 0;
	return weir_loop_add_timer(run->loop, pools_look_at(run), 0, pools_on_watch, pipeline);
}

/* --------------------------------------------------------------- begin, end */

static void pool_wake(const struct weir_pool *pool)
{
	uint64_t one = 1;

	if (write(pool->wake_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is already to wake up */
}

int weir_pool_begin(struct weir_feed *feed)
{
	struct weir_pool *pool = feed->pool;
	int err;

	atomic_store(&feed->is_open, true);
	if (pool->started) {
		pool_wake(pool);
		return 0;
	}
	err = pool_start(pool);
	if (err < 0)
		atomic_store(&feed->is_open, false);
	return err;
}

static int pool_join(pthread_t thread, bool *is_there, const struct timespec *deadline)
{
	if (*is_there)
		*is_there = pthread_timedjoin_np(thread, NULL, deadline);
	return *is_there ? -ETIMEDOUT : 0;
}

int weir_pools_join(struct weir_pipeline *pipeline, const struct timespec *deadline)
{
	struct weir_runtime *run = pipeline->runtime;
	int err = 0;

	/* A thread that has left its sources to another: they end there. */
	weir_pools_look(pipeline);
	for (uint32_t i = 0; i < run->n_pools; i++) {
		atomic_store(&run->pool[i].is_closed, true);
		pool_wake(&run->pool[i]);
	}
	for (uint32_t i = 0; i < run->n_pools; i++)
		if (pool_join(run->pool[i].thread, &run->pool[i].started, deadline) < 0)
			err = -ETIMEDOUT;
	for (uint32_t i = 0; i < run->n_feeds; i++)
		if (pool_join(run->feed[i].thread, &run->feed[i].is_alone, deadline) < 0)
			err = -ETIMEDOUT;
	return err;
}

/* -------------------------------------------------------------- open, close */

static uint32_t count_pooled(const struct weir_runtime *run)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < run->n_feeds; i++)
		n += run->feed[i].is_pooled;
	return n;
}

static int pool_open(struct weir_pool *pool, struct weir_pipeline *pipeline, uint32_t n_feeds)
{
	pool->pipeline = pipeline;
	pool->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (pool->wake_fd < 0)
		return -errno;
	pool->feed = calloc(n_feeds, sizeof(struct weir_feed *));
	return pool->feed ? 0 : -ENOMEM;
}

int weir_pools_open(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;
	uint32_t n = count_pooled(run), most = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN), next = 0;
	int err = 0;

	run->n_pools = n < most ? n : most;
	run->pool = calloc(run->n_pools + 1, sizeof(*run->pool));
	if (!run->pool)
		return -ENOMEM;
	for (uint32_t i = 0; i < run->n_pools; i++)
		run->pool[i].wake_fd = -1;
	for (uint32_t i = 0; i < run->n_pools && err >= 0; i++)
		err = pool_open(&run->pool[i], pipeline, n / run->n_pools + 1);
	for (uint32_t i = 0; i < run->n_feeds && err >= 0; i++) {
		struct weir_feed *feed = &run->feed[i];

		if (!feed->is_pooled)
			continue;
		feed->pool = &run->pool[next++ % run->n_pools];
		feed->pool->feed[feed->pool->n_feeds++] = feed;
	}
	return err;
}

void weir_pools_close(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	for (uint32_t i = 0; i < run->n_pools && run->pool; i++) {
		if (run->pool[i].wake_fd >= 0)
			close(run->pool[i].wake_fd);
		free(run->pool[i].feed);
	}
	free(run->pool);
	run->pool = NULL;
	run->n_pools = 0;
}
