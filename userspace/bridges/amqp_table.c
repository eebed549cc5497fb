/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of `amqp`. Its operations are in a module, made of amqp.c. */
#include "devices/amqp_client.h"

#define AMQP_PARAMS                                                                              \
	WEIR_P_TEXT("vhost", struct weir_amqp, vhost, "\"/\"", "virtual host of the broker"),    \
		WEIR_P_TEXT("exchange", struct weir_amqp, exchange, NULL,                        \
			    "existing exchange; the target is then a routing key, not a queue"), \
		WEIR_P_BOOL("declare", struct weir_amqp, declares, "yes",                        \
			    "yes: make a missing queue, durable; no: the queue must exist")

static const struct weir_param source_params[] = {
	WEIR_BRIDGE_SOURCE_PARAMS(struct weir_amqp),
	AMQP_PARAMS,
	WEIR_P_TEXT(
		"queue", struct weir_amqp, queue, NULL,
		"with exchange=: queue that keeps messages while no reader is there; default: a queue for this run, "
		"which the broker keeps for 10 minutes while the connection is lost"),
	WEIR_P_INT("prefetch", struct weir_amqp, prefetch, "512",
		   "largest number of messages under way from the broker", .min = 1, .max = 65535),
	{ 0 }
};

static const struct weir_param sink_params[] = {
	WEIR_BRIDGE_SINK_PARAMS(struct weir_amqp),
	AMQP_PARAMS,
	WEIR_P_BOOL("persistent", struct weir_amqp, is_persistent, "yes",
		    "the broker keeps messages on disk, where their queue is durable"),
	{ 0 }
};

static const struct weir_library library = {
	.name = "librabbitmq",
	.package = "librabbitmq4",
	.build_package = "librabbitmq-dev",
	.weir_package = "weir-brokers",
};

const struct weir_driver weir_bridge_amqp = {
	.name = "amqp",
	.doc = "messages of an AMQP 0-9-1 broker, such as RabbitMQ",
	.target = "//[USER@]HOST[:PORT]/QUEUE",
	.source_params = source_params,
	.sink_params = sink_params,
	.library = &library,
	.source = &weir_unopened_source,
	.sink = &weir_unopened_sink,
};
