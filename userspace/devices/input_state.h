/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file input_state.h
 * @brief The state of an input device as its events show it, and its repair after events were dropped. Pure: no I/O.
 *
 * The protocol is that of Documentation/input/event-codes.rst: events come in packets that end with SYN_REPORT. When the kernel's
 * buffer is full, it drops events and puts SYN_DROPPED in their place. All events up to and including the next SYN_REPORT are then
 * incomplete. The state of keys, switches and axes must be read from the device; relative changes are lost.
 */
#ifndef WEIR_DEVICES_INPUT_STATE_H
#define WEIR_DEVICES_INPUT_STATE_H

#include <linux/input.h>

#include "devices/input_codes.h"

/** Keys, switches and axes, one after the other. Axes of multitouch devices have a value for each contact, and are not part. */
#define WEIR_INPUT_VALUES (KEY_CNT + SW_CNT + ABS_MT_SLOT)

struct weir_input_values {
	int32_t of[WEIR_INPUT_VALUES];
};

struct weir_input_state {
	struct weir_input_values values;
	bool is_dropping; /**< between SYN_DROPPED and the next SYN_REPORT */
};

enum weir_input_verdict {
	WEIR_INPUT_EVENT,   /**< a complete event */
	WEIR_INPUT_REPORT,  /**< the packet is complete */
	WEIR_INPUT_DROPPED, /**< SYN_DROPPED, or an event of a packet that is incomplete: lost */
	WEIR_INPUT_RESYNC,  /**< the incomplete packet is over: read the device's state */
	WEIR_INPUT_NOTHING, /**< an event without meaning here */
};

/** @brief The next event in the order in which the device gave them. */
enum weir_input_verdict weir_input_push(struct weir_input_state *state, const struct input_event *event);

/** @brief The index of a code in weir_input_values, or -1: the code has no state. */
int weir_input_index(struct weir_input_code code);

/** @brief The code of an index, 0 to WEIR_INPUT_VALUES - 1. */
struct weir_input_code weir_input_code_at(int index);

/**
 * @brief The next value that differs from `fresh`, the state that was read from the device; it is taken over.
 * @param from the first index to look at.
 * @return its index; -1: there are no more.
 */
int weir_input_repair(struct weir_input_state *state, const struct weir_input_values *fresh, int from);

#endif
