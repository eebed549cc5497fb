/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stage with key= against one stage for each key, for random keys, times and blocks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "skip.h"

#define N 3000u
#define ID_BYTES 12 /* no multiple of 8 */

static void make_schema(struct weir_schema *schema)
{
	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "id", WEIR_TEXT, "", ID_BYTES);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", 5);
	weir_schema_add(schema, "row", WEIR_INT, "", 0);
}

/* Key: id and i. */
static struct weir_block *make_records(const struct weir_schema *schema, uint64_t *random, uint32_t n_ids)
{
	struct weir_block *memory = harness_memory(schema, N);
	int64_t t = 0;

	for (uint32_t k = 0; k < N; k++) {
		t += harness_below(random, 3) * 1000000;
		memory->t[k] = t;
		memory->column[0].real[k] = harness_below(random, 20) ? harness_below(random, 10) : NAN;
		memset(memory->column[1].text + k * ID_BYTES, 0, ID_BYTES);
		snprintf(memory->column[1].text + k * ID_BYTES, ID_BYTES, "key%u", harness_below(random, n_ids));
		memory->column[2].integer[k] = harness_below(random, 2);
		memset(memory->column[3].text + k * 5, 0, 5);
		snprintf(memory->column[3].text + k * 5, 5, "%u", harness_below(random, 3));
		memory->column[4].integer[k] = k;
	}
	return memory;
}

static struct weir_block *records_of(const struct weir_block *memory, const char *id, int64_t i)
{
	struct weir_block *only = harness_memory(memory->schema, N);

	only->n = 0;
	for (uint32_t k = 0; k < N; k++)
		if (!strcmp(memory->column[1].text + k * ID_BYTES, id) && memory->column[2].integer[k] == i)
			weir_block_append(only, memory, k);
	return only;
}

static bool is_same_value(enum weir_kind kind, union harness_value a, union harness_value b)
{
	return kind == WEIR_TEXT ? !strcmp(a.text, b.text) : a.integer == b.integer;
}

/* The records of one key, among those of all, are those of its own stage. Returns how many there are. */
static uint32_t expect_key(const struct harness *all, const struct harness *one, const char *id, int64_t i)
{
	int id_at = weir_schema_find(&all->schema, "id"), i_at = weir_schema_find(&all->schema, "i");
	uint32_t n = 0;

	for (uint32_t k = 0; k < all->n; k++) {
		if (strcmp(all->value[id_at][k].text, id) || all->value[i_at][k].integer != i)
			continue;
		assert_in_range(n + 1, 1, one->n);
		assert_int_equal(all->t[k], one->t[n]);
		for (uint32_t f = 0; f < one->schema.n_fields; f++) {
			const struct weir_field *field = &one->schema.field[f];
			int at = weir_schema_find(&all->schema, field->name);

			assert_true(is_same_value(field->kind, all->value[at][k], one->value[f][n]));
		}
		n++;
	}
	assert_int_equal(n, one->n);
	return n;
}

static void expect_order(const struct harness *h)
{
	int row = weir_schema_find(&h->schema, "row");

	for (uint32_t k = 1; k < h->n; k++) {
		assert_true(h->t[k] >= h->t[k - 1]);
		assert_true(row < 0 || h->value[row][k].integer > h->value[row][k - 1].integer);
	}
}

static void expect_one_for_each(const char *stage, uint64_t seed)
{
	uint64_t random = seed;
	uint32_t n_ids = 1 + harness_below(&random, 30), n = 0;
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness all, one;
	char chain[160];

	make_schema(&schema);
	memory = make_records(&schema, &random, n_ids);
	snprintf(chain, sizeof(chain), "%s key=id,i", stage);
	harness_run_cut(&all, chain, memory, &random);
	expect_order(&all);
	for (uint32_t k = 0; k < 2 * n_ids; k++) {
		struct weir_block *only;
		char id[ID_BYTES];

		snprintf(id, sizeof(id), "key%u", k / 2 % 1000);
		only = records_of(memory, id, k % 2);
		harness_run(&one, stage, only, 1 + harness_below(&random, WEIR_BLOCK_MAX), random);
		n += expect_key(&all, &one, id, k % 2);
		harness_close(&one);
		harness_memory_free(only);
	}
	assert_int_equal(all.n, n);
	assert_int_equal(all.first->evicted, 0);
	harness_close(&all);
	harness_memory_free(memory);
}

static const char *const stages[] = {
	"changed x",
	"changed x by 3",
	"changed s",
	"every 3",
	"every 1",
	"every 25ms",
	"skip 7",
	"limit 7",
	"limit 0",
	"switch on x > 7 off x < 3",
	"switch on x > 5 off x < 5 min_on=40ms min_off=100ms",
};

static void keyed_is_one_for_each(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(stages) / sizeof(stages[0]); k++)
		for (uint64_t seed = 1; seed <= 6; seed++)
			expect_one_for_each(stages[k], seed);
}

