/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/rescale.h"
#include "core/run.h"

void weir_rescale_write(struct weir_rescale *rescale, const double *scale, const double *offset, uint32_t n)
{
	uint32_t count = atomic_load_explicit(&rescale->count, memory_order_relaxed);

	atomic_store_explicit(&rescale->count, count + 1, memory_order_relaxed);
	/* Whoever sees a new number sees the odd count. */
	atomic_thread_fence(memory_order_release);
	for (uint32_t i = 0; i < n; i++) {
		atomic_store_explicit(&rescale->scale[i], scale[i], memory_order_relaxed);
		atomic_store_explicit(&rescale->offset[i], offset[i], memory_order_relaxed);
	}
	atomic_store_explicit(&rescale->count, count + 2, memory_order_release);
}

void weir_rescale_read(struct weir_rescale *rescale, uint32_t *seen, struct weir_schema *schema)
{
	double scale[WEIR_FIELDS_MAX], offset[WEIR_FIELDS_MAX];
	uint32_t count = atomic_load_explicit(&rescale->count, memory_order_acquire);

	if (count == *seen || count & 1)
		return;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		scale[i] = atomic_load_explicit(&rescale->scale[i], memory_order_relaxed);
		offset[i] = atomic_load_explicit(&rescale->offset[i], memory_order_relaxed);
	}
	/* The numbers before the count: were they written meanwhile, the next block has them. */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&rescale->count, memory_order_relaxed) != count)
		return;
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		schema->field[i].scale = scale[i];
		schema->field[i].offset = offset[i];
	}
	*seen = count;
}

void weir_may_rescale(struct weir_node *node)
{
	node->may_rescale = true;
}

int weir_rescale(struct weir_node *node, const char *device, const double *scale, const double *offset)
{
	struct weir_stream *stream = node->stream;
	int err;

	if (!stream->filter) {
		weir_rescale_write(stream->rescale, scale, offset, node->out.n_fields);
		return 0;
	}
	err = weir_fail_device(node, device,
			       "follow a change of scale behind a filter that was made for the former one", ENOTSUP,
			       "start weir again; with --filter-tier=user it follows such changes");
	weir_stop(node->pipeline);
	return err;
}
