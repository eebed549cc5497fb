/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kafka, against the cluster that librdkafka has inside for such tests: it speaks the protocol, and keeps nothing for longer than
 * this process. Where weir was built without librdkafka there is nothing to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "skip.h"
#include "weir/graph.h"

/* librdkafka starts its threads with thrd_create(), of which the thread sanitizer knows nothing: it would crash in them. */
#ifdef __SANITIZE_THREAD__
int main(void)
{
	fputs("the thread sanitizer does not know the threads of librdkafka\n", stderr);
	return 77;
}
#elif __has_include(<librdkafka/rdkafka_mock.h>)
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "topic_errors.h"

#define N 2000

static struct world {
	rd_kafka_t *client;
	rd_kafka_mock_cluster_t *cluster;
	char broker[64]; /* HOST:PORT */
	char dir[64];
	bool survives_errors; /* this librdkafka, those of topics in its own mock */
} world;

static int setup(void **state)
{
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	(void)state;
	world.survives_errors = survives_topic_errors();
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	world.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	assert_non_null(world.client);
	world.cluster = rd_kafka_mock_cluster_new(world.client, 1);
	assert_non_null(world.cluster);
	snprintf(world.broker, sizeof(world.broker), "%s", rd_kafka_mock_cluster_bootstraps(world.cluster));
	snprintf(world.dir, sizeof(world.dir), "/tmp/weir-kafka-XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	rd_kafka_mock_cluster_destroy(world.cluster);
	rd_kafka_destroy(world.client);
	snprintf(command, sizeof(command), "rm -r %s", world.dir);
	return system(command);
}

/* Run a program; @return its status. What it says goes to `said`, which the caller frees. */
static int run(const char *program, uint64_t limit, char **said)
{
	struct weir_options options = { .limit = limit, .strict = true };
	struct weir_pipeline *pipeline;
	size_t size;
	int status;

	options.messages = open_memstream(said, &size);
	status = weir_open(&pipeline, program, "<test>", &options);
	if (pipeline) {
		status = weir_run(pipeline);
		weir_summary(pipeline, options.messages, WEIR_FORMAT_TEXT);
		weir_close(pipeline);
	}
	fclose(options.messages);
	return status;
}

static void expect(const char *program, uint64_t limit, const char *text)
{
	char *said;
	int status = run(program, limit, &said);

	if (status || !strstr(said, text))
		fail_msg("%s: status %d, and not '%s' in:\n%s", program, status, text, said);
	free(said);
}

static void expect_counted(const char *path, int from, int to)
{
	FILE *file = fopen(path, "r");
	char line[64];

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	for (int i = from; i < to; i++) {
		assert_non_null(fgets(line, sizeof(line), file));
		assert_int_equal(atoi(line), i);
	}
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
}

static void publish(const char *topic)
{
	char program[256];

	snprintf(program, sizeof(program), "synth:counter rate=max | kafka://%s/%s linger=60s", world.broker, topic);
	expect(program, N, "2000 messages delivered, 0 waiting");
}

static void consume(const char *topic, const char *words, uint64_t limit, int from)
{
	char program[300], path[100];

	snprintf(path, sizeof(path), "%s/out.csv", world.dir);
	snprintf(program, sizeof(program), "kafka://%s/%s out=value from=earliest %s | csv:%s time=none", world.broker,
		 topic, words, path);
	expect(program, limit, "connected to");
	expect_counted(path, from, from + (int)limit);
}

/* All records arrive, in order, though the topic has several partitions. */
static void what_goes_in_comes_out(void **state)
{
	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "plain", 4, 1), 0);
	publish("plain");
	consume("plain", "", N, 0);
}

/* A group goes on where it was. librdkafka's cluster lets a second member wait for 44 s: with WEIR_TEST_LONG. */
static void a_group_goes_on(void **state)
{
	(void)state;
	if (!getenv("WEIR_TEST_LONG"))
		skip_because("takes 44 s: WEIR_TEST_LONG=1 runs it");
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "shared", 1, 1), 0);
	publish("shared");
	consume("shared", "group=a", 500, 0);
	consume("shared", "group=a", N - 500, 500);
}

/* A broker that answers with errors that pass, and one that is away for a moment, cost nothing. */
static void what_passes_costs_nothing(void **state)
{
	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "rough", 1, 1), 0);
	rd_kafka_mock_push_request_errors(world.cluster, 0, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
					  RD_KAFKA_RESP_ERR__TRANSPORT); /* 0: Produce */
	publish("rough");
	consume("rough", "", N, 0);
}

/* ----------------------------------------------------------------------- group */

