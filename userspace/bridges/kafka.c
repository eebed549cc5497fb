/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kafka, by librdkafka, whose threads tell ours through a descriptor that there is something.
 *
 * A sink's producer is idempotent: what it sends again by itself arrives once. When it gives up, or no broker is there any more,
 * it is replaced, and the outbox sends what was under way again; all messages of one spool have the same key, and so the same
 * partition and order.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "devices/kafka_settings.h"
#include "weir/broker.h"
#include "weir/inbox.h"
#include "weir/outbox.h"

#define PORT 9092
#define EXAMPLE "kafka://HOST/TOPIC"
#define ID_HEADER "weir-id"
#define LOOK_NS INT64_C(1000000000)
#define ASK_MS 100 /* each question whether a broker is there */
#define BATCH 512  /* messages that a source takes before they become records */
#define TAKEN 4096 /* messages that may be on their way down the chains */

enum state { WAITS, IS_UP, IS_LOST, IS_REFUSED };

struct kafka {
	struct weir_node *node;
	struct weir_broker *broker;
	struct weir_inbox *inbox; /* a source */
	struct weir_link *link;   /* a source's; an outbox has its own */
	struct weir_outbox *outbox;
	rd_kafka_t *client;
	rd_kafka_queue_t *queue; /* that announces itself by `news` */
	int news;                /* eventfd; -1: none */
	/* A source: where the messages were that are not settled, the oldest first, and the mark of the last. */
	struct place {
		int32_t partition;
		int64_t offset;
	} taken[TAKEN];
	uint32_t n_taken;
	uint64_t mark;
	enum state state;
	char why[WEIR_LINK_WHY];
};

static void fall(struct kafka *kafka, enum state state, const char *why)
{
	if (kafka->state >= IS_LOST && kafka->state >= state)
		return; /* the first reason is the one, but for a better one */
	kafka->state = state;
	snprintf(kafka->why, sizeof(kafka->why), "%s", why);
}

/* ----------------------------------------------------------- what it tells us */

static const char *doubt(const struct kafka *kafka, char *why)
{
	(void)weir_broker_doubt(kafka->broker, NULL, why);
	return why;
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *context)
{
	struct kafka *kafka = context;
	char why[WEIR_LINK_WHY];

	(void)client;
	if (error == RD_KAFKA_RESP_ERR__SSL && strstr(reason, "certificate verify failed"))
		fall(kafka, IS_REFUSED, doubt(kafka, why));
	else if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL)
		fall(kafka, IS_REFUSED, reason);
	else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || error == RD_KAFKA_RESP_ERR__FATAL)
		fall(kafka, IS_LOST, reason);
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
	       error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || error == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *context)
{
	struct kafka *kafka = context;
	uint64_t token = (uint64_t)(uintptr_t)message->_private;

	(void)client;
	if (!message->err)
		weir_outbox_settle(kafka->outbox, token, WEIR_OUTBOX_DELIVERED);
	else if (is_rejection(message->err))
		weir_outbox_settle(kafka->outbox, token, WEIR_OUTBOX_REJECTED);
	else
		fall(kafka, IS_LOST, rd_kafka_err2str(message->err));
}

/* ----------------------------------------------------------------------- link */

static int configure(struct kafka *kafka, rd_kafka_conf_t *conf, char *why)
{
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	if (!kafka->inbox)
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	return weir_kafka_set(conf, kafka->broker, kafka->inbox, why);
}

static int subscribe(struct kafka *kafka, char *why)
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t error = rd_kafka_poll_set_consumer(kafka->client);

	rd_kafka_topic_partition_list_add(topics, kafka->broker->path, RD_KAFKA_PARTITION_UA);
	if (!error && weir_arg_given(kafka->node, "group"))
		error = rd_kafka_subscribe(kafka->client, topics);
	rd_kafka_topic_partition_list_destroy(topics);
	snprintf(why, WEIR_LINK_WHY, "%s", rd_kafka_err2str(error));
	return error ? -EIO : 0;
}

