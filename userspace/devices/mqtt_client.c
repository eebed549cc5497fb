/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sink begins each connection with a new session, so that what was under way is sent again by the outbox alone, in order. A
 * source keeps its session at the broker, so that what is published while it is away is delivered when it is back.
 *
 * All that a broker has written is read before the connection counts as lost, also where nothing can be written to it any more: it
 * may have answered.
 */
#include "devices/mqtt_client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_NS INT64_C(1000000000)  /* how often the clock is looked at */
#define SOON_NS INT64_C(10000000)    /* while a connection is being made */
#define FULL_NS INT64_C(1000000)     /* until a full socket is looked at again, where nobody waits for it */
#define LEAVE_MS 100                 /* for the broker to close the connection at the end */
#define READ_BYTES (64u << 10)       /* at one time */
#define BATCH 64                     /* messages that a source takes before they become records */
#define OUT_BYTES (64u << 10)        /* beyond so many that wait to be written, no message is added */
#define ANSWER_BYTES (4 * OUT_BYTES) /* beyond so many, nothing is read that may have to be answered */

/* ---------------------------------------------------------------------- bytes */

static size_t waiting(const struct weir_mqtt *mqtt)
{
	return mqtt->out.n - mqtt->out.begin;
}

static void mqtt_ended(struct weir_mqtt *mqtt)
{
	static const char early[] =
		"the broker closed the connection before it answered: perhaps it wants TLS, or version=v3";
	static const char late[] = "the broker closed the connection: at a message, or another client has the same id";

	mqtt->is_hung_up = mqtt->is_greeted;
	weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, mqtt->is_greeted ? late : early);
}

/* What is written is with the socket, which is all that is known of QoS 0. */
static void settle_written(struct weir_mqtt *mqtt)
{
	while (mqtt->n_settled < mqtt->n_written)
		weir_outbox_settle(mqtt->bridge.outbox, ++mqtt->n_settled, WEIR_OUTBOX_DELIVERED);
}

static ssize_t write_some(struct weir_mqtt *mqtt, char *why)
{
	const uint8_t *bytes = mqtt->out.bytes + mqtt->out.begin;
	ssize_t n;

	if (mqtt->tls)
		return weir_mqtt_tls_write(mqtt->tls, bytes, waiting(mqtt), why);
	n = send(mqtt->fd, bytes, waiting(mqtt), MSG_NOSIGNAL | MSG_DONTWAIT);
	return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
}

void weir_mqtt_flush(void *context)
{
	struct weir_mqtt *mqtt = context;
	char why[WEIR_LINK_WHY];

	while (waiting(mqtt) && !mqtt->is_broken) {
		ssize_t n = write_some(mqtt, why);

		if (n == -EAGAIN)
			return;
		mqtt->is_broken = n <= 0;
		mqtt->out.begin += n > 0 ? (size_t)n : 0;
		mqtt->written_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	}
	mqtt->out.begin = mqtt->out.n = 0;
	if (!mqtt->is_broken)
		settle_written(mqtt);
}

/* Room for a packet of `n` bytes, and for what is read at one time. */
static bool make_room(struct weir_mqtt *mqtt, size_t n)
{
	size_t least = n > READ_BYTES ? n : READ_BYTES, capacity = least + READ_BYTES;
	uint8_t *in;

	if (mqtt->in_begin) {
		memmove(mqtt->in, mqtt->in + mqtt->in_begin, mqtt->in_n - mqtt->in_begin);
		mqtt->in_n -= mqtt->in_begin;
		mqtt->in_begin = 0;
	}
	if (capacity <= mqtt->in_capacity)
		return true;
	in = realloc(mqtt->in, capacity);
	if (!in)
		return false;
	mqtt->in = in;
	mqtt->in_capacity = capacity;
	return true;
}

static ssize_t read_some(struct weir_mqtt *mqtt, size_t room, char *why)
{
	uint8_t *to = mqtt->in + mqtt->in_n;
	ssize_t n;

	if (mqtt->tls)
		return weir_mqtt_tls_read(mqtt->tls, to, room, why);
	n = recv(mqtt->fd, to, room, MSG_DONTWAIT);
	if (n >= 0)
		return n;
	snprintf(why, WEIR_LINK_WHY, "%s", strerror(errno));
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : errno == ECONNRESET ? 0 : -EIO;
}

