/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dedupe against a search through all records before, for random keys, times and blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define N 3000u

static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, uint32_t n_ids)
{
	struct weir_block *memory;
	int64_t t = 0;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "id", WEIR_TEXT, "", 8);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		t += harness_below(random, 3) * 1000000;
		memory->t[k] = harness_below(random, 10) ? t : t - harness_below(random, 5) * 1000000;
		memory->column[0].real[k] = k;
		memset(memory->column[1].text + k * 8, 0, 8);
		snprintf(memory->column[1].text + k * 8, 8, "k%u", harness_below(random, n_ids));
		memory->column[2].integer[k] = harness_below(random, 2);
	}
	return memory;
}

static bool is_same(const struct weir_block *memory, uint32_t a, uint32_t b)
{
	return !strcmp(memory->column[1].text + a * 8, memory->column[1].text + b * 8) &&
	       memory->column[2].integer[a] == memory->column[2].integer[b];
}

/* By the last of its key that passed. */
static bool model_passes(const struct weir_block *memory, const bool *passed, uint32_t k, int64_t within)
{
	for (uint32_t j = k; j-- > 0;)
		if (passed[j] && is_same(memory, j, k))
			return memory->t[k] > memory->t[j] && memory->t[k] - memory->t[j] > within;
	return true;
}

static void repeats_are_dropped(void **state)
{
	uint64_t random = 3;

	(void)state;
	for (uint32_t round = 0; round < 20; round++) {
		int64_t within = harness_below(&random, 40);
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random, 1 + harness_below(&random, 30));
		static bool passed[N];
		struct harness h;
		char chain[64];
		uint32_t n = 0;

		snprintf(chain, sizeof(chain), "dedupe id, i within=%dms", (int)within);
		harness_run_cut(&h, chain, memory, &random);
		for (uint32_t k = 0; k < N; k++) {
			passed[k] = model_passes(memory, passed, k, within * 1000000);
			if (passed[k])
				assert_true(h.value[0][n++].real == k);
		}
		assert_int_equal(h.n, n);
		harness_close(&h);
		harness_memory_free(memory);
	}
}

/* Without `within` a key passes once; with too few keys= it is evicted, counted, and passes again. */
static void keys_are_bounded(void **state)
{
	uint64_t random = 5;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, 30);
	struct harness h;

	(void)state;
	harness_run_cut(&h, "dedupe id", memory, &random);
	assert_int_equal(h.n, 30);
	assert_int_equal(h.first->evicted, 0);
	harness_close(&h);
	harness_run_cut(&h, "dedupe id keys=5", memory, &random);
	assert_in_range(h.n, 31, N - 1);
	assert_int_equal(h.first->evicted, h.n - 5);
	harness_close(&h);
	harness_memory_free(memory);
}

static void mistakes_are_refused(void **state)
{
	uint64_t random = 5;
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, &random, 30);

	(void)state;
	harness_expect_refusal("dedupe id, id", &schema, "'id'");
	harness_expect_refusal("dedupe a = x + 1", &schema, "a key is a field of the record");
	harness_expect_refusal("dedupe t", &schema, "cannot name a field");
	harness_expect_refusal("dedupe a = t", &schema, "a key is a field of the record");
	harness_expect_refusal("dedupe idd", &schema, "did you mean 'id'");
	harness_expect_refusal("dedupe id keys=0", &schema, "keys");
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeats_are_dropped),
		cmocka_unit_test(keys_are_bounded),
		cmocka_unit_test(mistakes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