static int announce(struct kafka *kafka)
{
	static const uint64_t one = 1;

	kafka->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (kafka->news < 0)
		return -errno;
	kafka->queue = kafka->inbox ? rd_kafka_queue_get_consumer(kafka->client)
				    : rd_kafka_queue_get_main(kafka->client);
	rd_kafka_queue_io_event_enable(kafka->queue, kafka->news, &one, sizeof(one));
	return 0;
}

static int link_open(void *context, char why[WEIR_LINK_WHY])
{
	struct kafka *kafka = context;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int err = configure(kafka, conf, why);

	kafka->state = WAITS;
	if (!err) {
		kafka->client = rd_kafka_new(kafka->inbox ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, why,
					     WEIR_LINK_WHY);
		err = kafka->client ? 0 : -EACCES;
	}
	if (!kafka->client)
		rd_kafka_conf_destroy(conf); /* else it is the client's */
	if (!err && kafka->inbox)
		err = subscribe(kafka, why);
	return err ? err : announce(kafka);
}

/* The group is told where it is when the messages up to that mark are behind it. */
static void store_offsets(struct kafka *kafka, uint64_t mark)
{
	rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
	uint64_t first = kafka->mark - kafka->n_taken + 1;
	uint32_t n = mark < first ? 0 : (uint32_t)(mark - first + 1);

	for (uint32_t i = 0; i < n; i++) {
		const struct place *place = &kafka->taken[i];
		rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_find(offsets, kafka->broker->path,
										    place->partition);

		if (!at)
			at = rd_kafka_topic_partition_list_add(offsets, kafka->broker->path, place->partition);
		at->offset = place->offset + 1;
	}
	if (offsets->cnt)
		(void)rd_kafka_offsets_store(kafka->client, offsets);
	rd_kafka_topic_partition_list_destroy(offsets);
	kafka->n_taken -= n;
	memmove(kafka->taken, kafka->taken + n, kafka->n_taken * sizeof(*kafka->taken));
}

/* What the broker has not said to have gets its chance again on the next connection. */
static void link_shut(void *context)
{
	struct kafka *kafka = context;
	bool is_orderly = kafka->state == IS_UP && kafka->inbox;

	if (kafka->queue)
		rd_kafka_queue_destroy(kafka->queue);
	if (kafka->client && is_orderly)
		store_offsets(kafka, weir_inbox_done(kafka->inbox));
	if (kafka->client && is_orderly)
		rd_kafka_consumer_close(kafka->client);
	if (kafka->client)
		rd_kafka_destroy_flags(kafka->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	if (kafka->news >= 0)
		close(kafka->news);
	kafka->client = NULL;
	kafka->queue = NULL;
	kafka->n_taken = 0;
	kafka->news = -1;
}

static void await_news(struct kafka *kafka, int wake_fd, int64_t until_ns)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC), left = until_ns - now < LOOK_NS ? until_ns - now : LOOK_NS;
	struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	struct pollfd fds[2] = {
		{ .fd = kafka->news, .events = POLLIN },
		{ .fd = wake_fd, .events = POLLIN },
	};
	eventfd_t value;

	if (until_ns > now)
		ppoll(fds, 2, &timeout, NULL);
	(void)eventfd_read(kafka->news, &value);
}

static void take_message(struct kafka *kafka, const rd_kafka_message_t *message)
{
	struct weir_inbox_message taken = {
		.topic = kafka->broker->path,
		.bytes = message->payload,
		.n = message->len,
		.mark = ++kafka->mark,
	};
	rd_kafka_headers_t *headers;
	const void *id = NULL;

	if (!rd_kafka_message_headers(message, &headers) &&
	    !rd_kafka_header_get_last(headers, ID_HEADER, &id, &taken.n_id))
		taken.id = id;
	kafka->taken[kafka->n_taken++] = (struct place){ message->partition, message->offset };
	weir_inbox_put(kafka->inbox, &taken);
}

