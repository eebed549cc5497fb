/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages are copied one after the other into a buffer, and the network is looked at again when all of them have become records:
 * so the buffer is as large as what a library delivers at one time, and a full ring holds up the broker.
 */
#include "message/inbox_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/outbox.h"
#include "weir/text.h"

#define REPEATS_NS INT64_C(60000000000) /* after a connection is made again: what comes again has come by then */

/* ----------------------------------------------------------------------- open */

static int add_text(struct weir_inbox *inbox, struct weir_schema *schema, const char *name, const char *argument,
		    uint32_t bytes)
{
	int field = weir_schema_add(schema, name, WEIR_TEXT, "", bytes);

	if (field == -EEXIST)
		return weir_fail_arg(inbox->node, argument, NULL, "'%s' is the name of another field, or of the time",
				     name);
	if (field < 0)
		return weir_fail_arg(inbox->node, argument, NULL, "a field '%s' does not fit in one record: %s", name,
				     weir_schema_limit(schema->n_fields, strlen(name)));
	return field;
}

/* -1: the program has no such field. */
static int add_named(struct weir_inbox *inbox, struct weir_schema *schema, const char *argument, const char *name,
		     uint32_t bytes, int *field)
{
	*field = name ? add_text(inbox, schema, name, argument, bytes) : -1;
	return name && *field < 0 ? *field : 0;
}

