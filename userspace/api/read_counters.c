/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers of the summary as a struct. They are read while others count. */
#include <errno.h>
#include <string.h>

#include "core/counters.h"

static uint64_t counters_load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void counters_add_losses(const struct weir_node *node, struct weir_counters *out)
{
	uint64_t *const by[WEIR_LOST_CAUSES] = {
		[WEIR_LOST_DEVICE] = &out->lost_by.device, [WEIR_LOST_RING] = &out->lost_by.ring,
		[WEIR_LOST_FILTER] = &out->lost_by.filter, [WEIR_LOST_POISON] = &out->lost_by.poison,
		[WEIR_LOST_CUT] = &out->lost_by.cut,       [WEIR_LOST_LATE] = &out->lost_by.late,
		[WEIR_LOST_UNSENT] = &out->lost_by.unsent, [WEIR_LOST_END] = &out->lost_by.end,
	};

	for (int cause = 0; cause < WEIR_LOST_CAUSES; cause++) {
		uint64_t n = counters_load(&node->lost[cause]);

		*by[cause] += n;
		out->lost += n;
	}
}

/* Before `in`: what is counted meanwhile would look as if it had come from nowhere. */
static uint64_t counters_filtered(const struct weir_node *node)
{
	uint64_t out = counters_load(&node->records_out) + counters_load(&node->lost[WEIR_LOST_FILTER]);
	uint64_t in = counters_load(&node->records_in);
	bool has_filter = node->role == WEIR_SOURCE && node->stream &&
			  (node->stream->wants_filter || node->stream->custom);

	return has_filter && in > out ? in - out : 0;
}

static void counters_add_output(const struct weir_node *node, struct weir_counters *out)
{
	out->actuations += counters_load(&node->actuations);
	out->refused += counters_load(&node->refused);
}

void weir_read_counters(const struct weir_pipeline *pipeline, struct weir_counters *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < pipeline->n_nodes; i++) {
		const struct weir_node *node = pipeline->node[i];

		out->filtered += counters_filtered(node);
		if (node->role == WEIR_SOURCE)
			out->in += counters_load(&node->records_in);
		else if (node->role == WEIR_SINK)
			out->out += counters_load(&node->records_in);
		counters_add_output(node, out);
		counters_add_losses(node, out);
	}
}

int weir_read_node_counters(const struct weir_pipeline *pipeline, uint32_t index, struct weir_counters *out, char *text,
			    size_t bytes)
{
	const struct weir_node *node;
	int length;
	const char *shown;

	memset(out, 0, sizeof(*out));
	if (index >= pipeline->n_nodes)
		return -ENOENT;
	node = pipeline->node[index];
	out->filtered = counters_filtered(node);
	out->in = counters_load(&node->records_in);
	out->out = counters_load(&node->records_out);
	counters_add_output(node, out);
	counters_add_losses(node, out);
	shown = weir_node_text(node, &length);
	if (text && bytes)
		snprintf(text, bytes, "%.*s", length, shown);
	return 0;
}
