/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sink begins each connection with a new client, so that what was under way is sent again by the outbox alone, in order. A
 * source keeps its session at the broker, so that what is published while it is away is delivered when it is back.
 */
#include "devices/mqtt_client.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES "/etc/ssl/certs"
#define MISC_NS INT64_C(1000000000) /* how often libmosquitto wants to look at its clock */
#define REFUSED_FROM 0x80           /* reason codes of MQTT 5 */
#define BATCH 64                    /* packets that a source reads before their messages become records */

/* ---------------------------------------------------------------- connection */

static void fall(struct weir_mqtt *mqtt, enum weir_mqtt_state state, const char *why)
{
	if (mqtt->state >= WEIR_MQTT_IS_LOST)
		return; /* the first reason is the one */
	mqtt->state = state;
	snprintf(mqtt->why, sizeof(mqtt->why), "%s", why);
}

static bool is_final(const struct weir_mqtt *mqtt, int reason)
{
	if (!mqtt->is_v5)
		return reason == 1 || reason == 2 || reason == 4 || reason == 5;
	return reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || reason == 1 || reason == MQTT_RC_CLIENTID_NOT_VALID ||
	       reason == MQTT_RC_BAD_USERNAME_OR_PASSWORD || reason == MQTT_RC_NOT_AUTHORIZED ||
	       reason == MQTT_RC_BANNED;
}

static void subscribe(struct weir_mqtt *mqtt)
{
	int err = mosquitto_subscribe_v5(mqtt->client, NULL, weir_inbox_pattern(mqtt->inbox), mqtt->qos, 0, NULL);

	if (err)
		fall(mqtt, WEIR_MQTT_IS_LOST, mosquitto_strerror(err));
}

static void on_connect(struct mosquitto *client, void *context, int reason, int flags,
		       const mosquitto_property *properties)
{
	struct weir_mqtt *mqtt = context;
	bool is_old = reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || reason == 1;

	(void)client;
	(void)flags;
	(void)properties;
	if (!reason && mqtt->inbox)
		subscribe(mqtt);
	else if (!reason)
		mqtt->state = WEIR_MQTT_IS_UP;
	else if (is_old && mqtt->is_v5)
		fall(mqtt, WEIR_MQTT_IS_REFUSED, "the broker does not know MQTT 5: write version=v3");
	else
		fall(mqtt, is_final(mqtt, reason) ? WEIR_MQTT_IS_REFUSED : WEIR_MQTT_IS_LOST,
		     mqtt->is_v5 ? mosquitto_reason_string(reason) : mosquitto_connack_string(reason));
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int n, const int *granted,
			 const mosquitto_property *properties)
{
	struct weir_mqtt *mqtt = context;

	(void)client;
	(void)mid;
	(void)properties;
	if (n > 0 && granted[0] >= REFUSED_FROM)
		fall(mqtt, WEIR_MQTT_IS_REFUSED, "the broker does not let us subscribe to this topic");
	else
		mqtt->state = WEIR_MQTT_IS_UP;
}

static void on_disconnect(struct mosquitto *client, void *context, int reason, const mosquitto_property *properties)
{
	struct weir_mqtt *mqtt = context;

	(void)client;
	(void)properties;
	if (reason == MOSQ_ERR_TLS)
		return; /* serve() has more to say of it */
	/* Below 0x80 it is an error of the library; from there on, what the broker said in its DISCONNECT. */
	fall(mqtt, WEIR_MQTT_IS_LOST,
	     reason >= REFUSED_FROM ? mosquitto_reason_string(reason) : "the connection was closed");
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message,
		       const mosquitto_property *properties)
{
	struct weir_mqtt *mqtt = context;
	char *name = NULL, *value = NULL;
	bool skips = false;

	(void)client;
	while ((properties = mosquitto_property_read_string_pair(properties, MQTT_PROP_USER_PROPERTY, &name, &value,
								 skips))) {
		if (!strcmp(name, WEIR_MQTT_ID))
			break;
		free(name);
		free(value);
		name = value = NULL;
		skips = true;
	}
	weir_inbox_put(mqtt->inbox, &(struct weir_inbox_message){ .topic = message->topic,
								  .bytes = message->payload,
								  .n = (size_t)message->payloadlen,
								  .id = value,
								  .n_id = value ? strlen(value) : 0,
								  .mark = ++mqtt->mark });
	free(name);
	free(value);
}

static void on_publish(struct mosquitto *client, void *context, int mid, int reason,
		       const mosquitto_property *properties)
{
	struct weir_mqtt *mqtt = context;

	(void)client;
	(void)properties;
	if (!mqtt->qos)
		return; /* settled when it was sent */
	if (reason == MQTT_RC_QUOTA_EXCEEDED || reason == MQTT_RC_UNSPECIFIED)
		fall(mqtt, WEIR_MQTT_IS_LOST, mosquitto_reason_string(reason)); /* it may be taken later */
	else
		weir_outbox_settle(mqtt->outbox, (uint64_t)mid,
				   reason >= REFUSED_FROM ? WEIR_OUTBOX_REJECTED : WEIR_OUTBOX_DELIVERED);
}