/* More bytes, for a packet of at least `n`. @return false: there are none now. */
static bool read_more(struct weir_mqtt *mqtt, size_t n)
{
	char why[WEIR_LINK_WHY] = "no memory for a message";
	ssize_t got = -ENOMEM;
	size_t room = 0;

	mqtt->has_more = false;
	if (make_room(mqtt, n)) {
		room = mqtt->in_capacity - mqtt->in_n;
		got = read_some(mqtt, room, why);
	}
	if (got > 0) {
		mqtt->in_n += (size_t)got;
		mqtt->has_more = (size_t)got == room || (mqtt->tls && weir_mqtt_tls_has_more(mqtt->tls));
		mqtt->heard_ns = weir_now(WEIR_CLOCK_MONOTONIC);
		return true;
	}
	if (!got || (got == -EAGAIN && mqtt->is_broken))
		mqtt_ended(mqtt);
	else if (got != -EAGAIN)
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, why);
	return false;
}

/* -------------------------------------------------------------------- packets */

static void skip(struct weir_mqtt *mqtt)
{
	size_t there = mqtt->in_n - mqtt->in_begin, n = mqtt->skips < there ? mqtt->skips : there;

	mqtt->in_begin += n;
	mqtt->skips -= n;
}

/* The next packet is worked off. 1; 0: it is not there yet, and `*needs` says how long it is; -EPROTO: the connection has fallen. */
static int take_packet(struct weir_mqtt *mqtt, size_t *needs)
{
	struct weir_mqtt_packet packet = { 0 };
	char text[WEIR_LINK_WHY];
	const char *why;
	int got;

	skip(mqtt);
	got = weir_mqtt_read(mqtt->in + mqtt->in_begin, mqtt->in_n - mqtt->in_begin, mqtt->is_v5, WEIR_MQTT_PACKET_MAX,
			     &packet, &why);
	*needs = packet.bytes < WEIR_MQTT_PACKET_MAX ? packet.bytes : WEIR_MQTT_HEAD_MAX;
	if (got < 0) {
		snprintf(text, sizeof(text), "the broker sends what is no MQTT: %s", why);
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, text);
	}
	if (got <= 0)
		return got;
	mqtt->skips = packet.bytes;
	weir_mqtt_handle(mqtt, &packet);
	return 1;
}

/* How many messages a source has room for. */
static uint32_t room_for(const struct weir_mqtt *mqtt)
{
	uint32_t most = WEIR_MQTT_ACKS - mqtt->n_acks < BATCH ? WEIR_MQTT_ACKS - mqtt->n_acks : BATCH;

	return mqtt->bridge.inbox ? weir_inbox_wants(mqtt->bridge.inbox, most) : WEIR_OUTBOX_WINDOW;
}

static uint32_t mqtt_wants(const struct weir_mqtt *mqtt)
{
	return waiting(mqtt) > ANSWER_BYTES ? 0 : room_for(mqtt);
}

/* What has come, up to `most` packets, or a packet of the largest size. The socket is asked until it has no more. */
static void take_packets(struct weir_mqtt *mqtt, uint32_t most, bool may_read)
{
	size_t bytes = 0, needs = 0;

	if (!most)
		return;
	while (mqtt->state < WEIR_MQTT_IS_LOST && most && bytes < WEIR_MQTT_PACKET_MAX) {
		size_t begin = mqtt->in_begin;
		int got = take_packet(mqtt, &needs);

		most -= got > 0;
		bytes += mqtt->in_begin - begin;
		if (got < 0 || (!got && (!may_read || !read_more(mqtt, needs))))
			return;
		may_read = got > 0 ? may_read : mqtt->has_more;
	}
	mqtt->has_more = true;
}

/* ---------------------------------------------------------------------- clock */

/* Since the broker was asked for a sign of life: has it given none, and does it not take what is written either? */
static bool is_silent(const struct weir_mqtt *mqtt, int64_t since_ns)
{
	return mqtt->asked_ns && mqtt->asked_ns <= since_ns && mqtt->heard_ns <= since_ns &&
	       (!waiting(mqtt) || mqtt->written_ns <= since_ns);
}

static void keep_alive(struct weir_mqtt *mqtt, bool has_room)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), half = mqtt->keepalive_ns / 2;

	if (!has_room || mqtt->has_more) { /* an answer would not be seen, or lies behind what is to be read first */
		mqtt->heard_ns = now;
		mqtt->asked_ns = 0;
	}
	if (is_silent(mqtt, now - half))
		weir_mqtt_fall(mqtt, WEIR_MQTT_IS_LOST, "the broker does not answer");
	if (mqtt->asked_ns || (now - mqtt->written_ns < half && now - mqtt->heard_ns < half))
		return;
	if (!weir_mqtt_write_ping(&mqtt->out))
		mqtt->asked_ns = now;
}

/* ----------------------------------------------------------------- connection */

static void free_connection(struct weir_mqtt *mqtt)
{
	weir_dial_close(&mqtt->dial);
	weir_mqtt_tls_close(mqtt->tls);
	mqtt->tls = NULL;
	if (mqtt->fd >= 0)
		close(mqtt->fd);
	mqtt->fd = -1;
}

