/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What messages hold: the compact form against itself, cut off and damaged; ids against a plain set; the stage `json`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "message/payload_internal.h"
#include "message/seen.h"
#include "weir/inbox.h"

#define N 2000
#define TEXT_BYTES 24

static struct weir_block *make_records(struct weir_schema *schema)
{
	struct weir_block *memory;
	uint64_t seed = 7;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "m", 0);
	weir_schema_add(schema, "n", WEIR_INT, "", 0);
	weir_schema_add(schema, "on", WEIR_BOOL, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", TEXT_BYTES);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		memory->column[0].real[k] = k % 7 ? ldexp(harness_uniform(&seed), (int)harness_below(&seed, 200)) : NAN;
		/* Of every length, of either sign, and both ends of the range. */
		memory->column[1].integer[k] = (int64_t)(harness_random(&seed) >> harness_below(&seed, 64)) *
					       (k % 2 ? 1 : -1);
		memory->column[2].integer[k] = k % 3 == 0;
		snprintf(memory->column[3].text + (size_t)k * TEXT_BYTES, TEXT_BYTES, "\303\251,\"%u\"\\", k);
	}
	memory->column[1].integer[0] = INT64_MIN;
	memory->column[1].integer[1] = INT64_MAX;
	return memory;
}

static void expect_equal(const struct weir_block *got, uint32_t at, const struct weir_block *sent, uint32_t row)
{
	assert_int_equal(got->t[at], sent->t[row]);
	assert_memory_equal(&got->column[0].real[at], &sent->column[0].real[row], 8);
	assert_int_equal(got->column[1].integer[at], sent->column[1].integer[row]);
	assert_int_equal(got->column[2].integer[at], sent->column[2].integer[row]);
	assert_string_equal(got->column[3].text + (size_t)at * TEXT_BYTES,
			    sent->column[3].text + (size_t)row * TEXT_BYTES);
}

/* Every bit of every value comes back, and a message is no longer than was promised. */
static void compact_changes_nothing(void **state)
{
	struct weir_schema schema;
	struct weir_block *sent = make_records(&schema), *got;
	struct weir_compact writer, reader;
	char bytes[4096], why[160];

	(void)state;
	assert_int_equal(weir_block_open(&got, &schema), 0);
	weir_compact_init(&writer, &schema);
	weir_compact_init(&reader, &schema);
	reader.has_time = true;
	for (uint32_t k = 0; k < N; k++) {
		size_t n = weir_compact_write(&writer, bytes, sent, k);
		const char *at = weir_compact_begin(&reader, bytes, bytes + n, why);
		uint32_t cut = 0;

		assert_true(n <= weir_compact_max(&writer));
		assert_non_null(at);
		assert_ptr_equal(weir_compact_next(&reader, at, bytes + n, got, &cut, why), bytes + n);
		assert_int_equal(cut, 0);
		expect_equal(got, 0, sent, k);
	}
	weir_block_close(got);
	harness_memory_free(sent);
}

/* Reads all of a message from memory that ends where it ends, so that one byte too far is found by the sanitizers. */
static bool read_all(const struct weir_compact *reader, const char *bytes, size_t n, struct weir_block *into)
{
	char *copy = malloc(n ? n : 1), why[160];
	uint32_t cut = 0;
	const char *at;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	at = weir_compact_begin(reader, copy, copy + n, why);
	while (at && at < copy + n)
		at = weir_compact_next(reader, at, copy + n, into, &cut, why);
	free(copy);
	return at;
}

/* Of a record, without the head. */
static size_t record_bytes(const struct weir_compact *like, const struct weir_block *sent, uint32_t row)
{
	struct weir_compact writer = *like;
	char bytes[4096];

	writer.until_told = 1;
	return weir_compact_write(&writer, bytes, sent, row) - WEIR_COMPACT_HEAD;
}

/* What is cut off anywhere is refused; what is damaged anywhere is read within its bounds. */
static void compact_survives_damage(void **state)
{
	struct weir_schema schema;
	struct weir_block *sent = make_records(&schema), *got;
	struct weir_compact writer, reader;
	uint64_t seed = 3;
	char bytes[4096];

	(void)state;
	assert_int_equal(weir_block_open(&got, &schema), 0);
	weir_compact_init(&writer, &schema);
	weir_compact_init(&reader, &schema);
	for (uint32_t k = 0; k < N; k++) {
		size_t n = weir_compact_write(&writer, bytes, sent, k);
		size_t at = harness_below(&seed, (uint32_t)n);

		/* Where the head ends, a message without records is whole. */
		assert_true(at == n - record_bytes(&writer, sent, k) || !read_all(&reader, bytes, at, got));
		bytes[at] = (char)harness_random(&seed);
		read_all(&reader, bytes, n, got);
	}
	weir_block_close(got);
	harness_memory_free(sent);
}

/* Another schema is refused, and named where the message does. */
static void compact_knows_its_fields(void **state)
{
	struct weir_schema schema, other;
	struct weir_block *sent = make_records(&schema);
	struct weir_compact writer, reader;
	char bytes[4096], why[160] = "";
	size_t n;

	(void)state;
	weir_schema_init(&other, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&other, "y", WEIR_REAL, "", 0);
	weir_compact_init(&writer, &schema);
	weir_compact_init(&reader, &other);
	n = weir_compact_write(&writer, bytes, sent, 0);
	assert_null(weir_compact_begin(&reader, bytes, bytes + n, why));
	assert_string_equal(why, "its fields are x:real,n:int,on:bool,s:text, and not y:real");
	n = weir_compact_write(&writer, bytes, sent, 1);
	assert_null(weir_compact_begin(&reader, bytes, bytes + n, why));
	assert_string_equal(why, "its fields are others, and not y:real");
	harness_memory_free(sent);
}

