/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The test cluster inside librdkafka as a process of its own: one broker, topics of one partition, all in memory.
 *
 *     mock_kafka TOPIC...
 *
 * Prints HOST:PORT of the broker, and serves until its standard input ends.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

static int serve(rd_kafka_t *client, char **topics)
{
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, 1);

	if (!cluster)
		return 1;
	for (; *topics; topics++)
		(void)rd_kafka_mock_topic_create(cluster, *topics, 1, 1);
	puts(rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (getchar() != EOF)
		;
	rd_kafka_mock_cluster_destroy(cluster);
	return 0;
}

int main(int n, char **arg)
{
	char why[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *client;
	int status;

	(void)n;
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!client)
		return 1;
	status = serve(client, arg + 1);
	rd_kafka_destroy(client);
	return status;
}
