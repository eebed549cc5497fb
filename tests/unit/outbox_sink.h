/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file outbox_sink.h
 * @brief What is alike in sinks of tests that have an outbox: their state begins with a pointer to it.
 */
#ifndef WEIR_TESTS_OUTBOX_SINK_H
#define WEIR_TESTS_OUTBOX_SINK_H

#include "weir/outbox.h"

static inline struct weir_outbox *outbox_of(const struct weir_node *node)
{
	return *(struct weir_outbox **)weir_state(node);
}

static inline int outbox_sink_start(struct weir_node *node)
{
	return weir_outbox_start(outbox_of(node));
}

static inline int outbox_sink_push(struct weir_node *node, const struct weir_block *in)
{
	return weir_outbox_push(outbox_of(node), in);
}

static inline int outbox_sink_end(struct weir_node *node)
{
	return weir_outbox_end(outbox_of(node));
}

static inline void outbox_sink_close(struct weir_node *node)
{
	weir_outbox_close(outbox_of(node));
}

#endif
