/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of JSON from anywhere, one line at a time: each is a record with the values that stand here, or is left out, counted,
 * and the reason given. And places in objects against a walk that this test does by itself.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "message/json_value.h"

#define BYTES 200

/* A chain, a line, and the record as text ("x n b s", NaN as nan), or the reason why there is none. */
struct line {
	const char *out, *text, *expected, *why;
	uint64_t cut;
};

static const struct line lines[] = {
	{ "x, n:int, b:bool, s:text:8", "{\"x\":1.5,\"n\":2,\"b\":true,\"s\":\"abc\"}", "1.5 2 1 abc" },
	/* Others do not matter, whatever they are; the last of two counts; blanks are free. */
	{ "x", " { \"y\" : [ {} ] , \"x\" : 1 , \"x\" : 2 } ", "2" },
	{ "x", "{\"id\":123456789012345678901234567890,\"x\":2}", "2" },
	/* Missing and null: NaN and nothing, but no integer and no truth value is made up. */
	{ "x, s:text:8", "{}", "nan " },
	{ "x, s:text:8", "{\"x\":null,\"s\":null}", "nan " },
	{ "n:int", "{}", NULL, "'n' is missing" },
	{ "n:int", "{\"n\":null}", NULL, "'n' is a member of another kind" },
	{ "b:bool", "{}", NULL, "'b' is missing" },
	/* Wrong kinds: nothing is guessed. */
	{ "x", "{\"x\":\"7\"}", NULL, "'x' is a member of another kind" },
	{ "x", "{\"x\":[1]}", NULL, "'x' is a member of another kind" },
	{ "x", "{\"x\":{\"x\":1}}", NULL, "'x' is a member of another kind" },
	{ "x", "{\"x\":true}", NULL, "'x' is a member of another kind" },
	{ "s:text:8", "{\"s\":5}", NULL, "'s' is a member of another kind" },
	{ "b:bool", "{\"b\":\"true\"}", NULL, "'b' is a member of another kind" },
	/* Numbers: whole ones however they are written, and no others; to the end of the range. */
	{ "n:int", "{\"n\":3.0}", "3" },
	{ "n:int", "{\"n\":-4e2}", "-400" },
	{ "n:int", "{\"n\":2.5}", NULL, "'n' is no whole number" },
	{ "n:int", "{\"n\":9223372036854775807}", "9223372036854775807" },
	{ "n:int", "{\"n\":-9223372036854775808}", "-9223372036854775808" },
	{ "n:int", "{\"n\":9223372036854775808}", NULL, "out of range" },
	{ "n:int", "{\"n\":1e300}", NULL, "out of range" },
	{ "x", "{\"x\":9223372036854775808}", "9.22337e+18" },
	{ "x", "{\"x\":1e-400}", "0" },
	{ "x", "{\"x\":1e999}", NULL, "real number overflow" },
	{ "x", "{\"x\":NaN}", NULL, "invalid token" },
	{ "b:bool", "{\"b\":7}", "1" },
	/* UTF-8: whole characters, cut where the cell ends, and counted. */
	{ "s:text:8", "{\"s\":\"\\u00e9\303\251\"}", "\303\251\303\251" },
	{ "s:text:8", "{\"s\":\"aaaaaa\\u00e9\"}", "aaaaaa", NULL, 1 },
	{ "s:text:8", "{\"s\":\"\\ud83d\\ude00\"}", "\360\237\230\200" },
	{ "s:text:8", "{\"s\":\"\\ud83d\"}", NULL, "is not JSON" },
	{ "s:text:8", "{\"s\":\"\377\"}", NULL, "is not JSON" },
	{ "s:text:8", "{\"s\":\"\\u0000\"}", NULL, "a text has a zero in it" },
	/* No object. */
	{ "x", "[1,2]", NULL, "is not a JSON object" },
	{ "x", "7", NULL, "is not a JSON object" },
	{ "x", "{\"x\":1", NULL, "is not JSON" },
	{ "x", "{\"x\":1} x", NULL, "is not JSON" },
	{ "x", "x", NULL, "is not JSON" },
	{ "x", "", NULL, "" },
	/* Places. */
	{ "x=a.b, n:int=c[1].d, s:text:8=e[0][1]", "{\"a\":{\"b\":5},\"c\":[0,{\"d\":6}],\"e\":[[1,\"f\"]]}", "5 6 f" },
	{ "x=a.b", "{\"a\":{}}", "nan" },
	{ "x=a.b", "{\"a\":7}", "nan" },
	{ "x=a[2]", "{\"a\":[1,2]}", "nan" },
	{ "n:int=a.b", "{\"n\":1,\"a\":[]}", NULL, "'a.b' is missing" },
	{ "n:int=a.b", "{\"a\":{\"b\":[]}}", NULL, "'a.b' is a member of another kind" },
};

