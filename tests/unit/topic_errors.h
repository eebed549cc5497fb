/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file topic_errors.h @brief Does this librdkafka survive errors of topics in the cluster that it has inside? */
#ifndef WEIR_TESTS_TOPIC_ERRORS_H
#define WEIR_TESTS_TOPIC_ERRORS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* A topic with an error has partitions in the mock, which no broker sends, and librdkafka 2.8 crashes at them. */
static void meet_a_topic_error(void)
{
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic;
	rd_kafka_t *client;

	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0);
	client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	rd_kafka_mock_topic_create(rd_kafka_handle_mock_cluster(client), "closed", 1, 1);
	rd_kafka_mock_topic_set_error(rd_kafka_handle_mock_cluster(client), "closed",
				      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	topic = rd_kafka_topic_new(client, "closed", NULL);
	for (int i = 0; i < 3; i++)
		if (!rd_kafka_metadata(client, 0, topic, &metadata, 3000))
			rd_kafka_metadata_destroy(metadata);
	_exit(0);
}

/* In a process of its own, while this one has no threads yet. */
static bool survives_topic_errors(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL); /* a sanitizer would report it as a failure */
		meet_a_topic_error();
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

#endif
