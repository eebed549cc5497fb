/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter/bpf_hole.h"

#define MARK_INSNS 2u      /* one 64-bit load */
#define HIDDEN_REGISTER 11 /* the kernel's own, in which it puts blinded constants together */

_Static_assert(WEIR_HOLE_INSNS == WEIR_FILTER_CODE_MAX + MARK_INSNS, "the hole must take the longest verdict");

/* FNV-1a. Never the mark of an empty hole. */
static uint64_t mark_of(const struct bpf_insn *code, uint32_t n_code)
{
	const unsigned char *bytes = (const unsigned char *)code;
	uint64_t mark = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n_code * sizeof(*code); i++)
		mark = (mark ^ bytes[i]) * UINT64_C(0x100000001b3);
	return mark == WEIR_HOLE_MARK ? 1 : mark;
}

static bool is_mark(const struct bpf_insn *insn, uint64_t mark)
{
	return insn[0].code == (BPF_LD | BPF_IMM | BPF_DW) && insn[0].src_reg == 0 && insn[0].imm == (int32_t)mark &&
	       insn[1].imm == (int32_t)(mark >> 32);
}

static size_t find_hole(const struct bpf_insn *insn, size_t n)
{
	for (size_t i = 0; i + WEIR_HOLE_INSNS <= n; i++)
		if (is_mark(&insn[i], WEIR_HOLE_MARK) && insn[i + WEIR_HOLE_INSNS - 1].code == (BPF_JMP | BPF_EXIT))
			return i;
	return n;
}

/* The padding comes first: behind the verdict's `exit` nothing could reach it, and the verifier would object. */
static void fill(struct bpf_insn *hole, const struct bpf_insn *code, uint32_t n_code)
{
	uint32_t padding = WEIR_HOLE_INSNS - MARK_INSNS - n_code;
	uint64_t mark = mark_of(code, n_code);

	for (uint32_t i = 0; i < padding; i++)
		hole[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA };
	hole[padding] = (struct bpf_insn){ .code = BPF_LD | BPF_IMM | BPF_DW, .imm = (int32_t)mark };
	hole[padding + 1] = (struct bpf_insn){ .imm = (int32_t)(mark >> 32) };
	memcpy(hole + padding + MARK_INSNS, code, n_code * sizeof(*code));
}

int weir_hole_fill(struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code)
{
	size_t n = bpf_program__insn_cnt(program), hole = find_hole(bpf_program__insns(program), n);
	struct bpf_insn *insn;
	int err;

	if (hole == n)
		return 0;
	insn = malloc(n * sizeof(*insn));
	if (!insn)
		return -ENOMEM;
	memcpy(insn, bpf_program__insns(program), n * sizeof(*insn));
	fill(insn + hole, code, n_code);
	err = bpf_program__set_insns(program, insn, n);
	free(insn);
	return err ? err : 1;
}

/* ------------------------------------------------------------------ read back */

/* What the kernel made of it. *n is 0 where it does not show that. */
static int read_back(int fd, struct bpf_insn **out, uint32_t *n)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info), bytes;

	*out = NULL;
	*n = 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	bytes = info.xlated_prog_len;
	*out = calloc(1, bytes + sizeof(**out));
	if (!*out)
		return -ENOMEM;
	info = (struct bpf_prog_info){ .xlated_prog_len = bytes, .xlated_prog_insns = (uint64_t)(uintptr_t)*out };
	size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*n = info.xlated_prog_insns && info.xlated_prog_len <= bytes ? bytes / (uint32_t)sizeof(**out) : 0;
	return 0;
}

static bool is_blinded(const struct bpf_insn *insn, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (insn[i].dst_reg == HIDDEN_REGISTER &&
		    (insn[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) || insn[i].code == (BPF_ALU | BPF_MOV | BPF_K)))
			return true;
	return false;
}

static bool has_mark(const struct bpf_insn *insn, uint32_t n, uint64_t mark)
{
	for (uint32_t i = 0; i + MARK_INSNS <= n; i++)
		if (is_mark(&insn[i], mark))
			return true;
	return false;
}

int weir_hole_check(const struct bpf_program *program, const struct bpf_insn *code, uint32_t n_code)
{
	struct bpf_insn *insn;
	uint32_t n;
	int err = read_back(bpf_program__fd(program), &insn, &n);

	if (!err && n && !is_blinded(insn, n) &&
	    (has_mark(insn, n, WEIR_HOLE_MARK) || !has_mark(insn, n, mark_of(code, n_code))))
		err = -WEIR_DISPROVED;
	free(insn);
	return err;
}
