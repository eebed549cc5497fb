/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file interpreter.h
 * @brief An eBPF interpreter for what weir generates, stricter than the kernel.
 */
#ifndef WEIR_TESTS_INTERPRETER_H
#define WEIR_TESTS_INTERPRETER_H

#include "filter/filter.h"

/** Run generated code over a row, with what it remembers. Anything that the verifier would refuse (an access outside of row or
 *  memory, a write to the row or to the bitmaps, a backward jump, an unknown instruction, running off the end) aborts. */
uint64_t interpret(const struct bpf_insn *code, uint32_t n, const void *row, uint32_t row_bytes,
		   struct weir_filter_memory *memory);

#endif
