/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listing of generated eBPF in the notation of the kernel's verifier log, so that the two can be read side by side. Only
 * what codegen_bpf.c emits is spelt out.
 */
#include <inttypes.h>

#include "lang/lang.h"

static void print_alu(const struct bpf_insn *insn, FILE *stream)
{
	static const char *const sign[16] = {
		[BPF_LSH >> 4] = "<<=",
		[BPF_RSH >> 4] = ">>=",
		[BPF_ARSH >> 4] = "s>>=",
		[BPF_MOV >> 4] = "=",
	};

	if (BPF_OP(insn->code) == BPF_END)
		fprintf(stream, "r%u = %s%d r%u", insn->dst_reg, BPF_SRC(insn->code) == BPF_TO_BE ? "be" : "le",
			insn->imm, insn->dst_reg);
	else
		fprintf(stream, "r%u %s %d", insn->dst_reg, sign[BPF_OP(insn->code) >> 4], insn->imm);
}

static void print_jump(const struct bpf_insn *insn, FILE *stream)
{
	static const char *const sign[16] = {
		[BPF_JEQ >> 4] = "==",  [BPF_JNE >> 4] = "!=",   [BPF_JLT >> 4] = "<",   [BPF_JLE >> 4] = "<=",
		[BPF_JGT >> 4] = ">",   [BPF_JGE >> 4] = ">=",   [BPF_JSLT >> 4] = "s<", [BPF_JSLE >> 4] = "s<=",
		[BPF_JSGT >> 4] = "s>", [BPF_JSGE >> 4] = "s>=",
	};

	if (BPF_OP(insn->code) == BPF_EXIT)
		fputs("exit", stream);
	else if (BPF_SRC(insn->code) == BPF_X)
		fprintf(stream, "if r%u %s r%u goto pc%+d", insn->dst_reg, sign[BPF_OP(insn->code) >> 4], insn->src_reg,
			insn->off);
	else
		fprintf(stream, "if r%u %s 0x%x goto pc%+d", insn->dst_reg, sign[BPF_OP(insn->code) >> 4],
			(unsigned)insn->imm, insn->off);
}

static void print_load(const struct bpf_insn *insn, FILE *stream)
{
	const char *type = "u64";

	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		type = "u8";
		break;
	case BPF_H:
		type = "u16";
		break;
	case BPF_W:
		type = "u32";
		break;
	}
	fprintf(stream, "r%u = *(%s *)(r%u %+d)", insn->dst_reg, type, insn->src_reg, insn->off);
}

void weir_code_print(const struct bpf_insn *code, uint32_t n, FILE *stream)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct bpf_insn *insn = &code[i];

		fprintf(stream, "%4" PRIu32 ": (%02x) ", i, insn->code);
		switch (BPF_CLASS(insn->code)) {
		case BPF_LD: /* the one instruction that takes two places */
			i++;
			fprintf(stream, "r%u = 0x%" PRIx64, insn->dst_reg,
				(uint64_t)(uint32_t)code[i].imm << 32 | (uint32_t)insn->imm);
			break;
		case BPF_LDX:
			print_load(insn, stream);
			break;
		case BPF_JMP:
			print_jump(insn, stream);
			break;
		default:
			print_alu(insn, stream);
		}
		fputc('\n', stream);
	}
}
