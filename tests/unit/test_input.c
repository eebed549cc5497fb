/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input devices: names of codes, and the state of a device after events were dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/input_state.h"

static enum weir_input_verdict push(struct weir_input_state *state, int type, int code, int value)
{
	struct input_event event = { .type = (uint16_t)type, .code = (uint16_t)code, .value = value };

	return weir_input_push(state, &event);
}

static int32_t value_of(const struct weir_input_state *state, int type, int code)
{
	return state->values.of[weir_input_index((struct weir_input_code){ (uint16_t)type, (uint16_t)code })];
}

static void names_and_codes_are_the_same_both_ways(void **state)
{
	static const uint16_t types[] = { EV_KEY, EV_ABS, EV_REL, EV_SW, EV_MSC };
	uint32_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		for (uint16_t code = 0; code < weir_input_codes(types[i]); code++) {
			struct weir_input_code of = { types[i], code }, back = { 0 };
			char name[WEIR_INPUT_CODE_NAME];

			weir_input_print_code(of, name, sizeof(name));
			assert_true(weir_input_parse_code(name, &back));
			assert_int_equal(back.type, of.type);
			assert_int_equal(back.code, of.code);
			n++;
		}
	assert_int_equal(n, KEY_CNT + ABS_CNT + REL_CNT + SW_CNT + MSC_CNT);
}

static void words_that_are_no_codes_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "KEY_",
					   "KEY_NOTHING",
					   "key_enter",
					   "KEY:768",
					   "KEY:",
					   "KEY:-1",
					   "KEY:1x",
					   "FOO:1",
					   "ABS:64",
					   "KEY_ENTER ",
					   ":5",
					   "KEY:99999999999999999999" };
	struct weir_input_code code;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (weir_input_parse_code(bad[i], &code))
			fail_msg("'%s' is a code", bad[i]);
	assert_true(weir_input_parse_code("BTN_A", &code));
	assert_int_equal(code.code, BTN_SOUTH);
}

static void indices_and_codes_are_the_same_both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < WEIR_INPUT_VALUES; i++)
		assert_int_equal(weir_input_index(weir_input_code_at(i)), i);
	assert_int_equal(weir_input_index((struct weir_input_code){ EV_REL, REL_X }), -1);
	assert_int_equal(weir_input_index((struct weir_input_code){ EV_ABS, ABS_MT_POSITION_X }), -1);
	assert_int_equal(weir_input_index((struct weir_input_code){ EV_KEY, KEY_CNT }), -1);
}

static void packets_end_with_a_report(void **state)
{
	struct weir_input_state input = { 0 };

	(void)state;
	assert_int_equal(push(&input, EV_ABS, ABS_X, 5), WEIR_INPUT_EVENT);
	assert_int_equal(push(&input, EV_REL, REL_DIAL, -1), WEIR_INPUT_EVENT);
	assert_int_equal(push(&input, EV_KEY, KEY_A, 2), WEIR_INPUT_EVENT);
	assert_int_equal(push(&input, EV_LED, LED_CAPSL, 1), WEIR_INPUT_NOTHING);
	assert_int_equal(push(&input, EV_SYN, SYN_REPORT, 0), WEIR_INPUT_REPORT);
	assert_int_equal(value_of(&input, EV_ABS, ABS_X), 5);
	assert_int_equal(value_of(&input, EV_KEY, KEY_A), 1);
}

static void an_incomplete_packet_changes_nothing(void **state)
{
	struct weir_input_state input = { 0 };
	struct weir_input_values fresh = { { 0 } };

	(void)state;
	push(&input, EV_KEY, KEY_A, 1);
	push(&input, EV_ABS, ABS_X, 5);
	push(&input, EV_SYN, SYN_REPORT, 0);
	assert_int_equal(push(&input, EV_SYN, SYN_DROPPED, 0), WEIR_INPUT_DROPPED);
	assert_int_equal(push(&input, EV_KEY, KEY_B, 1), WEIR_INPUT_DROPPED);
	assert_int_equal(push(&input, EV_REL, REL_X, 1), WEIR_INPUT_DROPPED);
	assert_int_equal(value_of(&input, EV_KEY, KEY_B), 0);
	assert_int_equal(push(&input, EV_SYN, SYN_REPORT, 0), WEIR_INPUT_RESYNC);
	/* The device: A was released, B is pressed, X is where it was, Z has moved. */
	fresh.of[KEY_B] = 1;
	fresh.of[KEY_CNT + SW_CNT + ABS_X] = 5;
	fresh.of[KEY_CNT + SW_CNT + ABS_Z] = -7;
	assert_int_equal(weir_input_repair(&input, &fresh, 0), KEY_A);
	assert_int_equal(weir_input_repair(&input, &fresh, KEY_A + 1), KEY_B);
	assert_int_equal(weir_input_repair(&input, &fresh, KEY_B + 1), KEY_CNT + SW_CNT + ABS_Z);
	assert_int_equal(weir_input_repair(&input, &fresh, KEY_CNT + SW_CNT + ABS_Z + 1), -1);
	assert_memory_equal(&input.values, &fresh, sizeof(fresh));
	assert_int_equal(push(&input, EV_KEY, KEY_B, 0), WEIR_INPUT_EVENT);
	assert_int_equal(push(&input, EV_SYN, SYN_REPORT, 0), WEIR_INPUT_REPORT);
}

/* Any codes of any types: no value is written outside, and what has been repaired is what was read. */
static void any_events_keep_within_the_state(void **state)
{
	struct {
		struct weir_input_state input;
		char after[64];
	} guarded = { 0 };
	struct weir_input_values fresh;
	int at = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 1000000; i++)
		push(&guarded.input, rand() % 40, rand() % 70000 % 65536, rand());
	for (size_t i = 0; i < sizeof(guarded.after); i++)
		assert_int_equal(guarded.after[i], 0);
	for (int i = 0; i < WEIR_INPUT_VALUES; i++)
		fresh.of[i] = rand() % 3;
	while ((at = weir_input_repair(&guarded.input, &fresh, at)) >= 0)
		at++;
	assert_memory_equal(&guarded.input.values, &fresh, sizeof(fresh));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_codes_are_the_same_both_ways),
		cmocka_unit_test(words_that_are_no_codes_are_refused),
		cmocka_unit_test(indices_and_codes_are_the_same_both_ways),
		cmocka_unit_test(packets_end_with_a_report),
		cmocka_unit_test(an_incomplete_packet_changes_nothing),
		cmocka_unit_test(any_events_keep_within_the_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