static void print_value(const struct harness *h, uint32_t i, char *to)
{
	const union harness_value *value = &h->value[i][0];

	to += strlen(to);
	if (h->schema.field[i].kind == WEIR_REAL)
		snprintf(to, 64, "%g", value->real);
	else if (h->schema.field[i].kind == WEIR_TEXT)
		snprintf(to, 64, "%s", value->text);
	else
		snprintf(to, 64, "%lld", (long long)value->integer);
}

static struct weir_block *one_text(struct weir_schema *schema, const char *text)
{
	struct weir_block *memory;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "text", WEIR_TEXT, "", BYTES);
	memory = harness_memory(schema, 1);
	snprintf(memory->column[0].text, BYTES, "%s", text);
	return memory;
}

/* Left out and counted; or, where that is not asked for, the end of the run and the reason. An empty line is nothing to read. */
static void expect_reason(const struct line *line, struct weir_block *memory)
{
	char chain[200];
	struct harness h;

	if (!*line->why)
		return;
	snprintf(chain, sizeof(chain), "json text out=\"%s\"", line->out);
	assert_true(harness_open(&h, chain, memory->schema));
	assert_true(harness_push(&h, memory) < 0);
	harness_expect_error(&h, line->why);
	harness_close(&h);
}

static void expect_outcome(const struct line *line)
{
	struct weir_schema schema;
	struct weir_block *memory = one_text(&schema, line->text);
	char chain[200], got[200] = "";
	struct harness h;

	snprintf(chain, sizeof(chain), "json text out=\"%s\" on_error=skip", line->out);
	harness_run(&h, chain, memory, 1, 1);
	for (uint32_t i = 0; h.n && i < h.schema.n_fields; i++) {
		strcat(got, i ? " " : "");
		print_value(&h, i, got);
	}
	if (h.n != !!line->expected || (h.n && strcmp(got, line->expected)))
		fail_msg("%s of %s is '%s'", line->out, line->text, got);
	assert_int_equal(h.first->lost[WEIR_LOST_POISON], !line->expected);
	assert_int_equal(h.first->lost[WEIR_LOST_CUT], line->cut);
	harness_close(&h);
	if (!line->expected)
		expect_reason(line, memory);
	harness_memory_free(memory);
}

/* Whatever a line is, it has one outcome, and that is counted. */
static void every_line_has_an_outcome(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		expect_outcome(&lines[i]);
}

/* A declaration that says no place says so, and what would be one. */
static void wrong_places_are_refused(void **state)
{
	static const char *const wrong[] = { "x=",      "x=a..b",  "x=a[",         "x=a[]", "x=a[1",
					     "x=a[1]b", "x=a[0].", "x=.a",         "x=[0]", "x=a[1].[2]",
					     "x=a b",   "x=a.",    "x=a[9999999]", "x=a]" };
	struct weir_schema schema;
	char chain[100];

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "text", WEIR_TEXT, "", BYTES);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(chain, sizeof(chain), "json out=\"%s\"", wrong[i]);
		harness_expect_refusal(chain, &schema, "is no place in an object");
	}
	harness_expect_refusal("json out=\"a.b\"", &schema, "'a.b' is a place and needs a name");
	harness_expect_refusal("exec cat out=\"x=a\" | skip 0", &schema, "nothing here is JSON");
}

/* Some value, with objects and arrays in it. */
static json_t *random_value(uint64_t *seed, int depth)
{
	json_t *value;
	uint32_t n = harness_below(seed, 3) + 1;

	if (!depth || !harness_below(seed, 4))
		return json_integer((json_int_t)harness_below(seed, 1000));
	value = harness_below(seed, 2) ? json_object() : json_array();
	for (uint32_t i = 0; i < n; i++) {
		char name[2] = { (char)('a' + i), 0 };

		if (json_is_object(value))
			json_object_set_new(value, name, random_value(seed, depth - 1));
		else
			json_array_append_new(value, random_value(seed, depth - 1));
	}
	return value;
}

/* Go down at random as far as it goes, and write down the way. */
static const json_t *walk(const json_t *value, uint64_t *seed, char *place)
{
	while (json_is_object(value) || json_is_array(value)) {
		uint32_t n = (uint32_t)(json_is_object(value) ? json_object_size(value) : json_array_size(value));
		uint32_t i = harness_below(seed, n);
		char name[2] = { (char)('a' + i), 0 };

		if (json_is_object(value)) {
			sprintf(place + strlen(place), "%s%s", *place ? "." : "", name);
			value = json_object_get(value, name);
		} else {
			sprintf(place + strlen(place), "[%u]", i);
			value = json_array_get(value, i);
		}
	}
	return value;
}

/* Whatever the object, a place finds what stands there, without reading behind its own end. */
static void places_find_what_stands_there(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int k = 0; k < 5000; k++) {
		json_t *value = json_pack("{s:o}", "a", random_value(&seed, 5));
		char place[100] = "", *exact;
		const json_t *there = walk(value, &seed, place);

		exact = malloc(strlen(place));
		assert_non_null(exact);
		memcpy(exact, place, strlen(place));
		assert_ptr_equal(weir_json_find(value, exact, (uint32_t)strlen(place)), there);
		free(exact);
		json_decref(value);
	}
}

