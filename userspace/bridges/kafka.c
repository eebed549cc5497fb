/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kafka, by librdkafka, whose threads tell ours through a descriptor that there is something.
 *
 * A sink's producer is idempotent: what it sends again by itself arrives once. When it gives up, or no broker is there any more,
 * it is replaced, and the outbox sends what was under way again; all messages of one spool have the same key, and so the same
 * partition and order.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "devices/kafka_client.h"
#include "weir/module.h"

#define LINK_OPS                                                                                                     \
	{                                                                                                            \
		.open = weir_kafka_open, .serve = weir_kafka_serve, .shut = weir_kafka_shut, .wait = weir_kafka_wait \
	}

/* ---------------------------------------------------------------------- roles */

static int kafka_open(struct weir_node *node)
{
	static const struct weir_bridge_peer peer = {
		.port = 9092, .tls_port = 9092, .example = "kafka://HOST/TOPIC", .missing = "the topic is missing"
	};
	struct weir_kafka *kafka = weir_state(node);

	kafka->news = -1;
	return weir_bridge_open(node, &peer);
}

static void kafka_close(struct weir_node *node)
{
	struct weir_kafka *kafka = weir_state(node);

	weir_bridge_close(node);
	weir_kafka_places_free(&kafka->places);
}

/* Without a group, what is not answered for ends with the run. */
static int open_answers(struct weir_kafka *kafka)
{
	struct weir_credit credit = { .messages = WEIR_KAFKA_TAKEN };

	if (kafka->is_alone)
		weir_inbox_needs_no_answers(kafka->bridge.inbox);
	return weir_inbox_answer(kafka->bridge.inbox, &credit,
				 kafka->is_alone ? "group=: without a group nothing is acknowledged" : NULL);
}

static int source_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = LINK_OPS;
	static const struct weir_inbox_topics none = { .properties = weir_kafka_properties };
	struct weir_kafka *kafka = weir_state(node);
	int err = kafka_open(node);

	if (!err && *kafka->bridge.broker->path == '^')
		err = weir_fail_arg(node, NULL, "write a source for each", "a pattern of topics cannot be read");
	if (!err)
		err = weir_bridge_open_inbox(&kafka->bridge, out, &none);
	kafka->is_alone = !kafka->group;
	if (!err)
		err = open_answers(kafka);
	kafka->places.node = node;
	kafka->places.topic = kafka->bridge.broker->path;
	return err ? err : weir_bridge_open_link(&kafka->bridge, &ops);
}

static int sink_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct weir_kafka *kafka = context;
	const char *given = kafka->message_key;
	char id[WEIR_OUTBOX_ID], own[24];
	rd_kafka_resp_err_t error;

	weir_outbox_id(message, id);
	snprintf(own, sizeof(own), "%016llx", (unsigned long long)message->sender);
	*token = ++kafka->n_sent;
	error = rd_kafka_producev(kafka->client, RD_KAFKA_V_TOPIC(kafka->bridge.broker->path),
				  RD_KAFKA_V_KEY(given ? given : own, strlen(given ? given : own)),
				  RD_KAFKA_V_VALUE((void *)(uintptr_t)message->bytes, message->n),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADER(WEIR_KAFKA_ID, id, -1),
				  RD_KAFKA_V_OPAQUE((void *)kafka->n_sent), RD_KAFKA_V_END);
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return -EAGAIN;
	if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		return -EMSGSIZE;
	snprintf(why, WEIR_LINK_WHY, "%s", rd_kafka_err2str(error));
	return error ? -EIO : 0;
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS, .send = sink_send };
	struct weir_kafka *kafka = weir_state(node);
	char place[512];
	int err = kafka_open(node);

	(void)in;
	if (err)
		return err;
	snprintf(place, sizeof(place), "kafka/%s", kafka->bridge.broker->path);
	return weir_bridge_open_outbox(&kafka->bridge, &ops, place);
}

static const struct weir_source_ops source_ops = {
	WEIR_BRIDGE_SOURCE_OPS(struct weir_kafka),
	.open = source_open,
	.close = kafka_close,
};

static const struct weir_sink_ops sink_ops = {
	WEIR_BRIDGE_SINK_OPS(struct weir_kafka),
	.open = sink_open,
	.close = kafka_close,
};

const struct weir_module weir_module_kafka = {
	.abi = WEIR_ABI,
	.source = &source_ops,
	.sink = &sink_ops,
};
