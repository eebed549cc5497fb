/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MQTT 5 and 3.1.1: what is published and subscribed to, and how. devices/mqtt_client.c connects. */
#include <stdio.h>

#include "devices/mqtt_client.h"
#include "weir/module.h"

#define LINK_OPS                                                                                                 \
	{                                                                                                        \
		.open = weir_mqtt_open, .serve = weir_mqtt_serve, .shut = weir_mqtt_shut, .wait = weir_mqtt_wait \
	}

/* ----------------------------------------------------------------------- open */

static void make_client_id(struct weir_mqtt *mqtt)
{
	snprintf(mqtt->made_id, sizeof(mqtt->made_id), "weir-%llx",
		 (unsigned long long)weir_now(WEIR_CLOCK_REALTIME) ^ (unsigned long long)(uintptr_t)mqtt << 16);
	mqtt->client_id = mqtt->id ? mqtt->id : mqtt->made_id;
}

static int mqtt_open(struct weir_node *node)
{
	static const struct weir_bridge_peer peer = {
		.port = 1883, .tls_port = 8883, .example = "mqtt://HOST/TOPIC", .missing = "the topic is missing"
	};
	struct weir_mqtt *mqtt = weir_state(node);
	int err = weir_bridge_open(node, &peer);

	mqtt->fd = mqtt->dial.fd = -1;
	mqtt->is_v5 = mqtt->version == WEIR_MQTT_V5;
	if (!err)
		make_client_id(mqtt);
	return err;
}

static void mqtt_close(struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	weir_bridge_close(node);
	weir_mqtt_free(mqtt);
}

/* --------------------------------------------------------------------- source */

static const struct weir_inbox_property properties[] = {
	{ "retain", WEIR_BOOL, "", WEIR_MQTT_IS_RETAINED },
	{ "qos", WEIR_INT, "", WEIR_MQTT_HAS_QOS },
	{ "expiry", WEIR_REAL, "s", WEIR_MQTT_EXPIRY },
	{ "content_type", WEIR_TEXT, "", WEIR_MQTT_CONTENT_TYPE },
	{ "response_topic", WEIR_TEXT, "", WEIR_MQTT_RESPONSE_TOPIC },
	{ "correlation", WEIR_TEXT, "", WEIR_MQTT_CORRELATION },
	{ "utf8", WEIR_BOOL, "", WEIR_MQTT_PAYLOAD_FORMAT },
	{ "user.", WEIR_TEXT, "", WEIR_MQTT_USER_PROPERTY },
	{ 0 },
};

/* Without a session that lasts, what is not answered for ends with the run. */
static int open_answers(struct weir_mqtt *mqtt)
{
	struct weir_credit credit = { .messages = mqtt->credit, .argument = "credit" };
	const char *unfit = !mqtt->qos  ? "qos=1 or qos=2: with qos=0 nothing is acknowledged"
			    : !mqtt->id ? "id=: the broker keeps messages for a named client"
					: NULL;

	if (!mqtt->qos)
		weir_inbox_needs_no_answers(mqtt->bridge.inbox);
	return weir_inbox_answer(mqtt->bridge.inbox, &credit, unfit);
}

static int source_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = LINK_OPS;
	static const struct weir_inbox_topics topics = {
		.separator = '/', .one = "+", .rest = "#", .properties = properties
	};
	struct weir_mqtt *mqtt = weir_state(node);
	int err = mqtt_open(node);

	/* A session of 3.1.1 has no end, so it must have a name that somebody knows. */
	mqtt->keeps_session = mqtt->is_v5 || mqtt->id;
	if (!err)
		err = weir_bridge_open_inbox(&mqtt->bridge, out, &topics);
	if (!err)
		err = open_answers(mqtt);
	if (!err && !weir_mqtt_is_filter(weir_inbox_pattern(mqtt->bridge.inbox)))
		err = weir_fail_arg(node, NULL, "+ stands for one part, # for all that follow, both alone between /",
				    "'%s' cannot be subscribed to", weir_inbox_pattern(mqtt->bridge.inbox));
	return err < 0 ? err : weir_bridge_open_link(&mqtt->bridge, &ops);
}

/* ----------------------------------------------------------------------- sink */

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS,
						    .send = weir_mqtt_send,
						    .flush = weir_mqtt_flush };
	struct weir_mqtt *mqtt = weir_state(node);
	int err = mqtt_open(node);

	(void)in;
	if (!err)
		err = weir_bridge_open_outbox(&mqtt->bridge, &ops, mqtt->bridge.broker->path);
	if (!err && !weir_mqtt_is_topic(mqtt->bridge.broker->path))
		err = weir_fail_arg(node, NULL, NULL, "'%s' cannot be published to: wildcards are for sources",
				    mqtt->bridge.broker->path);
	if (!err && mqtt->will_topic && !mqtt->will)
		err = weir_fail_arg(node, "will_topic", "add will=TEXT", "will_topic= needs will=");
	if (!err && mqtt->will_topic && !weir_mqtt_is_topic(mqtt->will_topic))
		err = weir_fail_arg(node, "will_topic", NULL, "'%s' cannot be published to: wildcards are for sources",
				    mqtt->will_topic);
	return err;
}

static const struct weir_source_ops source_ops = {
	WEIR_BRIDGE_SOURCE_OPS(struct weir_mqtt),
	.open = source_open,
	.close = mqtt_close,
};

static const struct weir_sink_ops sink_ops = {
	WEIR_BRIDGE_SINK_OPS(struct weir_mqtt),
	.open = sink_open,
	.close = mqtt_close,
};

const struct weir_module weir_module_mqtt = {
	.abi = WEIR_ABI,
	.source = &source_ops,
	.sink = &sink_ops,
};
