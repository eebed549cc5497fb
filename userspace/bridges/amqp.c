/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AMQP 0-9-1, as RabbitMQ speaks it, by librabbitmq. A sink publishes with confirms: a message is delivered when the broker has
 * acknowledged it, for a durable queue once it is on its disk. A source acknowledges what has gone down its chains. Without
 * exchange= the path is a queue's name; with it a routing key, or for a source a pattern of them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amqp.h>
#include <amqp_framing.h>

#include "devices/amqp_session.h"
#include "weir/broker.h"
#include "weir/inbox.h"
#include "weir/outbox.h"

#define PORT 5672
#define TLS_PORT 5671
#define EXAMPLE "amqp://HOST/QUEUE"
#define LOOK_NS INT64_C(1000000000) /* how often librabbitmq must be asked, to send heartbeats */
#define BATCH 512                   /* messages that a source takes before they become records */
#define NUMBER_MAX 24

struct amqp {
	struct weir_node *node;
	struct weir_broker *broker;
	struct weir_inbox *inbox; /* a source */
	struct weir_link *link;   /* a source's; an outbox has its own */
	struct weir_outbox *outbox;
	amqp_connection_state_t connection;
	const char *exchange, *key; /* "" where there is none; of a source, the key is its pattern */
	uint64_t published;         /* a sink: the last tag of this connection */
	uint64_t base, last;        /* a source: what its marks have more than tags; the last tag */
	uint64_t acknowledged;      /* a source: mark up to which the broker has been told */
	bool is_full;               /* a sink: the socket takes no more */
};

/* ----------------------------------------------------------------------- open */

static int declare_queue(struct amqp *amqp, const char *name, char *why)
{
	amqp_boolean_t is_own = !*name; /* without a name it is ours alone, and goes when we go */
	amqp_boolean_t is_passive = !is_own && !weir_arg_int(amqp->node, "declare");

	amqp_queue_declare(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(name), is_passive, !is_own, is_own,
			   is_own, amqp_empty_table);
	return weir_amqp_check_last(amqp->connection, why);
}

static int begin_source(struct amqp *amqp, char *why)
{
	const char *queue = weir_arg_text(amqp->node, "queue");
	/* An empty name is that of the queue declared last. */
	const char *name = *amqp->exchange ? (queue ? queue : "") : amqp->broker->path;
	int err = declare_queue(amqp, name, why);

	if (!err && *amqp->exchange) {
		amqp_queue_bind(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(name),
				amqp_cstring_bytes(amqp->exchange), amqp_cstring_bytes(amqp->key), amqp_empty_table);
		err = weir_amqp_check_last(amqp->connection, why);
	}
	if (!err) {
		amqp_basic_qos(amqp->connection, WEIR_AMQP_CHANNEL, 0, (uint16_t)weir_arg_int(amqp->node, "prefetch"),
			       0);
		err = weir_amqp_check_last(amqp->connection, why);
	}
	if (!err) {
		amqp_basic_consume(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(name), amqp_empty_bytes, 0,
				   0, 0, amqp_empty_table);
		err = weir_amqp_check_last(amqp->connection, why);
	}
	return err;
}

static int begin_sink(struct amqp *amqp, char *why)
{
	int err;

	if (*amqp->exchange) {
		amqp_exchange_declare(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(amqp->exchange),
				      amqp_cstring_bytes("topic"), 1, 0, 0, 0, amqp_empty_table);
		err = weir_amqp_check_last(amqp->connection, why); /* passive: it must be there, of whatever type */
	} else {
		err = declare_queue(amqp, amqp->broker->path, why);
	}
	if (err)
		return err;
	amqp_confirm_select(amqp->connection, WEIR_AMQP_CHANNEL);
	return weir_amqp_check_last(amqp->connection, why);
}

static int link_open(void *context, char why[WEIR_LINK_WHY])
{
	struct amqp *amqp = context;
	int err = weir_broker_reach(amqp->broker, why);

	amqp->published = 0;
	amqp->is_full = false;
	if (!err)
		err = weir_amqp_open(&amqp->connection, amqp->broker, weir_arg_text(amqp->node, "vhost"), why);
	if (!err)
		err = amqp->inbox ? begin_source(amqp, why) : begin_sink(amqp, why);
	return err;
}

