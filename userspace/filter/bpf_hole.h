/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file bpf_hole.h
 * @brief The hole that bpf/verdict.h leaves in a program: filled before load, read back after it. For filter/bpf*.c alone.
 */
#ifndef WEIR_FILTER_BPF_HOLE_H
#define WEIR_FILTER_BPF_HOLE_H

#include "filter/bpf_library.h"
#include "filter/filter.h"

/**
 * @brief Write a verdict into the hole of a program that libbpf is about to load.
 * @return 1; 0: the program has no hole; -ENOMEM, -errno.
 */
int weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code) WEIR_MUST_CHECK;

/**
 * @brief Is the verdict in the program that the kernel holds?
 *
 * A filled hole begins with a mark that is computed from the verdict. The kernel keeps that instruction, because the verdict is
 * reached through it. Constant blinding (bpf_jit_harden) hides marks: then the answer is 0, and only running the program tells.
 * @return 0; -WEIR_DISPROVED: the hole is empty, or has another verdict; -errno when the program cannot be read back.
 */
int weir_hole_check(const struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code) WEIR_MUST_CHECK;

#endif