static bool is_name(const char *text, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	return n && n < WEIR_NAME_MAX && strchr(letters, *text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") >= n;
}

/* {name} or {name#}, of n bytes, as field number `index` of the topic. @return the wildcard, or NULL after a report. */
static const char *take_field(struct weir_inbox *inbox, struct weir_schema *schema, const char *text, size_t n,
			      uint32_t index)
{
	bool is_rest = n > 3 && text[n - 2] == '#';
	size_t length = n > 2 ? n - 2 - is_rest : 0;
	char name[WEIR_NAME_MAX] = "";
	int field;

	if (text[n - 1] != '}' || !is_name(text + 1, length) || inbox->n_parts == WEIR_INBOX_PARTS ||
	    !inbox->topics.one) {
		weir_fail_arg(inbox->node, NULL,
			      inbox->topics.one ? "a whole part is a field: site/{room}/temperature" : NULL,
			      "'%.*s' cannot stand for a part of the topic", (int)n, text);
		return NULL;
	}
	memcpy(name, text + 1, length);
	field = add_text(inbox, schema, name, NULL, inbox->args->payload.width);
	if (field < 0)
		return NULL;
	inbox->part[inbox->n_parts++] = (struct part){ (uint32_t)field, index, is_rest };
	return is_rest ? inbox->topics.rest : inbox->topics.one;
}

static int read_pattern(struct weir_inbox *inbox, struct weir_schema *schema, const char *pattern)
{
	char separators[2] = { inbox->topics.separator };
	size_t n = 0;

	if (strlen(pattern) >= WEIR_INBOX_TOPIC)
		return weir_fail_arg(inbox->node, NULL, NULL, "the topic is too long");
	for (uint32_t index = 0;; index++) {
		size_t length = strcspn(pattern, separators);
		const char *part = pattern;
		int put;

		if (*pattern == '{')
			part = take_field(inbox, schema, pattern, length, index);
		if (!part)
			return -EINVAL;
		put = part == pattern ? (int)length : (int)strlen(part);
		n += (size_t)snprintf(inbox->pattern + n, WEIR_INBOX_TOPIC - n, "%.*s", put, part);
		pattern += length;
		if (!*pattern)
			return 0;
		inbox->pattern[n++] = *pattern++;
	}
}

int weir_inbox_open(struct weir_inbox **out, struct weir_node *node, const struct weir_inbox_args *args,
		    struct weir_schema *schema, const char *pattern, const struct weir_inbox_topics *topics)
{
	struct weir_inbox *inbox = calloc(1, sizeof(*inbox));
	int err;

	*out = inbox;
	if (!inbox)
		return -ENOMEM;
	inbox->node = node;
	inbox->topics = *topics;
	inbox->args = args;
	inbox->seen = weir_seen_new();
	err = inbox->seen ? weir_inbox_open_answers(inbox, 0) : -ENOMEM;
	if (!err)
		err = weir_payload_reader_open(&inbox->reader, node, &args->payload, schema);
	if (!err)
		err = read_pattern(inbox, schema, pattern);
	if (!err)
		err = add_named(inbox, schema, "topic_as", args->topic_as, args->payload.width, &inbox->topic_field);
	if (!err)
		err = add_named(inbox, schema, "id_as", args->id_as, WEIR_OUTBOX_ID, &inbox->id_field);
	if (!err)
		err = weir_properties_open(&inbox->properties, node, args->properties, schema, topics->properties,
					   args->payload.width);
	return err < 0 ? err : weir_block_open(&inbox->block, weir_out(node));
}

void weir_inbox_close(struct weir_inbox *inbox)
{
	if (!inbox)
		return;
	weir_checkpoint_close(inbox->checkpoint);
	weir_payload_reader_close(inbox->reader);
	weir_seen_free(inbox->seen);
	weir_repeats_free(inbox->repeats);
	free(inbox->point);
	weir_block_close(inbox->block);
	free(inbox->buffer);
	free(inbox);
}

const char *weir_inbox_pattern(const struct weir_inbox *inbox)
{
	return inbox->pattern;
}

/* ------------------------------------------------------------------------ put */

static bool make_room(struct weir_inbox *inbox, size_t n)
{
	size_t capacity = 2 * (inbox->used + n);
	char *buffer;

	if (inbox->used + n <= inbox->capacity)
		return true;
	buffer = realloc(inbox->buffer, capacity);
	if (!buffer)
		return false;
	inbox->buffer = buffer;
	inbox->capacity = capacity;
	return true;
}

static void append(struct weir_inbox *inbox, const void *bytes, size_t n)
{
	if (n)
		memcpy(inbox->buffer + inbox->used, bytes, n);
	inbox->used += n;
}

static bool is_duplicate(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	uint64_t sender, number;

	return message->id && weir_seen_parse(message->id, message->n_id, &sender, &number) &&
	       weir_seen_before(inbox->seen, sender, number);
}

/* Of what is kept of the id. */
static size_t id_length(const struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	return message->id && inbox->id_field >= 0 ? message->n_id : 0;
}

static void keep(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	struct head head = { .n_topic = (uint32_t)strlen(message->topic),
			     .n_id = (uint32_t)id_length(inbox, message),
			     .n_properties = (uint32_t)weir_properties_bytes(&inbox->properties, message),
			     .n = (uint32_t)message->n,
			     .mark = message->mark };

	head.t = weir_now(WEIR_CLOCK_MONOTONIC);
	append(inbox, &head, sizeof(head));
	append(inbox, message->topic, (size_t)head.n_topic + 1);
	append(inbox, message->id, head.n_id);
	append(inbox, "", 1);
	weir_properties_pack(&inbox->properties, message, inbox->buffer + inbox->used);
	inbox->used += head.n_properties;
	append(inbox, "", 1);
	append(inbox, message->bytes, message->n);
	append(inbox, "", 1);
}

static bool fits(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	bool is_short = message->n <= WEIR_INBOX_MESSAGE_MAX && id_length(inbox, message) <= WEIR_INBOX_MESSAGE_MAX;

	return is_short &&
	       make_room(inbox, sizeof(struct head) + strlen(message->topic) + id_length(inbox, message) +
					weir_properties_bytes(&inbox->properties, message) + message->n + 4);
}

/* There is nothing of it to read. */
static void keep_empty(struct weir_inbox *inbox, struct head *head)
{
	head->is_empty = true;
	if (make_room(inbox, sizeof(*head)))
		append(inbox, head, sizeof(*head));
}

/* Those that are settled came at once, if at all; later, others with the same content may. */
static void forget_repeats(struct weir_inbox *inbox)
{
	int64_t now;

	if (!weir_repeats_has_old(inbox->repeats))
		return;
	now = weir_now(WEIR_CLOCK_MONOTONIC);
	if (!inbox->repeats_until_ns)
		inbox->repeats_until_ns = now + REPEATS_NS;
	if (now > inbox->repeats_until_ns)
		weir_repeats_forget(inbox->repeats);
}

/* Is the message that was kept from `begin` on one that is under way, or was without an answer? Then its answer waits for that. */
static bool is_repeat(struct weir_inbox *inbox, const struct weir_inbox_message *message, size_t begin,
		      struct head *head)
{
	size_t from = begin + sizeof(*head);
	struct weir_repeat repeat = { 0 };
	uint64_t print;
	bool is_found;

	if (!inbox->repeats)
		return false;
	forget_repeats(inbox);
	print = weir_repeats_print(inbox->repeats, message->salt, inbox->buffer + from, inbox->used - from);
	is_found = message->may_repeat && weir_repeats_take(inbox->repeats, print, &repeat);
	repeat.print = print;
	repeat.mark = message->mark;
	repeat.is_old = false;
	weir_repeats_add(inbox->repeats, &repeat);
	head->is_held = is_found;
	head->has_position = repeat.is_placed;
	head->position = repeat.position;
	return is_found;
}

void weir_inbox_put(struct weir_inbox *inbox, const struct weir_inbox_message *message)
{
	struct head head = { .mark = message->mark };
	size_t begin = inbox->used;
	bool is_seen;

	inbox->messages++;
	inbox->last = message->mark;
	if (!fits(inbox, message)) {
		weir_lost(inbox->node, WEIR_LOST_CUT, 1);
		keep_empty(inbox, &head);
		return;
	}
	keep(inbox, message);
	is_seen = is_duplicate(inbox, message) || message->was_taken;
	if (!is_repeat(inbox, message, begin, &head) && !is_seen)
		return;
	inbox->duplicates++;
	head.is_held |= message->may_repeat;
	inbox->used = begin;
	keep_empty(inbox, &head);
}

/* ----------------------------------------------------------------------- take */

/* Past those with nothing to read. @return false: there is no other. */
static bool find_message(struct weir_inbox *inbox, struct head *head)
{
	for (; inbox->begin < inbox->used; inbox->begin += sizeof(*head)) {
		memcpy(head, inbox->buffer + inbox->begin, sizeof(*head));
		if (!head->is_empty)
			return true;
		weir_inbox_note_empty(inbox, head);
	}
	inbox->begin = inbox->used = 0;
	return false;
}

/* The next message becomes the one that is read. */
static bool begin_message(struct weir_inbox *inbox)
{
	struct head head;

	if (!find_message(inbox, &head))
		return false;
	inbox->topic = inbox->buffer + inbox->begin + sizeof(head);
	inbox->id = inbox->topic + head.n_topic + 1;
	inbox->mark = head.mark;
	inbox->values = inbox->id + head.n_id + 1;
	inbox->begin += sizeof(head) + head.n_topic + 1 + head.n_id + 1 + head.n_properties + 1;
	weir_payload_begin(inbox->reader, inbox->buffer + inbox->begin, head.n, head.t);
	inbox->begin += head.n + 1;
	return true;
}

static void put_text(struct weir_inbox *inbox, uint32_t field, const char *text, size_t n)
{
	uint32_t bytes = inbox->block->schema->field[field].bytes;
	char *cell = inbox->block->column[field].text + (size_t)(inbox->block->n - 1) * bytes;

	if (weir_text_put(cell, bytes, text, n))
		weir_lost(inbox->node, WEIR_LOST_CUT, 1);
}

/* What topic, id and properties say, into the record at the end of the block. */
static void put_topic(struct weir_inbox *inbox)
{
	const char *at = inbox->topic;
	char separators[2] = { inbox->topics.separator };
	uint32_t index = 0;

	if (inbox->topic_field >= 0)
		put_text(inbox, (uint32_t)inbox->topic_field, inbox->topic, strlen(inbox->topic));
	if (inbox->id_field >= 0)
		put_text(inbox, (uint32_t)inbox->id_field, inbox->id, strlen(inbox->id));
	if (inbox->properties.n)
		weir_lost(inbox->node, WEIR_LOST_CUT,
			  weir_properties_unpack(&inbox->properties, inbox->values, inbox->block));
	for (uint32_t i = 0; i < inbox->n_parts; i++) {
		const struct part *part = &inbox->part[i];

		for (; index < part->index && *at; index++) {
			at += strcspn(at, separators);
			at += *at != 0;
		}
		put_text(inbox, part->field, at, part->is_rest ? strlen(at) : strcspn(at, separators));
	}
}

static int refuse(struct weir_inbox *inbox)
{
	char topic[200], why[200]; /* both may have the sender's words */

	weir_text_line(topic, sizeof(topic), inbox->topic);
	weir_text_line(why, sizeof(why), weir_payload_why(inbox->reader));
	if (weir_payload_stops(inbox->reader))
		return weir_fail(inbox->node, EINVAL, "a message of %s: %s", topic, why);
	if (!inbox->has_warned)
		weir_warn(inbox->node, "a message of %s: %s; it is left out, and so are others like it", topic, why);
	inbox->has_warned = true;
	inbox->malformed++;
	weir_lost(inbox->node, WEIR_LOST_CUT, 1);
	return 0;
}

static void end_message(struct weir_inbox *inbox)
{
	inbox->topic = NULL;
	inbox->done = inbox->mark;
}

/* Records into the block, of a single message where each is acknowledged by itself. 0, or what weir_fail() returned. */
static int fill(struct weir_inbox *inbox, uint32_t room)
{
	uint64_t done = inbox->done;

	inbox->block->n = 0;
	while (inbox->block->n < room && !weir_block_is_full(inbox->block) &&
	       (!inbox->is_slow || inbox->done == done) && (inbox->topic || begin_message(inbox))) {
		int got = weir_payload_next(inbox->reader, inbox->block);
		int err = got < 0 ? refuse(inbox) : 0;

		if (err < 0)
			return err; /* it is not done, and stays at the broker */
		if (got > 0)
			put_topic(inbox);
		if (got <= 0 || weir_payload_at_end(inbox->reader))
			end_message(inbox);
	}
	return 0;
}

/* Messages have come: more of them gather in the socket, and cost one wake-up together. */
static void gather(struct weir_inbox *inbox)
{
	if (inbox->args->latency_ns)
		inbox->look_ns = weir_now(WEIR_CLOCK_MONOTONIC) + inbox->args->latency_ns;
}

static bool is_gathering(const struct weir_inbox *inbox, struct weir_wait *wait)
{
	if (!inbox->look_ns || weir_now(WEIR_CLOCK_MONOTONIC) >= inbox->look_ns)
		return false;
	wait->until_ns = inbox->look_ns;
	wait->fd = -1;
	wait->gathers = true;
	return true;
}

int weir_inbox_produce(struct weir_inbox *inbox, struct weir_link *link, struct weir_rows *rows, struct weir_wait *wait)
{
	if (inbox->failed >= 0 && !inbox->checkpoint)
		inbox->failed = weir_inbox_begin(inbox);
	if (inbox->failed < 0)
		return inbox->failed;
	inbox->batch = weir_rows_room(rows);
	weir_inbox_note(inbox);
	for (;;) {
		int up;

		inbox->failed = fill(inbox, weir_rows_room(rows));
		if (weir_rows_put(rows, inbox->block))
			return 1;
		weir_inbox_note(inbox);
		if (inbox->failed < 0)
			return inbox->failed;
		if (is_gathering(inbox, wait))
			return -EAGAIN;
		up = weir_link_step(link, -1, wait->is_idle ? WEIR_LINK_IDLE : 0);
		if (up < 0)
			return up;
		if (!weir_inbox_is_empty(inbox)) {
			gather(inbox);
			continue;
		}
		weir_link_wait(link, wait);
		return -EAGAIN;
	}
}

const char *weir_inbox_how(struct weir_inbox *inbox, struct weir_link *link)
{
	size_t room = sizeof(inbox->how), n = (size_t)weir_link_how(link, inbox->how, room);

	snprintf(inbox->how + n, room - n,
		 "; %" PRIu64 " messages, %" PRIu64 " duplicates left out, %" PRIu64 " malformed", inbox->messages,
		 inbox->duplicates, inbox->malformed);
	return inbox->how;
}