int weir_mqtt_open(void *context, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt *mqtt = context;
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	mqtt->state = WEIR_MQTT_DIALS;
	mqtt->fd = -1;
	mqtt->is_greeted = mqtt->is_ended = mqtt->is_broken = mqtt->is_hung_up = mqtt->is_at_message = mqtt->has_more =
		false;
	mqtt->in_begin = mqtt->in_n = mqtt->skips = 0;
	mqtt->out.begin = mqtt->out.n = 0;
	mqtt->written_ns = mqtt->heard_ns = now;
	mqtt->asked_ns = 0;
	mqtt->first_ack = mqtt->n_acks = 0;
	mqtt->last_id = 0;
	mqtt->n_unanswered = 0;
	mqtt->n_settled = mqtt->n_written;
	*mqtt->why = 0;
	if (mqtt->bridge.inbox && !mqtt->ack)
		mqtt->ack = calloc(WEIR_MQTT_ACKS, sizeof(*mqtt->ack));
	if ((mqtt->bridge.inbox && !mqtt->ack) || !make_room(mqtt, 0))
		return -ENOMEM;
	return weir_dial_begin(&mqtt->dial, mqtt->bridge.broker, why);
}

static int greet(struct weir_mqtt *mqtt)
{
	mqtt->state = WEIR_MQTT_WAITS;
	return weir_mqtt_greet(mqtt);
}

static int connect_on(struct weir_mqtt *mqtt, char *why)
{
	int got = weir_dial_step(&mqtt->dial, why), one = 1;

	if (got <= 0)
		return got;
	mqtt->fd = weir_dial_take(&mqtt->dial);
	(void)setsockopt(mqtt->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!mqtt->bridge.broker->has_tls)
		return greet(mqtt);
	mqtt->state = WEIR_MQTT_SHAKES;
	return weir_mqtt_tls_open(&mqtt->tls, mqtt->bridge.broker, mqtt->fd, why);
}

/* From one state to the next. 0; -errno with `why` set. */
static int advance(struct weir_mqtt *mqtt, char *why)
{
	int err = 0;

	if (mqtt->state == WEIR_MQTT_DIALS)
		err = connect_on(mqtt, why);
	if (!err && mqtt->state == WEIR_MQTT_SHAKES) {
		err = weir_mqtt_tls_shake(mqtt->tls, why);
		if (err > 0)
			err = greet(mqtt);
	}
	if (err == -ENOMEM || err == -EMSGSIZE)
		snprintf(why, WEIR_LINK_WHY, "%s", strerror(-err));
	return err;
}

static short events(const struct weir_mqtt *mqtt)
{
	if (mqtt->state == WEIR_MQTT_DIALS)
		return POLLOUT;
	if (mqtt->state == WEIR_MQTT_SHAKES)
		return weir_mqtt_tls_wants_write(mqtt->tls) ? POLLOUT : POLLIN;
	return (short)((mqtt_wants(mqtt) ? POLLIN : 0) | (waiting(mqtt) ? POLLOUT : 0));
}

static void await_socket(struct weir_mqtt *mqtt, int wake_fd, int64_t until_ns)
{
	int64_t left = mqtt->has_more && mqtt_wants(mqtt) ? 0 : weir_link_left(until_ns, LOOK_NS);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = mqtt->state == WEIR_MQTT_DIALS ? mqtt->dial.fd : mqtt->fd, .events = events(mqtt) },
		{ .fd = wake_fd, .events = POLLIN },
	};

	if (left)
		ppoll(fds, 2, &timeout, NULL);
}

static void work(struct weir_mqtt *mqtt, bool is_idle)
{
	uint32_t room;

	if (mqtt->bridge.inbox)
		weir_mqtt_answer(mqtt);
	weir_mqtt_flush(mqtt);
	room = room_for(mqtt);
	if (!is_idle || mqtt->has_more || mqtt->is_broken)
		take_packets(mqtt, mqtt_wants(mqtt), true);
	if (mqtt->bridge.inbox)
		weir_mqtt_answer(mqtt);
	keep_alive(mqtt, room);
	weir_mqtt_flush(mqtt);
}

int weir_mqtt_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt *mqtt = context;
	int err;

	await_socket(mqtt, wake_fd, until_ns);
	err = advance(mqtt, why);
	if (err < 0)
		return err;
	if (mqtt->state >= WEIR_MQTT_WAITS)
		work(mqtt, until_ns == WEIR_LINK_IDLE);
	if (mqtt->state < WEIR_MQTT_IS_LOST)
		return mqtt->state == WEIR_MQTT_IS_UP;
	snprintf(why, WEIR_LINK_WHY, "%s", mqtt->why);
	if (mqtt->state == WEIR_MQTT_IS_REFUSED)
		return mqtt->is_denied ? -EPERM : -EACCES;
	return mqtt->is_at_message ? -EBADMSG : mqtt->is_hung_up ? -ECONNRESET : -EIO;
}