/* Up to that mark. Tags begin anew with each connection, marks do not: older messages are the broker's to deliver again. */
static int acknowledge(struct amqp *amqp, uint64_t mark)
{
	if (mark <= amqp->base || mark <= amqp->acknowledged)
		return 0;
	amqp->acknowledged = mark;
	return amqp_basic_ack(amqp->connection, WEIR_AMQP_CHANNEL, mark - amqp->base, 1);
}

static void link_shut(void *context)
{
	struct amqp *amqp = context;

	if (!amqp->connection)
		return;
	/* In good order, what has become records goes down the chains before they end; others will have the rest. */
	if (amqp->inbox)
		(void)acknowledge(amqp, weir_inbox_done(amqp->inbox));
	amqp->base += amqp->last;
	amqp->last = 0;
	weir_amqp_shut(amqp->connection);
	amqp->connection = NULL;
}

/* ---------------------------------------------------------------------- serve */

static bool has_more(struct amqp *amqp)
{
	return amqp_frames_enqueued(amqp->connection) || amqp_data_in_buffer(amqp->connection);
}

static void await_socket(struct amqp *amqp, int wake_fd, int64_t until_ns)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), left = until_ns - now < LOOK_NS ? until_ns - now : LOOK_NS;
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = amqp_get_sockfd(amqp->connection), .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};

	if (amqp->is_full)
		fds[0].events |= POLLOUT;
	if (until_ns > now && !has_more(amqp))
		ppoll(fds, 2, &timeout, NULL);
	amqp->is_full = false;
}

static void confirm(struct amqp *amqp, uint64_t tag, bool is_multiple)
{
	if (tag > amqp->published)
		return;
	if (!is_multiple) {
		weir_outbox_settle(amqp->outbox, tag, WEIR_OUTBOX_DELIVERED);
		return;
	}
	/* What lies further back than the window has been settled. */
	for (uint64_t next = tag > WEIR_OUTBOX_WINDOW ? tag - WEIR_OUTBOX_WINDOW : 1; next <= tag; next++)
		weir_outbox_settle(amqp->outbox, next, WEIR_OUTBOX_DELIVERED);
}

/* No queue wanted it. The message itself comes back, with its tag. */
static int take_back(struct amqp *amqp, char *why)
{
	char tag[NUMBER_MAX] = "";
	amqp_message_t message;
	int err = weir_amqp_check(amqp_read_message(amqp->connection, WEIR_AMQP_CHANNEL, &message, 0), why);

	if (err)
		return err;
	if (message.properties.correlation_id.len < sizeof(tag))
		memcpy(tag, message.properties.correlation_id.bytes, message.properties.correlation_id.len);
	weir_outbox_settle(amqp->outbox, strtoull(tag, NULL, 10), WEIR_OUTBOX_REJECTED);
	amqp_destroy_message(&message);
	return 0;
}

static int take_frame(struct amqp *amqp, const amqp_frame_t *frame, char *why)
{
	const amqp_basic_ack_t *ack = frame->payload.method.decoded;

	if (frame->frame_type != AMQP_FRAME_METHOD)
		return 0;
	switch (frame->payload.method.id) {
	case AMQP_BASIC_ACK_METHOD:
		if (amqp->outbox)
			confirm(amqp, ack->delivery_tag, ack->multiple);
		return 0;
	case AMQP_BASIC_NACK_METHOD:
		return weir_amqp_lost(why, "the broker could not take a message");
	case AMQP_BASIC_RETURN_METHOD:
		return amqp->outbox ? take_back(amqp, why) : 0;
	case AMQP_BASIC_CANCEL_METHOD:
		return weir_amqp_lost(why, "the queue was deleted");
	case AMQP_CHANNEL_CLOSE_METHOD:
	case AMQP_CONNECTION_CLOSE_METHOD:
		return weir_amqp_closed(frame->payload.method, why);
	}
	return 0;
}

/* 1: there may be more; 0: nothing is there; -errno. */
static int take_one_frame(struct amqp *amqp, char *why)
{
	struct timeval now = { 0 };
	amqp_frame_t frame;
	int status = amqp_simple_wait_frame_noblock(amqp->connection, &frame, &now);

	if (status)
		return status == AMQP_STATUS_TIMEOUT ? 0 : weir_amqp_lost(why, amqp_error_string2(status));
	status = take_frame(amqp, &frame, why);
	return status < 0 ? status : 1;
}

