/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* librdkafka's threads tell ours through a descriptor that there is something; what that is comes to callbacks on our thread. */
#include "devices/kafka_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "devices/kafka_settings.h"
#include "devices/openssl_exit.h"

#define LOOK_NS INT64_C(1000000000)
#define LEAVES_NS INT64_C(700000000)   /* to say good-bye */
#define PATIENCE_NS INT64_C(100000000) /* without room, until the broker is asked for nothing */
#define LOOK_MS 20
#define ASK_MS 100   /* each question whether a broker is there */
#define BUSY_MS 1000 /* of a broker that answers in order, and holds back a fetch without messages for 500 ms */
#define MISSING_NS INT64_C(3000000000)     /* until a topic that is not there counts as missing: one may just be made */
#define PARTITIONS_NS INT64_C(30000000000) /* how often a source without a group looks for new ones */
#define BATCH 512                          /* messages that a source takes before they become records */

enum { HAS_KEY, HAS_TIMESTAMP, IS_TOMBSTONE, HAS_PARTITION, HAS_OFFSET, HAS_HEADER };

const struct weir_inbox_property weir_kafka_properties[] = {
	{ "key", WEIR_TEXT, "", HAS_KEY },
	{ "timestamp", WEIR_INT, "ns", HAS_TIMESTAMP },
	{ "tombstone", WEIR_BOOL, "", IS_TOMBSTONE },
	{ "partition", WEIR_INT, "", HAS_PARTITION },
	{ "offset", WEIR_INT, "", HAS_OFFSET },
	{ "header.", WEIR_TEXT, "", HAS_HEADER },
	{ 0 },
};

static void fall(struct weir_kafka *kafka, enum weir_kafka_state state, const char *why)
{
	if (kafka->state >= WEIR_KAFKA_IS_LOST && kafka->state >= state)
		return; /* the first reason is the one, but for a better one */
	kafka->state = state;
	snprintf(kafka->why, sizeof(kafka->why), "%s", why);
}

/* ----------------------------------------------------------- what it tells us */

static const char *doubt(const struct weir_kafka *kafka, char *why)
{
	(void)weir_broker_doubt(kafka->bridge.broker, NULL, why);
	return why;
}

static bool is_refusal(int error)
{
	return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
	       error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *context)
{
	struct weir_kafka *kafka = context;
	char why[WEIR_LINK_WHY];

	if (error == RD_KAFKA_RESP_ERR__SSL && strstr(reason, "certificate verify failed"))
		fall(kafka, WEIR_KAFKA_IS_REFUSED, doubt(kafka, why));
	else if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL || is_refusal(error))
		fall(kafka, WEIR_KAFKA_IS_REFUSED, reason);
	else if (error == RD_KAFKA_RESP_ERR__FATAL && is_refusal(rd_kafka_fatal_error(client, why, sizeof(why))))
		fall(kafka, WEIR_KAFKA_IS_REFUSED, why);
	else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__FATAL)
		fall(kafka, WEIR_KAFKA_IS_LOST, reason);
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client;
	(void)level;
	(void)facility;
	(void)text; /* what matters comes to on_error() too */
}

static bool is_rejection(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
	       error == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
	struct weir_kafka *kafka = context;
	uint64_t token = (uintptr_t)message->_private;

	(void)client;
	kafka->has_served |= !message->err;
	if (!message->err)
		weir_outbox_settle(kafka->bridge.outbox, token, WEIR_OUTBOX_DELIVERED);
	else if (is_rejection(message->err))
		weir_outbox_settle(kafka->bridge.outbox, token, WEIR_OUTBOX_REJECTED);
	else if (is_refusal(message->err))
		fall(kafka, WEIR_KAFKA_IS_REFUSED, rd_kafka_err2str(message->err));
	else
		fall(kafka, WEIR_KAFKA_IS_LOST, rd_kafka_err2str(message->err));
}

