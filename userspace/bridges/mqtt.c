/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MQTT 5 and 3.1.1, by libmosquitto without its thread: its socket is served by whoever needs it, the source's thread or the
 * outbox's sender.
 *
 * A sink begins each connection with a new client, so that what was under way is sent again by the outbox alone, in order. A
 * source keeps its session at the broker, so that what is published while it is away is delivered when it is back.
 */
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/broker.h"
#include "weir/inbox.h"
#include "weir/outbox.h"

#define PORT 1883
#define TLS_PORT 8883
#define EXAMPLE "mqtt://HOST/TOPIC"
#define CERTIFICATES "/etc/ssl/certs"
#define ID_PROPERTY "weir-id"
#define MISC_NS INT64_C(1000000000) /* how often libmosquitto wants to look at its clock */
#define PROPERTY_MAX 64
#define REFUSED_FROM 0x80 /* reason codes of MQTT 5 */
#define BATCH 64          /* packets that a source reads before their messages become records */

enum state { WAITS, IS_UP, IS_LOST, IS_REFUSED };

struct mqtt {
	struct weir_node *node;
	struct weir_broker *broker;
	struct weir_inbox *inbox; /* a source */
	struct weir_link *link;   /* a source's; an outbox has its own */
	struct weir_outbox *outbox;
	struct mosquitto *client;
	char client_id[48];
	bool is_v5, keeps_session, has_library;
	int qos;
	uint64_t mark;  /* a source: messages so far */
	bool is_ending; /* the broker sends no more; what it has sent is still to be read */
	enum state state;
	char why[WEIR_LINK_WHY];
	char said[WEIR_LINK_WHY]; /* by the library, of what failed */
};

/* ---------------------------------------------------------------- connection */

static void fall(struct mqtt *mqtt, enum state state, const char *why)
{
	if (mqtt->state >= IS_LOST)
		return; /* the first reason is the one */
	mqtt->state = state;
	snprintf(mqtt->why, sizeof(mqtt->why), "%s", why);
}

static bool is_final(const struct mqtt *mqtt, int reason)
{
	if (!mqtt->is_v5)
		return reason == 1 || reason == 2 || reason == 4 || reason == 5;
	return reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || reason == 1 || reason == MQTT_RC_CLIENTID_NOT_VALID ||
	       reason == MQTT_RC_BAD_USERNAME_OR_PASSWORD || reason == MQTT_RC_NOT_AUTHORIZED ||
	       reason == MQTT_RC_BANNED;
}

static void subscribe(struct mqtt *mqtt)
{
	int err = mosquitto_subscribe_v5(mqtt->client, NULL, weir_inbox_pattern(mqtt->inbox), mqtt->qos, 0, NULL);

	if (err)
		fall(mqtt, IS_LOST, mosquitto_strerror(err));
}

static void on_connect(struct mosquitto *client, void *context, int reason, int flags,
		       const mosquitto_property *properties)
{
	struct mqtt *mqtt = context;
	bool is_old = reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || reason == 1;

	(void)client;
	(void)flags;
	(void)properties;
	if (!reason && mqtt->inbox)
		subscribe(mqtt);
	else if (!reason)
		mqtt->state = IS_UP;
	else if (is_old && mqtt->is_v5)
		fall(mqtt, IS_REFUSED, "the broker does not know MQTT 5: write version=v3");
	else
		fall(mqtt, is_final(mqtt, reason) ? IS_REFUSED : IS_LOST,
		     mqtt->is_v5 ? mosquitto_reason_string(reason) : mosquitto_connack_string(reason));
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int n, const int *granted,
			 const mosquitto_property *properties)
{
	struct mqtt *mqtt = context;

	(void)client;
	(void)mid;
	(void)properties;
	if (n > 0 && granted[0] >= REFUSED_FROM)
		fall(mqtt, IS_REFUSED, "the broker does not let us subscribe to this topic");
	else
		mqtt->state = IS_UP;
}

