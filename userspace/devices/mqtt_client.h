/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file mqtt_client.h
 * @brief An MQTT client as a link: it connects, is served by whoever needs it, and hands what comes to an inbox or an outbox.
 *
 * message/mqtt_packet.h reads and writes packets, mqtt_tls.h encrypts; here are the socket, the buffers and the order of things. All
 * on the thread of the link. Memory is bounded: by one packet of WEIR_MQTT_PACKET_MAX, by WEIR_MQTT_ACKS answers that are held, and
 * by one message that is being written.
 */
#ifndef WEIR_DEVICES_MQTT_CLIENT_H
#define WEIR_DEVICES_MQTT_CLIENT_H

#include "devices/mqtt_tls.h"
#include "message/mqtt_packet.h"
#include "weir/bridge.h"

#define WEIR_MQTT_ID "weir-id" /**< the user property that carries a message's id */
#define WEIR_MQTT_PACKET_MAX \
	(WEIR_INBOX_MESSAGE_MAX + (256u << 10)) /**< bytes; a longer message is skipped and counted */
/** Messages that a source has not answered for: as many as there are ids of packets. A broker keeps what is beyond in its memory only. */
#define WEIR_MQTT_ACKS 65535u

enum weir_mqtt_state {
	WEIR_MQTT_DIALS,  /**< a socket is being connected */
	WEIR_MQTT_SHAKES, /**< TLS */
	WEIR_MQTT_WAITS,  /**< for CONNACK, and a source for SUBACK */
	WEIR_MQTT_IS_UP,
	WEIR_MQTT_IS_LOST,
	WEIR_MQTT_IS_REFUSED,
};

/** In place of a property's id: what the head of a packet says. */
enum { WEIR_MQTT_IS_RETAINED = 256, WEIR_MQTT_HAS_QOS };

/** A message whose answer is held until its records have been worked off. */
struct weir_mqtt_ack {
	uint64_t mark;
	uint16_t id;
	uint8_t qos;
};

/** The driver sets the members before `state` until the link is opened, and leaves the rest alone. */
struct weir_mqtt {
	struct weir_bridge bridge;
	/* Arguments. */
	const char *id, *will, *will_topic; /**< NULL: not given */
	enum { WEIR_MQTT_V5, WEIR_MQTT_V3 } version;
	int64_t wanted_keepalive_ns, session_ns;
	uint32_t credit;
	bool retains;
	uint8_t qos;
	const char *client_id;
	char made_id[32]; /* where none is given */
	bool is_v5, keeps_session;
	enum weir_mqtt_state state;
	struct weir_dial dial;
	int fd; /**< -1: none */
	struct weir_mqtt_tls *tls;
	bool is_greeted;          /**< CONNACK has come */
	bool is_resumed;          /**< the broker has kept the session */
	bool is_ended, is_broken; /**< the broker sends no more; takes no more */
	bool has_served;          /**< in any connection: a message was delivered, or came */
	bool has_subscribed;      /**< the broker has taken our subscription, in any connection */
	bool is_denied;           /**< refused for want of a permission, after CONNACK */
	bool is_hung_up;          /**< lost, perhaps because of a message */
	bool is_at_message;       /**< lost because of a message, as the broker says */
	uint8_t *in;              /**< what was read */
	size_t in_begin, in_n, in_capacity;
	size_t skips;  /**< bytes of a message that is left out */
	bool has_more; /**< it has left something unread */
	struct weir_mqtt_out out;
	int64_t keepalive_ns, written_ns, heard_ns, asked_ns; /**< asked_ns: of a ping without answer, or 0 */
	/* A source. */
	uint64_t mark;             /**< messages so far */
	struct weir_mqtt_ack *ack; /**< WEIR_MQTT_ACKS, n_acks of them from first_ack on */
	uint32_t first_ack, n_acks;
	uint8_t taken[65536 / 8]; /**< ids of QoS 2 that have come and are not released yet */
	/* A sink. */
	uint16_t last_id;
	uint32_t n_unanswered, receive_max;
	size_t packet_max;             /**< that the broker takes */
	uint64_t n_written, n_settled; /**< QoS 0: messages in `out` so far; of these, with the socket */
	char why[WEIR_LINK_WHY];
};

/** The link's operations, for struct weir_link_ops; their context is a struct weir_mqtt. */
int weir_mqtt_open(void *context, char why[WEIR_LINK_WHY]);
int weir_mqtt_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY]);
void weir_mqtt_shut(void *context);
void weir_mqtt_wait(void *context, struct weir_wait *wait);

/** An outbox's operations, with the same context. */
int weir_mqtt_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY]);
void weir_mqtt_flush(void *context);

/** @brief Free what the client has, after the link was closed. */
void weir_mqtt_free(struct weir_mqtt *mqtt);

/* mqtt_packets.c: what packets mean. */

/** @brief The first reason for which the connection is lost or refused. */
void weir_mqtt_fall(struct weir_mqtt *mqtt, enum weir_mqtt_state state, const char *why);
/** @brief A packet has come. May write, put into the inbox, settle, or let the connection fall. */
void weir_mqtt_handle(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet);
/** @brief A source: answer for what was worked off. */
void weir_mqtt_answer(struct weir_mqtt *mqtt);
/** @brief The first packet. 0, -ENOMEM, -EMSGSIZE. */
int weir_mqtt_greet(struct weir_mqtt *mqtt) WEIR_MUST_CHECK;

#endif
