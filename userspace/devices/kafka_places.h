/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file kafka_places.h
 * @brief Where a source is in each partition of its topic, and where it begins: kept from one connection to the next. One thread.
 *
 * librdkafka decides nothing here: it reports an offset that is not in the log, and this says where to go on. An offset that was
 * in the log once is followed by the oldest message there is. A partition without an offset begins as the user wants (`from=`),
 * or with its first message where it was made while the source or its group was at work.
 */
#ifndef WEIR_DEVICES_KAFKA_PLACES_H
#define WEIR_DEVICES_KAFKA_PLACES_H

#include "weir/driver.h"

struct rd_kafka_s; /* librdkafka's client */

struct weir_kafka_place {
	int64_t next; /* the offset to be read next, or one of RD_KAFKA_OFFSET_…; INVALID: not known */
	int64_t gone; /* the offset that was not in the log any more; -1: none */
	int64_t most; /* the largest that was taken, in any connection; -1: none */
};

struct weir_kafka_places {
	struct weir_node *node;
	const char *topic;
	bool is_earliest;  /* from= */
	bool is_old_group; /* the group has been somewhere in this topic before */
	struct weir_kafka_place *place;
	int32_t n, n_first; /* partitions; those that there were at first */
	int64_t told_ns;    /* the last loss */
};

void weir_kafka_places_free(struct weir_kafka_places *places);

/** @brief There are `n` partitions. @return 0 or -ENOMEM. */
int weir_kafka_places_grow(struct weir_kafka_places *places, int32_t n) WEIR_MUST_CHECK;

/** @brief Has the group an offset anywhere? Asks the broker, for `ms` at most. @return 0, or librdkafka's error: ask again. */
int weir_kafka_places_ask_group(struct weir_kafka_places *places, struct rd_kafka_s *client, int ms);

/** @brief Where to begin where that is not known yet; asks the broker for the end of each such partition, for `ms` at most.
 *  @return 0, or librdkafka's error: ask again. */
int weir_kafka_places_begin(struct weir_kafka_places *places, struct rd_kafka_s *client, int ms);

/** @brief The group gives us other partitions: where others have been meanwhile, the broker knows. */
void weir_kafka_places_forget(struct weir_kafka_places *places);

/** @brief Read all partitions, from where they are. @return librdkafka's error. */
int weir_kafka_places_assign_all(struct weir_kafka_places *places, struct rd_kafka_s *client);

/** @brief The offset at which a partition was to go on is not in the log: go on where it should. @param offset negative: there was
 *  none. @param is_grouped whether the broker is to be told where the partition begins. */
void weir_kafka_places_reset(struct weir_kafka_places *places, struct rd_kafka_s *client, int32_t partition,
			     int64_t offset, bool is_grouped, int ms);

/** @brief Has a message of that offset perhaps been taken before? */
bool weir_kafka_places_had(const struct weir_kafka_places *places, int32_t partition, int64_t offset);

/** @brief A message has been taken: what is missing before it is counted. */
void weir_kafka_places_took(struct weir_kafka_places *places, int32_t partition, int64_t offset);

#endif
