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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/weir.h"

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

#define N 2000

static struct world {
	rd_kafka_t *client;
	rd_kafka_mock_cluster_t *cluster;
	char broker[64]; /* HOST:PORT */
	char dir[64];
} world;

static int setup(void **state)
{
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	(void)state;
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
		skip();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(a_group_goes_on),
		cmocka_unit_test(what_passes_costs_nothing),
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
