/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file mqtt_packet.h
 * @brief Packets of MQTT 5 and 3.1.1, as a client reads and writes them. Pure: no socket, no clock, no state. Any thread.
 *
 * What is read comes from a broker that may be hostile: each length is checked against what is there, each property against the
 * table of MQTT 5 (2.2.2), and nothing is allocated. Numbers in brackets are sections of the standard.
 */
#ifndef WEIR_MESSAGE_MQTT_PACKET_H
#define WEIR_MESSAGE_MQTT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/driver.h"

#define WEIR_MQTT_HEAD_MAX (5 + 2 + 65535 + 2) /**< bytes of a PUBLISH before its properties */
#define WEIR_MQTT_REFUSED 0x80                 /**< reason codes from here on are failures */

#define WEIR_MQTT_RETAINED_ONCE 0x10

enum weir_mqtt_type {
	WEIR_MQTT_CONNECT = 1,
	WEIR_MQTT_CONNACK,
	WEIR_MQTT_PUBLISH,
	WEIR_MQTT_PUBACK,
	WEIR_MQTT_PUBREC,
	WEIR_MQTT_PUBREL,
	WEIR_MQTT_PUBCOMP,
	WEIR_MQTT_SUBSCRIBE,
	WEIR_MQTT_SUBACK,
	WEIR_MQTT_UNSUBSCRIBE,
	WEIR_MQTT_UNSUBACK,
	WEIR_MQTT_PINGREQ,
	WEIR_MQTT_PINGRESP,
	WEIR_MQTT_DISCONNECT,
	WEIR_MQTT_AUTH,
};

/** Properties that weir has a use for. */
enum weir_mqtt_property_id {
	WEIR_MQTT_PAYLOAD_FORMAT = 0x01,
	WEIR_MQTT_EXPIRY = 0x02,
	WEIR_MQTT_CONTENT_TYPE = 0x03,
	WEIR_MQTT_RESPONSE_TOPIC = 0x08,
	WEIR_MQTT_CORRELATION = 0x09,
	WEIR_MQTT_SESSION_EXPIRY = 0x11,
	WEIR_MQTT_SERVER_KEEPALIVE = 0x13,
	WEIR_MQTT_REASON_STRING = 0x1f,
	WEIR_MQTT_RECEIVE_MAXIMUM = 0x21,
	WEIR_MQTT_MAXIMUM_QOS = 0x24,
	WEIR_MQTT_RETAIN_AVAILABLE = 0x25,
	WEIR_MQTT_USER_PROPERTY = 0x26,
	WEIR_MQTT_MAXIMUM_PACKET = 0x27,
};

struct weir_mqtt_property {
	uint8_t id;
	uint32_t number;         /**< of one that has a number */
	const char *name, *text; /**< name: of a user property. Neither ends in a zero */
	uint16_t n_name, n_text;
};

/** A packet from a broker. Pointers are into the bytes that were read. */
struct weir_mqtt_packet {
	enum weir_mqtt_type type;
	size_t bytes; /**< of the whole packet */
	/** Longer than what was asked for: of a PUBLISH only the head is there, of others nothing, and `bytes` are to be skipped. */
	bool is_cut;
	uint8_t qos;
	bool is_retained, is_repeated;
	bool is_resumed; /**< CONNACK: the broker has kept the session */
	uint16_t id;     /**< 0: none */
	uint8_t reason;  /**< of the answer; of a SUBACK, of its only subscription */
	const char *topic;
	uint16_t n_topic;
	const uint8_t *payload; /**< NULL where it is cut */
	uint32_t n_payload;
	const uint8_t *properties; /**< checked, for weir_mqtt_next() */
	uint32_t n_properties;
};

/**
 * @brief The packet at the beginning of `n` bytes.
 * @param most bytes of a packet; a longer PUBLISH is cut, a longer one of another type is malformed.
 * @param why set where it is malformed.
 * @return 1; 0: more bytes are needed; -EPROTO: malformed, or nothing that a broker may send to us.
 */
int weir_mqtt_read(const uint8_t *bytes, size_t n, bool is_v5, size_t most, struct weir_mqtt_packet *out,
		   const char **why) WEIR_MUST_CHECK;
/** @brief The next property; `*at`, first 0, is the place. @return false: there is none. */
bool weir_mqtt_next(const struct weir_mqtt_packet *packet, uint32_t *at, struct weir_mqtt_property *out);

/** Bytes to be written. Zero it at first; free `bytes` at last. */
struct weir_mqtt_out {
	uint8_t *bytes;
	size_t begin, n, capacity; /**< what waits is from begin up to n */
};

struct weir_mqtt_connect {
	bool is_v5, is_clean;
	const char *client_id, *user, *password; /**< the latter NULL: none */
	uint16_t keepalive_s;
	uint32_t session_s, packet_max; /**< MQTT 5 only; 0 in packet_max: no property */
	uint16_t receive_max;
	const char *will, *will_topic; /**< NULL: none */
	uint8_t will_qos;
	bool will_retain;
};

struct weir_mqtt_publish {
	bool is_v5, retains;
	uint8_t qos;
	uint16_t id; /**< with qos > 0 */
	const char *topic;
	const void *payload;
	uint32_t n_payload;
	const char *user_name, *user_text; /**< MQTT 5: a user property; NULL: none */
};

/* Each appends a packet. 0; -ENOMEM; -EMSGSIZE: a text is longer than 65535 bytes, or the packet than MQTT has numbers for. */
int weir_mqtt_write_connect(struct weir_mqtt_out *out, const struct weir_mqtt_connect *connect) WEIR_MUST_CHECK;
int weir_mqtt_write_publish(struct weir_mqtt_out *out, const struct weir_mqtt_publish *publish) WEIR_MUST_CHECK;
/** @param options the QoS; MQTT 5: with WEIR_MQTT_RETAINED_ONCE retained messages come only for a new subscription (3.8.3.1). */
int weir_mqtt_write_subscribe(struct weir_mqtt_out *out, bool is_v5, uint16_t id, const char *filter,
			      uint8_t options) WEIR_MUST_CHECK;
/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
int weir_mqtt_write_answer(struct weir_mqtt_out *out, enum weir_mqtt_type type, uint16_t id) WEIR_MUST_CHECK;
int weir_mqtt_write_ping(struct weir_mqtt_out *out) WEIR_MUST_CHECK;
/** @param drops_session MQTT 5: the broker is to forget the session. */
int weir_mqtt_write_disconnect(struct weir_mqtt_out *out, bool is_v5, bool drops_session) WEIR_MUST_CHECK;

/** @brief Bytes of that packet. */
size_t weir_mqtt_publish_bytes(const struct weir_mqtt_publish *publish);

/** @brief Can it be published to; subscribed to? (4.7) */
bool weir_mqtt_is_topic(const char *text);
bool weir_mqtt_is_filter(const char *text);

/** @brief A reason code of MQTT 5, or of a CONNACK of 3.1.1, in words. */
const char *weir_mqtt_reason(uint8_t code, bool is_v5);

#endif
