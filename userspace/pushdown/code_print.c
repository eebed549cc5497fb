/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listing of eBPF in the notation of the kernel's verifier log, so that the two can be read side by side. All that the code
 * generator emits is spelt out, and what compilers make of a custom filter but for atomic instructions.
 */
#include <inttypes.h>
#include <string.h>

#include "pushdown/codegen.h"

#define COLUMN 40 /* where the conditions stand */

/* The lower halves of registers have a letter of their own. */
static char letter(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_ALU || BPF_CLASS(insn->code) == BPF_JMP32 ? 'w' : 'r';
}

static int print_alu(const struct bpf_insn *insn, char *text, size_t size)
{
	static const char *const sign[16] = {
		[BPF_LSH >> 4] = "<<=", [BPF_RSH >> 4] = ">>=", [BPF_ARSH >> 4] = "s>>=", [BPF_MOV >> 4] = "=",
		[BPF_ADD >> 4] = "+=",  [BPF_SUB >> 4] = "-=",  [BPF_AND >> 4] = "&=",    [BPF_XOR >> 4] = "^=",
		[BPF_MUL >> 4] = "*=",  [BPF_DIV >> 4] = "/=",  [BPF_OR >> 4] = "|=",     [BPF_MOD >> 4] = "%=",
	};
	const char *name = sign[BPF_OP(insn->code) >> 4];
	char r = letter(insn);

	if (BPF_OP(insn->code) == BPF_END)
		return snprintf(text, size, "r%u = %s%d r%u", insn->dst_reg,
				BPF_SRC(insn->code) == BPF_TO_BE ? "be" : "le", insn->imm, insn->dst_reg);
	if (BPF_OP(insn->code) == BPF_NEG)
		return snprintf(text, size, "%c%u = -%c%u", r, insn->dst_reg, r, insn->dst_reg);
	if (BPF_SRC(insn->code) == BPF_X)
		return snprintf(text, size, "%c%u %s %c%u", r, insn->dst_reg, name ? name : "?=", r, insn->src_reg);
	return snprintf(text, size, "%c%u %s %d", r, insn->dst_reg, name ? name : "?=", insn->imm);
}

static int print_call(const struct bpf_insn *insn, char *text, size_t size)
{
	if (insn->src_reg == BPF_PSEUDO_CALL)
		return snprintf(text, size, "call pc%+d", insn->imm);
	return snprintf(text, size, "call helper %d", insn->imm);
}

static int print_jump(const struct bpf_insn *insn, char *text, size_t size)
{
	static const char *const sign[16] = {
		[BPF_JEQ >> 4] = "==",  [BPF_JNE >> 4] = "!=",   [BPF_JLT >> 4] = "<",   [BPF_JLE >> 4] = "<=",
		[BPF_JGT >> 4] = ">",   [BPF_JGE >> 4] = ">=",   [BPF_JSLT >> 4] = "s<", [BPF_JSLE >> 4] = "s<=",
		[BPF_JSGT >> 4] = "s>", [BPF_JSGE >> 4] = "s>=", [BPF_JSET >> 4] = "&",
	};
	const char *name = sign[BPF_OP(insn->code) >> 4];
	char r = letter(insn);

	if (insn->code == (BPF_JMP | BPF_EXIT))
		return snprintf(text, size, "exit");
	if (insn->code == (BPF_JMP | BPF_CALL))
		return print_call(insn, text, size);
	if (BPF_OP(insn->code) == BPF_JA)
		return snprintf(text, size, "goto pc%+d", insn->off);
	if (BPF_SRC(insn->code) == BPF_X)
		return snprintf(text, size, "if %c%u %s %c%u goto pc%+d", r, insn->dst_reg, name ? name : "?", r,
				insn->src_reg, insn->off);
	return snprintf(text, size, "if %c%u %s 0x%x goto pc%+d", r, insn->dst_reg, name ? name : "?",
			(unsigned)insn->imm, insn->off);
}

static const char *type_of(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return "u8";
	case BPF_H:
		return "u16";
	case BPF_W:
		return "u32";
	default:
		return "u64";
	}
}

/* A load or a store. */
static int print_access(const struct bpf_insn *insn, char *text, size_t size)
{
	if (BPF_CLASS(insn->code) == BPF_LDX)
		return snprintf(text, size, "r%u = *(%s *)(r%u %+d)", insn->dst_reg, type_of(insn), insn->src_reg,
				insn->off);
	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
		return snprintf(text, size, "atomic *(%s *)(r%u %+d), r%u", type_of(insn), insn->dst_reg, insn->off,
				insn->src_reg);
	if (BPF_CLASS(insn->code) == BPF_STX)
		return snprintf(text, size, "*(%s *)(r%u %+d) = r%u", type_of(insn), insn->dst_reg, insn->off,
				insn->src_reg);
	return snprintf(text, size, "*(%s *)(r%u %+d) = %d", type_of(insn), insn->dst_reg, insn->off, insn->imm);
}

/* The 64-bit constant is the one instruction that takes two places. */
static uint32_t places(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code) == BPF_LD ? 2 : 1;
}

static int print_insn(const struct bpf_insn *insn, char *text, size_t size)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		return snprintf(text, size, "r%u = 0x%" PRIx64, insn->dst_reg,
				(uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm);
	case BPF_LDX:
	case BPF_STX:
	case BPF_ST:
		return print_access(insn, text, size);
	case BPF_JMP:
	case BPF_JMP32:
		return print_jump(insn, text, size);
	default:
		return print_alu(insn, text, size);
	}
}

/* A piece of somebody's source, not terminated. */
struct source_text {
	const char *at;
	uint32_t length;
};

static struct source_text text_beside(const struct weir_code_source *source, uint32_t i)
{
	struct weir_span where;

	if (source && source->lines && source->lines[i])
		return (struct source_text){ source->lines[i], (uint32_t)strlen(source->lines[i]) };
	if (!source || !source->predicate)
		return (struct source_text){ 0 };
	where = source->predicate->node[source->origin[i]].where;
	return (struct source_text){ source->text + where.at, where.length };
}

/* What is beside the code must stay on its line. */
static void print_source(struct source_text text, FILE *stream)
{
	fputs(" ; ", stream);
	for (uint32_t i = 0; i < text.length; i++)
		fputc(text.at[i] == '\n' ? ' ' : text.at[i], stream);
}

void weir_code_print(const struct bpf_insn *code, uint32_t n, const struct weir_code_source *source, FILE *stream)
{
	struct source_text last = { 0 };

	for (uint32_t i = 0; i < n; i += places(&code[i])) {
		char text[80];
		struct source_text beside = text_beside(source, i);
		bool is_new = beside.length && (beside.at != last.at || beside.length != last.length);
		int used = snprintf(text, sizeof(text), "%4" PRIu32 ": (%02x) ", i, code[i].code);

		print_insn(&code[i], text + used, sizeof(text) - (size_t)used);
		fprintf(stream, "%*s%-*s", source ? 6 : 0, "", is_new ? COLUMN : 0, text);
		if (is_new)
			print_source(beside, stream);
		fputc('\n', stream);
		last = beside;
	}
}
