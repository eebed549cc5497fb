/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What packets mean: mqtt_client.c moves their bytes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/mqtt_client.h"
#include "devices/openssl_exit.h"

#define SUBSCRIPTION 1 /* the id of the only one */

void weir_mqtt_fall(struct weir_mqtt *mqtt, enum weir_mqtt_state state, const char *why)
{
	if (mqtt->state >= WEIR_MQTT_IS_LOST)
		return;
	mqtt->state = state;
	snprintf(mqtt->why, sizeof(mqtt->why), "%s", why);
}

/* The first property of an id, and of a name where it has one. */
static bool find_property(const struct weir_mqtt_packet *packet, int id, const char *name,
			  struct weir_mqtt_property *property)
{
	uint32_t at = 0;

	while (weir_mqtt_next(packet, &at, property))
		if (property->id == id && (!property->name || (property->n_name == strlen(name) &&
							       !memcmp(property->name, name, property->n_name))))
			return true;
	return false;
}

/* The reason of a packet in words, and in those of the broker where it has some. */
static void fall_for(struct weir_mqtt *mqtt, enum weir_mqtt_state state, const struct weir_mqtt_packet *packet)
{
	char why[WEIR_LINK_WHY];
	struct weir_mqtt_property property;
	int n = snprintf(why, sizeof(why), "%s", weir_mqtt_reason(packet->reason, mqtt->is_v5));

	if (find_property(packet, WEIR_MQTT_REASON_STRING, NULL, &property) && property.n_text)
		snprintf(why + n, sizeof(why) - (size_t)n, ": %.*s", property.n_text < 80 ? property.n_text : 80,
			 property.text);
	weir_mqtt_fall(mqtt, state, why);
}

static void need_room(struct weir_mqtt *mqtt, int err)
{
	if (err < 0)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, strerror(-err));
}

/* -------------------------------------------------------------------- connect */

int weir_mqtt_greet(struct weir_mqtt *mqtt)
{
	struct weir_mqtt_connect connect = {
		.is_v5 = mqtt->is_v5,
		.is_clean = !mqtt->keeps_session,
		.client_id = mqtt->client_id,
		.user = mqtt->bridge.broker->user,
		.password = mqtt->bridge.broker->password,
		.keepalive_s = (uint16_t)(mqtt->wanted_keepalive_ns / 1000000000),
		.session_s = mqtt->keeps_session ? (uint32_t)(mqtt->session_ns / 1000000000) : 0,
		.packet_max = mqtt->bridge.inbox ? WEIR_MQTT_PACKET_MAX : WEIR_MQTT_HEAD_MAX,
		.receive_max = mqtt->bridge.inbox ? WEIR_MQTT_ACKS : 0,
		.will = mqtt->will,
		.will_topic = mqtt->will_topic ? mqtt->will_topic : mqtt->bridge.broker->path,
		.will_qos = mqtt->qos,
		.will_retain = mqtt->retains,
	};

	mqtt->keepalive_ns = mqtt->wanted_keepalive_ns;
	mqtt->receive_max = UINT16_MAX;
	mqtt->packet_max = SIZE_MAX;
	return weir_mqtt_write_connect(&mqtt->out, &connect);
}

/* It would be the same the next time. */
static bool is_final(const struct weir_mqtt *mqtt, uint8_t reason)
{
	static const uint8_t final[] = { 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c, 0x90, 0x95, 0x9a, 0x9b, 0x9d };

	if (!mqtt->is_v5)
		return reason == 1 || reason == 2 || reason == 4 || reason == 5;
	return memchr(final, reason, sizeof(final));
}