static void on_disconnect(struct mosquitto *client, void *context, int reason, const mosquitto_property *properties)
{
	struct mqtt *mqtt = context;

	(void)client;
	(void)properties;
	if (reason == MOSQ_ERR_TLS)
		return; /* serve() has more to say of it */
	/* Below 0x80 it is an error of the library; from there on, what the broker said in its DISCONNECT. */
	fall(mqtt, IS_LOST, reason >= REFUSED_FROM ? mosquitto_reason_string(reason) : "the connection was closed");
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message,
		       const mosquitto_property *properties)
{
	struct mqtt *mqtt = context;
	char *name = NULL, *value = NULL;
	bool skips = false;

	(void)client;
	while ((properties = mosquitto_property_read_string_pair(properties, MQTT_PROP_USER_PROPERTY, &name, &value,
								 skips))) {
		if (!strcmp(name, ID_PROPERTY))
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
	struct mqtt *mqtt = context;

	(void)client;
	(void)properties;
	if (!mqtt->qos)
		return; /* settled when it was sent */
	if (reason == MQTT_RC_QUOTA_EXCEEDED || reason == MQTT_RC_UNSPECIFIED)
		fall(mqtt, IS_LOST, mosquitto_reason_string(reason)); /* it may be taken later */
	else
		weir_outbox_settle(mqtt->outbox, (uint64_t)mid,
				   reason >= REFUSED_FROM ? WEIR_OUTBOX_REJECTED : WEIR_OUTBOX_DELIVERED);
}

/* What TLS thinks of the broker is said nowhere else. */
static void on_log(struct mosquitto *client, void *context, int level, const char *text)
{
	struct mqtt *mqtt = context;

	(void)client;
	if (level == MOSQ_LOG_ERR && !*mqtt->said) /* the first says most */
		snprintf(mqtt->said, sizeof(mqtt->said), "%s", text);
}

static int set_tls(struct mqtt *mqtt)
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

static int set_will(struct mqtt *mqtt)
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

static int configure(struct mqtt *mqtt)
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
static int add_expiry(const struct mqtt *mqtt, mosquitto_property **properties)
{
	int64_t seconds = mqtt->keeps_session ? weir_arg_int(mqtt->node, "session") / 1000000000 : 0;

	if (!mqtt->is_v5 || !seconds)
		return 0;
	return mosquitto_property_add_int32(properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, (uint32_t)seconds);
}

static int explain_tls(const struct mqtt *mqtt, char *why)
{
	if (strstr(mqtt->said, "host name verification failed"))
		return weir_broker_doubt(mqtt->broker, "it is for another host", why);
	if (strstr(mqtt->said, "certificate verify failed"))
		return weir_broker_doubt(mqtt->broker, NULL, why);
	snprintf(why, WEIR_LINK_WHY, "TLS failed: %.120s", *mqtt->said ? mqtt->said : "the broker may not speak it");
	return -EIO;
}

static int explain(const struct mqtt *mqtt, int err, char *why)
{
	int number = errno;

	if (err == MOSQ_ERR_TLS)
		return explain_tls(mqtt, why);
	snprintf(why, WEIR_LINK_WHY, "%s", err == MOSQ_ERR_ERRNO ? strerror(number) : mosquitto_strerror(err));
	return -EIO;
}

static int begin(struct mqtt *mqtt, char *why)
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
		err = explain(mqtt, err, why);
	mosquitto_property_free_all(&properties);
	return err;
}

static int link_open(void *context, char why[WEIR_LINK_WHY])
{
	struct mqtt *mqtt = context;
	int err = weir_broker_reach(mqtt->broker, why);

	mqtt->state = WAITS;
	mqtt->is_ending = false;
	*mqtt->said = 0;
	return err < 0 ? err : begin(mqtt, why);
}

static void await_socket(struct mqtt *mqtt, int wake_fd, int64_t until_ns)
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
 * with. To a broker that is gone nothing is written, for the library would close the socket, and what has come would be unread.
 */
static int answer(struct mqtt *mqtt)
{
	bool is_time = mqtt->state != IS_UP || weir_inbox_settled(mqtt->inbox) == mqtt->mark;

	return is_time && !mqtt->is_ending && mosquitto_want_write(mqtt->client) ? mosquitto_loop_write(mqtt->client, 1)
										 : 0;
}

/* As long as each packet is a message: the socket cannot be asked, for with TLS there may be more than it knows of. */
static int read_batch(struct mqtt *mqtt)
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

static int serve_source(struct mqtt *mqtt)
{
	int err = answer(mqtt);

	if (!err)
		err = read_batch(mqtt);
	return err ? err : answer(mqtt);
}

static int serve_sink(struct mqtt *mqtt)
{
	int err = mosquitto_loop_read(mqtt->client, 1);

	return !err && mosquitto_want_write(mqtt->client) ? mosquitto_loop_write(mqtt->client, 1) : err;
}

