/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file codegen.h
 * @brief What the files of the code generator share: codegen_bpf.c walks the predicate, codegen_value.c makes the tests of raw
 * values, codegen_poly.c those of polynomials, codegen_state.c what remembers.
 *
 *     r1  the row, never changed          r2  struct weir_filter_memory, never changed
 *     r3  the raw value last loaded       r0  0 until all has passed
 *     r4  a bound that does not fit 32 bits, or, with r5, an intermediate result
 *     r6 to r9  the channels of a polynomial
 */
#ifndef WEIR_PUSHDOWN_CODEGEN_H
#define WEIR_PUSHDOWN_CODEGEN_H

#include "pushdown/pushdown.h"

#define WEIR_NOT_LOADED (-1) /**< r3 holds nothing of use */
#define WEIR_LOADED_TIME (-2)

/** A place that is not known yet. The jumps to it form a chain through their offsets, which end at 0. */
struct weir_label {
	uint32_t last; /**< 1 + index of the last jump to it; 0: none */
	int loaded;    /**< what r3 holds after each of these jumps */
};

struct weir_generator {
	const struct weir_predicate *predicate;
	const struct weir_schema *schema;
	struct bpf_insn *code;
	uint16_t *origin; /**< of each instruction, the node that it is for; NULL: nobody asks */
	uint32_t n, room; /**< n counts on beyond room, nothing is written there */
	uint16_t node;    /**< code is being made for this one */
	int loaded;       /**< the field in r3 */
};

/** Where a test goes on. `next` is the one of the two that is placed right behind it and so needs no jump. */
struct weir_exits {
	struct weir_label *yes, *no;
	const struct weir_label *next;
};

/* codegen_emit.c */
void weir_gen_insn(struct weir_generator *g, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm);
void weir_gen_jump(struct weir_generator *g, struct weir_label *to, uint8_t code, uint8_t dst, uint8_t src,
		   int32_t imm);
/** @brief Let the label be here. Where it is not also reached from above, what r3 holds is the same on every jump to it. */
void weir_gen_place(struct weir_generator *g, struct weir_label *label);

/* codegen_value.c */
void weir_gen_load(struct weir_generator *g, uint16_t field);
void weir_gen_load_time(struct weir_generator *g);
/** @brief Jump when `reg`, not r4, compares to a constant. Changes r4. */
void weir_gen_compare(struct weir_generator *g, uint8_t reg, uint8_t compare, int64_t bound, struct weir_label *to);
void weir_gen_range(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits exits);
void weir_gen_set(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits exits);
void weir_gen_bits(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits exits);

/** @brief Is `reg`, not r4, in one of the ranges of the node, which are in ascending order and do not touch? It is compared as
 *  the values of the field are, and has at most their range. */
void weir_gen_ranges(struct weir_generator *g, uint8_t reg, const struct weir_field *field,
		     const struct weir_predicate_node *node, struct weir_exits exits);
/** @brief A 64-bit constant. */
void weir_gen_constant(struct weir_generator *g, uint8_t reg, int64_t value);

/* codegen_poly.c */
void weir_gen_poly(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_exits exits);

/* codegen_state.c: each goes on to what follows it, or to `no`. */
void weir_gen_every(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *no);
void weir_gen_every_time(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *no);
void weir_gen_changed(struct weir_generator *g, const struct weir_predicate_node *node, struct weir_label *no);

#endif
