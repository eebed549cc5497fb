/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Kafka cluster that falls silent: a run that is told to end does so, whether its source is in a group or its sink has messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/internal.h"
#include "weir/graph.h"

#ifdef __SANITIZE_THREAD__
int main(void)
{
	fputs("the thread sanitizer does not know the threads of librdkafka\n", stderr);
	return 77;
}
#elif __has_include(<librdkafka/rdkafka_mock.h>)
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define END_MS 2500

static rd_kafka_t *client;
static rd_kafka_mock_cluster_t *cluster;
static char broker[64];

static int setup(void **state)
{
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	(void)state;
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	cluster = rd_kafka_mock_cluster_new(client, 1);
	assert_non_null(cluster);
	snprintf(broker, sizeof(broker), "%s", rd_kafka_mock_cluster_bootstraps(cluster));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}

static _Atomic int n_taken;

static int take(const union weir_call_value *in, void *state)
{
	(void)in;
	(void)state;
	n_taken++;
	return 0;
}

static void *run(void *pipeline)
{
	return (void *)(intptr_t)weir_run(pipeline);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void publish(const char *topic)
{
	struct weir_options options = { .quiet = true, .limit = 10 };
	struct weir_pipeline *pipeline;
	char program[200];

	assert_int_equal(rd_kafka_mock_topic_create(cluster, topic, 2, 1), 0);
	snprintf(program, sizeof(program), "synth:counter rate=max | kafka://%s/%s linger=60s", broker, topic);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
}

/* ms until the run has ended. */
static int64_t end_of(const char *words, const char *topic)
{
	struct weir_graph *graph = weir_graph_open();
	struct weir_options options = { .quiet = true };
	struct weir_pipeline *pipeline;
	char source[200];
	pthread_t thread;
	int64_t began;
	void *status;

	publish(topic);
	n_taken = 0;
	snprintf(source, sizeof(source), "kafka://%s/%s out=value from=earliest %s", broker, topic, words);
	weir_consume(weir_source(graph, source), "value", take, NULL);
	assert_int_equal(weir_graph_start(&pipeline, graph, "<test>", &options), 0);
	assert_int_equal(pthread_create(&thread, NULL, run, pipeline), 0);
	for (int i = 0; i < 1500 && n_taken < 10; i++)
		usleep(10000);
	assert_int_equal(n_taken, 10);
	rd_kafka_mock_broker_set_rtt(cluster, 1, 20000);
	began = now_ms();
	weir_stop(pipeline);
	pthread_join(thread, &status);
	began = now_ms() - began;
	rd_kafka_mock_broker_set_rtt(cluster, 1, 0);
	assert_null(status);
	weir_close(pipeline);
	weir_graph_close(graph);
	return began;
}

static void a_source_ends(void **state)
{
	int64_t took = end_of("", "alone");

	(void)state;
	if (took > END_MS)
		fail_msg("ended after %d ms", (int)took);
}

static void a_member_ends(void **state)
{
	int64_t took = end_of("group=g", "shared");

	(void)state;
	if (took > END_MS)
		fail_msg("ended after %d ms", (int)took);
}

/* What has not been answered for is counted as lost, and waited for no longer than a run that is told to end may. */
static void a_sink_ends(void **state)
{
	struct weir_options options = { .quiet = true };
	struct weir_pipeline *pipeline;
	char program[200];
	pthread_t thread;
	int64_t began;

	(void)state;
	publish("kept");
	snprintf(program, sizeof(program), "synth:counter rate=100Hz | kafka://%s/kept", broker);
	assert_int_equal(weir_open(&pipeline, program, "<test>", &options), 0);
	assert_int_equal(pthread_create(&thread, NULL, run, pipeline), 0);
	usleep(700000);
	rd_kafka_mock_broker_set_rtt(cluster, 1, 20000);
	usleep(300000);
	began = now_ms();
	weir_stop(pipeline);
	pthread_join(thread, NULL);
	began = now_ms() - began;
	rd_kafka_mock_broker_set_rtt(cluster, 1, 0);
	assert_true(weir_pipeline_lost(pipeline));
	weir_close(pipeline);
	if (began > END_MS)
		fail_msg("ended after %d ms", (int)began);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sink_ends),
		cmocka_unit_test(a_source_ends),
		cmocka_unit_test(a_member_ends),
	};

	return weir_tell_absent("kafka", stderr) ? 77 : cmocka_run_group_tests(tests, setup, teardown);
}
#else
int main(void)
{
	fputs("librdkafka is not there\n", stderr);
	return 77;
}
#endif
