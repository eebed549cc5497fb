/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file lang.h
 * @brief The language: text -> words (lex.c) -> tree (parse.c) -> nodes of a pipeline (check.c) -> plan (plan.c).
 */
#ifndef WEIR_LANG_H
#define WEIR_LANG_H

#include "core/internal.h"

/* lex.c ------------------------------------------------------------------ */

enum weir_word {
	WEIR_W_END,
	WEIR_W_BREAK, /**< end of a statement: newline or `;` that does not continue a chain */
	WEIR_W_NAME,
	WEIR_W_NUMBER, /**< with or without a unit */
	WEIR_W_STRING,
	WEIR_W_ADDRESS, /**< what follows `name:` without a space, up to a space, `[`, `|`, `;`; also a word that is no name */
	WEIR_W_OPERATOR, /**< punctuation; its text tells which */
	WEIR_W_BAD,      /**< already reported */
};

/** What a unit measures, and its base unit. Arguments are of the first four. */
enum weir_dimension {
	WEIR_DIM_NONE,
	WEIR_DIM_TIME, /**< s */
	WEIR_DIM_RATE, /**< Hz */
	WEIR_DIM_SIZE, /**< bytes */
	WEIR_DIM_LENGTH,
	WEIR_DIM_VELOCITY,
	WEIR_DIM_ACCELERATION,
	WEIR_DIM_ANGLE, /**< rad */
	WEIR_DIM_ANGULAR_VELOCITY,
	WEIR_DIM_VOLTAGE,
	WEIR_DIM_CURRENT,
	WEIR_DIM_POWER,
	WEIR_DIM_ENERGY,
	WEIR_DIM_RESISTANCE,
	WEIR_DIM_CAPACITANCE,
	WEIR_DIM_CONDUCTIVITY, /**< S/m */
	WEIR_DIM_MAGNETIC,     /**< T */
	WEIR_DIM_CELSIUS,      /**< not one with kelvin: differences and points would need to be told apart */
	WEIR_DIM_KELVIN,
	WEIR_DIM_ILLUMINANCE,
	WEIR_DIM_PRESSURE,           /**< Pa */
	WEIR_DIM_PERCENTAGE,         /**< % */
	WEIR_DIM_MASS_CONCENTRATION, /**< ug/m^3 */
	WEIR_DIM_OTHER, /**< a field's unit that the language does not know; equal names are the same one */
};

struct weir_unit;

struct weir_token {
	enum weir_word word;
	struct weir_span where;
	double number; /**< in base units */
	enum weir_dimension dimension;
	double written;               /**< the number as it stands there */
	const struct weir_unit *unit; /**< as it stands there; NULL: none */
};

/** A place in the text and what decides how the next token is read. A plain value: copy it to look ahead. */
struct weir_lexer {
	const char *text;
	uint32_t at;                /**< next byte */
	uint32_t parentheses;       /**< open ones: a newline within them means nothing */
	bool in_brackets;           /**< the words of `[x,y]` are not those of the language */
	bool after_name;            /**< an address may follow */
	bool continues;             /**< the last token was `|` or `,`: a newline means nothing */
	struct weir_report *report; /**< NULL: say nothing, for looking ahead */
};

void weir_lexer_init(struct weir_lexer *lexer, struct weir_report *report);
/** @brief The next token. Bad input is reported and comes as WEIR_W_BAD; after the end always WEIR_W_END. */
struct weir_token weir_lexer_next(struct weir_lexer *lexer);
/**
 * @brief The next token where the value of a textual argument may stand: a run such as `my-trigger` or `/dev/video0` comes in
 * one piece, as WEIR_W_ADDRESS when it is no name.
 */
struct weir_token weir_lexer_word(struct weir_lexer *lexer);
/** @brief Is the token, as it stands in the text, this word? */
bool weir_token_is(const struct weir_lexer *lexer, struct weir_token token, const char *word);

#include "lang/tree.h"

/* expr.c ----------------------------------------------------------------- */

/**
 * @brief Bind an expression to a schema and compile it to a register program over blocks.
 * @return 0 and *out; -EINVAL after reports (unknown field with suggestion, wrong type, …). Free with weir_expr_close().
 */
int weir_expr_open(struct weir_expr **out, const struct weir_tree_expr *tree, const struct weir_schema *schema,
		   struct weir_report *report) WEIR_MUST_CHECK;
void weir_expr_close(struct weir_expr *expr);
/** @brief The tree that it was made from; lives as long as the expression. */
const struct weir_tree_expr *weir_expr_tree(const struct weir_expr *expr);

/* predicate.c ------------------------------------------------------------ */

/**
 * @brief The strongest predicate over raw integers that a condition implies, as far as this form can tell: `and`, `or`,
 * `not` over comparisons of one channel with a constant. Bounds are found by bisection under the very evaluation that user
 * space uses, so the result is exact.
 * @return 0; -ENOTSUP with a reason in `why` (256 bytes) when nothing can be pushed down.
 */
int weir_predicate_derive(struct weir_predicate *out, const struct weir_expr *condition,
			  const struct weir_schema *schema, char why[256]);
/** @brief Print it in the language's terms: "raw(accel_x) in [101, 2147483647] and …". */
void weir_predicate_print(const struct weir_predicate *predicate, const struct weir_schema *schema, FILE *stream);

/* codegen_bpf.c ---------------------------------------------------------- */

/**
 * @brief The verdict as eBPF: r1 points to a readable row of schema->row_bytes; r0 is 0 or 1 at exit.
 * @return instructions written, or -E2BIG when more than `room` would be needed.
 */
int weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
		 uint32_t room);
/** @brief A listing, one instruction a line, in the notation of the kernel's verifier. */
void weir_code_print(const struct bpf_insn *code, uint32_t n, FILE *stream);

/* check.c, plan.c -------------------------------------------------------- */

/** @brief Turn the tree of a program into nodes. Everything wrong is in the pipeline's report. 0 or -EINVAL. */
int weir_check(struct weir_pipeline *pipeline, const struct weir_tree *tree);
/** @brief Early filters, then agents and streams. */
int weir_plan(struct weir_pipeline *pipeline);

#endif