/* What the cluster believes a group to have dealt with; negative: nothing. */
static int64_t committed(const char *group, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *client;
	int64_t offset;
	char text[256];

	rd_kafka_conf_set(conf, "bootstrap.servers", world.broker, NULL, 0);
	rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	assert_non_null(client);
	rd_kafka_topic_partition_list_add(list, topic, 0);
	assert_int_equal(rd_kafka_committed(client, list, 20000), 0);
	offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(client);
	return offset;
}

static void *run_windows(void *pipeline)
{
	return (void *)(intptr_t)weir_run(pipeline);
}

/* With ack=window a group is told of the windows that are out; at the end, of the one that was open. */
static void an_open_window_is_not_committed(void **state)
{
	struct weir_options options = { .quiet = true };
	struct weir_pipeline *pipeline;
	char program[300];
	pthread_t thread;
	int64_t meanwhile = 0;
	void *status;

	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "windowed", 1, 1), 0);
	publish("windowed");
	snprintf(program, sizeof(program),
		 "kafka://%s/windowed out=value from=earliest group=windows ack=window | window 300 partial count() as "
		 "n | null",
		 world.broker);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_windows, pipeline), 0);
	for (int i = 0; i < 60 && meanwhile < 1800; i++) {
		usleep(500000);
		meanwhile = committed("windows", "windowed");
	}
	/* Longer than it takes until offsets are committed. */
	usleep(1500000);
	assert_int_equal(committed("windows", "windowed"), 1800);
	weir_stop(pipeline);
	assert_int_equal(pthread_join(thread, &status), 0);
	assert_null(status);
	weir_close(pipeline);
	assert_int_equal(committed("windows", "windowed"), N);
}

struct slow {
	struct weir_pipeline *pipeline;
	int taken;
	int64_t meanwhile; /* what was committed while the first record was held up */
};

/* Longer than it takes until offsets are committed. */
static int take_slowly(const union weir_call_value *in, void *state)
{
	struct slow *slow = state;

	if (in[0].real == 0) {
		usleep(1500000);
		slow->meanwhile = committed("slow", "held");
	}
	if (++slow->taken == N)
		weir_stop(slow->pipeline);
	return 0;
}

/* A group is told to be behind what has gone down the chain, not what is only on its way. */
static void what_is_on_its_way_is_not_committed(void **state)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_options options = { .quiet = true };
	struct slow slow = { 0 };
	char source[200];

	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "held", 1, 1), 0);
	publish("held");
	snprintf(source, sizeof(source), "kafka://%s/held out=value from=earliest group=slow", world.broker);
	weir_consume(weir_source(graph, source), "value", take_slowly, &slow);
	assert_int_equal(weir_graph_start(&slow.pipeline, graph, "<test>", &options), 0);
	assert_int_equal(weir_run(slow.pipeline), 0);
	weir_close(slow.pipeline);
	weir_graph_close(graph);
	assert_int_equal(slow.taken, N);
	assert_true(slow.meanwhile <= 0);
	assert_int_equal(committed("slow", "held"), N);
}

#define KEYS 4

/* Records that members of a group have got, by key and number. */
static struct share {
	_Atomic int got[KEYS][N];
	_Atomic int n_got;
} share;

struct member {
	struct weir_graph *graph;
	struct weir_pipeline *pipeline;
	pthread_t thread;
	int taken, leaves_after; /* 0: when all is there */
};

static int take_share(const union weir_call_value *in, void *state)
{
	struct member *member = state;

	share.n_got += !share.got[in[1].integer][(int)in[0].real]++;
	if (++member->taken == member->leaves_after || (!member->leaves_after && share.n_got == KEYS * N))
		weir_stop(member->pipeline);
	return 0;
}

static void *run_member(void *context)
{
	return (void *)(intptr_t)weir_run(((struct member *)context)->pipeline);
}

static void join_group(struct member *member)
{
	struct weir_options options = { .quiet = true };
	char source[200];

	member->graph = weir_graph_open();
	snprintf(source, sizeof(source), "kafka://%s/split out=\"value, key:int\" from=earliest group=members",
		 world.broker);
	weir_consume(weir_source(member->graph, source), "value, key:int", take_share, member);
	assert_int_equal(weir_graph_start(&member->pipeline, member->graph, "<test>", &options), 0);
	assert_int_equal(pthread_create(&member->thread, NULL, run_member, member), 0);
}

static void leave_group(struct member *member)
{
	void *status;

	assert_int_equal(pthread_join(member->thread, &status), 0);
	assert_null(status);
	weir_close(member->pipeline);
	weir_graph_close(member->graph);
}

/*
 * Two members share the partitions; one leaves, and the other gets what is left of its part: each record at least once. That
 * takes librdkafka's cluster 44 s: with WEIR_TEST_LONG.
 */
