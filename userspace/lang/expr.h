/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr.h
 * @brief What the files of the expression compiler share with each other and with nobody else.
 *
 *     tree -> expr_bind.c: fields and functions found, types and units (expr_units.c) checked, constants folded
 *          -> expr_compile.c: a straight line of steps over registers
 *          -> expr.c: runs the steps over a block, a strip of records at a time
 *
 * A step is one loop over a strip (expr_steps.c; expr_memory.c has those that remember the strip before). A register is a strip of doubles, or of bytes 0 and 1 for truth values. A
 * strip is short enough that all of an expression's registers stay in the first-level cache, and long enough that the cost
 * of going from step to step vanishes.
 *
 * Every operation is strict IEEE 754 in double precision, one rounding each (the build forbids contraction), so a value never
 * depends on its place in a block, on the length of the block, or on whether it was folded when the program was read.
 */
#ifndef WEIR_LANG_EXPR_H
#define WEIR_LANG_EXPR_H

#include "lang/lang.h"

#define WEIR_STRIP 256u /**< records per strip */

/** What an expression gives. Fields of truth values, and the two constants, serve as both. */
enum weir_type { WEIR_T_NUMBER = 1, WEIR_T_BOOL = 2, WEIR_T_BOTH = 3 };

struct weir_step;

/** One loop: slot[step->out][i] from the operands, for i < n. */
typedef void (*weir_loop_fn)(const struct weir_step *step, void *const *slot, uint32_t n);

struct weir_step {
	weir_loop_fn run;
	uint16_t out, a, b, c; /**< slots; `out` is never one of the operands */
	double k, l;           /**< constants */
	void *memory;          /**< what it keeps from strip to strip; NULL for most */
};

/**
 * An operation in its forms: all operands in slots; the second one constant (`k`); the first one constant. A form that does
 * not exist is NULL: the constant is then put into a register.
 */
struct weir_operation {
	weir_loop_fn slots, second_constant, first_constant;
};

/** What becomes of the units of a function's arguments, or an operator's operands. */
enum weir_unit_rule {
	WEIR_U_FREE,  /**< any will do, and what comes out has none that is known */
	WEIR_U_ALIKE, /**< all must fit, and what comes out has none */
	WEIR_U_KEPT,  /**< all must fit, and what comes out has the same */
};

struct weir_function {
	const char *name;
	const char *usage;
	uint32_t least, most; /**< number of arguments */
	enum weir_type type;
	const struct weir_operation
		*operation; /**< two at a time from the left where there are more; NULL: see compile */
	enum weir_unit_rule rule;
};

/** A slot of the program that is a column of the block. */
struct weir_column_slot {
	int field; /**< or WEIR_FIELD_TIME */
	uint16_t slot;
};

/**
 * A compiled expression. Slots are what steps read and write: 0 is the result, some are columns of the block at hand, the
 * others are registers.
 */
struct weir_program {
	struct weir_step *step;
	uint32_t n_steps;
	struct weir_column_slot *column;
	uint32_t n_columns;
	uint32_t n_slots;
	bool gives_truth; /**< the result is bytes, not doubles */
};

/* expr_steps.c */

/** @brief The loop of an operator over numbers, or of WEIR_E_AND, OR, NOT; NULL when there is none. */
const struct weir_operation *weir_operation_of(enum weir_expr_op op);
/** @brief WEIR_E_EQ and WEIR_E_NE over truth values. */
const struct weir_operation *weir_operation_of_truths(enum weir_expr_op op);

extern const struct weir_function weir_functions[];
extern const uint32_t weir_n_functions;
/** The first ones of the table: they need special care. */
enum {
	WEIR_F_RAW,
	WEIR_F_BETWEEN,
	WEIR_F_BIT,
	WEIR_F_PREV,
	WEIR_F_DELTA,
	WEIR_F_HOUR,
	WEIR_F_MINUTE,
	WEIR_F_WEEKDAY,
};

void weir_loop_fill(const struct weir_step *step, void *const *slot, uint32_t n); /**< out = k */
void weir_loop_fill_truth(const struct weir_step *step, void *const *slot,
			  uint32_t n);                                            /**< the same, as a truth value */