#define IDS 5000

/* Ids in order, again, in any order and from several senders: what a plain table of them says. */
static void what_came_before_is_known(void **state)
{
	static bool came[3][IDS];
	struct weir_seen *seen = weir_seen_new();
	uint64_t seed = 5, next[3] = { 0 };

	(void)state;
	assert_non_null(seen);
	memset(came, 0, sizeof(came));
	for (uint32_t k = 0; k < 40000; k++) {
		uint32_t sender = harness_below(&seed, 3);
		bool is_next = harness_below(&seed, 2);
		uint32_t id = is_next ? (uint32_t)(next[sender]++ % IDS) : harness_below(&seed, IDS);

		assert_int_equal(weir_seen_before(seen, sender, UINT64_C(1) << 40 | id), came[sender][id]);
		came[sender][id] = true;
	}
	weir_seen_free(seen);
}

/* With more gaps than can be kept the oldest are forgotten: those come as new, and none that is new is taken for old. */
static void too_many_gaps_lose_nothing(void **state)
{
	struct weir_seen *seen = weir_seen_new();

	(void)state;
	assert_non_null(seen);
	for (uint64_t id = 0; id < 4 * WEIR_INBOX_SEEN; id += 2)
		assert_false(weir_seen_before(seen, 1, id));
	for (uint64_t id = 1; id < 4 * WEIR_INBOX_SEEN; id += 2)
		assert_false(weir_seen_before(seen, 1, id));
	assert_true(weir_seen_before(seen, 1, 4 * WEIR_INBOX_SEEN - 1));
	weir_seen_free(seen);
}

static void ids_are_read_as_written(void **state)
{
	static const char *const wrong[] = { "", "-", "12", "12-", "-12", "12-xyz", "12-34-", "12345678123456789-1" };
	uint64_t sender, id;

	(void)state;
	assert_true(weir_seen_parse("00ff00ff00ff00ff-10000000a", 26, &sender, &id));
	assert_int_equal(sender, 0x00ff00ff00ff00ff);
	assert_int_equal(id, 0x10000000a);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(weir_seen_parse(wrong[i], strlen(wrong[i]), &sender, &id));
}

/* Records that become JSON and records again are the same, in blocks cut anywhere. */
static void json_and_back_is_the_same(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness plain, there;

	(void)state;
	for (uint32_t k = 0; k < N; k++) /* JSON has no bits for a NaN's sign */
		memory->column[0].real[k] = isnan(memory->column[0].real[k]) ? 0 : memory->column[0].real[k];
	harness_run(&plain, "skip 0", memory, WEIR_BLOCK_MAX, 1);
	harness_run(&there, "json as=j width=400 | json j out=\"x, n:int, on:bool, s:text:24\"", memory, 7, 2);
	harness_expect_same(&plain, &there);
	harness_close(&plain);
	harness_close(&there);
	harness_memory_free(memory);
}

static struct weir_block *make_texts(struct weir_schema *schema)
{
	static const char *const text[] = { "{\"x\": 1, \"more\": [2]}", "{\"x\": 2",    "[1]", "",
					    "{\"x\": \"text\"}",         "{\"x\": null}" };
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "k", WEIR_INT, "", 0);
	weir_schema_add(schema, "text", WEIR_TEXT, "", 40);
	memory = harness_memory(schema, 6);
	for (uint32_t k = 0; k < 6; k++) {
		memory->column[0].integer[k] = k;
		strcpy(memory->column[1].text + k * 40, text[k]);
	}
	return memory;
}

/* What is no such object is left out and counted, with the rest of its record; or ends the run. */
static void json_refuses_what_is_none(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_texts(&schema);
	struct harness h;

	(void)state;
	harness_run(&h, "json text out=x on_error=skip", memory, WEIR_BLOCK_MAX, 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.value[0][1].integer, 5);
	assert_true(isnan(h.value[1][1].real));
	assert_int_equal(h.first->lost[WEIR_LOST_POISON], 4);
	harness_close(&h);
	assert_true(harness_open(&h, "json out=x", &schema));
	assert_true(harness_push(&h, memory) < 0);
	harness_expect_error(&h, "JSON in field 'text'");
	assert_int_equal(h.n, 1);
	harness_close(&h);
	/* An object that does not fit is none. */
	harness_run(&h, "json as=line width=10", memory, WEIR_BLOCK_MAX, 1);
	assert_int_equal(h.n, 0);
	assert_int_equal(h.first->lost[WEIR_LOST_CUT], 6);
	harness_close(&h);
	harness_memory_free(memory);
}

static void json_refuses_wrong_arguments(void **state)
{
	struct weir_schema schema;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	harness_expect_refusal("json out=y", &schema, "which field is JSON");
	harness_expect_refusal("json x out=y", &schema, "'x' is not text");
	harness_expect_refusal("json z out=y", &schema, "unknown field 'z'");
	weir_schema_add(&schema, "s", WEIR_TEXT, "", 16);
	harness_expect_refusal("json s", &schema, "out= must say");
	harness_expect_refusal("json out=x", &schema, "'x' is the name of another field");
	harness_expect_refusal("json out=y as=z", &schema, "out= decodes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compact_changes_nothing),      cmocka_unit_test(compact_survives_damage),
		cmocka_unit_test(compact_knows_its_fields),     cmocka_unit_test(what_came_before_is_known),
		cmocka_unit_test(too_many_gaps_lose_nothing),   cmocka_unit_test(ids_are_read_as_written),
		cmocka_unit_test(json_and_back_is_the_same),    cmocka_unit_test(json_refuses_what_is_none),
		cmocka_unit_test(json_refuses_wrong_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