/* The group is told where it is when the messages up to that mark are behind it. */
static void store_offsets(struct weir_kafka *kafka, uint64_t mark)
{
	rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
	uint32_t n = 0;

	for (; n < kafka->n_taken && kafka->taken[n].mark <= mark; n++) {
		const struct weir_kafka_taken *place = &kafka->taken[n];
		rd_kafka_topic_partition_t *at;

		at = rd_kafka_topic_partition_list_find(offsets, kafka->bridge.broker->path, place->partition);
		if (!at)
			at = rd_kafka_topic_partition_list_add(offsets, kafka->bridge.broker->path, place->partition);
		at->offset = place->offset + 1;
	}
	if (offsets->cnt)
		(void)rd_kafka_offsets_store(kafka->client, offsets);
	rd_kafka_topic_partition_list_destroy(offsets);
	kafka->n_taken -= n;
	memmove(kafka->taken, kafka->taken + n, kafka->n_taken * sizeof(*kafka->taken));
}

/* A message of which nothing is under way is behind us when the one before it is. */
static void fold(struct weir_kafka *kafka, uint32_t i)
{
	for (uint32_t before = i; before--;) {
		if (kafka->taken[before].partition != kafka->taken[i].partition)
			continue;
		kafka->taken[before].offset = kafka->taken[i].offset;
		kafka->n_taken--;
		memmove(kafka->taken + i, kafka->taken + i + 1, (kafka->n_taken - i) * sizeof(*kafka->taken));
		return;
	}
}

static void fold_ahead(struct weir_kafka *kafka)
{
	uint64_t mark;

	while ((mark = weir_inbox_next_ahead(kafka->bridge.inbox)))
		for (uint32_t i = kafka->n_taken; i--;)
			if (kafka->taken[i].mark == mark)
				fold(kafka, i);
}

/* What is not behind us comes again, to us or to others: of the messages that we have, nothing is to be told any more. */
static void disown(struct weir_kafka *kafka)
{
	store_offsets(kafka, weir_inbox_settled(kafka->bridge.inbox));
	kafka->n_taken = 0;
	weir_inbox_lost(kafka->bridge.inbox);
}

/* As without this, but that we hear of it. */
static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *partitions,
			 void *context)
{
	struct weir_kafka *kafka = context;

	if (error != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		disown(kafka);
	weir_kafka_places_forget(&kafka->places);
	kafka->is_paused = false;
	kafka->has_served |= error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	rd_kafka_assign(client, error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? partitions : NULL);
}

/* ----------------------------------------------------------------------- link */

static int configure(struct weir_kafka *kafka, rd_kafka_conf_t *conf, char *why)
{
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	if (!kafka->bridge.inbox)
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	else if (!kafka->is_alone)
		rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	return weir_kafka_set(conf, kafka, why);
}

/* 0, or librdkafka's error. */
static rd_kafka_resp_err_t subscribe(struct weir_kafka *kafka)
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t error;

	rd_kafka_topic_partition_list_add(topics, kafka->bridge.broker->path, RD_KAFKA_PARTITION_UA);
	error = rd_kafka_subscribe(kafka->client, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	return error;
}

static int announce(struct weir_kafka *kafka)
{
	static const uint64_t one = 1;

	kafka->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (kafka->news < 0)
		return -errno;
	kafka->queue = kafka->bridge.inbox ? rd_kafka_queue_get_consumer(kafka->client)
					   : rd_kafka_queue_get_main(kafka->client);
	rd_kafka_queue_io_event_enable(kafka->queue, kafka->news, &one, sizeof(one));
	return 0;
}

int weir_kafka_open(void *context, char why[WEIR_LINK_WHY])
{
	struct weir_kafka *kafka = context;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int err = configure(kafka, conf, why);

	kafka->state = WEIR_KAFKA_WAITS;
	kafka->is_paused = false;
	kafka->asked_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	if (!err) {
		kafka->client = rd_kafka_new(kafka->bridge.inbox ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, why,
					     WEIR_LINK_WHY);
		err = kafka->client ? 0 : -EACCES;
	}
	if (!kafka->client)
		rd_kafka_conf_destroy(conf); /* else it is the client's */
	if (!err && kafka->bridge.inbox && rd_kafka_poll_set_consumer(kafka->client))
		err = -EIO;
	return err ? err : announce(kafka);
}

/* The group hears where we are and that we leave. @return false: it did not answer. */
static bool leave_group(struct weir_kafka *kafka)
{
	int64_t until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + LEAVES_NS;
	rd_kafka_error_t *error;

	store_offsets(kafka, weir_inbox_settled(kafka->bridge.inbox));
	error = rd_kafka_consumer_close_queue(kafka->client, kafka->queue);
	while (!error && !rd_kafka_consumer_closed(kafka->client) && weir_now(WEIR_CLOCK_MONOTONIC) < until_ns) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka->client, LOOK_MS);

		/* Nothing more is taken. */
		if (message)
			rd_kafka_message_destroy(message);
	}
	if (error)
		rd_kafka_error_destroy(error);
	return rd_kafka_consumer_closed(kafka->client);
}

