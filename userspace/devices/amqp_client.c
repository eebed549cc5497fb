/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/amqp_client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/amqp_opening.h"
#include "devices/amqp_properties.h"

#define LOOK_NS INT64_C(1000000000) /* how often librabbitmq must be asked, to send heartbeats */
#define FULL_NS INT64_C(1000000)    /* until a full socket is looked at again, where nobody waits for it */
#define BATCH 512                   /* messages that a source takes before they become records */
#define NUMBER_MAX 24
/* To say good-bye: a source's last acknowledgements are lost if the broker has not read them; a sink has its answers. */
#define SOURCE_LEAVES_MS 700
#define SINK_LEAVES_MS 150

/* ----------------------------------------------------------------------- open */

int weir_amqp_link_open(void *context, char why[WEIR_LINK_WHY])
{
	struct weir_amqp *amqp = context;
	const char *queue = amqp->queue ? amqp->queue : amqp->own;
	struct weir_amqp_purpose purpose = {
		.vhost = amqp->vhost,
		.exchange = amqp->exchange,
		.key = amqp->key,
		.queue = *amqp->exchange && amqp->bridge.inbox ? queue : amqp->bridge.broker->path,
		.is_source = amqp->bridge.inbox,
		.declares = amqp->declares,
		.is_private = queue == amqp->own && *amqp->exchange,
		.prefetch = amqp->bridge.inbox ? amqp->prefetch : 0,
	};
	int err = weir_amqp_begin(&amqp->opening, amqp->bridge.broker, &purpose);

	amqp->published = amqp->answered = 0;
	amqp->is_full = amqp->is_blocked = false;
	if (err)
		snprintf(why, WEIR_LINK_WHY, "%s", strerror(-err));
	return err;
}

/* 0: not yet. */
static int await_opening(struct weir_amqp *amqp, int wake_fd, int64_t until_ns, char *why)
{
	int64_t left = weir_link_left(until_ns, LOOK_NS);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = weir_amqp_opening_fd(amqp->opening), .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	int err;

	if (left)
		ppoll(fds, 2, &timeout, NULL);
	err = weir_amqp_opened(&amqp->opening, &amqp->connection, &amqp->is_shared, why);
	return err == -EAGAIN ? 0 : err < 0 ? err : 1;
}

/* Up to that mark. Tags begin anew with each connection, marks do not: older messages are the broker's to deliver again. */
static int acknowledge(struct weir_amqp *amqp, uint64_t mark)
{
	if (mark <= amqp->base || mark <= amqp->acknowledged)
		return 0;
	amqp->acknowledged = mark;
	return amqp_basic_ack(amqp->connection, WEIR_AMQP_CHANNEL, mark - amqp->base, 1);
}

/* 0, or librabbitmq's error. */
static int answer(struct weir_amqp *amqp)
{
	int got = acknowledge(amqp, weir_inbox_settled(amqp->bridge.inbox));
	uint64_t mark;

	while (!got && (mark = weir_inbox_next_ahead(amqp->bridge.inbox)))
		got = amqp_basic_ack(amqp->connection, WEIR_AMQP_CHANNEL, mark - amqp->base, 0);
	return got;
}

/* The broker delivers again what is not answered for; a queue of our own goes with the run. A connection that was lost takes no
 * answers any more. */
static void leave_queue(struct weir_amqp *amqp)
{
	if (!weir_inbox_wants(amqp->bridge.inbox, 1))
		(void)answer(amqp);
	if (*amqp->exchange && amqp->is_shared && !amqp->queue && !weir_inbox_wants(amqp->bridge.inbox, 1))
		amqp_queue_delete(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(amqp->own), 0, 0);
}

void weir_amqp_link_shut(void *context)
{
	struct weir_amqp *amqp = context;

	weir_amqp_leave(&amqp->opening);
	if (!amqp->connection)
		return;
	weir_amqp_hurry(amqp->connection, amqp->bridge.inbox ? SOURCE_LEAVES_MS : SINK_LEAVES_MS);
	if (amqp->bridge.inbox)
		leave_queue(amqp);
	if (amqp->bridge.inbox)
		weir_inbox_lost(amqp->bridge.inbox);
	amqp->base += amqp->last;
	amqp->last = 0;
	weir_amqp_shut(amqp->connection);
	amqp->connection = NULL;
}

/* ---------------------------------------------------------------------- serve */

static bool has_more(struct weir_amqp *amqp)
{
	return amqp_frames_enqueued(amqp->connection) || amqp_data_in_buffer(amqp->connection);
}