static void take_envelope(struct amqp *amqp, const amqp_envelope_t *envelope)
{
	const amqp_basic_properties_t *properties = &envelope->message.properties;
	bool has_id = properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG;
	char key[256] = ""; /* a short string has 255 bytes at most */

	memcpy(key, envelope->routing_key.bytes,
	       envelope->routing_key.len < sizeof(key) ? envelope->routing_key.len : sizeof(key) - 1);
	amqp->last = envelope->delivery_tag;
	weir_inbox_put(amqp->inbox, &(struct weir_inbox_message){ .topic = key,
								  .bytes = envelope->message.body.bytes,
								  .n = envelope->message.body.len,
								  .id = has_id ? properties->message_id.bytes : NULL,
								  .n_id = properties->message_id.len,
								  .mark = amqp->base + envelope->delivery_tag });
}

/* 1, 0 or -errno as above. */
static int take_message(struct amqp *amqp, char *why)
{
	struct timeval now = { 0 };
	amqp_envelope_t envelope;
	amqp_rpc_reply_t reply = amqp_consume_message(amqp->connection, &envelope, &now, 0);

	if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
		take_envelope(amqp, &envelope);
		amqp_destroy_envelope(&envelope);
		return 1;
	}
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_TIMEOUT)
		return 0;
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION && reply.library_error == AMQP_STATUS_UNEXPECTED_STATE)
		return take_one_frame(amqp, why);
	return weir_amqp_check(reply, why);
}

static int link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct amqp *amqp = context;
	int got = amqp->inbox ? acknowledge(amqp, weir_inbox_settled(amqp->inbox)) : 0;

	if (got)
		return weir_amqp_lost(why, amqp_error_string2(got));
	amqp_maybe_release_buffers(amqp->connection);
	await_socket(amqp, wake_fd, until_ns);
	got = 1;
	for (int n = 0; n < BATCH && got > 0; n++)
		got = amqp->inbox ? take_message(amqp, why) : take_one_frame(amqp, why);
	return got < 0 ? got : 1;
}

static void link_wait(void *context, struct weir_wait *wait)
{
	struct amqp *amqp = context;

	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) +
						weir_inbox_look_ns(amqp->inbox, LOOK_NS),
				    .fd = amqp_get_sockfd(amqp->connection) };
}

#define LINK_OPS                                                                             \
	{                                                                                    \
		.open = link_open, .serve = link_serve, .shut = link_shut, .wait = link_wait \
	}

/* ---------------------------------------------------------------------- roles */

static int amqp_open(struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);
	int err = weir_broker_open(&amqp->broker, node, PORT, TLS_PORT, EXAMPLE);

	amqp->node = node;
	amqp->exchange = weir_arg_text(node, "exchange") ? weir_arg_text(node, "exchange") : "";
	if (!err && !*amqp->broker->path)
		err = weir_fail_arg(node, NULL, "as in " EXAMPLE,
				    "the name of the queue, or the routing key, is missing");
	return err;
}

static void amqp_close(struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);

	weir_link_close(amqp->link);
	weir_outbox_close(amqp->outbox);
	weir_inbox_close(amqp->inbox);
	weir_broker_close(amqp->broker);
}

static int source_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = LINK_OPS;
	static const struct weir_inbox_topics keys = { .separator = '.', .one = "*", .rest = "#" }, none = { 0 };
	struct amqp *amqp = weir_state(node);
	int err = amqp_open(node);

	if (!err && weir_arg_given(node, "queue") && !*amqp->exchange)
		err = weir_fail_arg(node, "queue", "name it in the target, or add exchange=NAME",
				    "without an exchange the target names the queue");
	if (!err)
		err = weir_inbox_open(&amqp->inbox, node, out, amqp->broker->path, *amqp->exchange ? &keys : &none);
	if (err)
		return err;
	amqp->key = weir_inbox_pattern(amqp->inbox);
	return weir_link_open(&amqp->link, node, &ops, amqp, amqp->broker->peer);
}

static int source_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct amqp *amqp = weir_state(node);

	return weir_inbox_produce(amqp->inbox, amqp->link, rows, max, wait);
}

static void source_stop(struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);

	weir_link_shut(amqp->link);
}

static const char *source_how(const struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);

	return weir_inbox_how(amqp->inbox, amqp->link);
}

