/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr_text.h
 * @brief The loops of texts. A register of texts is a strip of places: most functions show a part of what is there, and only those that
 * make something new have a buffer.
 */
#ifndef WEIR_EXPR_EXPR_TEXT_H
#define WEIR_EXPR_EXPR_TEXT_H

#include "expr/expr_internal.h"
#include "expr/regex.h"

/** No text within an expression has more bytes: what is longer is cut at a character, and the record counted. */
#define WEIR_TEXT_MAX 4095u

/** A text, with no zero at its end. */
struct weir_slice {
	const char *at;
	uint32_t n;
};

/** What went wrong with the records of the block at hand. */
struct weir_faults {
	uint32_t at; /**< of the strip in the block */
	bool any;
	uint64_t n_invalid, n_cut; /**< records not told of yet */
	uint8_t of[WEIR_BLOCK_MAX];
};

/** How format() writes its number. */
struct weir_conversion {
	char form[32];   /**< of the conversion alone */
	bool is_integer; /**< %d */
	struct weir_slice before, after;
};

/** A step's memory. */
struct weir_text_memory {
	struct weir_faults *faults;
	char *buffer; /**< WEIR_STRIP times `most` bytes, NULL where nothing is made */
	uint32_t most;
	uint32_t bytes; /**< of a cell */
	struct weir_slice literal;
	struct weir_regex *regex;
	struct weir_conversion format;
	uint32_t n; /**< concat: its operands */
	uint16_t *operand;
};

#define WEIR_TEXT_LOOP(name) void name(const struct weir_step *step, void *const *slot, uint32_t n)

WEIR_TEXT_LOOP(weir_loop_text_load);   /**< of the cells at a */
WEIR_TEXT_LOOP(weir_loop_text_fill);   /**< the literal */
WEIR_TEXT_LOOP(weir_loop_text_copy);   /**< the places */
WEIR_TEXT_LOOP(weir_loop_choose_text); /**< a, truth values, ? b : c */
WEIR_TEXT_LOOP(weir_loop_text_first);  /**< a, or b where that is empty */
WEIR_TEXT_LOOP(weir_loop_cell_is);     /**< are the cells at a the literal? */
WEIR_TEXT_LOOP(weir_loop_cell_is_not);
WEIR_TEXT_LOOP(weir_loop_text_contains);
WEIR_TEXT_LOOP(weir_loop_text_starts);
WEIR_TEXT_LOOP(weir_loop_text_ends);
WEIR_TEXT_LOOP(weir_loop_text_matches);
WEIR_TEXT_LOOP(weir_loop_text_extract);
WEIR_TEXT_LOOP(weir_loop_text_length);
WEIR_TEXT_LOOP(weir_loop_text_lower);
WEIR_TEXT_LOOP(weir_loop_text_upper);
WEIR_TEXT_LOOP(weir_loop_text_trim);
WEIR_TEXT_LOOP(weir_loop_text_substr);
WEIR_TEXT_LOOP(weir_loop_text_replace);
WEIR_TEXT_LOOP(weir_loop_text_split);
WEIR_TEXT_LOOP(weir_loop_text_concat);
WEIR_TEXT_LOOP(weir_loop_text_number);
WEIR_TEXT_LOOP(weir_loop_text_format);
WEIR_TEXT_LOOP(weir_loop_text_format_integer); /**< of the integers at a */

/** @brief Where a text of `n` bytes has a part first, or NULL. An empty part is at its beginning. */
const char *weir_slice_find(const char *text, size_t n, struct weir_slice part);

/** @brief The comparison of two texts, by bytes. */
weir_loop_fn weir_loop_text_compare(enum weir_expr_op op);

/**
 * @brief Take a format apart, which is changed and must last.
 * @param most set to the bytes that it can make.
 * @return NULL, or what is wrong with it, a sentence without full stop.
 */
const char *weir_format_read(struct weir_conversion *out, char *text, uint32_t *most);

#endif
