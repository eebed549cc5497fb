/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Single cases of the guard's judgement; test_guard_model.c has all of them at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard/rules.h"

static void decided(void *context, const struct weir_decision *decision)
{
	double *value = context;

	value[decision->line] = decision->value;
}

/* One ask that turns one of a group off and another on is granted at once, in this order. */
static void test_change_over(void **state)
{
	const struct weir_wish first = { .epoch = 1, .value = { 0, 1 } }, second = { .epoch = 1, .value = { 1, 0 } };
	double value[2] = { 0, 0 };
	struct weir_bank bank = { .n_lines = 2, .n_leases = 1, .decided = decided, .context = value };

	(void)state;
	bank.line[0].rule = bank.line[1].rule = (struct weir_rule){ .group = "g" };
	bank.lease[0] = (struct weir_lease){ .n = 2, .line = { 0, 1 } };
	weir_bank_take(&bank, 0, 0);
	assert_int_equal(weir_bank_ask(&bank, 0, &first, 0), WEIR_NOT_REFUSED);
	assert_true(value[0] == 0 && value[1] == 1);
	assert_int_equal(weir_bank_ask(&bank, 0, &second, 0), WEIR_NOT_REFUSED);
	assert_true(value[0] == 1 && value[1] == 0);
}

/* Rules that contradict each other are told apart from those that do not. */
static void test_problems(void **state)
{
	const struct weir_rule good = { .max_on = 5, .min_on = 5, .group = "g", .gap = 1, .starts = 2, .per = 7 };
	const struct weir_rule bad[] = {
		{ .max_on = 5, .min_on = 6 },
		{ .group = "g", .park = 1 },
		{ .park = 1, .max_on = 1 },
		{ .gap = 1 },
		{ .starts = 2 },
		{ .starts = 33, .per = 1 },
	};

	(void)state;
	assert_null(weir_rule_problem(&good));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(weir_rule_problem(&bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change_over),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