void weir_loop_copy(const struct weir_step *step, void *const *slot, uint32_t n); /**< doubles */
void weir_loop_from_integer(const struct weir_step *step, void *const *slot, uint32_t n); /**< int64_t to double */
void weir_loop_integer_truth(const struct weir_step *step, void *const *slot,
			     uint32_t n);                                        /**< int64_t to truth value */
void weir_loop_raw(const struct weir_step *step, void *const *slot, uint32_t n); /**< round(a / k - l) */
void weir_loop_multiply_add(const struct weir_step *step, void *const *slot,
			    uint32_t n); /**< a * b + c, rounded twice */
void weir_loop_scale_add(const struct weir_step *step, void *const *slot,
			 uint32_t n); /**< a * k + b + l, rounded three times */
void weir_loop_integer_bit(const struct weir_step *step, void *const *slot, uint32_t n); /**< bit k of the int64_t a */

/* expr_memory.c */

enum weir_calendar_part { WEIR_CALENDAR_HOUR, WEIR_CALENDAR_MINUTE, WEIR_CALENDAR_WEEKDAY, WEIR_CALENDAR_PARTS };

/** @brief The memory of one step of prev() or delta(); NULL: none left. */
void *weir_past_new(struct weir_arena *arena);
/**
 * @brief The memory of one step of hour() and the like.
 *
 * Local time is that of the process when the expression is opened. CLOCK_MONOTONIC is set against CLOCK_REALTIME then, once:
 * a clock that is set later does not move what has begun.
 */
void *weir_calendar_new(struct weir_arena *arena, enum weir_clock clock);

void weir_loop_previous(const struct weir_step *step, void *const *slot, uint32_t n);
void weir_loop_difference(const struct weir_step *step, void *const *slot, uint32_t n);
void weir_loop_integer_difference(const struct weir_step *step, void *const *slot,
				  uint32_t n);                                        /**< of int64_t, rounded once */
void weir_loop_calendar(const struct weir_step *step, void *const *slot, uint32_t n); /**< part k of the time a */

/* expr.c */

/**
 * @brief Does a value depend on more than its own record (prev, delta)?
 *
 * Then it must see every record, in order, and each once. No part of a condition with such a value in it may be decided
 * earlier: `x > 1 and prev(x) < 1` is not the same behind a filter `x > 1`. And evaluating it on records that were made up to
 * learn something of it changes what it says of the next ones.
 */
bool weir_expr_is_stateful(const struct weir_expr *expr);
/** @brief Does a value depend on the record's time (t, and so hour, minute, weekday)? */
bool weir_expr_uses_time(const struct weir_expr *expr);

/** @brief The value of a program that reads no column. NaN, and arena->failed, when there is no memory. */
double weir_program_constant(const struct weir_program *program, struct weir_arena *arena);

/* expr_bind.c */

/** @brief A copy of the tree in `arena` in which names are resolved and constants folded. NULL after a report. */
struct weir_tree_expr *weir_expr_bind(const struct weir_tree_expr *tree, const struct weir_schema *schema,
				      struct weir_arena *arena, struct weir_report *report);
/** @brief The type of a bound tree. */
enum weir_type weir_expr_type(const struct weir_tree_expr *expr, const struct weir_schema *schema);

/* expr_units.c */

/**
 * @brief Find the unit of an operation whose operands are bound, bringing numbers to theirs. What was bound before, keeps its own.
 * False after a report.
 */
bool weir_expr_settle_units(struct weir_tree_expr *expr, const struct weir_schema *schema, struct weir_arena *arena,
			    struct weir_report *report);
/** @brief What is but a number, and so met no other unit, is in its base unit. */
void weir_expr_settle_result(struct weir_tree_expr *expr);

/* expr_compile.c */

/** @brief Compile a bound tree. 0 or -ENOMEM. */
int weir_expr_compile(struct weir_program *out, const struct weir_tree_expr *expr, const struct weir_schema *schema,
		      struct weir_arena *arena);

#endif
