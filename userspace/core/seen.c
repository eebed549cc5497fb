/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A window of bits for each sender, as receivers of IPsec keep against replay (RFC 4303, 3.4.3): exact within the window. What is
 * older than the window cannot be told, and counts as new, for a record twice does less harm than one that is lost.
 */
#include "core/seen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "weir/inbox.h"

#define SENDERS 32 /* whoever was silent for longest gives way to another */
#define WORDS (WEIR_INBOX_SEEN / 64)

struct weir_seen {
	struct sender {
		uint64_t name, last, used;
		uint64_t bits[WORDS];
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
	*oldest = (struct sender){ .name = name };
	return oldest;
}

static uint64_t *word(struct sender *sender, uint64_t id)
{
	return &sender->bits[id / 64 % WORDS];
}

/* The window moves up to `id`: what enters it has not been seen. */
static void move(struct sender *sender, uint64_t id)
{
	if (id - sender->last >= WEIR_INBOX_SEEN)
		memset(sender->bits, 0, sizeof(sender->bits));
	else
		for (uint64_t next = sender->last + 1; next <= id; next++)
			*word(sender, next) &= ~(UINT64_C(1) << next % 64);
	sender->last = id;
}

bool weir_seen_before(struct weir_seen *seen, uint64_t name, uint64_t id)
{
	struct sender *sender = find(seen, name);
	uint64_t bit = UINT64_C(1) << id % 64;
	bool was_seen;

	sender->used = ++seen->clock;
	if (id > sender->last)
		move(sender, id);
	else if (sender->last - id >= WEIR_INBOX_SEEN)
		return false;
	was_seen = *word(sender, id) & bit;
	*word(sender, id) |= bit;
	return was_seen;
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
