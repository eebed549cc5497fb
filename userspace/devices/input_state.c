/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/input_state.h"

int weir_input_index(struct weir_input_code code)
{
	if (code.type == EV_KEY && code.code < KEY_CNT)
		return code.code;
	if (code.type == EV_SW && code.code < SW_CNT)
		return KEY_CNT + code.code;
	if (code.type == EV_ABS && code.code < ABS_MT_SLOT)
		return KEY_CNT + SW_CNT + code.code;
	return -1;
}

struct weir_input_code weir_input_code_at(int index)
{
	if (index < KEY_CNT)
		return (struct weir_input_code){ EV_KEY, (uint16_t)index };
	if (index < KEY_CNT + SW_CNT)
		return (struct weir_input_code){ EV_SW, (uint16_t)(index - KEY_CNT) };
	return (struct weir_input_code){ EV_ABS, (uint16_t)(index - KEY_CNT - SW_CNT) };
}

static enum weir_input_verdict input_push_syn(struct weir_input_state *state, uint16_t code)
{
	bool was_dropping = state->is_dropping;

	if (code == SYN_DROPPED) {
		state->is_dropping = true;
		return WEIR_INPUT_DROPPED;
	}
	if (code != SYN_REPORT)
		return WEIR_INPUT_NOTHING;
	state->is_dropping = false;
	return was_dropping ? WEIR_INPUT_RESYNC : WEIR_INPUT_REPORT;
}

enum weir_input_verdict weir_input_push(struct weir_input_state *state, const struct input_event *event)
{
	int index = weir_input_index((struct weir_input_code){ event->type, event->code });

	if (event->type == EV_SYN)
		return input_push_syn(state, event->code);
	if (!weir_input_codes(event->type))
		return WEIR_INPUT_NOTHING;
	if (state->is_dropping)
		return WEIR_INPUT_DROPPED;
	/* A key that repeats, 2, is still pressed. */
	if (index >= 0)
		state->values.of[index] = event->type == EV_KEY ? !!event->value : event->value;
	return WEIR_INPUT_EVENT;
}

int weir_input_repair(struct weir_input_state *state, const struct weir_input_values *fresh, int from)
{
	for (int i = from; i < WEIR_INPUT_VALUES; i++) {
		if (state->values.of[i] == fresh->of[i])
			continue;
		state->values.of[i] = fresh->of[i];
		return i;
	}
	return -1;
}