static void consume(struct kafka *kafka)
{
	store_offsets(kafka, weir_inbox_settled(kafka->inbox));
	for (int n = 0; n < BATCH && kafka->n_taken < TAKEN && kafka->state < IS_REFUSED; n++) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(kafka->client, 0);

		if (!message)
			return;
		if (!message->err)
			take_message(kafka, message);
		else if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
			 message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
			fall(kafka, IS_REFUSED, rd_kafka_message_errstr(message));
		rd_kafka_message_destroy(message);
	}
	/* There may be more, and it is announced only once. Without room it is time that matters: see link_wait(). */
	if (kafka->n_taken < TAKEN)
		(void)eventfd_write(kafka->news, 1);
}

/* Who is in no group takes all partitions. */
static bool assign(struct kafka *kafka, const struct rd_kafka_metadata_topic *topic)
{
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
	int64_t from = weir_arg_int(kafka->node, "from") ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
	rd_kafka_resp_err_t error = 0;

	for (int i = 0; i < topic->partition_cnt; i++)
		rd_kafka_topic_partition_list_add(all, topic->topic, topic->partitions[i].id)->offset = from;
	if (all->cnt)
		error = rd_kafka_assign(kafka->client, all);
	rd_kafka_topic_partition_list_destroy(all);
	return topic->partition_cnt && !error;
}

/* There is no connection to ask for: a broker that knows the topic is one. */
static void ask(struct kafka *kafka)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka->client, kafka->broker->path, NULL);
	bool is_alone = kafka->inbox && !weir_arg_given(kafka->node, "group"), is_known;
	const struct rd_kafka_metadata *metadata;

	if (!topic)
		return;
	is_known = !rd_kafka_metadata(kafka->client, 0, topic, &metadata, ASK_MS);
	rd_kafka_topic_destroy(topic);
	if (!is_known)
		return;
	if (metadata->topic_cnt && (!is_alone || assign(kafka, &metadata->topics[0])))
		kafka->state = IS_UP;
	rd_kafka_metadata_destroy(metadata);
}

static int link_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct kafka *kafka = context;

	if (kafka->state == WAITS)
		ask(kafka);
	else
		await_news(kafka, wake_fd, until_ns);
	if (kafka->inbox)
		consume(kafka); /* also what went wrong comes this way */
	else
		rd_kafka_poll(kafka->client, 0);
	if (kafka->state < IS_LOST)
		return kafka->state == IS_UP;
	snprintf(why, WEIR_LINK_WHY, "%s", kafka->why);
	return kafka->state == IS_REFUSED ? -EACCES : -EIO;
}

static void link_wait(void *context, struct weir_wait *wait)
{
	struct kafka *kafka = context;
	int64_t in_ns = kafka->state == WAITS ? LOOK_NS / 100 : weir_inbox_look_ns(kafka->inbox, LOOK_NS);

	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + in_ns, .fd = kafka->news };
}

#define LINK_OPS                                                                             \
	{                                                                                    \
		.open = link_open, .serve = link_serve, .shut = link_shut, .wait = link_wait \
	}

/* ---------------------------------------------------------------------- roles */

static int kafka_open(struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);
	int err;

	kafka->node = node;
	kafka->news = -1;
	err = weir_broker_open(&kafka->broker, node, PORT, PORT, EXAMPLE);
	if (!err && !*kafka->broker->path)
		err = weir_fail_arg(node, NULL, "as in " EXAMPLE, "the topic is missing");
	return err;
}

static void kafka_close(struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);

	weir_link_close(kafka->link);
	weir_outbox_close(kafka->outbox);
	weir_inbox_close(kafka->inbox);
	weir_broker_close(kafka->broker);
}

static int source_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct weir_link_ops ops = LINK_OPS;
	static const struct weir_inbox_topics none = { 0 };
	struct kafka *kafka = weir_state(node);
	int err = kafka_open(node);

	if (!err && *kafka->broker->path == '^')
		err = weir_fail_arg(node, NULL, "write a source for each", "a pattern of topics cannot be read");
	if (!err)
		err = weir_inbox_open(&kafka->inbox, node, out, kafka->broker->path, &none);
	return err ? err : weir_link_open(&kafka->link, node, &ops, kafka, kafka->broker->peer);
}

static int source_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	struct kafka *kafka = weir_state(node);

	return weir_inbox_produce(kafka->inbox, kafka->link, rows, max, wait);
}

static void source_stop(struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);

	weir_link_shut(kafka->link);
}

