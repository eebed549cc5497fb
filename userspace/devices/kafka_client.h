/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file kafka_client.h
 * @brief A connection to a Kafka cluster: the functions of a link (weir/link.h), whose `context` is a struct weir_kafka. One thread.
 */
#ifndef WEIR_DEVICES_KAFKA_CLIENT_H
#define WEIR_DEVICES_KAFKA_CLIENT_H

#include "devices/kafka_places.h"
#include "weir/bridge.h"

#define WEIR_KAFKA_ID "weir-id" /**< header with a message's id */
#define WEIR_KAFKA_TAKEN 4096   /**< messages that may be on their way down the chains */
#define WEIR_KAFKA_SLACK 64     /**< for what comes after the broker was asked for no more */

struct rd_kafka_queue_s; /* librdkafka's */

enum weir_kafka_state { WEIR_KAFKA_WAITS, WEIR_KAFKA_IS_UP, WEIR_KAFKA_IS_LOST, WEIR_KAFKA_IS_REFUSED };

struct weir_kafka {
	struct weir_bridge bridge;
	/* Arguments. */
	const char *sasl;
	const char *group, *message_key; /**< NULL: not given */
	uintptr_t
		n_sent; /* tells apart what is on its way: a message's id may be longer than the pointer that comes back */
	struct rd_kafka_s *client;
	struct rd_kafka_queue_s *queue; /* that announces itself by `news` */
	int news;                       /* eventfd; -1: none */
	/* A source: where the messages were that are not settled, the oldest first, and the mark of the last. */
	struct weir_kafka_taken {
		int32_t partition;
		int64_t offset;
		uint64_t mark;
	} taken[WEIR_KAFKA_TAKEN + WEIR_KAFKA_SLACK];
	uint32_t n_taken;
	bool is_paused;  /* the broker is asked for nothing */
	int64_t full_ns; /* without room since then, and not paused; 0: there is room */
	bool is_alone;   /* a source in no group */
	struct weir_kafka_places places;
	int64_t asked_ns; /* when the topic was asked for first, or last for new partitions */
	bool knows_group; /* it is known whether it has been in the topic before */
	bool has_served;  /* the broker has given us something, or taken it */
	uint64_t mark;
	enum weir_kafka_state state;
	char why[WEIR_LINK_WHY];
};

extern const struct weir_inbox_property weir_kafka_properties[];

int weir_kafka_open(void *context, char why[WEIR_LINK_WHY]);
int weir_kafka_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY]);
void weir_kafka_shut(void *context);
void weir_kafka_wait(void *context, struct weir_wait *wait);

#endif
