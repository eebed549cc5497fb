/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file kafka_settings.h @brief What librdkafka is to know of a broker and of what is wanted of it. */
#ifndef WEIR_DEVICES_KAFKA_SETTINGS_H
#define WEIR_DEVICES_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>

#include "devices/kafka_client.h"

/**
 * @brief By the arguments: for a source `group=`, for both `sasl=`.
 * @return 0, or -EACCES with `why` in librdkafka's words: no broker can make it better.
 */
int weir_kafka_set(rd_kafka_conf_t *conf, const struct weir_kafka *kafka, char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;

#endif
