/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/bridge.h"

#include <stdio.h>

/* ----------------------------------------------------------------------- open */

int weir_bridge_open(struct weir_node *node, const struct weir_bridge_peer *peer)
{
	struct weir_bridge *bridge = weir_state(node);
	char hint[160];
	int err = weir_broker_open(&bridge->broker, node, &bridge->broker_args, peer->port, peer->tls_port,
				   peer->example);

	bridge->node = node;
	if (err < 0 || !peer->missing || *bridge->broker->path)
		return err;
	snprintf(hint, sizeof(hint), "as in %s", peer->example);
	return weir_fail_arg(node, NULL, hint, "%s", peer->missing);
}

int weir_bridge_open_inbox(struct weir_bridge *bridge, struct weir_schema *out, const struct weir_inbox_topics *topics)
{
	return weir_inbox_open(&bridge->inbox, bridge->node, &bridge->inbox_args, out, bridge->broker->path, topics);
}

int weir_bridge_open_link(struct weir_bridge *bridge, const struct weir_link_ops *ops)
{
	return weir_link_open(&bridge->link, bridge->node, ops, bridge, bridge->broker->peer);
}

int weir_bridge_open_outbox(struct weir_bridge *bridge, const struct weir_outbox_ops *ops, const char *place)
{
	return weir_outbox_open(&bridge->outbox, bridge->node, &bridge->outbox_args, ops, bridge, bridge->broker->peer,
				place);
}

void weir_bridge_close(struct weir_node *node)
{
	struct weir_bridge *bridge = weir_state(node);

	weir_link_close(bridge->link);
	weir_outbox_close(bridge->outbox);
	weir_inbox_close(bridge->inbox);
	weir_broker_close(bridge->broker);
}

/* --------------------------------------------------------------------- source */

int weir_bridge_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_inbox_produce(bridge->inbox, bridge->link, rows, wait);
}

int weir_bridge_conclude(struct weir_node *node, struct weir_wait *wait)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_inbox_conclude(bridge->inbox, bridge->link, wait);
}

const char *weir_bridge_source_how(const struct weir_node *node)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_inbox_how(bridge->inbox, bridge->link);
}

/* ----------------------------------------------------------------------- sink */

int weir_bridge_start(struct weir_node *node)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_outbox_start(bridge->outbox);
}

int weir_bridge_push(struct weir_node *node, const struct weir_block *in)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_outbox_push(bridge->outbox, in);
}

int weir_bridge_serve(struct weir_node *node, struct weir_wait *wait)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_outbox_serve(bridge->outbox, wait);
}

int weir_bridge_end(struct weir_node *node)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_outbox_end(bridge->outbox);
}

struct weir_progress weir_bridge_progress(const struct weir_node *node)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_outbox_progress(bridge->outbox);
}

const char *weir_bridge_sink_how(const struct weir_node *node)
{
	struct weir_bridge *bridge = weir_state(node);

	return weir_outbox_how(bridge->outbox);
}
