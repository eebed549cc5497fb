/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AMQP 0-9-1, as RabbitMQ speaks it, by librabbitmq. A sink publishes with confirms: a message is delivered when the broker has
 * acknowledged it, for a durable queue once it is on its disk. A source acknowledges what has gone down its chains. Without
 * exchange= the path is a queue's name; with it a routing key, or for a source a pattern of them. devices/amqp_client.c connects.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "devices/amqp_client.h"
#include "devices/amqp_opening.h"
#include "devices/amqp_properties.h"
#include "weir/module.h"

#define TAKES_BACK_NS INT64_C(1800000000000) /* consumer_timeout of RabbitMQ, as it is unless somebody changes it */

#define LINK_OPS                                                                                         \
	{                                                                                                \
		.open = weir_amqp_link_open, .serve = weir_amqp_link_serve, .shut = weir_amqp_link_shut, \
		.wait = weir_amqp_link_wait                                                              \
	}

/* ---------------------------------------------------------------------- roles */

static int amqp_open(struct weir_node *node)
{
	static const struct weir_bridge_peer peer = {
		.port = 5672,
		.tls_port = 5671,
		.example = "amqp://HOST/QUEUE",
		.missing = "the name of the queue, or the routing key, is missing",
	};
	struct weir_amqp *amqp = weir_state(node);

	if (!amqp->exchange)
		amqp->exchange = "";
	amqp->key = "";
	return weir_bridge_open(node, &peer);
}

static int name_queue(char name[WEIR_AMQP_PRIVATE])
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(name, WEIR_AMQP_PRIVATE, "weir-%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	return 0;
}

/* A queue of our own goes with the run. */
static int open_answers(struct weir_amqp *amqp)
{
	bool is_named = !*amqp->exchange || amqp->queue;
	struct weir_credit credit = {
		.messages = amqp->prefetch,
		.argument = "prefetch",
		.longest_ns = TAKES_BACK_NS,
		.remedy = "a shorter window; consumer_timeout of RabbitMQ is 30 min",
	};

	return weir_inbox_answer(amqp->bridge.inbox, &credit,
				 is_named ? NULL : "queue=: the broker keeps messages in a named queue");
}

static int source_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = LINK_OPS;
	static const struct weir_inbox_topics keys = { .separator = '.',
						       .one = "*",
						       .rest = "#",
						       .properties = weir_amqp_properties },
					      none = { .properties = weir_amqp_properties };
	struct weir_amqp *amqp = weir_state(node);
	int err = amqp_open(node);

	if (!err && amqp->queue && !*amqp->exchange)
		err = weir_fail_arg(node, "queue", "name it in the target, or add exchange=NAME",
				    "without an exchange the target names the queue");
	if (!err)
		err = weir_bridge_open_inbox(&amqp->bridge, out, *amqp->exchange ? &keys : &none);
	if (!err)
		err = open_answers(amqp);
	if (!err)
		err = name_queue(amqp->own);
	if (err)
		return err;
	amqp->key = weir_inbox_pattern(amqp->bridge.inbox);
	return weir_bridge_open_link(&amqp->bridge, &ops);
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS, .send = weir_amqp_send };
	struct weir_amqp *amqp = weir_state(node);
	char place[512];
	int err = amqp_open(node);

	(void)in;
	if (!err)
		snprintf(place, sizeof(place), "amqp/%s/%s", amqp->exchange, amqp->bridge.broker->path);
	return err ? err : weir_bridge_open_outbox(&amqp->bridge, &ops, place);
}

static const struct weir_source_ops source_ops = {
	WEIR_BRIDGE_SOURCE_OPS(struct weir_amqp),
	.open = source_open,
	.close = weir_bridge_close,
};

static const struct weir_sink_ops sink_ops = {
	WEIR_BRIDGE_SINK_OPS(struct weir_amqp),
	.open = sink_open,
	.close = weir_bridge_close,
};

const struct weir_module weir_module_amqp = {
	.abi = WEIR_ABI,
	.source = &source_ops,
	.sink = &sink_ops,
};
