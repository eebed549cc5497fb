/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a message in the compact binary form. Reading ends within the bytes of the message. A record that was read comes
 * back with the same bits when it is written and read again. Every second input gets a right head, so that records are reached.
 */
#include "message/payload_internal.h"
#include "stream/record.h"

#include "standalone.h"

#define TEXT_BYTES 24
#define RECORDS 256

struct fixture {
	struct weir_schema schema;
	struct weir_compact compact;
	struct weir_block *read, *again;
};

static struct fixture *compact_fixture(void)
{
	static struct fixture fixture;

	if (fixture.read)
		return &fixture;
	weir_schema_init(&fixture.schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&fixture.schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(&fixture.schema, "n", WEIR_INT, "", 0);
	weir_schema_add(&fixture.schema, "on", WEIR_BOOL, "", 0);
	weir_schema_add(&fixture.schema, "s", WEIR_TEXT, "", TEXT_BYTES);
	weir_compact_init(&fixture.compact, &fixture.schema);
	fixture.compact.has_time = true;
	if (weir_block_open(&fixture.read, &fixture.schema) || weir_block_open(&fixture.again, &fixture.schema))
		abort();
	return &fixture;
}

static void expect_same(const struct weir_block *a, const struct weir_block *b)
{
	if (a->t[0] != b->t[0] || memcmp(a->column[0].real, b->column[0].real, 8) ||
	    a->column[1].integer[0] != b->column[1].integer[0] || a->column[2].integer[0] != b->column[2].integer[0] ||
	    strcmp(a->column[3].text, b->column[3].text) != 0)
		abort();
}

/* Writes the record that is alone in fixture->read. */
static void check_round_trip(struct fixture *fixture)
{
	size_t most = weir_compact_max(&fixture->compact), n;
	char *bytes = malloc(most), why[160];
	uint32_t cut = 0;
	const char *at;

	n = weir_compact_write(&fixture->compact, bytes, fixture->read, 0);
	at = weir_compact_begin(&fixture->compact, bytes, bytes + n, why);
	fixture->again->n = 0;
	if (n > most || !at ||
	    weir_compact_next(&fixture->compact, at, bytes + n, fixture->again, &cut, why) != bytes + n || cut)
		abort();
	expect_same(fixture->read, fixture->again);
	free(bytes);
}

static void read_message(struct fixture *fixture, const char *bytes, size_t n)
{
	char *copy = malloc(n ? n : 1), why[160] = "";
	const char *end = copy + n, *at;
	uint32_t cut = 0;

	memcpy(copy, bytes, n);
	at = weir_compact_begin(&fixture->compact, copy, end, why);
	for (int i = 0; at && at < end && i < RECORDS; i++) {
		fixture->read->n = 0;
		at = weir_compact_next(&fixture->compact, at, end, fixture->read, &cut, why);
		if (at > end)
			abort();
		if (at)
			check_round_trip(fixture);
	}
	if (!at && !*why)
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fixture *fixture = compact_fixture();
	char *bytes;

	read_message(fixture, (const char *)data, size);
	if (!size)
		return 0;
	bytes = malloc(size + WEIR_COMPACT_HEAD);
	memcpy(bytes, "wr\1\0", 4);
	memcpy(bytes + 4, &fixture->compact.crc, 4);
	memcpy(bytes + WEIR_COMPACT_HEAD, data, size);
	read_message(fixture, bytes, size + WEIR_COMPACT_HEAD);
	free(bytes);
	return 0;
}

static const char *const words[] = {
	"wr\1",
	"\1",
	"\2",
	"\200\200\200\200",
	"\377\377",
	"\1\1\1\1\1\1\1\1\1\1",
	"\27abcdefghijklmnopqrstuvw",
	"\303\251",
	"x:real,n:int,on:bool,s:text",
};

FUZZER(words)
