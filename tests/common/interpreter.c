/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interpreter.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_REGISTERS 10

/* Where the code is told that things are: far from each other, and nowhere in particular. */
#define ROW_AT UINT64_C(0x1000000000000000)
#define MEMORY_AT UINT64_C(0x2000000000000000)

static void require(bool holds, const struct bpf_insn *insn, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "eBPF instruction %02x: %s\n", insn->code, what);
	abort();
}

struct machine {
	uint64_t reg[N_REGISTERS];
	const unsigned char *row;
	uint32_t row_bytes;
	struct weir_filter_memory *memory;
};

static uint32_t width_of(const struct bpf_insn *insn)
{
	static const uint8_t widths[] = { [BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8 };

	require(BPF_MODE(insn->code) == BPF_MEM, insn, "no plain access");
	return widths[BPF_SIZE(insn->code) >> 3];
}

static uint64_t load(const struct machine *m, const struct bpf_insn *insn)
{
	uint64_t at = m->reg[insn->src_reg] + (uint64_t)(int64_t)insn->off, value = 0;
	uint32_t bytes = width_of(insn);
	const unsigned char *from;

	if (at >= MEMORY_AT) {
		require(at - MEMORY_AT + bytes <= sizeof(*m->memory), insn, "reads outside of the memory");
		from = (const unsigned char *)m->memory + (at - MEMORY_AT);
	} else {
		require(at >= ROW_AT && at - ROW_AT + bytes <= m->row_bytes, insn, "reads outside of the row");
		from = m->row + (at - ROW_AT);
	}
	memcpy((unsigned char *)&value + (__BYTE_ORDER == __BIG_ENDIAN ? 8 - bytes : 0), from, bytes);
	return value;
}

static void store(const struct machine *m, const struct bpf_insn *insn)
{
	uint64_t at = m->reg[insn->dst_reg] + (uint64_t)(int64_t)insn->off - MEMORY_AT;
	bool is_constant = BPF_CLASS(insn->code) == BPF_ST;

	require(width_of(insn) == 8, insn, "writes less than a word");
	require(at % 8 == 0 && at < sizeof(m->memory->state), insn, "writes outside of the state");
	m->memory->state[at / 8] = is_constant ? (uint64_t)(int64_t)insn->imm : m->reg[insn->src_reg];
}

static uint64_t swap(const struct bpf_insn *insn, uint64_t value)
{
	bool to_big = BPF_SRC(insn->code) == BPF_TO_BE;

	switch (insn->imm) {
	case 16:
		return to_big ? htobe16((uint16_t)value) : htole16((uint16_t)value);
	case 32:
		return to_big ? htobe32((uint32_t)value) : htole32((uint32_t)value);
	default:
		require(insn->imm == 64, insn, "no such width");
		return to_big ? htobe64(value) : htole64(value);
	}
}

static uint64_t compute(const struct bpf_insn *insn, uint64_t value, uint64_t operand)
{
	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		return operand;
	case BPF_ADD:
		return value + operand;
	case BPF_SUB:
		return value - operand;
	case BPF_MUL:
		return value * operand;
	case BPF_AND:
		return value & operand;
	case BPF_XOR:
		return value ^ operand;
	case BPF_NEG:
		return -value;
	case BPF_LSH:
		return value << operand;
	case BPF_RSH:
		return value >> operand;
	case BPF_ARSH:
		return (uint64_t)((int64_t)value >> operand);
	default:
		require(false, insn, "unknown operation");
		return 0;
	}
}

static bool jumps(const struct bpf_insn *insn, uint64_t a, uint64_t b)
{
	switch (BPF_OP(insn->code)) {
	case BPF_JA:
		return true;
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JSLT:
		return (int64_t)a < (int64_t)b;
	case BPF_JSLE:
		return (int64_t)a <= (int64_t)b;
	case BPF_JSGT:
		return (int64_t)a > (int64_t)b;
	case BPF_JSGE:
		return (int64_t)a >= (int64_t)b;
	default:
		require(false, insn, "unknown jump");
		return false;
	}
}

/* Anything but `exit`. @return how many instructions to pass over. */
static uint32_t step(struct machine *m, const struct bpf_insn *insn)
{
	uint64_t *to = &m->reg[insn->dst_reg];
	uint64_t operand = BPF_SRC(insn->code) == BPF_X ? m->reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		require(insn->code == (BPF_LD | BPF_IMM | BPF_DW), insn, "unknown load");
		*to = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;
		return 1;
	case BPF_LDX:
		*to = load(m, insn);
		return 0;
	case BPF_ST:
	case BPF_STX:
		store(m, insn);
		return 0;
	case BPF_JMP:
		require(insn->off >= 0, insn, "jumps back");
		return jumps(insn, *to, operand) ? (uint32_t)insn->off : 0;
	case BPF_ALU:
		require(BPF_OP(insn->code) == BPF_END, insn, "unknown operation");
		*to = swap(insn, *to);
		return 0;
	default:
		*to = compute(insn, *to, operand);
		return 0;
	}
}

uint64_t interpret(const struct bpf_insn *code, uint32_t n, const void *row, uint32_t row_bytes,
		   struct weir_filter_memory *memory)
{
	struct machine m = {
		.reg = { [1] = ROW_AT, [2] = MEMORY_AT }, .row = row, .row_bytes = row_bytes, .memory = memory
	};

	for (uint32_t pc = 0; pc < n; pc++) {
		require(code[pc].dst_reg < N_REGISTERS && code[pc].src_reg < N_REGISTERS, &code[pc],
			"no such register");
		if (code[pc].code == (BPF_JMP | BPF_EXIT))
			return m.reg[0];
		pc += step(&m, &code[pc]);
	}
	require(false, &code[n - 1], "the code runs off its end");
	return 0;
}