static void a_member_takes_over(void **state)
{
	struct member stays = { 0 }, leaves = { .leaves_after = N / 2 };
	char program[256];

	(void)state;
	if (!getenv("WEIR_TEST_LONG"))
		skip_because("takes 44 s: WEIR_TEST_LONG=1 runs it");
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "split", 4, 1), 0);
	for (int key = 0; key < KEYS; key++) {
		snprintf(program, sizeof(program),
			 "synth:counter rate=max | select value, key = %d | kafka://%s/split message_key=%d linger=60s",
			 key, world.broker, key);
		expect(program, N, "2000 messages delivered, 0 waiting");
	}
	join_group(&stays);
	join_group(&leaves);
	leave_group(&leaves);
	leave_group(&stays);
	assert_true(leaves.taken >= N / 2 && stays.taken > 0);
	assert_int_equal(share.n_got, KEYS * N);
}

/* librdkafka's cluster knows no users: who comes as one is refused, and told so. */
static void a_user_is_refused(void **state)
{
	char program[256], *said;

	(void)state;
	setenv("WEIR_KAFKA_SECRET", "quite-a-secret", 1);
	snprintf(program, sizeof(program), "synth:counter rate=max | kafka://ann@%s/t password_env=WEIR_KAFKA_SECRET",
		 world.broker);
	assert_int_equal(run(program, 1, &said), 3);
	assert_non_null(strstr(said, "SASL Handshake not supported by broker"));
	assert_null(strstr(said, "quite-a-secret"));
	free(said);
}

/* ------------------------------------------------------- what a cluster takes away */

static rd_kafka_t *client_of(rd_kafka_type_t type, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *client;
	char text[256];

	rd_kafka_conf_set(conf, "bootstrap.servers", world.broker, NULL, 0);
	if (group)
		rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	client = rd_kafka_new(type, conf, text, sizeof(text));
	assert_non_null(client);
	return client;
}

/* More than the 5 MB that librdkafka's cluster keeps of a partition. */
static void publish_much(const char *topic)
{
	rd_kafka_t *client = client_of(RD_KAFKA_PRODUCER, NULL);
	char text[1100];

	for (int i = 0; i < 9000; i++) {
		int n = snprintf(text, sizeof(text), "{\"value\":%d,\"pad\":\"%01000d\"}", i, 0);

		while (rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE(text, (size_t)n),
					 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END))
			rd_kafka_poll(client, 10);
	}
	assert_int_equal(rd_kafka_flush(client, 30000), 0);
	rd_kafka_destroy(client);
}

/* As a member would that has been there and gone away. */
static void commit(const char *group, const char *topic, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_t *client = client_of(RD_KAFKA_CONSUMER, group);

	rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
	assert_int_equal(rd_kafka_commit(client, list, 0), 0);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(client);
}

/* A group whose offset the log does not have any more: the oldest message comes next, and what is gone is told and counted. */
static void an_offset_that_is_gone_is_told(void **state)
{
	char program[256], *said;

	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "short", 1, 1), 0);
	publish_much("short");
	commit("late", "short", 10);
	snprintf(program, sizeof(program), "kafka://%s/short out=value group=late from=latest | null", world.broker);
	assert_int_equal(run(program, 4000, &said), 4); /* it is strict, and there are losses */
	if (!strstr(said, "offset 10 of partition 0 is not in the log any more") || !strstr(said, "lost (device "))
		fail_msg("%s", said);
	free(said);
}

static void expect_refused(const char *form, const char *topic, const char *text)
{
	char program[256], *said;

	snprintf(program, sizeof(program), form, world.broker, topic);
	assert_int_equal(run(program, 1, &said), 3);
	if (!strstr(said, text))
		fail_msg("not '%s' in:\n%s", text, said);
	free(said);
}

/* No permission, at the first attempt: of a source, of one in a group, of a sink. */
static void who_may_not_is_refused(void **state)
{
	(void)state;
	if (!world.survives_errors)
		skip_because("librdkafka %s crashes at an error of a topic in its own mock", rd_kafka_version_str());
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "closed", 1, 1), 0);
	rd_kafka_mock_topic_set_error(world.cluster, "closed", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	expect_refused("kafka://%s/%s out=value | null", "closed", "Topic authorization failed");
	expect_refused("kafka://%s/%s out=value group=b | null", "closed", "Topic authorization failed");
	expect_refused("synth:counter rate=max | kafka://%s/%s", "closed", "Topic authorization failed");
}

static void a_missing_topic_is_refused(void **state)
{
	(void)state;
	if (!world.survives_errors)
		skip_because("librdkafka %s crashes at an error of a topic in its own mock", rd_kafka_version_str());
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "none", 1, 1), 0);
	rd_kafka_mock_topic_set_error(world.cluster, "none", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	expect_refused("kafka://%s/%s out=value | null", "none", "the topic 'none' is missing");
	expect_refused("synth:counter rate=max | kafka://%s/%s", "none", "the topic 'none' is missing");
}

