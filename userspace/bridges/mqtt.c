/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MQTT 5 and 3.1.1, by libmosquitto: what is published and subscribed to, and how. devices/mqtt_client.c connects. */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>

#include "devices/mqtt_client.h"

#define PORT 1883
#define TLS_PORT 8883
#define EXAMPLE "mqtt://HOST/TOPIC"

#define LINK_OPS                                                                                                 \
	{                                                                                                        \
		.open = weir_mqtt_open, .serve = weir_mqtt_serve, .shut = weir_mqtt_shut, .wait = weir_mqtt_wait \
	}

/* ----------------------------------------------------------------------- open */

static void make_client_id(struct weir_mqtt *mqtt)
{
	const char *given = weir_arg_text(mqtt->node, "id");

	if (given)
		snprintf(mqtt->client_id, sizeof(mqtt->client_id), "%s", given);
	else
		snprintf(mqtt->client_id, sizeof(mqtt->client_id), "weir-%llx",
			 (unsigned long long)weir_now(WEIR_CLOCK_REALTIME) ^ (unsigned long long)(uintptr_t)mqtt << 16);
}

static int mqtt_open(struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);
	int err;

	mqtt->node = node;
	mqtt->qos = (int)weir_arg_int(node, "qos");
	mqtt->is_v5 = weir_arg_int(node, "version") == 0;
	/* Not safe among threads, so not when it is started. */
	mqtt->has_library = !mosquitto_lib_init();
	err = weir_broker_open(&mqtt->broker, node, PORT, TLS_PORT, EXAMPLE);
	if (err < 0)
		return err;
	if (!*mqtt->broker->path)
		return weir_fail_arg(node, NULL, "as in " EXAMPLE, "the topic is missing");
	make_client_id(mqtt);
	return mqtt->has_library ? 0 : -ENOMEM;
}

static void mqtt_close(struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	weir_link_close(mqtt->link);
	weir_outbox_close(mqtt->outbox);
	weir_inbox_close(mqtt->inbox);
	weir_broker_close(mqtt->broker);
	if (mqtt->has_library)
		mosquitto_lib_cleanup();
}

/* --------------------------------------------------------------------- source */

static int source_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = LINK_OPS;
	static const struct weir_inbox_topics topics = { .separator = '/', .one = "+", .rest = "#" };
	struct weir_mqtt *mqtt = weir_state(node);
	int err = mqtt_open(node);

	/* A session of 3.1.1 has no end, so it must have a name that somebody knows. */
	mqtt->keeps_session = mqtt->is_v5 || weir_arg_given(node, "id");
	if (!err)
		err = weir_inbox_open(&mqtt->inbox, node, out, mqtt->broker->path, &topics);
	if (!err && mosquitto_sub_topic_check(weir_inbox_pattern(mqtt->inbox)))
		err = weir_fail_arg(node, NULL, "+ stands for one part, # for all that follow, both alone between /",
				    "'%s' cannot be subscribed to", weir_inbox_pattern(mqtt->inbox));
	return err < 0 ? err : weir_link_open(&mqtt->link, node, &ops, mqtt, mqtt->broker->peer);
}

static int source_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct weir_mqtt *mqtt = weir_state(node);

	return weir_inbox_produce(mqtt->inbox, mqtt->link, rows, max, wait);
}

static void source_stop(struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	weir_link_shut(mqtt->link);
}

static const char *source_how(const struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	return weir_inbox_how(mqtt->inbox, mqtt->link);
}

/* ----------------------------------------------------------------------- sink */

/* The record's id goes with it where the protocol has room. */
static int publish(struct weir_mqtt *mqtt, const struct weir_outbox_message *message, int *mid)
{
	char id[WEIR_OUTBOX_ID];
	mosquitto_property *properties = NULL;
	int err = 0;

	weir_outbox_id(message, id);
	if (mqtt->is_v5)
		err = mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, WEIR_MQTT_ID, id);
	if (!err)
		err = mosquitto_publish_v5(mqtt->client, mid, mqtt->broker->path, (int)message->n, message->bytes,
					   mqtt->qos, weir_arg_int(mqtt->node, "retain"), properties);
	mosquitto_property_free_all(&properties);
	return err;
}