/* The key comes first in a record that has nothing else of the input. */
static void key_comes_first(void **state)
{
	struct weir_schema schema;
	struct harness h;

	(void)state;
	make_schema(&schema);
	assert_true(harness_open(&h, "switch on x > 1 off x < 0 key=i,id", &schema));
	assert_int_equal(h.schema.n_fields, 3);
	assert_string_equal(h.schema.field[0].name, "i");
	assert_string_equal(h.schema.field[1].name, "id");
	assert_string_equal(h.schema.field[2].name, "on");
	harness_close(&h);
}

/* By a model: the key with the oldest latest record goes, and begins again. */
static void keys_are_bounded(void **state)
{
	uint64_t random = 5, evicted = 0;
	static uint32_t latest[200], passed[200];
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;
	uint32_t live = 0, n = 0;

	(void)state;
	make_schema(&schema);
	memory = make_records(&schema, &random, 200);
	harness_run_cut(&h, "limit 2 key=id keys=100", memory, &random);
	for (uint32_t k = 0; k < N; k++) {
		uint32_t id = (uint32_t)atoi(memory->column[1].text + k * ID_BYTES + 3), oldest = 200;

		for (uint32_t j = 0; j < 200 && !latest[id] && live == 100; j++)
			if (latest[j] && (oldest == 200 || latest[j] < latest[oldest]))
				oldest = j;
		if (oldest < 200) {
			latest[oldest] = passed[oldest] = 0;
			evicted++;
			live--;
		}
		live += !latest[id];
		latest[id] = k + 1;
		if (passed[id]++ < 2)
			assert_int_equal(h.value[4][n++].integer, k);
	}
	assert_int_equal(h.n, n);
	assert_in_range(evicted, 100, N);
	assert_int_equal(h.first->evicted, evicted);
	harness_close(&h);
	harness_memory_free(memory);
}

static void silence_ends_a_state(void **state)
{
	static const int64_t times_ms[] = { 0, 5, 15, 26, 27 };
	struct weir_schema schema;
	struct weir_block *memory;
	struct harness h;

	(void)state;
	memory = harness_numbers(&schema, 5);
	for (uint32_t k = 0; k < 5; k++) {
		memory->t[k] = times_ms[k] * 1000000;
		memory->column[0].real[k] = 1;
	}
	harness_run(&h, "limit 1 key=x forget=10ms", memory, 2, 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.t[1], 26000000);
	assert_int_equal(h.first->evicted, 0);
	harness_close(&h);
	harness_memory_free(memory);
}

static void many_keys_have_a_state(void **state)
{
	const uint32_t n_keys = 100000;
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 3 * n_keys);
	struct harness h;

	(void)state;
	for (uint32_t k = 0; k < 3 * n_keys; k++)
		memory->column[0].real[k] = k % n_keys;
	harness_run(&h, "limit 2 key=x keys=100000", memory, WEIR_BLOCK_MAX, 1);
	assert_int_equal(h.n, 2 * n_keys);
	assert_int_equal(h.first->evicted, 0);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Ten million keys of 3600 bytes are 36 GB. */
static void more_than_the_memory_is_refused(void **state)
{
	char chain[256] = "limit 1 keys=10000000 key=f0", name[16];
	struct weir_schema schema;

	(void)state;
	if ((uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) > UINT64_C(36000000000))
		skip_because("the machine has more than 36 GB of memory");
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	for (int k = 0; k < 15; k++) {
		snprintf(name, sizeof(name), "f%d", k);
		assert_int_equal(weir_schema_add(&schema, name, WEIR_TEXT, "", 240), k);
		if (k)
			strcat(strcat(chain, ","), name);
	}
	harness_expect_refusal(chain, &schema, "10000000 keys need more memory than this machine has");
}

static void mistakes_are_refused(void **state)
{
	struct weir_schema schema;

	(void)state;
	make_schema(&schema);
	harness_expect_refusal("limit 1 key=idd", &schema, "did you mean 'id'");
	harness_expect_refusal("limit 1 key=id,id", &schema, "'id' is named twice");
	harness_expect_refusal("skip 1 key=t", &schema, "cannot name a field");
	harness_expect_refusal("changed x key=x+1", &schema, "key");
	harness_expect_refusal("skip 1 keys=5", &schema, "'keys' needs 'key'");
	harness_expect_refusal("limit 1 forget=1s", &schema, "'forget' needs 'key'");
	harness_expect_refusal("limit 1 key=id keys=0", &schema, "keys");
	harness_expect_refusal("rename y = x key=id", &schema, "key");
	harness_expect_refusal("fft 64 x key=id", &schema, "unknown key 'key'");
	harness_expect_refusal("rename on = x | switch on on > 1 off on < 0 key=on", &schema,
			       "a key cannot be called 'on' here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keyed_is_one_for_each),
		cmocka_unit_test(key_comes_first),
		cmocka_unit_test(keys_are_bounded),
		cmocka_unit_test(silence_ends_a_state),
		cmocka_unit_test(many_keys_have_a_state),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(more_than_the_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
