/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file mqtt_client.h
 * @brief An MQTT client as a link: it connects, is served by whoever needs it, and hands what comes to an inbox or an outbox.
 *
 * libmosquitto is used without its thread, so all of it runs on the thread of the link.
 */
#ifndef WEIR_DEVICES_MQTT_CLIENT_H
#define WEIR_DEVICES_MQTT_CLIENT_H

#include <mosquitto.h>

#include "weir/broker.h"
#include "weir/inbox.h"
#include "weir/outbox.h"

#define WEIR_MQTT_ID "weir-id" /**< the user property that carries a message's id */

enum weir_mqtt_state { WEIR_MQTT_WAITS, WEIR_MQTT_IS_UP, WEIR_MQTT_IS_LOST, WEIR_MQTT_IS_REFUSED };

/** The driver sets what stands before `client` until the link is opened, and leaves the rest alone. */
struct weir_mqtt {
	struct weir_node *node;
	struct weir_broker *broker;
	struct weir_inbox *inbox; /**< a source */
	struct weir_link *link;   /**< a source's; an outbox has its own */
	struct weir_outbox *outbox;
	char client_id[48];
	bool is_v5, keeps_session, has_library;
	int qos;
	struct mosquitto *client;
	uint64_t mark, base; /**< a source: messages so far, and before this connection */
	bool is_ending;      /**< the broker sends no more; what it has sent is still to be read */
	enum weir_mqtt_state state;
	char why[WEIR_LINK_WHY];
	char said[WEIR_LINK_WHY]; /**< by the library, of what failed */
};

/** The link's operations, for struct weir_link_ops; their context is a struct weir_mqtt. */
int weir_mqtt_open(void *context, char why[WEIR_LINK_WHY]);
int weir_mqtt_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY]);
void weir_mqtt_shut(void *context);
void weir_mqtt_wait(void *context, struct weir_wait *wait);

/** @brief An error of libmosquitto in words; `errno` counts where it says so. @return -EIO; -EACCES: it will be no better. */
int weir_mqtt_explain(const struct weir_mqtt *mqtt, int err, char why[WEIR_LINK_WHY]);

#endif