static int sink_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt *mqtt = context;
	int mid = 0, err;

	if (mosquitto_want_write(mqtt->client))
		return -EAGAIN; /* the socket is full: nothing more into the library's own queue, which has no bound */
	err = publish(mqtt, message, &mid);
	*token = (uint64_t)mid;
	if (err == MOSQ_ERR_PAYLOAD_SIZE || err == MOSQ_ERR_OVERSIZE_PACKET)
		return -EMSGSIZE;
	return err ? weir_mqtt_explain(mqtt, err, why) : !mqtt->qos;
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS, .send = sink_send };
	struct weir_mqtt *mqtt = weir_state(node);
	int err = mqtt_open(node);

	(void)in;
	if (!err && mosquitto_pub_topic_check(mqtt->broker->path))
		err = weir_fail_arg(node, NULL, NULL, "'%s' cannot be published to: wildcards are for sources",
				    mqtt->broker->path);
	if (!err && weir_arg_given(node, "will_topic") && !weir_arg_given(node, "will"))
		err = weir_fail_arg(node, "will_topic", "add will=TEXT", "there is no will");
	return err ? err : weir_outbox_open(&mqtt->outbox, node, &ops, mqtt, mqtt->broker->peer, mqtt->broker->path);
}

static int sink_start(struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	return weir_outbox_start(mqtt->outbox);
}

static int sink_push(struct weir_node *node, const struct weir_block *in)
{
	struct weir_mqtt *mqtt = weir_state(node);

	return weir_outbox_push(mqtt->outbox, in);
}

static int sink_end(struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	return weir_outbox_end(mqtt->outbox);
}

static const char *sink_how(const struct weir_node *node)
{
	struct weir_mqtt *mqtt = weir_state(node);

	return weir_outbox_how(mqtt->outbox);
}

static const char *const version_words[] = { "v5", "v3", NULL };

#define MQTT_PARAMS                                                                                                   \
	WEIR_BROKER_PARAMS,                                                                                           \
		{ .name = "qos",                                                                                      \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_INT,                                                                                \
		  .fallback = "1",                                                                                    \
		  .max = 2,                                                                                           \
		  .help = "0: at most once, not confirmed; 1: at least once; 2: exactly once over one connection" },  \
		{ .name = "version",                                                                                  \
		  .style = WEIR_KEY,                                                                                  \
		  .value = WEIR_V_WORD,                                                                               \
		  .fallback = "v5",                                                                                   \
		  .words = version_words,                                                                             \
		  .help = "of the protocol: 5 or 3.1.1; with the latter messages carry no id, so duplicates are not " \
			  "recognised" },                                                                             \
		{ .name = "id", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "what the broker knows us by" },     \
	{                                                                                                             \
		.name = "keepalive", .style = WEIR_KEY, .value = WEIR_V_DURATION, .fallback = "60s", .min = 5,        \
		.max = 65535, .help = "how long a connection may be silent before it counts as lost"                  \
	}

static const struct weir_param source_params[] = {
	WEIR_INBOX_PARAMS,
	MQTT_PARAMS,
	{ .name = "session",
	  .style = WEIR_KEY,
	  .value = WEIR_V_DURATION,
	  .fallback = "1h",
	  .max = 4294967294,
	  .help = "how long the broker keeps messages for us when we are away: between runs, with id=" },
	{ 0 }
};

static const struct weir_param sink_params[] = {
	WEIR_OUTBOX_PARAMS,
	MQTT_PARAMS,
	{ .name = "retain",
	  .style = WEIR_KEY,
	  .value = WEIR_V_BOOL,
	  .help = "the broker keeps the last message for those who subscribe later" },
	{ .name = "will",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .help = "message that the broker publishes for us when we are gone without leave" },
	{ .name = "will_topic", .style = WEIR_KEY, .value = WEIR_V_TEXT, .help = "where; default: the topic" },
	{ 0 }
};

static const struct weir_source_ops source_ops = {
	.state_bytes = sizeof(struct weir_mqtt),
	.open = source_open,
	.produce = source_produce,
	.stop = source_stop,
	.close = mqtt_close,
	.how = source_how,
};

static const struct weir_sink_ops sink_ops = {
	.state_bytes = sizeof(struct weir_mqtt),
	.open = sink_open,
	.start = sink_start,
	.push = sink_push,
	.end = sink_end,
	.close = mqtt_close,
	.how = sink_how,
};

const struct weir_driver weir_bridge_mqtt = {
	.name = "mqtt",
	.doc = "messages of an MQTT broker",
	.target = "//[USER@]HOST[:PORT]/TOPIC",
	.source_params = source_params,
	.sink_params = sink_params,
	.source = &source_ops,
	.sink = &sink_ops,
};
