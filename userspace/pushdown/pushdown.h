/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file pushdown.h
 * @brief From the first stages of a chain to a filter in the kernel: the predicate over raw values that they imply, its proof, its code.
 */
#ifndef WEIR_PUSHDOWN_PUSHDOWN_H
#define WEIR_PUSHDOWN_PUSHDOWN_H

#include "core/internal.h"

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
/**
 * @brief Do the stages that a stream's predicate was made from decide as it does? Both are run on made-up rows.
 * @return 0; -WEIR_DISPROVED; -ENOMEM.
 */
int weir_prove_stages(const struct weir_stream *stream) WEIR_MUST_CHECK;
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

/* plan.c ----------------------------------------------------------------- */

/** @brief Early filters, then agents and streams. */
int weir_plan(struct weir_pipeline *pipeline);

#endif
