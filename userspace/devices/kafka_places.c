/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/kafka_places.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#define TELL_NS INT64_C(60000000000) /* a log that is too short for a slow reader is no news each second */

void weir_kafka_places_free(struct weir_kafka_places *places)
{
	free(places->place);
	places->place = NULL;
	places->n = 0;
}

int weir_kafka_places_grow(struct weir_kafka_places *places, int32_t n)
{
	struct weir_kafka_place *place;

	if (n <= places->n)
		return 0;
	place = realloc(places->place, (size_t)n * sizeof(*place));
	if (!place)
		return -ENOMEM;
	places->place = place;
	if (!places->n)
		places->n_first = n;
	for (; places->n < n; places->n++)
		place[places->n] = (struct weir_kafka_place){ RD_KAFKA_OFFSET_INVALID, -1, -1 };
	return 0;
}

static rd_kafka_topic_partition_list_t *list_all(const struct weir_kafka_places *places)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(places->n);

	for (int32_t i = 0; i < places->n; i++)
		rd_kafka_topic_partition_list_add(list, places->topic, i)->offset = places->place[i].next;
	return list;
}

/* ---------------------------------------------------------------------- begin */

int weir_kafka_places_ask_group(struct weir_kafka_places *places, rd_kafka_t *client, int ms)
{
	rd_kafka_topic_partition_list_t *list = list_all(places);
	rd_kafka_resp_err_t error = rd_kafka_committed(client, list, ms);

	for (int i = 0; !error && i < list->cnt; i++)
		places->is_old_group |= list->elems[i].offset >= 0;
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

static bool begins_early(const struct weir_kafka_places *places, int32_t partition)
{
	return places->is_earliest || places->is_old_group || partition >= places->n_first;
}

/* The end as it is now, in a number: it is still the same place when the connection was lost before the first message. */
static rd_kafka_resp_err_t find_begin(struct weir_kafka_places *places, rd_kafka_t *client, int32_t partition, int ms)
{
	rd_kafka_resp_err_t error;
	int64_t low, high;

	if (begins_early(places, partition)) {
		places->place[partition].next = RD_KAFKA_OFFSET_BEGINNING;
		return 0;
	}
	error = rd_kafka_query_watermark_offsets(client, places->topic, partition, &low, &high, ms);
	if (!error)
		places->place[partition].next = high;
	return error;
}

int weir_kafka_places_begin(struct weir_kafka_places *places, rd_kafka_t *client, int ms)
{
	rd_kafka_resp_err_t error = 0;

	for (int32_t i = 0; i < places->n && !error; i++)
		if (places->place[i].next == RD_KAFKA_OFFSET_INVALID)
			error = find_begin(places, client, i, ms);
	return error;
}

void weir_kafka_places_forget(struct weir_kafka_places *places)
{
	for (int32_t i = 0; i < places->n; i++) {
		places->place[i].next = RD_KAFKA_OFFSET_INVALID;
		places->place[i].gone = -1;
	}
}

int weir_kafka_places_assign_all(struct weir_kafka_places *places, rd_kafka_t *client)
{
	rd_kafka_topic_partition_list_t *list = list_all(places);
	rd_kafka_resp_err_t error = rd_kafka_assign(client, list);

	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

/* ---------------------------------------------------------------------- reset */

/* The same partitions as before, each from where it is. */
static void assign_again(struct weir_kafka_places *places, rd_kafka_t *client)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	if (rd_kafka_assignment(client, &list) || !list)
		return;
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].partition < places->n)
			list->elems[i].offset = places->place[list->elems[i].partition].next;
	(void)rd_kafka_assign(client, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* A group that has been somewhere is known to have been there though no message came: the next run goes on from here. */
static void tell_group(struct weir_kafka_places *places, rd_kafka_t *client, int32_t partition)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, places->topic, partition)->offset = places->place[partition].next;
	(void)rd_kafka_offsets_store(client, list);
	rd_kafka_topic_partition_list_destroy(list);
}

void weir_kafka_places_reset(struct weir_kafka_places *places, rd_kafka_t *client, int32_t partition, int64_t offset,
			     bool is_grouped, int ms)
{
	struct weir_kafka_place *place;

	if (partition < 0 || weir_kafka_places_grow(places, partition + 1))
		return;
	place = &places->place[partition];
	if (offset >= 0) {
		place->next = RD_KAFKA_OFFSET_BEGINNING;
		place->gone = offset;
	} else if (find_begin(places, client, partition, ms)) {
		place->next = RD_KAFKA_OFFSET_INVALID; /* it is reported again */
	}
	assign_again(places, client);
	if (is_grouped && offset < 0 && place->next >= 0)
		tell_group(places, client, partition);
}

static void tell_gone(struct weir_kafka_places *places, int32_t partition, int64_t gone, int64_t offset)
{
	int64_t now = weir_now(WEIR_CLOCK_MONOTONIC);

	if (offset > gone)
		weir_lost(places->node, WEIR_LOST_DEVICE, (uint64_t)(offset - gone));
	if (places->told_ns && now - places->told_ns < TELL_NS)
		return;
	places->told_ns = now;
	weir_warn(places->node,
		  "offset %" PRId64 " of partition %" PRId32
		  " is not in the log any more: going on with the oldest message, offset %" PRId64,
		  gone, partition, offset);
}

void weir_kafka_places_took(struct weir_kafka_places *places, int32_t partition, int64_t offset)
{
	struct weir_kafka_place *place;

	if (weir_kafka_places_grow(places, partition + 1))
		return;
	place = &places->place[partition];
	if (place->gone >= 0)
		tell_gone(places, partition, place->gone, offset);
	place->gone = -1;
	place->next = offset + 1;
	place->most = offset > place->most ? offset : place->most;
}

bool weir_kafka_places_had(const struct weir_kafka_places *places, int32_t partition, int64_t offset)
{
	return partition < places->n && offset <= places->place[partition].most;
}