static void await_socket(struct weir_amqp *amqp, int wake_fd, int64_t until_ns)
{
	int64_t left = weir_link_left(until_ns, LOOK_NS);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = amqp_get_sockfd(amqp->connection), .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};

	if (amqp->is_full)
		fds[0].events |= POLLOUT;
	if (left && !has_more(amqp))
		ppoll(fds, 2, &timeout, NULL);
	amqp->is_full = false;
}

/* Answers come in any order, but one for several is for all before it. */
static void settle(struct weir_amqp *amqp, uint64_t tag, bool is_multiple, enum weir_outbox_fate fate)
{
	if (tag > amqp->published)
		return;
	amqp->has_served = true;
	if (!is_multiple) {
		weir_outbox_settle(amqp->bridge.outbox, tag, fate);
		return;
	}
	/* What lies further back than the window has been settled. */
	if (tag > WEIR_OUTBOX_WINDOW && amqp->answered < tag - WEIR_OUTBOX_WINDOW)
		amqp->answered = tag - WEIR_OUTBOX_WINDOW;
	while (amqp->answered < tag)
		weir_outbox_settle(amqp->bridge.outbox, ++amqp->answered, fate);
}

/* No queue wanted it. The message itself comes back, with its tag. */
static int take_back(struct weir_amqp *amqp, char *why)
{
	char tag[NUMBER_MAX] = "";
	amqp_message_t message;
	int err = weir_amqp_check(amqp_read_message(amqp->connection, WEIR_AMQP_CHANNEL, &message, 0), why);

	if (err)
		return err;
	if (message.properties.correlation_id.len < sizeof(tag))
		memcpy(tag, message.properties.correlation_id.bytes, message.properties.correlation_id.len);
	weir_outbox_settle(amqp->bridge.outbox, strtoull(tag, NULL, 10), WEIR_OUTBOX_REJECTED);
	amqp_destroy_message(&message);
	return 0;
}

/* Memory or disk are full: nothing that is sent now would be read. */
static void take_alarm(struct weir_amqp *amqp, amqp_bytes_t reason)
{
	char why[WEIR_LINK_WHY];

	amqp->is_blocked = true;
	snprintf(why, sizeof(why), "it is %.*s", (int)(reason.len < 100 ? reason.len : 100),
		 (const char *)reason.bytes);
	if (amqp->bridge.outbox)
		weir_outbox_stall(amqp->bridge.outbox, why);
}

/* Who has not taken a single message of ours refuses us, as at the door. A message that is too long ends the channel, too. */
static int take_close(struct weir_amqp *amqp, amqp_method_t method, char *why)
{
	const amqp_channel_close_t *channel = method.decoded;
	int err = weir_amqp_closed(method, why);

	if (!amqp->bridge.outbox || method.id != AMQP_CHANNEL_CLOSE_METHOD)
		return err;
	if (channel->reply_code == AMQP_PRECONDITION_FAILED)
		return -EBADMSG;
	return err == -EACCES && !amqp->has_served ? -EPERM : err;
}

static int take_frame(struct weir_amqp *amqp, const amqp_frame_t *frame, char *why)
{
	const amqp_connection_blocked_t *alarm = frame->payload.method.decoded;
	const amqp_basic_ack_t *ack = frame->payload.method.decoded;
	const amqp_basic_nack_t *nack = frame->payload.method.decoded;

	if (frame->frame_type != AMQP_FRAME_METHOD)
		return 0;
	switch (frame->payload.method.id) {
	case AMQP_BASIC_ACK_METHOD:
		if (amqp->bridge.outbox)
			settle(amqp, ack->delivery_tag, ack->multiple, WEIR_OUTBOX_DELIVERED);
		return 0;
	case AMQP_BASIC_NACK_METHOD:
		if (amqp->bridge.outbox)
			settle(amqp, nack->delivery_tag, nack->multiple, WEIR_OUTBOX_POSTPONED);
		return 0;
	case AMQP_BASIC_RETURN_METHOD:
		return amqp->bridge.outbox ? take_back(amqp, why) : 0;
	case AMQP_BASIC_CANCEL_METHOD:
		return weir_amqp_lost(why, "the queue was deleted");
	case AMQP_CHANNEL_CLOSE_METHOD:
	case AMQP_CONNECTION_CLOSE_METHOD:
		return take_close(amqp, frame->payload.method, why);
	case AMQP_CONNECTION_BLOCKED_METHOD:
		take_alarm(amqp, alarm->reason);
		return 0;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		amqp->is_blocked = false;
		return 0;
	}
	return 0;
}

/* 1: there may be more; 0: nothing is there; -errno. */
static int take_one_frame(struct weir_amqp *amqp, char *why)
{
	struct timeval now = { 0 };
	amqp_frame_t frame;
	int status = amqp_simple_wait_frame_noblock(amqp->connection, &frame, &now);

	if (status)
		return status == AMQP_STATUS_TIMEOUT ? 0 : weir_amqp_lost(why, amqp_error_string2(status));
	status = take_frame(amqp, &frame, why);
	return status < 0 ? status : 1;
}

