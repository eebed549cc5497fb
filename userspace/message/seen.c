/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For each sender the ids that came, as ranges: those of one run of it are one range where messages come in order, whatever came
 * between, and where several readers share a queue each gap is another. When there are too many, the lowest are forgotten; what
 * cannot be told then counts as new, for a record twice does less harm than one that is lost.
 */
#include "message/seen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "weir/inbox.h"

#define SENDERS 32 /* whoever was silent for longest gives way to another */

struct range {
	uint64_t first, last;
};

struct weir_seen {
	struct sender {
		uint64_t name, used;
		uint32_t n;
		struct range range[WEIR_INBOX_SEEN]; /* ascending, with gaps between */
	} sender[SENDERS];
	uint64_t clock;
};

struct weir_seen *weir_seen_new(void)
{
	return calloc(1, sizeof(struct weir_seen));
}

void weir_seen_free(struct weir_seen *seen)
{
	free(seen);
}

static struct sender *find(struct weir_seen *seen, uint64_t name)
{
	struct sender *oldest = &seen->sender[0];

	for (struct sender *sender = seen->sender; sender < seen->sender + SENDERS; sender++) {
		if (sender->used && sender->name == name)
			return sender;
		if (sender->used < oldest->used)
			oldest = sender;
	}
	oldest->name = name;
	oldest->n = 0;
	return oldest;
}

/* How many ranges begin at `id` or before. */
static uint32_t ranges_up_to(const struct sender *sender, uint64_t id)
{
	uint32_t low = 0, high = sender->n;

	/* Nearly always it is the newest. */
	if (high && sender->range[high - 1].first <= id)
		return high;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (sender->range[middle].first <= id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert(struct sender *sender, uint32_t at, uint64_t id)
{
	if (sender->n == WEIR_INBOX_SEEN) {
		if (!at)
			return;
		memmove(sender->range, sender->range + 1, --sender->n * sizeof(*sender->range));
		at--;
	}
	memmove(sender->range + at + 1, sender->range + at, (sender->n - at) * sizeof(*sender->range));
	sender->range[at] = (struct range){ id, id };
	sender->n++;
}

/* The gap before range `at` may be closed. */
static void join(struct sender *sender, uint32_t at)
{
	if (!at || at >= sender->n || sender->range[at - 1].last + 1 != sender->range[at].first)
		return;
	sender->range[at - 1].last = sender->range[at].last;
	sender->n--;
	memmove(sender->range + at, sender->range + at + 1, (sender->n - at) * sizeof(*sender->range));
}

bool weir_seen_before(struct weir_seen *seen, uint64_t name, uint64_t id)
{
	struct sender *sender = find(seen, name);
	uint32_t at = ranges_up_to(sender, id);

	sender->used = ++seen->clock;
	if (at && id <= sender->range[at - 1].last)
		return true;
	if (at && sender->range[at - 1].last + 1 == id) {
		sender->range[at - 1].last = id;
		join(sender, at);
	} else if (at < sender->n && sender->range[at].first == id + 1) {
		sender->range[at].first = id;
	} else {
		insert(sender, at, id);
	}
	return false;
}

static bool parse_hex(const char **text, const char *end, uint64_t *value)
{
	const char *from = *text;

	*value = 0;
	for (; *text < end && isxdigit((unsigned char)**text); ++*text) {
		char c = **text;

		*value = *value << 4 | (uint64_t)(isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return *text > from && *text - from <= 16;
}

bool weir_seen_parse(const char *text, uint64_t n, uint64_t *sender, uint64_t *id)
{
	const char *end = text + n;

	if (!parse_hex(&text, end, sender) || text == end || *text++ != '-')
		return false;
	return parse_hex(&text, end, id) && text == end;
}
