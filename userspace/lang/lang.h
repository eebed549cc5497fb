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
	WEIR_W_BAD,      /**< reported by the lexer, unless it only looked ahead */
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

/** @brief The predicate that every row passes: where the functions below add to. */
void weir_predicate_init(struct weir_predicate *predicate);

/**
 * @brief Add a condition: rows pass that passed before and that it may hold for. The strongest predicate over raw integers
 * that it implies, as far as weir can tell; docs/early-filter.md says how far that is and why it is sound. Where the two are
 * not the same, predicate->exact becomes false and `why` (256 bytes) says what only user space can decide.
 * @return 0; -ENOTSUP with a reason in `why` when nothing can be pushed down, and the predicate is as before; -ENOMEM.
 */
int weir_predicate_add_where(struct weir_predicate *predicate, const struct weir_expr *condition,
			     const struct weir_schema *schema, char why[256]);
/** @brief The same for a stage `where`, `every` or `changed`. The latter two need an exact predicate before them. -ENOTSUP
 *  also for any other stage. */
int weir_predicate_add_stage(struct weir_predicate *predicate, const struct weir_node *stage,
			     const struct weir_schema *schema, char why[256]);
/** @brief Print it in the language's terms: "raw(accel_x) in [101, 2147483647] and …". */
void weir_predicate_print(const struct weir_predicate *predicate, const struct weir_schema *schema, FILE *stream);

/* codegen_bpf.c, code_print.c --------------------------------------------- */

/**
 * @brief The verdict as eBPF: r1 points to a readable row of schema->row_bytes, r2 to a struct weir_filter_memory; r0 is 0 or
 * 1 at exit.
 * @param origin the node that each instruction is for, `room` of them; NULL: not asked for.
 * @return instructions written, or -E2BIG when more than `room` would be needed.
 */
int weir_codegen(const struct weir_predicate *predicate, const struct weir_schema *schema, struct bpf_insn *code,
		 uint16_t *origin, uint32_t room);

/** Where code came from. */
struct weir_code_source {
	const struct weir_predicate *predicate; /**< NULL: not from the program */
	const uint16_t *origin;
	const char *text;         /**< the program */
	const char *const *lines; /**< without predicate: what to write beside each instruction, or NULL */
};

/** @brief A listing, one instruction a line, in the notation of the kernel's verifier; `source`, if not NULL, has it indented and
 *  the conditions written beside it. */
void weir_code_print(const struct bpf_insn *code, uint32_t n, const struct weir_code_source *source, FILE *stream);

/* check.c, plan.c -------------------------------------------------------- */

/** @brief Turn the tree of a program into nodes. Everything wrong is in the pipeline's report. 0 or -EINVAL. */
int weir_check(struct weir_pipeline *pipeline, const struct weir_tree *tree);
/** @brief Early filters, then agents and streams. */
int weir_plan(struct weir_pipeline *pipeline);

#endif
