/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A spool's thread, and its life. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "spool/spool_writer.h"

#define SYNC_NS 100000000
#define RETRY_NS 50000000 /* before a batch that had to wait is tried again */
#define NS_PER_S 1000000000
#define SEGMENTS 16 /* that the limit is divided into */
#define SEGMENT_MAX (UINT64_C(64) << 20)

static struct timespec time_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
}

/* ------------------------------------------------------------------ thread */

/* A writer that is going to sync anyway need not be told. Each side first says what it has done, and then looks what the other
 * has: so one of them sees it. */
void weir_spool_wake(struct weir_spool *spool)
{
	if (atomic_exchange(&spool->has_acks, true) || atomic_load(&spool->is_due) || !spool->threaded)
		return;
	pthread_mutex_lock(&spool->stage_lock);
	pthread_cond_signal(&spool->staged);
	pthread_mutex_unlock(&spool->stage_lock);
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

/* -------------------------------------------------------------------- life */

static uint64_t segment_bytes(uint64_t limit)
{
	uint64_t bytes = limit / SEGMENTS, least = WEIR_SPOOL_HEADER + WEIR_SPOOL_FRAME + WEIR_SPOOL_MESSAGE_MAX;

	if (bytes > SEGMENT_MAX)
		return SEGMENT_MAX;
	return bytes < least ? least : bytes;
}

static int allocate(struct weir_spool *spool)
{
	int err = weir_spool_stage_open(spool);

	if (err < 0)
		return err;
	spool->reading.chunk = malloc(WEIR_SPOOL_CHUNK);
	if (!spool->reading.chunk)
		return -ENOMEM;
	spool->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return spool->fd < 0 ? -errno : 0;
}

static int open_files(struct weir_spool *spool, char error[256])
{
	int err = 0;

	if (spool->config.io)
		spool->io = *spool->config.io;
	else
		err = weir_spool_io_open(&spool->io, spool->config.dir, error);
	spool->reading.io = &spool->io;
	return err < 0 ? err : weir_spool_recover(spool, error);
}

static int start(struct weir_spool *spool, char error[256])
{
	int err;

	weir_spool_rewind(spool);
	if (spool->counts.waiting)
		eventfd_write(spool->fd, 1);
	if (spool->config.manual || spool->config.is_inline)
		return 0;
	spool->threaded = true;
	err = pthread_create(&spool->thread, NULL, run, spool);
	spool->threaded = !err;
	if (err)
		snprintf(error, 256, "cannot start the spool's thread: %s", strerror(err));
	return -err;
}

static struct weir_spool *create(const struct weir_spool_config *config)
{
	struct weir_spool *spool = calloc(1, sizeof(*spool));

	if (!spool)
		return NULL;
	spool->config = *config;
	if (!spool->config.sync_ns)
		spool->config.sync_ns = SYNC_NS;
	spool->segment_bytes = segment_bytes(config->limit_bytes);
	spool->fd = spool->write_fd = spool->ack_fd = spool->torn_fd = spool->reading.fd = -1;
	pthread_mutex_init(&spool->stage_lock, NULL);
	pthread_mutex_init(&spool->lock, NULL);
	pthread_cond_init(&spool->staged, NULL);
	pthread_cond_init(&spool->taken, NULL);
	return spool;
}

static void destroy(struct weir_spool *spool)
{
	weir_spool_file_end(&spool->reading);
	weir_spool_writer_close(spool);
	weir_spool_io_close(&spool->io);
	if (spool->fd >= 0)
		close(spool->fd);
	pthread_cond_destroy(&spool->staged);
	pthread_cond_destroy(&spool->taken);
	pthread_mutex_destroy(&spool->lock);
	pthread_mutex_destroy(&spool->stage_lock);
	free(spool->reading.chunk);
	weir_spool_stage_close(spool);
	free(spool->segment);
	free(spool->hole);
	free(spool);
}

int weir_spool_open(struct weir_spool **out, const struct weir_spool_config *config, char error[256])
{
	struct weir_spool *spool;
	int err;

	*out = NULL;
	snprintf(error, 256, "cannot open the spool %s: %s", config->dir ? config->dir : "", strerror(ENOMEM));
	if (config->limit_bytes < WEIR_SPOOL_LIMIT_MIN) {
		snprintf(error, 256, "a spool needs at least %d bytes", WEIR_SPOOL_LIMIT_MIN);
		return -EINVAL;
	}
	spool = create(config);
	if (!spool)
		return -ENOMEM;
	err = allocate(spool);
	if (err >= 0)
		err = open_files(spool, error);
	if (err >= 0)
		err = start(spool, error);
	if (err < 0)
		destroy(spool);
	else
		*out = spool;
	return err;
}

static void end_thread(struct weir_spool *spool)
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

/* With the thread gone, its work is ours; and with nobody to come after, nothing waits for room any more. */
void weir_spool_end(struct weir_spool *spool)
{
	end_thread(spool);
	spool->is_last = true;
	weir_spool_work(spool, false);
	(void)weir_spool_commit(spool);
	weir_spool_work(spool, true);
}

void weir_spool_close(struct weir_spool *spool)
{
	if (!spool)
		return;
	weir_spool_end(spool);
	destroy(spool);
}

uint64_t weir_spool_identity(const struct weir_spool *spool)
{
	return spool->identity;
}

int weir_spool_fd(const struct weir_spool *spool)
{
	return spool->fd;
}

void weir_spool_read_counts(struct weir_spool *spool, struct weir_spool_counts *out)
{
	pthread_mutex_lock(&spool->lock);
	*out = spool->counts;
	pthread_mutex_unlock(&spool->lock);
	pthread_mutex_lock(&spool->stage_lock);
	out->appended = spool->appended;
	out->lost_disk += spool->lost_slow;
	pthread_mutex_unlock(&spool->stage_lock);
}