/* What TLS thinks of the broker is said nowhere else. */
static void on_log(struct mosquitto *client, void *context, int level, const char *text)
{
	struct weir_mqtt *mqtt = context;

	(void)client;
	if (level == MOSQ_LOG_ERR && !*mqtt->said) /* the first says most */
		snprintf(mqtt->said, sizeof(mqtt->said), "%s", text);
}

static int set_tls(struct weir_mqtt *mqtt)
{
	const struct weir_broker *broker = mqtt->broker;
	int err;

	if (!broker->has_tls)
		return 0;
	err = mosquitto_tls_set(mqtt->client, broker->ca, broker->ca ? NULL : CERTIFICATES, broker->cert, broker->key,
				NULL);
	if (!err && broker->is_unchecked)
		err = mosquitto_tls_insecure_set(mqtt->client, true);
	if (!err && broker->is_unchecked)
		err = mosquitto_tls_opts_set(mqtt->client, 0, NULL, NULL);
	return err;
}

static int set_will(struct weir_mqtt *mqtt)
{
	const char *will, *topic;

	if (mqtt->inbox)
		return 0;
	will = weir_arg_text(mqtt->node, "will");
	topic = weir_arg_text(mqtt->node, "will_topic");
	if (!will)
		return 0;
	return mosquitto_will_set(mqtt->client, topic ? topic : mqtt->broker->path, (int)strlen(will), will, mqtt->qos,
				  weir_arg_int(mqtt->node, "retain"));
}

static int configure(struct weir_mqtt *mqtt)
{
	const struct weir_broker *broker = mqtt->broker;
	int err = mosquitto_int_option(mqtt->client, MOSQ_OPT_PROTOCOL_VERSION,
				       mqtt->is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);

	mosquitto_connect_v5_callback_set(mqtt->client, on_connect);
	mosquitto_disconnect_v5_callback_set(mqtt->client, on_disconnect);
	mosquitto_subscribe_v5_callback_set(mqtt->client, on_subscribe);
	mosquitto_message_v5_callback_set(mqtt->client, on_message);
	mosquitto_publish_v5_callback_set(mqtt->client, on_publish);
	mosquitto_log_callback_set(mqtt->client, on_log);
	if (!err)
		err = mosquitto_int_option(mqtt->client, MOSQ_OPT_TCP_NODELAY, 1);
	if (!err)
		err = mosquitto_max_inflight_messages_set(mqtt->client, WEIR_OUTBOX_WINDOW);
	/* Some brokers send more than they were told to; what we take at one time is bounded by the socket. */
	if (!err)
		err = mosquitto_int_option(mqtt->client, MOSQ_OPT_RECEIVE_MAXIMUM, UINT16_MAX);
	if (!err && broker->user)
		err = mosquitto_username_pw_set(mqtt->client, broker->user, broker->password);
	if (!err)
		err = set_tls(mqtt);
	return err ? err : set_will(mqtt);
}

/* The broker keeps a session for as long as the argument says. */
static int add_expiry(const struct weir_mqtt *mqtt, mosquitto_property **properties)
{
	int64_t seconds = mqtt->keeps_session ? weir_arg_int(mqtt->node, "session") / 1000000000 : 0;

	if (!mqtt->is_v5 || !seconds)
		return 0;
	return mosquitto_property_add_int32(properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, (uint32_t)seconds);
}

static int explain_tls(const struct weir_mqtt *mqtt, char *why)
{
	if (strstr(mqtt->said, "host name verification failed"))
		return weir_broker_doubt(mqtt->broker, "it is for another host", why);
	if (strstr(mqtt->said, "certificate verify failed"))
		return weir_broker_doubt(mqtt->broker, NULL, why);
	snprintf(why, WEIR_LINK_WHY, "TLS failed: %.120s", *mqtt->said ? mqtt->said : "the broker may not speak it");
	return -EIO;
}

int weir_mqtt_explain(const struct weir_mqtt *mqtt, int err, char why[WEIR_LINK_WHY])
{
	int number = errno;

	if (err == MOSQ_ERR_TLS)
		return explain_tls(mqtt, why);
	snprintf(why, WEIR_LINK_WHY, "%s", err == MOSQ_ERR_ERRNO ? strerror(number) : mosquitto_strerror(err));
	return -EIO;
}

static int begin(struct weir_mqtt *mqtt, char *why)
{
	mosquitto_property *properties = NULL;
	int err;

	mqtt->client = mosquitto_new(mqtt->client_id, !mqtt->keeps_session, mqtt);
	if (!mqtt->client)
		return -ENOMEM;
	err = configure(mqtt);
	if (!err)
		err = add_expiry(mqtt, &properties);
	if (!err)
		err = mosquitto_connect_bind_v5(mqtt->client, mqtt->broker->host, mqtt->broker->port,
						(int)(weir_arg_int(mqtt->node, "keepalive") / 1000000000), NULL,
						properties);
	if (err)
		err = weir_mqtt_explain(mqtt, err, why);
	mosquitto_property_free_all(&properties);
	return err;
}