static void take_limit(struct weir_mqtt *mqtt, const struct weir_mqtt_property *limit)
{
	char why[WEIR_LINK_WHY];

	if (limit->id == WEIR_MQTT_SERVER_KEEPALIVE)
		mqtt->keepalive_ns = limit->number ? (int64_t)limit->number * 1000000000 : INT64_MAX / 2;
	else if (limit->id == WEIR_MQTT_RECEIVE_MAXIMUM)
		mqtt->receive_max = limit->number;
	else if (limit->id == WEIR_MQTT_MAXIMUM_PACKET)
		mqtt->packet_max = limit->number;
	if (mqtt->bridge.inbox)
		return;
	snprintf(why, sizeof(why), "the broker takes qos=%u at most", (unsigned)limit->number);
	if (limit->id == WEIR_MQTT_MAXIMUM_QOS && limit->number < mqtt->qos)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_REFUSED, why);
	if (limit->id == WEIR_MQTT_RETAIN_AVAILABLE && !limit->number && mqtt->retains)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_REFUSED, "the broker does not retain messages: leave out retain");
}

static void connected(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	struct weir_mqtt_property property;
	bool is_known = packet->is_resumed && mqtt->has_subscribed && mqtt->is_v5 && mqtt->qos;
	uint32_t at = 0;

	mqtt->is_greeted = true;
	mqtt->is_resumed = packet->is_resumed;
	while (weir_mqtt_next(packet, &at, &property))
		take_limit(mqtt, &property);
	if (!packet->is_resumed)
		memset(mqtt->taken, 0, sizeof(mqtt->taken));
	/* Of a subscription that the broker has kept, retained messages have come already: they would be old news. */
	if (mqtt->bridge.inbox)
		need_room(mqtt, weir_mqtt_write_subscribe(&mqtt->out, mqtt->is_v5, SUBSCRIPTION,
							  weir_inbox_pattern(mqtt->bridge.inbox),
							  mqtt->qos | (is_known ? WEIR_MQTT_RETAINED_ONCE : 0)));
	else if (mqtt->state == WEIR_MQTT_WAITS)
		mqtt->state = WEIR_MQTT_IS_UP;
}

static void take_connack(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	bool is_old = packet->reason == 1 || packet->reason == 0x84;

	if (!packet->reason)
		connected(mqtt, packet);
	else if (is_old && mqtt->is_v5)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_REFUSED, "the broker does not know MQTT 5: write version=v3");
	else
		fall_for(mqtt, is_final(mqtt, packet->reason) ? WEIR_MQTT_IS_REFUSED : WEIR_MQTT_IS_LOST, packet);
}

/* Fewer promises than were asked for are told of, once in a run. */
static void subscribed(struct weir_mqtt *mqtt, uint8_t qos)
{
	if (qos < mqtt->qos && !mqtt->has_subscribed)
		weir_warn(mqtt->bridge.node, "the broker delivers with qos=%u, and not with qos=%u", (unsigned)qos,
			  (unsigned)mqtt->qos);
	mqtt->has_subscribed = true;
}

static void take_suback(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	if (packet->reason == 0x91 || packet->reason == 0x97)
		fall_for(mqtt, WEIR_MQTT_IS_LOST, packet);
	else if (packet->reason >= WEIR_MQTT_REFUSED)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_REFUSED, "the broker does not let us subscribe to this topic");
	else
		subscribed(mqtt, packet->reason);
	if (mqtt->state == WEIR_MQTT_WAITS)
		mqtt->state = WEIR_MQTT_IS_UP;
}

/* Permission for the only topic is missing, or `retain` or `qos` is not supported: it would be the same the next time, unless the broker
 * has served us before. */
static bool is_denied(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	static const uint8_t of_all[] = { 0x87, 0x90, 0x9a, 0x9b };

	if (mqtt->has_served || !memchr(of_all, packet->reason, sizeof(of_all)))
		return false;
	mqtt->is_denied = true;
	fall_for(mqtt, WEIR_MQTT_IS_REFUSED, packet);
	return true;
}

/* Reasons that may lie in the message that was under way: it is then tried alone. A packet that is too large, and a malformed payload,
 * do: a quota (0x97) may be exceeded by whatever comes next. */
static void take_disconnect(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	static const uint8_t of_message[] = { 0x80, 0x81, 0x82, 0x83, 0x87, 0x90, 0x97, 0x9a, 0x9b };

	if (is_denied(mqtt, packet))
		return;
	mqtt->is_hung_up = memchr(of_message, packet->reason, sizeof(of_message));
	mqtt->is_at_message = packet->reason == 0x95 || packet->reason == 0x99;
	if (packet->reason)
		fall_for(mqtt, WEIR_MQTT_IS_LOST, packet);
	else
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, "the broker closed the connection");
}

