/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Say the latest record again and again, at a steady beat: first one span after the first record, then each span after that.
 * A record of exactly a beat's time is in time for it. What the stream says between two beats is not passed on.
 */
#include "weir/driver.h"

struct heartbeat {
	int64_t span;
	bool has_begun;
	struct weir_block *last; /**< one record; its time is that of the beat */
};

static int heartbeat_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct heartbeat *heartbeat = weir_state(node);

	*out = *in;
	heartbeat->span = weir_arg_int(node, "span");
	if (heartbeat->span < 1)
		return weir_fail_arg(node, "span", "write a duration such as 10s",
				     "the span must be longer than nothing");
	return weir_block_open(&heartbeat->last, weir_out(node));
}

static int heartbeat_push(struct weir_node *node, const struct weir_block *in)
{
	struct heartbeat *heartbeat = weir_state(node);
	uint32_t newest = in->n - 1;

	if (!heartbeat->has_begun) {
		newest = 0;
		weir_took(node, 1);
		heartbeat->has_begun = true;
		weir_tick_at(node, in->t[0] + heartbeat->span);
	}
	heartbeat->last->n = 0;
	weir_block_append(heartbeat->last, in, newest);
	return 0;
}

static int heartbeat_tick(struct weir_node *node, int64_t now_ns)
{
	struct heartbeat *heartbeat = weir_state(node);

	weir_tick_at(node, now_ns + heartbeat->span);
	heartbeat->last->t[0] = now_ns;
	return weir_emit(node, heartbeat->last);
}

static void heartbeat_close(struct weir_node *node)
{
	struct heartbeat *heartbeat = weir_state(node);

	weir_block_close(heartbeat->last);
}

static const struct weir_param params[] = {
	{ .name = "span",
	  .style = WEIR_POSITIONAL,
	  .value = WEIR_V_DURATION,
	  .required = true,
	  .help = "from one beat to the next, such as 10s" },
	WEIR_PARAM_LATENESS,
	{ 0 },
};

static const struct weir_operator_ops heartbeat_ops = {
	.state_bytes = sizeof(struct heartbeat),
	.open = heartbeat_open,
	.push = heartbeat_push,
	.tick = heartbeat_tick,
	.close = heartbeat_close,
};

const struct weir_driver weir_operator_heartbeat = {
	.name = "heartbeat",
	.doc = "say the latest record again at a steady beat, also when nothing new comes",
	.operator_params = params,
	.stage = &heartbeat_ops,
};
