/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filter of edges, as this machine's kernel runs it, treats made-up edges as user space does; with another rule in it, it is found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "filter/bpf_pulse.h"

#include "gpio.skel.h"
#include "skip.h"

#define MS UINT64_C(1000000)

static const struct weir_pulse_rule rules[] = {
	{ .edges = WEIR_PULSE_RISING | WEIR_PULSE_FALLING },
	{ .edges = WEIR_PULSE_RISING, .glitch_ns = 20 * MS },
	{ .edges = WEIR_PULSE_FALLING, .has_width = 1, .least_ns = 5 * MS, .most_ns = 9 * MS },
	{ .edges = WEIR_PULSE_RISING | WEIR_PULSE_FALLING,
	  .glitch_ns = 3 * MS,
	  .has_width = 1,
	  .least_ns = 4 * MS,
	  .most_ns = UINT64_MAX },
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

/* Only the program that can be run: this machine may have no hooks. NULL: it cannot be loaded here. */
static struct weir_gpio *load(const struct weir_pulse_rule *rule, bool only_count)
{
	struct weir_gpio *skeleton;
	struct bpf_program *program;

	weir_bpf_hush(true);
	skeleton = weir_gpio__open();
	assert_non_null(skeleton);
	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoload(program, program == skeleton->progs.prove);
	skeleton->rodata->knobs.rule = *rule;
	skeleton->rodata->knobs.only_count = only_count;
	assert_int_equal(bpf_map__set_max_entries(skeleton->maps.passing, 1u << 16), 0);
	if (!weir_gpio__load(skeleton))
		return skeleton;
	weir_gpio__destroy(skeleton);
	return NULL;
}

/* What the proof of a program with one rule says to another. */
static int prove(const struct weir_pulse_rule *loaded, const struct weir_pulse_rule *wanted, bool only_count, char *why)
{
	static const struct weir_gpio_state none;
	struct weir_gpio *skeleton = load(loaded, only_count);
	struct weir_pulse_trial trial;
	int err;

	if (!skeleton)
		skip_because("this kernel does not load the program of pulses");
	trial = (struct weir_pulse_trial){ .program = bpf_program__fd(skeleton->progs.prove),
					   .passing = bpf_map__fd(skeleton->maps.passing),
					   .state = &skeleton->bss->state,
					   .edge = &skeleton->bss->trial,
					   .rule = wanted,
					   .only_count = only_count };
	err = weir_pulse_prove(&trial, why);
	assert_memory_equal(&skeleton->bss->state, &none, sizeof(none));
	weir_gpio__destroy(skeleton);
	return err;
}

static void test_right_rules(void **state)
{
	char why[WEIR_WHY_MAX] = "";

	(void)state;
	for (size_t i = 0; i < N_RULES; i++)
		for (int only_count = 0; only_count < 2; only_count++)
			assert_int_equal(prove(&rules[i], &rules[i], only_count, why), 0);
}

/* Another rule; and each bound of one that is wrong by a nanosecond. */
static void test_wrong_rules(void **state)
{
	char why[WEIR_WHY_MAX] = "";

	(void)state;
	for (size_t i = 0; i < N_RULES; i++)
		assert_int_equal(prove(&rules[i], &rules[(i + 1) % N_RULES], i % 2, why), -WEIR_DISPROVED);
	for (int bound = 0; bound < 3; bound++) {
		struct weir_pulse_rule rule = rules[bound ? 2 : 1];

		*(bound == 0 ? &rule.glitch_ns : bound == 1 ? &rule.least_ns : &rule.most_ns) += 1;
		assert_int_equal(prove(&rule, &rules[bound ? 2 : 1], false, why), -WEIR_DISPROVED);
	}
	assert_string_equal(why, "on test edges the filter decides otherwise than in user space");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right_rules),
		cmocka_unit_test(test_wrong_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
