/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writer's thread; without one, its work is done by the producer. */
#include <errno.h>
#include <time.h>

#include "spool/spool_writer.h"

#define RETRY_NS 50000000 /* before a batch that had to wait is tried again */
#define NS_PER_S 1000000000

static struct timespec time_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
}

/* Is there something that the writer does not know? Under stage_lock. */
static bool has_news(struct weir_spool *spool, bool stuck)
{
	return spool->ending || (!stuck && spool->oldest) || (!spool->dirty_ns && atomic_load(&spool->has_acks));
}

/* @return false: it is to end. */
static bool await_work(struct weir_spool *spool, bool stuck)
{
	int64_t due_ns = weir_spool_work_due(spool);
	struct timespec until;
	bool ending;

	if (stuck && due_ns > weir_now(WEIR_CLOCK_MONOTONIC) + RETRY_NS)
		due_ns = weir_now(WEIR_CLOCK_MONOTONIC) + RETRY_NS;
	until = time_of(due_ns);
	pthread_mutex_lock(&spool->stage_lock);
	while (!has_news(spool, stuck)) {
		if (due_ns == INT64_MAX)
			pthread_cond_wait(&spool->staged, &spool->stage_lock);
		else if (pthread_cond_clockwait(&spool->staged, &spool->stage_lock, CLOCK_MONOTONIC, &until))
			break;
	}
	ending = spool->ending;
	pthread_mutex_unlock(&spool->stage_lock);
	return !ending;
}

static bool is_interrupted(struct weir_spool *spool)
{
	bool is;

	pthread_mutex_lock(&spool->stage_lock);
	is = spool->interrupted;
	pthread_mutex_unlock(&spool->stage_lock);
	return is;
}

int weir_spool_write_inline(struct weir_spool *spool)
{
	for (weir_spool_work(spool, false); spool->is_blocked; weir_spool_work(spool, false)) {
		if (is_interrupted(spool))
			return -EINTR;
		await_work(spool, true);
	}
	return 0;
}

static void *run(void *context)
{
	struct weir_spool *spool = context;
	bool stuck = false;

	while (await_work(spool, stuck)) {
		weir_spool_work(spool, false);
		stuck = spool->is_blocked;
	}
	return NULL;
}

int weir_spool_thread_start(struct weir_spool *spool)
{
	int err;

	spool->threaded = true;
	err = pthread_create(&spool->thread, NULL, run, spool);
	spool->threaded = !err;
	return -err;
}

void weir_spool_thread_end(struct weir_spool *spool)
{
	if (!spool->threaded)
		return;
	pthread_mutex_lock(&spool->stage_lock);
	spool->ending = true;
	pthread_cond_signal(&spool->staged);
	pthread_mutex_unlock(&spool->stage_lock);
	pthread_join(spool->thread, NULL);
	spool->threaded = false;
}