static void take_envelope(struct weir_amqp *amqp, const amqp_envelope_t *envelope)
{
	const amqp_basic_properties_t *properties = &envelope->message.properties;
	bool has_id = properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG;
	struct weir_amqp_message message = { .envelope = envelope };
	char key[256] = ""; /* a short string has 255 bytes at most */

	memcpy(key, envelope->routing_key.bytes,
	       envelope->routing_key.len < sizeof(key) ? envelope->routing_key.len : sizeof(key) - 1);
	amqp->last = envelope->delivery_tag;
	weir_inbox_put(amqp->bridge.inbox,
		       &(struct weir_inbox_message){ .topic = key,
						     .bytes = envelope->message.body.bytes,
						     .n = envelope->message.body.len,
						     .id = has_id ? properties->message_id.bytes : NULL,
						     .n_id = properties->message_id.len,
						     .get = weir_amqp_get,
						     .context = &message,
						     .may_repeat = envelope->redelivered,
						     .mark = amqp->base + envelope->delivery_tag });
}

/* 1, 0 or -errno as above. */
static int take_message(struct weir_amqp *amqp, char *why)
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

static int take_frames(struct weir_amqp *amqp, char *why)
{
	int got = 1;

	for (int n = 0; n < BATCH && got > 0; n++)
		got = take_one_frame(amqp, why);
	return got;
}

/* At the end deliveries are read and dropped, for the heartbeats between them: they are not acknowledged. */
static int take_messages(struct weir_amqp *amqp, char *why)
{
	uint32_t most = weir_inbox_wants(amqp->bridge.inbox, BATCH);
	int got = most ? 1 : take_frames(amqp, why);

	for (uint32_t n = 0; n < most && got > 0; n++)
		got = take_message(amqp, why);
	return got;
}

int weir_amqp_link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct weir_amqp *amqp = context;
	int got = amqp->opening ? await_opening(amqp, wake_fd, until_ns, why) : 1;

	if (got <= 0)
		return got;
	got = amqp->bridge.inbox ? answer(amqp) : 0;
	if (got)
		return weir_amqp_lost(why, amqp_error_string2(got));
	amqp_maybe_release_buffers(amqp->connection);
	if (until_ns == WEIR_LINK_IDLE && !has_more(amqp))
		return 1;
	await_socket(amqp, wake_fd, until_ns);
	got = amqp->bridge.inbox ? take_messages(amqp, why) : take_frames(amqp, why);
	return got < 0 ? got : 1;
}

void weir_amqp_link_wait(void *context, struct weir_wait *wait)
{
	struct weir_amqp *amqp = context;
	int64_t in_ns = amqp->bridge.inbox ? weir_inbox_look_ns(amqp->bridge.inbox, LOOK_NS) : LOOK_NS;

	if (amqp->opening) {
		*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_amqp_opening_fd(amqp->opening) };
		return;
	}
	if (amqp->is_full)
		in_ns = FULL_NS;
	*wait = (struct weir_wait){ .until_ns = has_more(amqp) ? 0 : weir_now(WEIR_CLOCK_MONOTONIC) + in_ns,
				    .fd = amqp_get_sockfd(amqp->connection),
				    .gathers = amqp->bridge.outbox && !amqp->is_full };
}

/* ----------------------------------------------------------------------- send */

int weir_amqp_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct weir_amqp *amqp = context;
	char id[WEIR_OUTBOX_ID], tag[NUMBER_MAX];
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
		.delivery_mode = amqp->is_persistent ? 2 : 1,
	};
	struct pollfd socket = { .fd = amqp_get_sockfd(amqp->connection), .events = POLLOUT };
	amqp_bytes_t body = { .len = message->n, .bytes = (void *)(uintptr_t)message->bytes };
	int status;

	if (amqp->is_blocked)
		return -EAGAIN;
	amqp->is_full = poll(&socket, 1, 0) != 1;
	if (amqp->is_full)
		return -EAGAIN;
	*token = ++amqp->published;
	weir_outbox_id(message, id);
	snprintf(tag, sizeof(tag), "%llu", (unsigned long long)*token);
	properties.message_id = amqp_cstring_bytes(id);
	properties.correlation_id = amqp_cstring_bytes(tag);
	status = amqp_basic_publish(amqp->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(amqp->exchange),
				    amqp_cstring_bytes(amqp->bridge.broker->path), !*amqp->exchange, 0, &properties,
				    body);
	return status ? weir_amqp_lost(why, amqp_error_string2(status)) : 0;
}