static void *destroy(void *client)
{
	rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return NULL;
}

/* A member that has not left waits for its broker, for a minute where that is silent: it does so on a thread of its own. It calls none
 * of our functions any more that looks at `kafka`. */
static void destroy_aside(rd_kafka_t *client)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, destroy, client))
		destroy(client);
	pthread_attr_destroy(&attributes);
}

/* What the broker has not said to have gets its chance again on the next connection. */
void weir_kafka_shut(void *context)
{
	struct weir_kafka *kafka = context;
	bool is_member = kafka->bridge.inbox && !kafka->is_alone && kafka->client;

	if (kafka->client && kafka->bridge.inbox && kafka->state == WEIR_KAFKA_IS_UP)
		is_member &= !leave_group(kafka);
	if (kafka->queue) {
		rd_kafka_queue_io_event_enable(kafka->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(kafka->queue);
	}
	if (is_member)
		destroy_aside(kafka->client);
	else if (kafka->client)
		destroy(kafka->client);
	if (kafka->news >= 0)
		close(kafka->news);
	kafka->client = NULL;
	kafka->queue = NULL;
	if (kafka->bridge.inbox)
		weir_inbox_lost(kafka->bridge.inbox);
	kafka->n_taken = 0;
	kafka->news = -1;
}

static void await_news(struct weir_kafka *kafka, int wake_fd, int64_t until_ns)
{
	int64_t left = weir_link_left(until_ns, LOOK_NS);
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = kafka->news, .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	eventfd_t value;

	if (left)
		ppoll(fds, 2, &timeout, NULL);
	(void)eventfd_read(kafka->news, &value);
}

/* Of headers with one name, the last. A text with a zero length and no bytes at all are both an empty text. */
static void get_property(const void *context, const struct weir_inbox_property *wanted, const char *name,
			 struct weir_inbox_value *value)
{
	const rd_kafka_message_t *message = context;
	rd_kafka_timestamp_type_t type;
	rd_kafka_headers_t *headers;
	const void *text = NULL;
	size_t n = 0;

	if (wanted->id == HAS_KEY) {
		value->text = message->key;
		value->n = message->key_len;
	} else if (wanted->id == HAS_HEADER && !rd_kafka_message_headers(message, &headers) &&
		   !rd_kafka_header_get_last(headers, name, &text, &n)) {
		value->text = text;
		value->n = n;
	} else if (wanted->id == HAS_TIMESTAMP) {
		value->integer = rd_kafka_message_timestamp(message, &type) * 1000000;
	} else if (wanted->id == IS_TOMBSTONE) {
		value->integer = !message->payload;
	} else if (wanted->id == HAS_PARTITION) {
		value->integer = message->partition;
	} else if (wanted->id == HAS_OFFSET) {
		value->integer = message->offset;
	}
}

static void take_message(struct weir_kafka *kafka, const rd_kafka_message_t *message)
{
	struct weir_inbox_message taken = {
		.topic = kafka->bridge.broker->path,
		.bytes = message->payload,
		.n = message->len,
		.mark = ++kafka->mark,
		.may_repeat = weir_kafka_places_had(&kafka->places, message->partition, message->offset),
		.salt = (uint64_t)message->partition << 48 ^ (uint64_t)message->offset,
		.get = get_property,
		.context = message,
	};
	rd_kafka_headers_t *headers;
	const void *id = NULL;

	if (!rd_kafka_message_headers(message, &headers) &&
	    !rd_kafka_header_get_last(headers, WEIR_KAFKA_ID, &id, &taken.n_id))
		taken.id = id;
	kafka->has_served = true;
	weir_kafka_places_took(&kafka->places, message->partition, message->offset);
	kafka->taken[kafka->n_taken++] = (struct weir_kafka_taken){ message->partition, message->offset, kafka->mark };
	weir_inbox_put(kafka->bridge.inbox, &taken);
}

/* Without room nothing is fetched, but the group must hear of its member: one that does not ask is taken for dead. */
static void set_paused(struct weir_kafka *kafka, bool is_paused)
{
	rd_kafka_topic_partition_list_t *all = NULL;

	if (kafka->is_paused == is_paused || rd_kafka_assignment(kafka->client, &all) || !all)
		return;
	if (is_paused)
		(void)rd_kafka_pause_partitions(kafka->client, all);
	else
		(void)rd_kafka_resume_partitions(kafka->client, all);
	rd_kafka_topic_partition_list_destroy(all);
	kafka->is_paused = is_paused;
}

static uint32_t room(const struct weir_kafka *kafka)
{
	uint32_t room = kafka->n_taken < WEIR_KAFKA_TAKEN ? WEIR_KAFKA_TAKEN - kafka->n_taken : 0;

	return room ? weir_inbox_wants(kafka->bridge.inbox, room < BATCH ? room : BATCH) : 0;
}

static void take_error(struct weir_kafka *kafka, const rd_kafka_message_t *message)
{
	if (is_refusal(message->err))
		fall(kafka, WEIR_KAFKA_IS_REFUSED, rd_kafka_message_errstr(message));
	else if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		 message->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
		 message->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		fall(kafka, WEIR_KAFKA_IS_LOST, "the topic, or a partition of it, is missing");
	else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
		weir_kafka_places_reset(&kafka->places, kafka->client, message->partition, message->offset,
					!kafka->is_alone, ASK_MS);
		kafka->is_paused = false; /* what is assigned anew is not paused */
	}
}