/* --------------------------------------------------------------------- source */

static bool is_taken(const struct weir_mqtt *mqtt, uint16_t id)
{
	return mqtt->taken[id / 8] >> id % 8 & 1;
}

static void hold_answer(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	if (!packet->qos)
		return;
	mqtt->ack[(mqtt->first_ack + mqtt->n_acks++) % WEIR_MQTT_ACKS] =
		(struct weir_mqtt_ack){ .mark = mqtt->mark, .id = packet->id, .qos = packet->qos };
}

/* A text that ends in a zero: its length before it is no longer needed. */
static const char *end_topic(const struct weir_mqtt_packet *packet)
{
	char *topic = (char *)(uintptr_t)packet->topic - 1;

	memmove(topic, topic + 1, packet->n_topic);
	topic[packet->n_topic] = 0;
	return topic;
}

/* Of user properties with one name, the first. */
static void get_property(const void *context, const struct weir_inbox_property *wanted, const char *name,
			 struct weir_inbox_value *value)
{
	const struct weir_mqtt_packet *packet = context;
	struct weir_mqtt_property property;

	if (wanted->id == WEIR_MQTT_IS_RETAINED)
		value->integer = packet->is_retained;
	if (wanted->id == WEIR_MQTT_HAS_QOS)
		value->integer = packet->qos;
	if (!find_property(packet, wanted->id, name, &property))
		return;
	value->text = property.text;
	value->n = property.n_text;
	value->real = property.number;
	value->integer = property.number;
}

static void put_message(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet, bool was_taken)
{
	struct weir_inbox_message message = { .topic = end_topic(packet),
					      .bytes = packet->payload,
					      .n = packet->n_payload,
					      .mark = ++mqtt->mark,
					      .may_repeat = mqtt->is_resumed && packet->is_repeated,
					      .was_taken = was_taken,
					      .get = get_property,
					      .context = packet };
	struct weir_mqtt_property property;

	if (packet->is_cut)
		message.n = SIZE_MAX; /* however long: it is counted, and left out */
	if (find_property(packet, WEIR_MQTT_USER_PROPERTY, WEIR_MQTT_ID, &property)) {
		message.id = property.text;
		message.n_id = property.n_text;
	}
	weir_inbox_put(mqtt->bridge.inbox, &message);
}

/* What has come once with QoS 2 is not read again until the broker has released its id. */
static void take_message(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	/* Of a session that the broker has kept: what it sends us comes before the answer to our subscription. */
	if (mqtt->state == WEIR_MQTT_WAITS)
		mqtt->state = WEIR_MQTT_IS_UP;
	mqtt->has_served = true;
	put_message(mqtt, packet, packet->qos == 2 && is_taken(mqtt, packet->id));
	if (packet->qos == 2)
		mqtt->taken[packet->id / 8] |= (uint8_t)(1u << packet->id % 8);
	hold_answer(mqtt, packet);
}

static void release(struct weir_mqtt *mqtt, uint16_t id)
{
	mqtt->taken[id / 8] &= (uint8_t) ~(1u << id % 8);
	need_room(mqtt, weir_mqtt_write_answer(&mqtt->out, WEIR_MQTT_PUBCOMP, id));
}

static struct weir_mqtt_ack *ack_at(struct weir_mqtt *mqtt, uint32_t i)
{
	return &mqtt->ack[(mqtt->first_ack + i) % WEIR_MQTT_ACKS];
}

static void write_ack(struct weir_mqtt *mqtt, const struct weir_mqtt_ack *ack)
{
	enum weir_mqtt_type type = ack->qos == 1 ? WEIR_MQTT_PUBACK : WEIR_MQTT_PUBREC;

	need_room(mqtt, weir_mqtt_write_answer(&mqtt->out, type, ack->id));
}

static void take_out(struct weir_mqtt *mqtt, uint32_t i)
{
	for (mqtt->n_acks--; i < mqtt->n_acks; i++)
		*ack_at(mqtt, i) = *ack_at(mqtt, i + 1);
}

