/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of `mqtt`. Its operations are in a module, made of mqtt.c. */
#include "devices/mqtt_client.h"

static const char *const version_words[] = { "v5", "v3", NULL };

#define MQTT_PARAMS                                                                                                    \
	WEIR_P_INT("qos", struct weir_mqtt, qos, "1",                                                                  \
		   "0: at most once, not confirmed; 1: at least once; 2: exactly once over one connection", .max = 2), \
		WEIR_P_WORD("version", struct weir_mqtt, version, "v5", version_words,                                 \
			    "of the protocol: 5 or 3.1.1; with the latter messages carry no id, so duplicates are "    \
			    "not recognised"),                                                                         \
		WEIR_P_TEXT("id", struct weir_mqtt, id, NULL, "MQTT client id"),                                       \
		WEIR_P_DURATION("keepalive", struct weir_mqtt, wanted_keepalive_ns, "60s",                             \
				"MQTT keep alive: silence after which a connection counts as lost", .min = 5,          \
				.max = 65535)

static const struct weir_param source_params[] = {
	WEIR_BRIDGE_SOURCE_PARAMS(struct weir_mqtt),
	WEIR_P_INT(
		"credit", struct weir_mqtt, credit, "20",
		"with ack=window: messages that the broker sends without an answer, such as max_inflight_messages of "
		"mosquitto",
		.min = 1, .max = 65535),
	MQTT_PARAMS,
	WEIR_P_DURATION(
		"session", struct weir_mqtt, session_ns, "1h",
		"session expiry: time for which the broker keeps messages between runs, with id=", .max = 4294967294),
	{ 0 }
};

static const struct weir_param sink_params[] = {
	WEIR_BRIDGE_SINK_PARAMS(struct weir_mqtt),
	MQTT_PARAMS,
	WEIR_P_BOOL("retain", struct weir_mqtt, retains, NULL,
		    "MQTT retain: the broker keeps the last message for later subscribers"),
	WEIR_P_TEXT("will", struct weir_mqtt, will, NULL,
		    "MQTT last will: message that the broker publishes after an unexpected end"),
	WEIR_P_TEXT("will_topic", struct weir_mqtt, will_topic, NULL, "topic of the last will; default: the topic"),
	{ 0 }
};

static const struct weir_library library = {
	.name = "OpenSSL",
	.package = "libssl3",
	.build_package = "libssl-dev",
	.weir_package = "weir-brokers",
};

const struct weir_driver weir_bridge_mqtt = {
	.name = "mqtt",
	.doc = "messages of an MQTT broker",
	.target = "//[USER@]HOST[:PORT]/TOPIC",
	.source_params = source_params,
	.sink_params = sink_params,
	.library = &library,
	.source = &weir_unopened_source,
	.sink = &weir_unopened_sink,
};