/* Beside the payload: also of a message that has none. */
static void properties_become_fields(void **state)
{
	rd_kafka_t *client = client_of(RD_KAFKA_PRODUCER, NULL);
	char program[400], path[100], line[200];
	FILE *file;

	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "props", 1, 1), 0);
	assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC("props"), RD_KAFKA_V_KEY("k1", 2),
					   RD_KAFKA_V_VALUE("on", 2), RD_KAFKA_V_TIMESTAMP(INT64_C(1700000000123)),
					   RD_KAFKA_V_HEADER("room", "hall", -1), RD_KAFKA_V_END),
			 0);
	assert_int_equal(rd_kafka_producev(client, RD_KAFKA_V_TOPIC("props"), RD_KAFKA_V_KEY("k2", 2),
					   RD_KAFKA_V_TIMESTAMP(INT64_C(1700000000124)), RD_KAFKA_V_END),
			 0);
	assert_int_equal(rd_kafka_flush(client, 30000), 0);
	rd_kafka_destroy(client);
	snprintf(path, sizeof(path), "%s/props.csv", world.dir);
	snprintf(program, sizeof(program),
		 "kafka://%s/props from=earliest topic_as=topic properties=\"key, header.room, timestamp, tombstone, "
		 "offset as at\" | csv:%s time=none",
		 world.broker, path);
	expect(program, 2, "connected to");
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, "on,props,k1,hall,1700000000123000000,0,0\n");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_string_equal(line, ",props,k2,,1700000000124000000,1,1\n");
	fclose(file);
}

/* ------------------------------------------------------------------- reconnecting */

struct lonely {
	struct weir_pipeline *pipeline;
	_Atomic int taken;
	int sum;
};

static int take_lonely(const union weir_call_value *in, void *state)
{
	struct lonely *lonely = state;

	lonely->sum += (int)in[0].real;
	if (++lonely->taken == 20)
		weir_stop(lonely->pipeline);
	return 0;
}

static void publish_ten(const char *topic)
{
	char program[256];

	snprintf(program, sizeof(program), "synth:counter rate=max | kafka://%s/%s linger=60s", world.broker, topic);
	expect(program, 10, "10 messages delivered, 0 waiting");
}

static void *run_lonely(void *lonely)
{
	return (void *)(intptr_t)weir_run(((struct lonely *)lonely)->pipeline);
}

/* A source without a group goes on where it was when its cluster was away: nothing is read twice or left out. */
static void who_is_alone_goes_on(void **state)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_options options = { .quiet = true };
	struct lonely lonely = { 0 };
	char source[200];
	pthread_t thread;
	void *status;

	(void)state;
	assert_int_equal(rd_kafka_mock_topic_create(world.cluster, "lonely", 4, 1), 0);
	publish_ten("lonely");
	snprintf(source, sizeof(source), "kafka://%s/lonely out=value from=earliest", world.broker);
	weir_consume(weir_source(graph, source), "value", take_lonely, &lonely);
	assert_int_equal(weir_graph_start(&lonely.pipeline, graph, "<test>", &options), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_lonely, &lonely), 0);
	for (int i = 0; i < 1000 && lonely.taken < 10; i++)
		usleep(10000);
	rd_kafka_mock_broker_set_down(world.cluster, 1);
	usleep(2000000);
	rd_kafka_mock_broker_set_up(world.cluster, 1);
	publish_ten("lonely");
	assert_int_equal(pthread_join(thread, &status), 0);
	assert_null(status);
	weir_close(lonely.pipeline);
	weir_graph_close(graph);
	assert_int_equal(lonely.taken, 20);
	assert_int_equal(lonely.sum, 2 * 45);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offset_that_is_gone_is_told),
		cmocka_unit_test(who_may_not_is_refused),
		cmocka_unit_test(a_missing_topic_is_refused),
		cmocka_unit_test(who_is_alone_goes_on),
		cmocka_unit_test(properties_become_fields),
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(a_group_goes_on),
		cmocka_unit_test(what_passes_costs_nothing),
		cmocka_unit_test(what_is_on_its_way_is_not_committed),
		cmocka_unit_test(an_open_window_is_not_committed),
		cmocka_unit_test(a_member_takes_over),
		cmocka_unit_test(a_user_is_refused),
	};
	const bool is_absent = weir_tell_absent("kafka", stderr);

	return is_absent ? 77 : cmocka_run_group_tests(tests, setup, teardown);
}
#else
int main(void)
{
	fputs("librdkafka is not there\n", stderr);
	return 77;
}
#endif