static int link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct mqtt *mqtt = context;
	int err;

	await_socket(mqtt, wake_fd, until_ns);
	err = mqtt->inbox ? serve_source(mqtt) : serve_sink(mqtt);
	if (!err)
		err = mosquitto_loop_misc(mqtt->client);
	if (mqtt->state >= IS_LOST) {
		snprintf(why, WEIR_LINK_WHY, "%s", mqtt->why);
		return mqtt->state == IS_REFUSED ? -EACCES : -EIO;
	}
	return err ? explain(mqtt, err, why) : mqtt->state == IS_UP;
}

/* A session that nobody can come back to is given up. */
static void take_leave(struct mqtt *mqtt)
{
	mosquitto_property *properties = NULL;

	if (mqtt->state != IS_UP)
		return;
	if (mqtt->is_v5 && mqtt->keeps_session && !weir_arg_given(mqtt->node, "id"))
		(void)mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, 0);
	/* In good order, what has become records goes down the chains before they end. */
	(void)mosquitto_disconnect_v5(mqtt->client, 0, properties);
	mosquitto_property_free_all(&properties);
}

static void link_shut(void *context)
{
	struct mqtt *mqtt = context;

	if (!mqtt->client)
		return;
	take_leave(mqtt);
	mosquitto_destroy(mqtt->client);
	mqtt->client = NULL;
}

static void link_wait(void *context, struct weir_wait *wait)
{
	struct mqtt *mqtt = context;
	int64_t in_ns = mqtt->state == IS_UP ? weir_inbox_look_ns(mqtt->inbox, MISC_NS) : MISC_NS / 100;

	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + in_ns,
				    .fd = mosquitto_socket(mqtt->client) };
}

#define LINK_OPS                                                                             \
	{                                                                                    \
		.open = link_open, .serve = link_serve, .shut = link_shut, .wait = link_wait \
	}

/* ----------------------------------------------------------------------- open */

static void make_client_id(struct mqtt *mqtt)
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
	struct mqtt *mqtt = weir_state(node);
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
	struct mqtt *mqtt = weir_state(node);

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
	struct mqtt *mqtt = weir_state(node);
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
	struct mqtt *mqtt = weir_state(node);

	return weir_inbox_produce(mqtt->inbox, mqtt->link, rows, max, wait);
}

static void source_stop(struct weir_node *node)
{
	struct mqtt *mqtt = weir_state(node);

	weir_link_shut(mqtt->link);
}

static const char *source_how(const struct weir_node *node)
{
	struct mqtt *mqtt = weir_state(node);

	return weir_inbox_how(mqtt->inbox, mqtt->link);
}

/* ----------------------------------------------------------------------- sink */

/* The record's id goes with it where the protocol has room. */
static int publish(struct mqtt *mqtt, const struct weir_outbox_message *message, int *mid)
{
	char id[WEIR_OUTBOX_ID];
	mosquitto_property *properties = NULL;
	int err = 0;

	weir_outbox_id(message, id);
	if (mqtt->is_v5)
		err = mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, ID_PROPERTY, id);
	if (!err)
		err = mosquitto_publish_v5(mqtt->client, mid, mqtt->broker->path, (int)message->n, message->bytes,
					   mqtt->qos, weir_arg_int(mqtt->node, "retain"), properties);
	mosquitto_property_free_all(&properties);
	return err;
}

static int sink_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct mqtt *mqtt = context;
	int mid = 0, err;

	if (mosquitto_want_write(mqtt->client))
		return -EAGAIN; /* the socket is full: nothing more into the library's own queue, which has no bound */
	err = publish(mqtt, message, &mid);
	*token = (uint64_t)mid;
	if (err == MOSQ_ERR_PAYLOAD_SIZE || err == MOSQ_ERR_OVERSIZE_PACKET)
		return -EMSGSIZE;
	return err ? explain(mqtt, err, why) : !mqtt->qos;
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS, .send = sink_send };
	struct mqtt *mqtt = weir_state(node);
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
	struct mqtt *mqtt = weir_state(node);

	return weir_outbox_start(mqtt->outbox);
}

static int sink_push(struct weir_node *node, const struct weir_block *in)
{
	struct mqtt *mqtt = weir_state(node);

	return weir_outbox_push(mqtt->outbox, in);
}

static int sink_end(struct weir_node *node)
{
	struct mqtt *mqtt = weir_state(node);

	return weir_outbox_end(mqtt->outbox);
}

static const char *sink_how(const struct weir_node *node)
{
	struct mqtt *mqtt = weir_state(node);

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
	.state_bytes = sizeof(struct mqtt),
	.open = source_open,
	.produce = source_produce,
	.stop = source_stop,
	.close = mqtt_close,
	.how = source_how,
};

static const struct weir_sink_ops sink_ops = {
	.state_bytes = sizeof(struct mqtt),
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
