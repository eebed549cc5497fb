/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "random_filter.h"

/* splitmix64 */
uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t roll_below(struct dice *dice, uint32_t n)
{
	return (uint32_t)(roll(dice) % n);
}

static double random_scale(struct dice *dice)
{
	static const double scales[] = {
		1, 1, -1, 0.000598205, 9.80665e-3, -0.25, 0, 5e-324, 3e-310, 1e300, -1e300, 100
	};

	return scales[roll_below(dice, sizeof(scales) / sizeof(scales[0]))];
}

static double random_offset(struct dice *dice)
{
	static const double offsets[] = { 0, 0, 0, -273.15, 0.5, 1e12, -4096, 9.007199254740993e15 };

	return offsets[roll_below(dice, sizeof(offsets) / sizeof(offsets[0]))];
}

static struct weir_field random_field(struct dice *dice, uint32_t index, uint32_t *at)
{
	uint32_t bytes = 1u << roll_below(dice, 4);
	struct weir_field field = { .bytes = bytes, .at = (*at + bytes - 1) / bytes * bytes };

	/* Whole words are what most devices have. */
	field.bits = roll_below(dice, 2) ? (uint8_t)(8 * bytes) : (uint8_t)(1 + roll_below(dice, 8 * bytes));
	field.shift = (uint8_t)roll_below(dice, 8 * bytes - field.bits + 1);
	field.is_signed = roll_below(dice, 2);
	field.is_big_endian = roll_below(dice, 2);
	field.scale = random_scale(dice);
	field.offset = random_offset(dice);
	field.kind = roll_below(dice, 8) ? WEIR_REAL : WEIR_INT;
	snprintf(field.name, sizeof(field.name), "c%u", index);
	*at = field.at + bytes;
	return field;
}

void random_schema(struct dice *dice, struct weir_schema *schema)
{
	uint32_t at = 0;

	weir_schema_init(schema, WEIR_CLOCK_MONOTONIC);
	schema->n_fields = 1 + roll_below(dice, 6);
	for (uint32_t i = 0; i < schema->n_fields; i++)
		schema->field[i] = random_field(dice, i, &at);
	schema->t.at = (at + 7) / 8 * 8;
	schema->row_bytes = schema->t.at + 8;
}

/* A raw value that is likely to be where mistakes are. */
static int64_t random_raw(struct dice *dice, const struct weir_field *field)
{
	uint64_t span = UINT64_MAX >> (64 - field->bits), key = roll(dice) & span;
	int64_t lo, hi;

	switch (roll_below(dice, 8)) {
	case 0:
		key = 0;
		break;
	case 1:
		key = span;
		break;
	case 2:
		key = span / 2 + roll_below(dice, 2);
		break;
	case 3:
		key = roll_below(dice, 4) & span;
		break;
	case 4:
		key = span - (roll_below(dice, 4) & span);
		break;
	}
	weir_raw_bounds(field, &lo, &hi);
	return (int64_t)((uint64_t)lo + key);
}

static bool is_below(const struct weir_field *field, int64_t a, int64_t b)
{
	return weir_raw_is_unsigned(field) ? (uint64_t)a < (uint64_t)b : a < b;
}

static struct weir_predicate_node random_leaf(struct dice *dice, const struct weir_schema *schema)
{
	uint16_t field = (uint16_t)roll_below(dice, schema->n_fields);
	struct weir_predicate_node leaf = { .op = WEIR_PRED_RANGE, .field = field };

	if (!roll_below(dice, 20))
		leaf.op = roll_below(dice, 2) ? WEIR_PRED_TRUE : WEIR_PRED_FALSE;
	leaf.lo = random_raw(dice, &schema->field[field]);
	leaf.hi = roll_below(dice, 4) ? random_raw(dice, &schema->field[field]) : leaf.lo;
	/* Empty ranges are legal and rare. */
	if (roll_below(dice, 10) && is_below(&schema->field[field], leaf.hi, leaf.lo)) {
		int64_t lo = leaf.hi;

		leaf.hi = leaf.lo;
		leaf.lo = lo;
	}
	return leaf;
}

/* Leaves and joins in the order of a postfix expression, so children come first. */
void random_predicate(struct dice *dice, const struct weir_schema *schema, uint32_t ranges,
		      struct weir_predicate *predicate)
{
	uint16_t open[WEIR_PREDICATE_NODES_MAX];
	uint32_t n_open = 0, leaves = 1 + roll_below(dice, ranges);

	predicate->n = 0;
	while (leaves || n_open > 1) {
		struct weir_predicate_node *node = &predicate->node[predicate->n];

		if (leaves && (n_open < 2 || roll_below(dice, 2))) {
			*node = random_leaf(dice, schema);
			leaves--;
		} else {
			*node = (struct weir_predicate_node){ .op = roll_below(dice, 2) ? WEIR_PRED_AND
											: WEIR_PRED_OR };
			node->right = open[--n_open];
			node->left = open[--n_open];
		}
		open[n_open++] = (uint16_t)predicate->n++;
	}
}

