/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A published stream: its memory and lifetime. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "format/record_format.h"
#include "share/share_internal.h"
#include "stream/mirror.h"
#include "stream/record.h"
#include "stream/ring.h"

static int set_schema(struct weir_share *share)
{
	uint64_t bytes;

	weir_schema_native(share->config.schema, &share->schema);
	share->capacity = weir_ring_rows(share->schema.row_bytes, share->config.rows);
	bytes = (uint64_t)share->capacity * share->schema.row_bytes;
	if (!bytes || bytes > WEIR_SHARE_BYTES_MAX)
		return -E2BIG;
	share->bytes = (size_t)bytes;
	share->text = weir_record_schema_write(&share->schema);
	if (!share->text)
		return -ENOMEM;
	/* What pads it is for files. */
	for (size_t n = strlen(share->text); n && share->text[n - 1] == ' '; n--)
		share->text[n - 1] = 0;
	return strlen(share->text) <= WEIR_SHARE_TEXT_MAX ? 0 : -E2BIG;
}

static int map_front(struct weir_share *share)
{
	void *front = mmap(NULL, share->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, share->memory_fd, 0);

	if (front == MAP_FAILED)
		return -errno;
	share->front = front;
	atomic_init(&share->front->head, share->config.start_at);
	atomic_init(&share->front->reserved, share->config.start_at);
	return 0;
}

/* Ours are the last mappings that can be written to; then nobody can, nor change the size. */
static int open_memory(struct weir_share *share)
{
	static const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	int error;

	share->memory_fd = memfd_create("weir-stream", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (share->memory_fd < 0 || ftruncate(share->memory_fd, (off_t)(share->page + share->bytes)) < 0)
		return -errno;
	error = map_front(share);
	if (!error)
		error = weir_mirror_map_at(&share->rows, share->bytes, share->memory_fd, (off_t)share->page,
					   PROT_READ | PROT_WRITE);
	if (error)
		return error;
	return fcntl(share->memory_fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

static int open_seats(struct weir_share *share)
{
	void *seats = mmap(NULL, WEIR_SHARE_READERS_MAX * share->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (seats == MAP_FAILED)
		return -errno;
	share->seats = seats;
	share->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	share->dead_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return share->stop_fd < 0 || share->dead_fd < 0 ? -errno : 0;
}

static struct weir_share *new_share(const struct weir_share_config *config)
{
	struct weir_share *share = aligned_alloc(WEIR_SHARE_LINE, sizeof(*share));

	if (!share)
		return NULL;
	*share = (struct weir_share){ .config = *config, .page = (size_t)sysconf(_SC_PAGESIZE) };
	share->head = share->reserved = share->limit = config->start_at;
	share->memory_fd = share->stop_fd = share->dead_fd = share->place.fd = share->place.lock_fd = -1;
	for (unsigned i = 0; i < WEIR_SHARE_READERS_MAX; i++)
		share->line[i] = -1;
	share->since_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	return share;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* What there is of it, the thread excepted. */
static void free_share(struct weir_share *share)
{
	if (share->rows)
		weir_mirror_unmap(share->rows, share->bytes);
	if (share->front)
		munmap(share->front, share->page);
	if (share->seats)
		munmap(share->seats, WEIR_SHARE_READERS_MAX * share->page);
	close_fd(share->memory_fd);
	close_fd(share->stop_fd);
	close_fd(share->dead_fd);
	free(share->text);
	free(share);
}

int weir_share_open(struct weir_share **out, const struct weir_share_config *config)
{
	struct weir_share *share = new_share(config);
	int error;

	*out = NULL;
	if (!share)
		return -ENOMEM;
	error = set_schema(share);
	if (!error)
		error = open_memory(share);
	if (!error)
		error = open_seats(share);
	if (!error)
		error = weir_share_listen(&share->place, config->name, config->group);
	if (error)
		goto free_share;
	error = -pthread_create(&share->thread, NULL, share_serve, share);
	if (error)
		goto unlisten;
	*out = share;
	return 0;

unlisten:
	weir_share_unlisten(&share->place);
free_share:
	free_share(share);
	return error;
}

void weir_share_close(struct weir_share *share)
{
	if (!share)
		return;
	weir_share_finish(share, false);
	share_tell(share, SHARE_STOP);
	pthread_join(share->thread, NULL);
	/* Before readers learn that we go, so that they do not come back to us. */
	weir_share_unlisten(&share->place);
	share_dismiss(share);
	free_share(share);
}

uint32_t weir_share_row_bytes(const struct weir_share *share)
{
	return share->schema.row_bytes;
}

uint32_t weir_share_turned_out(struct weir_share *share)
{
	uint32_t n = share->turned_out;

	share->turned_out = 0;
	return n;
}
