/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of `kafka`. Its operations are in a module, made of kafka.c. */
#include "devices/kafka_client.h"

static const char *const from_words[] = { "latest", "earliest", NULL };

#define KAFKA_PARAMS \
	WEIR_P_TEXT("sasl", struct weir_kafka, sasl, "PLAIN", "SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")

static const struct weir_param source_params[] = {
	WEIR_BRIDGE_SOURCE_PARAMS(struct weir_kafka),
	KAFKA_PARAMS,
	WEIR_P_TEXT(
		"group", struct weir_kafka, group, NULL,
		"consumer group, which shares messages and continues at its offset; default: no group, from now on"),
	WEIR_P_WORD("from", struct weir_kafka, places.is_earliest, "latest", from_words,
		    "start in a topic where the group has no offset, or without a group"),
	{ 0 }
};

static const struct weir_param sink_params[] = {
	WEIR_BRIDGE_SINK_PARAMS(struct weir_kafka),
	KAFKA_PARAMS,
	WEIR_P_TEXT("message_key", struct weir_kafka, message_key, NULL,
		    "key of all messages, which decides their partition; default: a key of this sink"),
	{ 0 }
};

static const struct weir_library library = {
	.name = "librdkafka",
	.package = "librdkafka1",
	.build_package = "librdkafka-dev",
	.weir_package = "weir-brokers",
};

const struct weir_driver weir_bridge_kafka = {
	.name = "kafka",
	.doc = "messages of a Kafka topic",
	.target = "//[USER@]HOST[:PORT]/TOPIC",
	.source_params = source_params,
	.sink_params = sink_params,
	.library = &library,
	.source = &weir_unopened_source,
	.sink = &weir_unopened_sink,
};