void store_raw(const struct weir_field *field, int64_t raw, void *row)
{
	unsigned char *at = (unsigned char *)row + field->at;
	uint64_t value = ((uint64_t)raw & UINT64_MAX >> (64 - field->bits)) << field->shift;

	for (uint32_t i = 0; i < field->bytes; i++)
		at[field->is_big_endian ? field->bytes - 1 - i : i] = (unsigned char)(value >> 8 * i);
}

static void set_field(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate,
		      void *row)
{
	const struct weir_field *field = &schema->field[roll_below(dice, schema->n_fields)];
	int64_t raw = random_raw(dice, field);

	if (predicate && roll_below(dice, 4)) {
		const struct weir_predicate_node *node = &predicate->node[roll_below(dice, predicate->n)];

		field = &schema->field[node->field];
		raw = (int64_t)((uint64_t)(roll_below(dice, 2) ? node->lo : node->hi) + roll_below(dice, 3) - 1);
	}
	store_raw(field, raw, row);
}

void random_row(struct dice *dice, const struct weir_schema *schema, const struct weir_predicate *predicate, void *row)
{
	for (uint32_t i = 0; i < schema->row_bytes; i++)
		((unsigned char *)row)[i] = (unsigned char)roll(dice);
	for (uint32_t n = roll_below(dice, 2 * schema->n_fields + 1); n; n--)
		set_field(dice, schema, predicate, row);
}

/* ------------------------------------------------------------- interpreter */

static uint64_t load(const struct bpf_insn *insn, const unsigned char *row, uint32_t row_bytes)
{
	static const uint8_t widths[] = { [BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8 };
	uint32_t bytes = widths[BPF_SIZE(insn->code) >> 3];
	uint64_t value = 0;

	assert_int_equal(insn->src_reg, BPF_REG_1);
	assert_true(insn->off >= 0 && (uint32_t)insn->off + bytes <= row_bytes);
	memcpy((unsigned char *)&value + (__BYTE_ORDER == __BIG_ENDIAN ? 8 - bytes : 0), row + insn->off, bytes);
	return value;
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
		assert_int_equal(insn->imm, 64);
		return to_big ? htobe64(value) : htole64(value);
	}
}

static uint64_t compute(const struct bpf_insn *insn, uint64_t value)
{
	switch (insn->code) {
	case BPF_ALU64 | BPF_MOV | BPF_K:
		return (uint64_t)(int64_t)insn->imm;
	case BPF_ALU64 | BPF_LSH | BPF_K:
		return value << insn->imm;
	case BPF_ALU64 | BPF_RSH | BPF_K:
		return value >> insn->imm;
	case BPF_ALU64 | BPF_ARSH | BPF_K:
		return (uint64_t)((int64_t)value >> insn->imm);
	default:
		assert_int_equal(BPF_CLASS(insn->code), BPF_ALU);
		assert_int_equal(BPF_OP(insn->code), BPF_END);
		return swap(insn, value);
	}
}

static bool jumps(const struct bpf_insn *insn, uint64_t a, uint64_t b)
{
	switch (BPF_OP(insn->code)) {
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
		fail_msg("unknown jump %02x", insn->code);
		return false;
	}
}

static uint32_t jump(const struct bpf_insn *insn, const uint64_t *reg)
{
	uint64_t operand = BPF_SRC(insn->code) == BPF_X ? reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;

	assert_true(insn->off >= 0);
	return jumps(insn, reg[insn->dst_reg], operand) ? (uint32_t)insn->off : 0;
}

uint64_t interpret(const struct bpf_insn *code, uint32_t n, const void *row, uint32_t row_bytes)
{
	uint64_t reg[4] = { 0 };

	for (uint32_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *insn = &code[pc];

		assert_true(insn->dst_reg < 4 && insn->src_reg < 4);
		if (insn->code == (BPF_JMP | BPF_EXIT)) {
			return reg[0];
		} else if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			assert_true(++pc < n);
			reg[insn->dst_reg] = (uint64_t)(uint32_t)code[pc].imm << 32 | (uint32_t)insn->imm;
		} else if (BPF_CLASS(insn->code) == BPF_LDX) {
			reg[insn->dst_reg] = load(insn, row, row_bytes);
		} else if (BPF_CLASS(insn->code) == BPF_JMP) {
			pc += jump(insn, reg);
		} else {
			reg[insn->dst_reg] = compute(insn, reg[insn->dst_reg]);
		}
	}
	fail_msg("the code runs off its end");
	return 0;
}
