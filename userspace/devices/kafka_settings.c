/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/kafka_settings.h"

#include <errno.h>
#include <stdio.h>

struct setting {
	const char *name, *value; /* NULL: as it is */
};

static int set_all(rd_kafka_conf_t *conf, const struct setting *setting, char *why)
{
	char text[128];

	for (; setting->name; setting++)
		if (setting->value && rd_kafka_conf_set(conf, setting->name, setting->value, text, sizeof(text))) {
			snprintf(why, WEIR_LINK_WHY, "%s", text);
			return -EACCES; /* no broker can make it better */
		}
	return 0;
}

static int set_security(rd_kafka_conf_t *conf, const struct weir_broker *broker, const char *sasl, char *why)
{
	static const char *const protocol[2][2] = { { "plaintext", "ssl" }, { "sasl_plaintext", "sasl_ssl" } };
	bool has_user = broker->user;
	const struct setting settings[] = {
		{ "security.protocol", protocol[has_user][broker->has_tls] },
		{ "sasl.mechanisms", has_user ? sasl : NULL },
		{ "sasl.username", broker->user },
		{ "sasl.password", broker->password },
		{ "ssl.ca.location", broker->ca },
		{ "ssl.certificate.location", broker->cert },
		{ "ssl.key.location", broker->key },
		{ "enable.ssl.certificate.verification", broker->has_tls && broker->is_unchecked ? "false" : NULL },
		{ 0 },
	};

	return set_all(conf, settings, why);
}

static int set_producer(rd_kafka_conf_t *conf, char *why)
{
	static const struct setting settings[] = {
		{ "enable.idempotence", "true" },
		{ "partitioner", "consistent" },
		{ "linger.ms", "5" },
		{ "message.timeout.ms", "30000" },
		{ 0 },
	};

	return set_all(conf, settings, why);
}

static int set_consumer(rd_kafka_conf_t *conf, const char *group, char *why)
{
	char own[48];
	const struct setting settings[] = {
		{ "group.id", group ? group : own },
		{ "enable.auto.commit", group ? "true" : "false" },
		{ "enable.auto.offset.store", "false" },
		{ "auto.commit.interval.ms", "500" },
		{ "auto.offset.reset", "error" }, /* see kafka_places.h */
		{ "topic.metadata.refresh.interval.ms", "10000" },
		{ 0 },
	};

	snprintf(own, sizeof(own), "weir-%llx", (unsigned long long)weir_now(WEIR_CLOCK_REALTIME));
	return set_all(conf, settings, why);
}

int weir_kafka_set(rd_kafka_conf_t *conf, const struct weir_kafka *kafka, char why[WEIR_LINK_WHY])
{
	const struct setting settings[] = {
		{ "bootstrap.servers", kafka->bridge.broker->peer },
		{ "client.id", "weir" },
		{ "reconnect.backoff.max.ms", "2000" },
		{ 0 },
	};
	int err = set_all(conf, settings, why);

	if (!err)
		err = set_security(conf, kafka->bridge.broker, kafka->sasl, why);
	if (!err)
		err = kafka->bridge.inbox ? set_consumer(conf, kafka->group, why) : set_producer(conf, why);
	return err;
}