/* ----------------------------------------------------------------------- send */

int weir_mqtt_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt *mqtt = context;
	char id[WEIR_OUTBOX_ID];
	struct weir_mqtt_publish publish = { .is_v5 = mqtt->is_v5,
					     .retains = mqtt->retains,
					     .qos = mqtt->qos,
					     .id = (uint16_t)(mqtt->last_id % UINT16_MAX + 1),
					     .topic = mqtt->bridge.broker->path,
					     .payload = message->bytes,
					     .n_payload = message->n };
	int err;

	if (waiting(mqtt) > OUT_BYTES)
		weir_mqtt_flush(mqtt);
	if (waiting(mqtt) > OUT_BYTES || mqtt->is_broken || (mqtt->qos && mqtt->n_unanswered >= mqtt->receive_max))
		return -EAGAIN;
	if (mqtt->is_v5) { /* the record's id goes with it where the protocol has room */
		weir_outbox_id(message, id);
		publish.user_name = WEIR_MQTT_ID;
		publish.user_text = id;
	}
	if (weir_mqtt_publish_bytes(&publish) > mqtt->packet_max)
		return -EMSGSIZE;
	err = weir_mqtt_write_publish(&mqtt->out, &publish);
	if (err < 0) {
		snprintf(why, WEIR_LINK_WHY, "%s", strerror(-err));
		return err;
	}
	if (mqtt->qos) {
		mqtt->last_id = publish.id;
		mqtt->n_unanswered++;
	}
	*token = mqtt->qos ? publish.id : ++mqtt->n_written;
	return 0;
}

/* ----------------------------------------------------------------------- shut */

/* What is still unread would make the kernel reset the connection, and the broker would not see our last packets. */
static void await_end(struct weir_mqtt *mqtt)
{
	struct pollfd fd = { .fd = mqtt->fd, .events = POLLIN };
	int64_t until = weir_now(WEIR_CLOCK_MONOTONIC) + LEAVE_MS * INT64_C(1000000);
	int64_t left;
	char bytes[4096];

	while ((left = weir_link_left(until, INT64_MAX)) && poll(&fd, 1, (int)(left / 1000000) + 1) > 0)
		if (recv(mqtt->fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			return;
}

/* A session that nobody can come back to is given up. Messages that are not answered for stay at the broker. */
static void take_leave(struct weir_mqtt *mqtt)
{
	bool drops = mqtt->keeps_session && !mqtt->id;

	if (mqtt->bridge.inbox)
		weir_mqtt_answer(mqtt);
	if (mqtt->state != WEIR_MQTT_IS_UP || weir_mqtt_write_disconnect(&mqtt->out, mqtt->is_v5, drops))
		return;
	weir_mqtt_flush(mqtt);
	if (mqtt->tls || mqtt->is_broken)
		return;
	(void)shutdown(mqtt->fd, SHUT_WR);
	if (mqtt->bridge.inbox)
		await_end(mqtt);
}

void weir_mqtt_shut(void *context)
{
	struct weir_mqtt *mqtt = context;

	if (mqtt->state == WEIR_MQTT_IS_UP)
		take_leave(mqtt);
	if (mqtt->bridge.inbox)
		weir_inbox_lost(mqtt->bridge.inbox);
	free_connection(mqtt);
}

void weir_mqtt_free(struct weir_mqtt *mqtt)
{
	free(mqtt->in);
	free(mqtt->out.bytes);
	free(mqtt->ack);
}

/* ----------------------------------------------------------------------- wait */

static int64_t mqtt_pause(const struct weir_mqtt *mqtt)
{
	if (waiting(mqtt))
		return FULL_NS;
	if (mqtt->state != WEIR_MQTT_IS_UP)
		return SOON_NS;
	return mqtt->bridge.inbox ? weir_inbox_look_ns(mqtt->bridge.inbox, LOOK_NS) : LOOK_NS;
}

void weir_mqtt_wait(void *context, struct weir_wait *wait)
{
	struct weir_mqtt *mqtt = context;
	bool reads = mqtt_wants(mqtt); /* else what waits in the socket is no news */
	/* With qos=2 an answer is answered, and the message takes two rounds. */
	bool is_answered_once = mqtt->bridge.outbox && mqtt->qos < 2;

	*wait = (struct weir_wait){ .until_ns = reads && mqtt->has_more
							? 0
							: weir_now(WEIR_CLOCK_MONOTONIC) + mqtt_pause(mqtt),
				    .fd = reads ? mqtt->fd : -1,
				    .gathers = is_answered_once && !waiting(mqtt) };
}