/* The standard wants answers in order. Brokers find a message by its id, and without these no other would come. */
static void answer_ahead(struct weir_mqtt *mqtt)
{
	uint64_t mark;

	while ((mark = weir_inbox_next_ahead(mqtt->bridge.inbox)))
		for (uint32_t i = mqtt->n_acks; i--;)
			if (ack_at(mqtt, i)->mark == mark) {
				write_ack(mqtt, ack_at(mqtt, i));
				take_out(mqtt, i);
			}
}

void weir_mqtt_answer(struct weir_mqtt *mqtt)
{
	uint64_t settled = mqtt->n_acks ? weir_inbox_settled(mqtt->bridge.inbox) : 0;

	while (mqtt->n_acks && ack_at(mqtt, 0)->mark <= settled) {
		write_ack(mqtt, ack_at(mqtt, 0));
		mqtt->first_ack = (mqtt->first_ack + 1) % WEIR_MQTT_ACKS;
		mqtt->n_acks--;
	}
	if (mqtt->n_acks)
		answer_ahead(mqtt);
}

/* ----------------------------------------------------------------------- sink */

static void settle(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	if (packet->reason == 0x80) { /* it may be taken later */
		mqtt->is_hung_up = true;
		fall_for(mqtt, WEIR_MQTT_IS_LOST, packet);
		return;
	}
	if (is_denied(mqtt, packet))
		return;
	mqtt->has_served |= packet->reason < WEIR_MQTT_REFUSED;
	mqtt->n_unanswered -= mqtt->n_unanswered > 0;
	weir_outbox_settle(mqtt->bridge.outbox, packet->id,
			   packet->reason == 0x97                ? WEIR_OUTBOX_POSTPONED
			   : packet->reason >= WEIR_MQTT_REFUSED ? WEIR_OUTBOX_REJECTED
								 : WEIR_OUTBOX_DELIVERED);
}

static void take_answer(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	enum weir_mqtt_type last = mqtt->qos == 2 ? WEIR_MQTT_PUBCOMP : WEIR_MQTT_PUBACK;

	if (packet->type == last || (mqtt->qos == 2 && packet->reason >= WEIR_MQTT_REFUSED))
		settle(mqtt, packet);
	else if (mqtt->qos == 2 && packet->type == WEIR_MQTT_PUBREC)
		need_room(mqtt, weir_mqtt_write_answer(&mqtt->out, WEIR_MQTT_PUBREL, packet->id));
	else
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, "the broker sends an answer to no message");
}

/* ------------------------------------------------------------------------ all */

static void handle_source(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	if (packet->type == WEIR_MQTT_SUBACK && packet->id == SUBSCRIPTION)
		take_suback(mqtt, packet);
	else if (packet->type == WEIR_MQTT_PUBLISH)
		take_message(mqtt, packet);
	else if (packet->type == WEIR_MQTT_PUBREL)
		release(mqtt, packet->id);
	else
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, "the broker sends an answer to nothing");
}

static void handle_sink(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	if (mqtt->qos && packet->type >= WEIR_MQTT_PUBACK && packet->type <= WEIR_MQTT_PUBCOMP &&
	    packet->type != WEIR_MQTT_PUBREL)
		take_answer(mqtt, packet);
	else
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, "the broker sends something that was not asked for");
}

void weir_mqtt_handle(struct weir_mqtt *mqtt, const struct weir_mqtt_packet *packet)
{
	if ((packet->type == WEIR_MQTT_CONNACK) == mqtt->is_greeted)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, "the broker does not begin with one CONNACK");
	else if (packet->type == WEIR_MQTT_CONNACK)
		take_connack(mqtt, packet);
	else if (packet->type == WEIR_MQTT_DISCONNECT)
		take_disconnect(mqtt, packet);
	else if (packet->type == WEIR_MQTT_PINGRESP)
		mqtt->asked_ns = 0;
	else if (mqtt->bridge.inbox)
		handle_source(mqtt, packet);
	else
		handle_sink(mqtt, packet);
}
