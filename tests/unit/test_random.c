/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "weir/random.h"

#define ROUNDS 100000

/* The upper half of a product of two words, written down by hand for the factors where a carry would go missing. */
static void scaling_at_its_ends(void **state)
{
	(void)state;
	assert_true(weir_random_scale(0, UINT64_MAX) == 0);
	assert_true(weir_random_scale(UINT64_MAX, 1) == 0);
	assert_true(weir_random_scale(UINT64_MAX, 10) == 9);
	assert_true(weir_random_scale(UINT64_C(1) << 63, 10) == 5);
	assert_true(weir_random_scale(UINT64_MAX, UINT64_MAX) == UINT64_MAX - 1);
	assert_true(weir_random_scale(UINT64_C(0xffffffff), UINT64_C(0x100000001)) == 0);
	assert_true(weir_random_scale(UINT64_C(0x100000000), UINT64_C(0x100000000)) == 1);
}

/* It is the same on every machine: against the sum of products of halves, which is exact for a small factor, and the same both ways. */
static void scaling_of_any_words(void **state)
{
	uint64_t seed = 17;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t bits = weir_random_next(&seed), large = weir_random_next(&seed), small = large >> 32;
		uint64_t upper = (bits >> 32) * small, lower = (bits & UINT32_MAX) * small;

		assert_true(weir_random_scale(bits, small) == (upper + (lower >> 32)) >> 32);
		assert_true(weir_random_scale(bits, large) == weir_random_scale(large, bits));
		assert_true(weir_random_scale(bits, large) < large || !large);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scaling_at_its_ends),
		cmocka_unit_test(scaling_of_any_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
