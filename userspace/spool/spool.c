/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A spool's life. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "spool/spool_writer.h"

#define SYNC_NS 100000000
#define SEGMENTS 16 /* that the limit is divided into */
#define SEGMENT_MAX (UINT64_C(64) << 20)

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
	err = weir_spool_thread_start(spool);
	if (err < 0)
		snprintf(error, 256, "cannot start the spool's thread: %s", strerror(-err));
	return err;
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

/* With the thread gone, its work is ours; and with nobody to come after, nothing waits for room any more. */
void weir_spool_end(struct weir_spool *spool)
{
	weir_spool_thread_end(spool);
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

void weir_spool_announce(struct weir_spool *spool, bool announces)
{
	atomic_store_explicit(&spool->is_quiet, !announces, memory_order_relaxed);
}

bool weir_spool_has_room(struct weir_spool *spool, uint64_t bytes)
{
	bool has_room;

	pthread_mutex_lock(&spool->lock);
	has_room = spool->counts.bytes + bytes + spool->segment_bytes <= spool->config.limit_bytes;
	pthread_mutex_unlock(&spool->lock);
	return has_room;
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
