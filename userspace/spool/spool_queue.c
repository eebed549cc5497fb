/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Batches on their way from the producer to the writer and back, and what wakes the writer. */
#include "spool/spool_internal.h"

void weir_spool_enqueue(struct weir_spool *spool, struct weir_spool_batch *batch)
{
	batch->next = NULL;
	if (spool->newest)
		spool->newest->next = batch;
	else
		spool->oldest = batch;
	spool->newest = batch;
}

struct weir_spool_batch *weir_spool_dequeue(struct weir_spool *spool)
{
	struct weir_spool_batch *batch = spool->oldest;

	if (!batch)
		return NULL;
	spool->oldest = batch->next;
	if (!spool->oldest)
		spool->newest = NULL;
	return batch;
}

struct weir_spool_batch *weir_spool_take(struct weir_spool *spool)
{
	struct weir_spool_batch *batch;

	pthread_mutex_lock(&spool->stage_lock);
	batch = weir_spool_dequeue(spool);
	pthread_mutex_unlock(&spool->stage_lock);
	return batch;
}

/* The batch that was used last comes first, so that memory is touched only when a disk stalls. */
void weir_spool_give_back(struct weir_spool *spool, struct weir_spool_batch *batch)
{
	pthread_mutex_lock(&spool->stage_lock);
	batch->used = batch->written = batch->n = 0;
	batch->next = spool->free;
	spool->free = batch;
	pthread_cond_signal(&spool->taken);
	pthread_mutex_unlock(&spool->stage_lock);
}

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
