/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `capture`, against the plainest loop that says the same. */
#include "harness.h"

#define N 4000

/* From a record that holds, so many, whatever holds meanwhile; then the next: in whatever blocks the stream comes. */
static void captures_are_whole_and_apart(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory;

	(void)state;
	memory = harness_numbers(&schema, N);
	for (uint64_t seed = 0; seed < 20; seed++) {
		uint64_t random = seed;
		uint32_t size = 1 + harness_below(&random, seed % 2 ? 5 : 500), left = 0, n = 0;
		struct harness h;
		char chain[64];

		for (uint32_t k = 0; k < N; k++)
			memory->column[0].real[k] = harness_uniform(&random);
		snprintf(chain, sizeof(chain), "capture %u when x > 0.9", size);
		assert_true(harness_open(&h, chain, &schema));
		harness_push_cut(&h, memory, N, seed % 3 ? WEIR_BLOCK_MAX : 7, &random);
		assert_int_equal(harness_flush(&h), 0);
		for (uint32_t k = 0; k < N; k++) {
			if (!left && memory->column[0].real[k] > 0.9)
				left = size;
			if (!left)
				continue;
			left--;
			assert_in_range(n, 0, h.n - 1);
			assert_int_equal(h.t[n], memory->t[k]);
			assert_true(h.value[0][n++].real == memory->column[0].real[k]);
		}
		assert_int_equal(h.n, n);
		harness_close(&h);
	}
	harness_expect_refusal("capture 5 when x + 1", &schema, "condition");
	harness_expect_refusal("capture 0 when x > 1", &schema, "capture");
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_are_whole_and_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
