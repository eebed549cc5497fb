/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The producer's side of a spool: memory for what is on its way to the disk. It is cut into batches: the producer fills one, the
 * writer writes another, and those between them wait in a queue. What is handed over while the writer is busy goes to the end of
 * the queue's last batch, so that a disk that stalls costs memory by the byte, however small the pieces are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool/spool_internal.h"

#define BATCHES_MIN 3 /* one to fill, one to write, one between them */
#define MEMORY_BYTES (UINT64_C(1) << 20)

int weir_spool_stage_open(struct weir_spool *spool)
{
	uint64_t memory = spool->config.memory_bytes ? spool->config.memory_bytes : MEMORY_BYTES;
	uint64_t n = memory / WEIR_SPOOL_STAGE > BATCHES_MIN ? memory / WEIR_SPOOL_STAGE : BATCHES_MIN;

	spool->batch = calloc(n, sizeof(*spool->batch));
	spool->memory = malloc(n * WEIR_SPOOL_STAGE);
	if (!spool->batch || !spool->memory)
		return -ENOMEM;
	for (uint64_t i = n; i--;) {
		spool->batch[i].bytes = spool->memory + i * WEIR_SPOOL_STAGE;
		weir_spool_give_back(spool, &spool->batch[i]);
	}
	spool->fill = spool->free;
	spool->free = spool->fill->next;
	return 0;
}

void weir_spool_stage_close(struct weir_spool *spool)
{
	free(spool->memory);
	free(spool->batch);
}

/* --------------------------------------------------------------- hand over */

static void lose(struct weir_spool *spool, struct weir_spool_batch *batch)
{
	spool->lost_slow += batch->n;
	batch->used = batch->n = 0;
}

/* Whole messages, as many as have room, from `fill` to the end of the queue. */
static void merge(struct weir_spool *spool)
{
	struct weir_spool_batch *fill = spool->fill, *into = spool->newest;
	uint32_t bytes = 0, n = 0;

	if (!into)
		return;
	for (; n < fill->n; n++) {
		uint32_t more = weir_spool_frame_bytes(fill->bytes + bytes);

		if (into->used + bytes + more > WEIR_SPOOL_STAGE)
			break;
		bytes += more;
	}
	memcpy(into->bytes + into->used, fill->bytes, bytes);
	memmove(fill->bytes, fill->bytes + bytes, fill->used - bytes);
	into->used += bytes;
	into->n += n;
	fill->used -= bytes;
	fill->n -= n;
	spool->appended += n;
}

/* All memory is taken, because the disk is too slow. @return 0, or -EINTR. */
static int make_room(struct weir_spool *spool)
{
	switch (spool->config.policy) {
	case WEIR_SPOOL_DROP_OLDEST:
		spool->free = weir_spool_dequeue(spool);
		spool->free->next = NULL;
		lose(spool, spool->free);
		return 0;
	case WEIR_SPOOL_DROP_NEWEST:
		spool->appended += spool->fill->n;
		lose(spool, spool->fill);
		return 0;
	case WEIR_SPOOL_BLOCK:
		break;
	}
	if (spool->interrupted || !spool->threaded)
		return -EINTR;
	pthread_cond_wait(&spool->taken, &spool->stage_lock);
	return 0;
}

/* Under stage_lock. */
static int hand_over(struct weir_spool *spool)
{
	for (merge(spool); spool->fill->n && !spool->free; merge(spool)) {
		int err = make_room(spool);

		if (err < 0)
			return err;
	}
	if (!spool->fill->n)
		return 0;
	spool->appended += spool->fill->n;
	weir_spool_enqueue(spool, spool->fill);
	spool->fill = spool->free;
	spool->free = spool->fill->next;
	return 0;
}

/* ---------------------------------------------------------------- producer */

int weir_spool_commit(struct weir_spool *spool)
{
	int err;

	if (!spool->fill->n)
		return 0;
	pthread_mutex_lock(&spool->stage_lock);
	err = hand_over(spool);
	pthread_mutex_unlock(&spool->stage_lock);
	if (!err && spool->config.is_inline)
		return weir_spool_write_inline(spool);
	pthread_cond_signal(&spool->staged); /* without the lock, which is the first thing that the writer takes */
	return err;
}

int weir_spool_append(struct weir_spool *spool, const void *bytes, uint32_t n)
{
	struct weir_spool_batch *fill;
	uint8_t *frame;

	if (n > WEIR_SPOOL_MESSAGE_MAX)
		return -EMSGSIZE;
	if (spool->fill->used + WEIR_SPOOL_FRAME + n > WEIR_SPOOL_STAGE && weir_spool_commit(spool) < 0)
		return -EINTR;
	fill = spool->fill;
	frame = fill->bytes + fill->used;
	weir_spool_put32(frame + 4, n);
	memcpy(frame + WEIR_SPOOL_FRAME, bytes, n);
	fill->used += WEIR_SPOOL_FRAME + n;
	fill->n++;
	return 0;
}

void weir_spool_interrupt(struct weir_spool *spool)
{
	pthread_mutex_lock(&spool->stage_lock);
	spool->interrupted = true;
	pthread_cond_broadcast(&spool->taken);
	pthread_mutex_unlock(&spool->stage_lock);
}
