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

static struct weir_bank one_line(struct weir_rule rule, double *value)
{
	struct weir_bank bank = { .n_lines = 1, .n_leases = 1, .decided = decided, .context = value };

	bank.line[0] = (struct weir_line){ .rule = rule, .value = rule.park };
	bank.lease[0] = (struct weir_lease){ .n = 1, .line = { 0 } };
	weir_bank_take(&bank, 0, 0);
	return bank;
}

static enum weir_refusal ask(struct weir_bank *bank, double value, int64_t now)
{
	const struct weir_wish wish = { .epoch = 1, .value = { value } };

	weir_bank_tick(bank, now);
	return weir_bank_ask(bank, 0, &wish, now);
}

/* A start is to leave the park value, on or off: of a line that parks on, those that turn it off are counted. */
static void test_starts(void **state)
{
	(void)state;
	for (int park = 0; park <= 1; park++) {
		double value[1];
		struct weir_bank bank = one_line((struct weir_rule){ .park = park, .starts = 2, .per = 1000 }, value);

		for (int64_t start = 0; start < 2; start++) {
			assert_int_equal(ask(&bank, !park, 10 * start + 1), WEIR_NOT_REFUSED);
			assert_int_equal(ask(&bank, park, 10 * start + 2), WEIR_NOT_REFUSED);
		}
		assert_int_equal(ask(&bank, !park, 1000), WEIR_TOO_MANY_STARTS);
		assert_int_equal(ask(&bank, park, 1000), WEIR_NOT_REFUSED);
		assert_int_equal(ask(&bank, !park, 1001), WEIR_NOT_REFUSED);
	}
}

/* What is known of a line is kept for as long as one of its rules looks back, and no longer. */
static void test_remembers(void **state)
{
	const struct weir_rule rules[] = {
		{ .group = "g", .gap = 500 },
		{ .min_off = 500 },
		{ .starts = 1, .per = 510 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		double value[1];
		struct weir_bank bank = one_line(rules[i], value);

		assert_int_equal(ask(&bank, 1, 10), WEIR_NOT_REFUSED);
		weir_bank_park(&bank, 0, WEIR_LEFT, true, 20);
		assert_true(weir_bank_remembers(&bank, 0) == 520);
	}
}

/* After any of a group went off, another one waits for its own break, then is granted. The last that went off counts. */
static void test_break(void **state)
{
	static const int64_t gap[] = { 0, 5, 50 };
	double value[3] = { 0 };
	struct weir_bank bank = { .n_lines = 3, .n_leases = 3, .decided = decided, .context = value };
	const struct weir_wish on = { .epoch = 1, .value = { 1 } }, off = { .epoch = 1, .value = { 0 } };

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		bank.line[i].rule = (struct weir_rule){ .group = "g", .gap = gap[i] };
		bank.lease[i] = (struct weir_lease){ .n = 1, .line = { (uint16_t)i } };
		weir_bank_take(&bank, i, 0);
	}
	assert_int_equal(weir_bank_ask(&bank, 0, &on, 1), WEIR_NOT_REFUSED);
	assert_int_equal(weir_bank_ask(&bank, 0, &off, 10), WEIR_NOT_REFUSED);
	assert_int_equal(weir_bank_ask(&bank, 1, &on, 15), WEIR_NOT_REFUSED);
	assert_int_equal(weir_bank_ask(&bank, 1, &off, 20), WEIR_NOT_REFUSED);
	assert_int_equal(weir_bank_ask(&bank, 2, &on, 69), WEIR_INTERLOCKED);
	assert_int_equal(weir_bank_tick(&bank, 69), 70);
	weir_bank_tick(&bank, 70);
	assert_true(value[2] == 1);
}

/* A holder that has been away and asks to have its lines back, but is silent again, finds by the epoch that it must ask once more. */
static void test_failed_retake(void **state)
{
	double value[1];
	struct weir_bank bank = one_line((struct weir_rule){ 0 }, value);
	struct weir_wish wish = { .epoch = 1, .value = { 1 } };

	(void)state;
	bank.lease[0].patience = 100;
	assert_int_equal(weir_bank_ask(&bank, 0, &wish, 0), WEIR_NOT_REFUSED);
	weir_bank_tick(&bank, 100);
	assert_int_equal(bank.lease[0].epoch, 2);
	assert_int_equal(weir_bank_ask(&bank, 0, &wish, 110), WEIR_TOO_LATE);
	assert_int_equal(bank.lease[0].epoch, 2);
	wish.epoch = 2;
	wish.retake = true;
	assert_int_equal(weir_bank_ask(&bank, 0, &wish, 110), WEIR_TOO_LATE);
	assert_int_equal(bank.lease[0].epoch, 3);
	wish.epoch = 3;
	weir_bank_beat(&bank, 0, 120, 120, 120);
	assert_int_equal(weir_bank_ask(&bank, 0, &wish, 120), WEIR_NOT_REFUSED);
	assert_true(value[0] == 1);
}

static void note_cause(void *context, const struct weir_decision *decision)
{
	*(enum weir_cause *)context = decision->cause;
}

/* Of a holder that has been silent and whose input is stale, it is told what came first; at one and the same time, the silence. */
static void test_cause_that_comes_first(void **state)
{
	(void)state;
	for (int64_t fresh = 99; fresh <= 101; fresh++) {
		enum weir_cause cause = WEIR_ASKED;
		struct weir_bank bank = { .n_lines = 1, .n_leases = 1, .decided = note_cause, .context = &cause };

		bank.lease[0] = (struct weir_lease){ .n = 1, .line = { 0 }, .patience = 50, .stale = 50 };
		weir_bank_take(&bank, 0, 0);
		weir_bank_beat(&bank, 0, 100, fresh, 110);
		weir_bank_tick(&bank, 160);
		assert_int_equal(cause, fresh < 100 ? WEIR_STALE : WEIR_DEADLINE);
	}
}

/* A line that is recalled after another guard's end counts from then on, the first as any other. */
static void test_recall_counts(void **state)
{
	const struct weir_line was = { .rule = { .group = "g", .gap = 50 }, .value = 1, .has_changed = true };
	double value[2];
	struct weir_bank bank = { .n_leases = 1, .decided = decided, .context = value };
	const struct weir_wish on = { .epoch = 1, .value = { 1 } };

	(void)state;
	weir_bank_recall(&bank, 0, &was, 100);
	assert_int_equal(bank.n_lines, 1);
	bank.line[1].rule = was.rule;
	bank.n_lines = 2;
	bank.lease[0] = (struct weir_lease){ .n = 1, .line = { 1 } };
	weir_bank_take(&bank, 0, 100);
	assert_int_equal(weir_bank_ask(&bank, 0, &on, 149), WEIR_INTERLOCKED);
	assert_int_equal(weir_bank_ask(&bank, 0, &on, 150), WEIR_NOT_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_change_over),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_remembers),
		cmocka_unit_test(test_break),
		cmocka_unit_test(test_failed_retake),
		cmocka_unit_test(test_cause_that_comes_first),
		cmocka_unit_test(test_recall_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