int weir_mqtt_open(void *context, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt *mqtt = context;
	int err = weir_broker_reach(mqtt->broker, why);

	mqtt->state = WEIR_MQTT_WAITS;
	mqtt->is_ending = false;
	mqtt->base = mqtt->mark;
	*mqtt->said = 0;
	return err < 0 ? err : begin(mqtt, why);
}

static void await_socket(struct weir_mqtt *mqtt, int wake_fd, int64_t until_ns)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), left = until_ns - now < MISC_NS ? until_ns - now : MISC_NS;
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = mosquitto_socket(mqtt->client), .events = POLLIN | POLLRDHUP },
		{ .fd = wake_fd, .events = POLLIN },
	};

	if (until_ns <= now)
		timeout = (struct timespec){ 0 };
	if (mosquitto_want_write(mqtt->client))
		fds[0].events |= POLLOUT;
	ppoll(fds, 2, &timeout, NULL);
	mqtt->is_ending = fds[0].revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/*
 * libmosquitto answers a message before it hands it over, which here only puts the answer into its queue. It is written when the
 * message's records have gone down their chains, or with the next ping: so a broker keeps what a killed process has not dealt
 * with. Messages of a session may come before we are told that we have subscribed. To a broker that is gone nothing is written,
 * for the library would close the socket, and what has come would be unread.
 */
static int answer(struct weir_mqtt *mqtt)
{
	bool is_time = mqtt->mark == mqtt->base || weir_inbox_settled(mqtt->inbox) == mqtt->mark;

	return is_time && !mqtt->is_ending && mosquitto_want_write(mqtt->client) ? mosquitto_loop_write(mqtt->client, 1)
										 : 0;
}

/* As long as each packet is a message: the socket cannot be asked, for with TLS there may be more than it knows of. */
static int read_batch(struct weir_mqtt *mqtt)
{
	uint64_t last = mqtt->mark - 1;
	int err = 0;

	(void)mosquitto_threaded_set(mqtt->client, true); /* else it writes answers at once */
	for (int n = 0; !err && n < BATCH && last != mqtt->mark; n++) {
		last = mqtt->mark;
		err = mosquitto_loop_read(mqtt->client, 1);
	}
	(void)mosquitto_threaded_set(mqtt->client, false);
	return err;
}

static int serve_source(struct weir_mqtt *mqtt)
{
	int err = answer(mqtt);

	if (!err)
		err = read_batch(mqtt);
	return err ? err : answer(mqtt);
}

static int serve_sink(struct weir_mqtt *mqtt)
{
	int err = mosquitto_loop_read(mqtt->client, 1);

	return !err && mosquitto_want_write(mqtt->client) ? mosquitto_loop_write(mqtt->client, 1) : err;
}

int weir_mqtt_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt *mqtt = context;
	int err;

	await_socket(mqtt, wake_fd, until_ns);
	err = mqtt->inbox ? serve_source(mqtt) : serve_sink(mqtt);
	if (!err)
		err = mosquitto_loop_misc(mqtt->client);
	if (mqtt->state >= WEIR_MQTT_IS_LOST) {
		snprintf(why, WEIR_LINK_WHY, "%s", mqtt->why);
		return mqtt->state == WEIR_MQTT_IS_REFUSED ? -EACCES : -EIO;
	}
	return err ? weir_mqtt_explain(mqtt, err, why) : mqtt->state == WEIR_MQTT_IS_UP;
}

/* A session that nobody can come back to is given up. */
static void take_leave(struct weir_mqtt *mqtt)
{
	mosquitto_property *properties = NULL;

	if (mqtt->state != WEIR_MQTT_IS_UP)
		return;
	if (mqtt->is_v5 && mqtt->keeps_session && !weir_arg_given(mqtt->node, "id"))
		(void)mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
	/* In good order, what has become records goes down the chains before they end. */
	(void)mosquitto_disconnect_v5(mqtt->client, 0, properties);
	mosquitto_property_free_all(&properties);
}

void weir_mqtt_shut(void *context)
{
	struct weir_mqtt *mqtt = context;

	if (!mqtt->client)
		return;
	take_leave(mqtt);
	mosquitto_destroy(mqtt->client);
	mqtt->client = NULL;
}

void weir_mqtt_wait(void *context, struct weir_wait *wait)
{
	struct weir_mqtt *mqtt = context;
	int64_t in_ns = mqtt->state == WEIR_MQTT_IS_UP ? weir_inbox_look_ns(mqtt->inbox, MISC_NS) : MISC_NS / 100;

	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + in_ns,
				    .fd = mosquitto_socket(mqtt->client) };
}