static const char *source_how(const struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);

	return weir_inbox_how(kafka->inbox, kafka->link);
}

static int sink_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct kafka *kafka = context;
	const char *given = weir_arg_text(kafka->node, "message_key");
	char id[WEIR_OUTBOX_ID], own[24];
	rd_kafka_resp_err_t error;

	weir_outbox_id(message, id);
	snprintf(own, sizeof(own), "%016llx", (unsigned long long)message->sender);
	*token = message->id;
	error = rd_kafka_producev(kafka->client, RD_KAFKA_V_TOPIC(kafka->broker->path),
				  RD_KAFKA_V_KEY(given ? given : own, strlen(given ? given : own)),
				  RD_KAFKA_V_VALUE((void *)(uintptr_t)message->bytes, message->n),
				  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADER(ID_HEADER, id, -1),
				  RD_KAFKA_V_OPAQUE((void *)(uintptr_t)message->id), RD_KAFKA_V_END);
	if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return -EAGAIN;
	if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		return -EMSGSIZE;
	snprintf(why, WEIR_LINK_WHY, "%s", rd_kafka_err2str(error));
	return error ? -EIO : 0;
}

static int sink_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = { .link = LINK_OPS, .send = sink_send };
	struct kafka *kafka = weir_state(node);
	char place[512];
	int err = kafka_open(node);

	(void)in;
	if (err)
		return err;
	snprintf(place, sizeof(place), "kafka/%s", kafka->broker->path);
	return weir_outbox_open(&kafka->outbox, node, &ops, kafka, kafka->broker->peer, place);
}

static int sink_start(struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);

	return weir_outbox_start(kafka->outbox);
}

static int sink_push(struct weir_node *node, const struct weir_block *in)
{
	struct kafka *kafka = weir_state(node);

	return weir_outbox_push(kafka->outbox, in);
}

static int sink_end(struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);

	return weir_outbox_end(kafka->outbox);
}

static const char *sink_how(const struct weir_node *node)
{
	struct kafka *kafka = weir_state(node);

	return weir_outbox_how(kafka->outbox);
}

static const char *const from_words[] = { "latest", "earliest", NULL };

#define KAFKA_PARAMS                                                                            \
	WEIR_BROKER_PARAMS,                                                                     \
	{                                                                                       \
		.name = "sasl", .style = WEIR_KEY, .value = WEIR_V_TEXT, .fallback = "PLAIN",   \
		.help = "how user and password are told: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512" \
	}

static const struct weir_param source_params[] = {
	WEIR_INBOX_PARAMS,
	KAFKA_PARAMS,
	{ .name = "group",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .help = "consumers that share the messages, and go on where they were; default: alone, from now on" },
	{ .name = "from",
	  .style = WEIR_KEY,
	  .value = WEIR_V_WORD,
	  .fallback = "latest",
	  .words = from_words,
	  .help = "where to begin when the group has been nowhere yet" },
	{ 0 }
};

static const struct weir_param sink_params[] = {
	WEIR_OUTBOX_PARAMS,
	KAFKA_PARAMS,
	{ .name = "message_key",
	  .style = WEIR_KEY,
	  .value = WEIR_V_TEXT,
	  .help = "of all messages, which decides on their partition; default: one of this sink's own" },
	{ 0 }
};

static const struct weir_source_ops source_ops = {
	.state_bytes = sizeof(struct kafka),
	.open = source_open,
	.produce = source_produce,
	.stop = source_stop,
	.close = kafka_close,
	.how = source_how,
};

static const struct weir_sink_ops sink_ops = {
	.state_bytes = sizeof(struct kafka),
	.open = sink_open,
	.start = sink_start,
	.push = sink_push,
	.end = sink_end,
	.close = kafka_close,
	.how = sink_how,
};

const struct weir_driver weir_bridge_kafka = {
	.name = "kafka",
	.doc = "messages of a Kafka topic",
	.target = "//[USER@]HOST[:PORT]/TOPIC",
	.source_params = source_params,
	.sink_params = sink_params,
	.source = &source_ops,
	.sink = &sink_ops,
};