/* @return false: there was none. */
static bool consume_one(struct weir_kafka *kafka)
{
	rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka->client, 0);

	if (!message)
		return false;
	/* What comes all the same must be taken, or the next one would stand for it; at the end of the run none does. */
	if (!message->err && weir_inbox_wants(kafka->bridge.inbox, 1))
		take_message(kafka, message);
	else if (message->err)
		take_error(kafka, message);
	rd_kafka_message_destroy(message);
	return true;
}

/* Without room, answers are on their way, as a rule. A pause would throw away what librdkafka has read ahead. */
static bool is_brief(struct weir_kafka *kafka, uint32_t room)
{
	int64_t now = room ? 0 : weir_now(WEIR_CLOCK_MONOTONIC);

	if (room || kafka->is_paused) {
		kafka->full_ns = 0;
		return false;
	}
	if (!kafka->full_ns)
		kafka->full_ns = now;
	return now - kafka->full_ns < PATIENCE_NS;
}

static void consume(struct weir_kafka *kafka)
{
	uint32_t most;

	store_offsets(kafka, weir_inbox_settled(kafka->bridge.inbox));
	fold_ahead(kafka);
	most = room(kafka);
	if (is_brief(kafka, most))
		return;
	set_paused(kafka, !most);
	for (uint32_t n = 0; n < (most ? most : 1) && kafka->n_taken < WEIR_KAFKA_TAKEN + WEIR_KAFKA_SLACK &&
			     kafka->state < WEIR_KAFKA_IS_REFUSED;
	     n++)
		if (!consume_one(kafka))
			return;
	/* There may be more, and it is announced only once. Without room it is time that matters: see link_wait(). */
	if (room(kafka))
		(void)eventfd_write(kafka->news, 1);
}

/* A source begins where it was, and else where the user wants. @return 0, or librdkafka's error: ask again. */
static rd_kafka_resp_err_t begin_source(struct weir_kafka *kafka, int n_partitions)
{
	rd_kafka_resp_err_t error;
	if (weir_kafka_places_grow(&kafka->places, n_partitions))
		return RD_KAFKA_RESP_ERR__FAIL;
	if (kafka->is_alone) {
		error = weir_kafka_places_begin(&kafka->places, kafka->client, BUSY_MS);
		return error ? error : weir_kafka_places_assign_all(&kafka->places, kafka->client);
	}
	error = kafka->knows_group ? 0 : weir_kafka_places_ask_group(&kafka->places, kafka->client, BUSY_MS);
	kafka->knows_group |= !error;
	return error ? error : subscribe(kafka);
}