static int sink_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct amqp *amqp = context;
	char id[WEIR_OUTBOX_ID], tag[NUMBER_MAX];
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
		.delivery_mode = weir_arg_int(amqp->node, "persistent") ? 2 : 1,
	};
	struct pollfd socket = { .fd = amqp_get_sockfd(amqp->connection), .events = POLLOUT };
	amqp_bytes_t body = { .len = message->n, .bytes = (void *)(uintptr_t)message->bytes };
	int status;

	amqp->is_full = poll(&socket, 1, 0) != 1;
	if (amqp->is_full)
		return -EAGAIN;
	*token = ++amqp->published;
	weir_outbox_id(message, id);
	snprintf(tag, sizeof(tag), "%llu", (unsigned long long)*token);
	properties.message_id = amqp_cstring_bytes(id);
	properties.correlation_id = amqp_cstring_bytes(tag);
	status = amqp_basic_publish(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(amqp->exchange),
				    amqp_cstring_bytes(amqp->broker->path), !*amqp->exchange, 0, &properties, body);
	return status ? weir_amqp_lost(why, amqp_error_string2(status)) : 0;
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS, .send = sink_send };
	struct amqp *amqp = weir_state(node);
	char place[512];
	int err = amqp_open(node);

	(void)in;
	if (!err)
		snprintf(place, sizeof(place), "amqp/%s/%s", amqp->exchange, amqp->broker->path);
	return err ? err : weir_outbox_open(&amqp->outbox, node, &ops, amqp, amqp->broker->peer, place);
}

static int sink_start(struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);

	return weir_outbox_start(amqp->outbox);
}

static int sink_push(struct weir_node *node, const struct weir_block *in)
{
	struct amqp *amqp = weir_state(node);

	return weir_outbox_push(amqp->outbox, in);
}

static int sink_end(struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);

	return weir_outbox_end(amqp->outbox);
}

static const char *sink_how(const struct weir_node *node)
{
	struct amqp *amqp = weir_state(node);

	return weir_outbox_how(amqp->outbox);
}

#define AMQP_PARAMS                                                                                     \
	WEIR_BROKER_PARAMS,                                                                             \
		{ .name = "vhost",                                                                      \
		  .style = WEIR_KEY,                                                                    \
		  .value = WEIR_V_TEXT,                                                                 \
		  .fallback = "\"/\"",                                                                  \
		  .help = "the broker's virtual host" },                                                \
		{ .name = "exchange",                                                                   \
		  .style = WEIR_KEY,                                                                    \
		  .value = WEIR_V_TEXT,                                                                 \
		  .help = "an exchange that is there; the target is then a routing key and no queue" }, \
	{                                                                                               \
		.name = "declare", .style = WEIR_KEY, .value = WEIR_V_BOOL, .fallback = "yes",          \
		.help = "make the queue, durable, when it is missing; no: it must be there"             \
	}

static const struct weir_param source_params[] = {
	WEIR_INBOX_PARAMS,
	AMQP_PARAMS,
	{ .name = "queue",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .help = "with exchange=: a queue that keeps messages for us when we are away; default: one for this run" },
	{ .name = "prefetch",
	  .style = WEIR_KEY,
	  .value = WEIR_V_INT,
	  .fallback = "512",
	  .min = 1,
	  .max = 65535,
	  .help = "messages that are under way to us at one time" },
	{ 0 }
};

static const struct weir_param sink_params[] = {
	WEIR_OUTBOX_PARAMS,
	AMQP_PARAMS,
	{ .name = "persistent",
	  .style = WEIR_KEY,
	  .value = WEIR_V_BOOL,
	  .fallback = "yes",
	  .help = "the broker keeps messages on disk, where their queue is durable" },
	{ 0 }
};

static const struct weir_source_ops source_ops = {
	.state_bytes = sizeof(struct amqp),
	.open = source_open,
	.produce = source_produce,
	.stop = source_stop,
	.close = amqp_close,
	.how = source_how,
};

static const struct weir_sink_ops sink_ops = {
	.state_bytes = sizeof(struct amqp),
	.open = sink_open,
	.start = sink_start,
	.push = sink_push,
	.end = sink_end,
	.close = amqp_close,
	.how = sink_how,
};

const struct weir_driver weir_bridge_amqp = {
	.name = "amqp",
	.doc = "messages of an AMQP 0-9-1 broker, such as RabbitMQ",
	.target = "//[USER@]HOST[:PORT]/QUEUE",
	.source_params = source_params,
	.sink_params = sink_params,
	.source = &source_ops,
	.sink = &sink_ops,
};
