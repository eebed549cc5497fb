/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file input.h @brief A fuzzer's input as a list of choices: bytes from the front, zeros after its end. */
#ifndef WEIR_TESTS_FUZZ_INPUT_H
#define WEIR_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t size;
};

static inline void take(struct input *input, void *to, size_t n)
{
	size_t there = n < input->size ? n : input->size;

	memset(to, 0, n);
	memcpy(to, input->data, there);
	input->data += there;
	input->size -= there;
}

static inline uint8_t take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, 1);
	return byte;
}

#endif