static void take_topic(struct weir_kafka *kafka, const struct rd_kafka_metadata_topic *topic)
{
	char why[WEIR_LINK_WHY];
	rd_kafka_resp_err_t error = topic->err;

	if (!error && topic->partition_cnt)
		error = kafka->bridge.inbox ? begin_source(kafka, topic->partition_cnt) : 0;
	else if (!is_refusal(error) && weir_now(WEIR_CLOCK_MONOTONIC) - kafka->asked_ns < MISSING_NS)
		return;
	snprintf(why, sizeof(why), "the topic '%.100s' is missing", kafka->bridge.broker->path);
	if (is_refusal(error))
		fall(kafka, WEIR_KAFKA_IS_REFUSED, rd_kafka_err2str(error));
	else if (topic->err || !topic->partition_cnt)
		fall(kafka, WEIR_KAFKA_IS_REFUSED, why);
	else if (!error)
		kafka->state = WEIR_KAFKA_IS_UP;
}

static const struct rd_kafka_metadata *ask_topic(struct weir_kafka *kafka, int ms)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka->client, kafka->bridge.broker->path, NULL);
	const struct rd_kafka_metadata *metadata = NULL;

	if (topic && rd_kafka_metadata(kafka->client, 0, topic, &metadata, ms))
		metadata = NULL;
	if (topic)
		rd_kafka_topic_destroy(topic);
	return metadata;
}

/* There is no connection to ask for: a broker that knows the topic is one. */
static void ask(struct weir_kafka *kafka)
{
	const struct rd_kafka_metadata *metadata = ask_topic(kafka, ASK_MS);

	if (!metadata)
		return;
	if (metadata->topic_cnt)
		take_topic(kafka, &metadata->topics[0]);
	rd_kafka_metadata_destroy(metadata);
}

/* All that is in a new partition came while we were here. In a group librdkafka sees to it. */
static void look_for_partitions(struct weir_kafka *kafka)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);
	const struct rd_kafka_metadata *metadata;

	if (!kafka->is_alone || kafka->state != WEIR_KAFKA_IS_UP || now - kafka->asked_ns < PARTITIONS_NS)
		return;
	kafka->asked_ns = now;
	metadata = ask_topic(kafka, BUSY_MS);
	if (metadata && metadata->topic_cnt && metadata->topics[0].partition_cnt > kafka->places.n) {
		weir_warn(kafka->bridge.node, "the topic has %d partitions now, not %d: reading them all",
			  metadata->topics[0].partition_cnt, (int)kafka->places.n);
		(void)begin_source(kafka, metadata->topics[0].partition_cnt);
		kafka->is_paused = false;
	}
	if (metadata)
		rd_kafka_metadata_destroy(metadata);
}

int weir_kafka_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct weir_kafka *kafka = context;

	if (kafka->state == WEIR_KAFKA_WAITS)
		ask(kafka);
	else
		await_news(kafka, wake_fd, until_ns);
	look_for_partitions(kafka);
	if (kafka->bridge.inbox)
		consume(kafka); /* also what went wrong comes this way */
	else
		rd_kafka_poll(kafka->client, 0);
	if (kafka->state < WEIR_KAFKA_IS_LOST)
		return kafka->state == WEIR_KAFKA_IS_UP;
	snprintf(why, WEIR_LINK_WHY, "%s", kafka->why);
	return kafka->state != WEIR_KAFKA_IS_REFUSED ? -EIO : kafka->has_served ? -EACCES : -EPERM;
}

void weir_kafka_wait(void *context, struct weir_wait *wait)
{
	struct weir_kafka *kafka = context;
	int64_t in_ns = kafka->state == WEIR_KAFKA_WAITS ? LOOK_NS / 100
			: kafka->bridge.inbox            ? weir_inbox_look_ns(kafka->bridge.inbox, LOOK_NS)
							 : LOOK_NS;

	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + in_ns, .fd = kafka->news };
}
