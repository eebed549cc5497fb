/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file input_codes.h
 * @brief Codes of Linux's input devices (evdev) and their names: KEY_ENTER, ABS_X, REL_DIAL, SW_LID, MSC_SCAN. Text alone: no I/O.
 */
#ifndef WEIR_DEVICES_INPUT_CODES_H
#define WEIR_DEVICES_INPUT_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_INPUT_CODE_NAME 32 /**< bytes of a name with its zero */

/** What an event is about: EV_KEY, EV_ABS, EV_REL, EV_SW or EV_MSC, and the code of that type. */
struct weir_input_code {
	uint16_t type, code;
};

/** @brief Read a name, or TYPE:NUMBER as in KEY:600 for a code without a name. @return false: there is no such code. */
bool weir_input_parse_code(const char *word, struct weir_input_code *out);

/** @brief The name of a code; without one, TYPE:NUMBER. */
void weir_input_print_code(struct weir_input_code code, char *text, size_t size);

/** @brief How many codes a type has, KEY_CNT of EV_KEY; 0: not one of the types above. */
uint32_t weir_input_codes(uint16_t type);

#endif