/* --- the fast way and jansson ------------------------------------------------- */

#define ROWS 200

static const char *pick(uint64_t *seed, const char *const *words, uint32_t n)
{
	return words[harness_below(seed, n)];
}
#define PICK(seed, words) pick(seed, words, sizeof(words) / sizeof(*(words)))

/* An object of wanted and other members, with values of every kind, some of them odd; every fourth has a byte changed. */
static void random_object(uint64_t *seed, char *to, size_t size)
{
	static const char *const names[] = { "x", "n", "b", "s", "y", "xx", "", "t", "s\\u0041" };
	static const char *const values[] = {
		"1",
		"-0",
		"0",
		"0.5",
		"-12.25",
		"21.330000000000002",
		"1e3",
		"1E-2",
		"3.0",
		"01",
		"1.",
		".5",
		"-",
		"--1",
		"1e",
		"123456789012345",
		"1234567890123456",
		"999999999999999999",
		"9223372036854775807",
		"9223372036854775808",
		"12345678901234567890123",
		"true",
		"false",
		"null",
		"nul",
		"True",
		"NaN",
		"\"\"",
		"\"abc\"",
		"\"abcdefg\"",
		"\"abcdefgh\"",
		"\"a\\nb\"",
		"\"\303\251\"",
		"\"\377\"",
		"\"a\tb\"",
		"\"",
		"[]",
		"[1, {\"x\": 2}]",
		"{}",
		"{\"x\":[null,true]}",
		"[1,]",
		"{\"a\"}",
		"[[[[[[[[[[[[[[[[[[7]]]]]]]]]]]]]]]]]]",
	};
	static const char *const blanks[] = { "", "", "", " ", "\r", " \t " };
	uint32_t members = harness_below(seed, 6), n = 0;

	n += (uint32_t)snprintf(to + n, size - n, "%s{", PICK(seed, blanks));
	for (uint32_t i = 0; i < members && n < size - 100; i++)
		n += (uint32_t)snprintf(to + n, size - n, "%s%s\"%s\"%s:%s%s%s", i ? "," : "", PICK(seed, blanks),
					PICK(seed, names), PICK(seed, blanks), PICK(seed, blanks), PICK(seed, values),
					PICK(seed, blanks));
	n += (uint32_t)snprintf(to + n, size - n, "}%s", PICK(seed, blanks));
	if (!harness_below(seed, 4))
		to[harness_below(seed, n)] = "{}[]\",:0a \\"[harness_below(seed, 11)];
}

static void expect_same_cell(const struct harness *fast, const struct harness *slow, uint32_t i, uint32_t row)
{
	const union harness_value *a = &fast->value[i][row], *b = &slow->value[i][row];

	if (fast->schema.field[i].kind == WEIR_TEXT)
		assert_string_equal(a->text, b->text);
	else
		assert_int_equal(a->integer, b->integer);
}

/* A field that says its place is never read the fast way: both have the same records, and leave out the same. */
static void both_ways_read_the_same(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;
	uint64_t seed = 12, n = 0;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "text", WEIR_TEXT, "", BYTES);
	memory = harness_memory(&schema, ROWS);
	for (int k = 0; k < 300; k++) {
		struct harness fast, slow;
		const char *kinds = k % 2 ? "x, s:text:8" : "x, n:int, b:bool, s:text:8";
		const char *places = k % 2 ? "x=x, s:text:8=s" : "x=x, n:int=n, b:bool=b, s:text:8=s";
		char chain[200];

		for (uint32_t row = 0; row < ROWS; row++)
			random_object(&seed, memory->column[0].text + (size_t)row * BYTES, BYTES);
		snprintf(chain, sizeof(chain), "json text out=\"%s\" on_error=skip", kinds);
		harness_run(&fast, chain, memory, ROWS, 1);
		snprintf(chain, sizeof(chain), "json text out=\"%s\" on_error=skip", places);
		harness_run(&slow, chain, memory, ROWS, 1);
		assert_int_equal(fast.n, slow.n);
		assert_int_equal(fast.first->lost[WEIR_LOST_CUT], slow.first->lost[WEIR_LOST_CUT]);
		for (uint32_t row = 0; row < fast.n; row++)
			for (uint32_t i = 0; i < fast.schema.n_fields; i++)
				expect_same_cell(&fast, &slow, i, row);
		n += fast.n;
		harness_close(&fast);
		harness_close(&slow);
	}
	assert_in_range(n, 1000, 50000);
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_has_an_outcome),
		cmocka_unit_test(wrong_places_are_refused),
		cmocka_unit_test(places_find_what_stands_there),
		cmocka_unit_test(both_ways_read_the_same),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
