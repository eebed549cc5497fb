/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file expr_internal.h
 * @brief What the files of the expression compiler share with each other and with nobody else.
 *
 *     tree -> expr_bind.c: fields and functions found, types and units (expr_units.c) checked, constants folded
 *          -> expr_compile.c: a straight line of steps over registers
 *          -> expr.c: runs the steps over a block, a strip of records at a time
 *
 * A step is one loop over a strip (expr_steps.c; expr_memory.c has those that remember the strip before, expr_text.c those of texts). A
 * register is a strip of doubles, of bytes 0 and 1 for truth values, or of places of texts (expr_text.h). A strip is short enough that all of an expression's registers stay in the first-level cache, and long enough that the cost
 * of going from step to step vanishes.
 *
 * Every operation is strict IEEE 754 in double precision, one rounding each (the build forbids contraction), so a value never
 * depends on its place in a block, on the length of the block, or on whether it was folded when the program was read.
 */
#ifndef WEIR_EXPR_EXPR_INTERNAL_H
#define WEIR_EXPR_EXPR_INTERNAL_H

#include "expr/expr.h"

#define WEIR_STRIP 256u /**< records per strip */

/** What an expression gives. Fields of truth values, and the two constants, serve as both. */
enum weir_type { WEIR_T_NUMBER = 1, WEIR_T_BOOL = 2, WEIR_T_BOTH = 3, WEIR_T_TEXT = 4 };

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
	/** What each argument is, the last letter also for all that follow: n number, b condition, t text, l a text in quotes, x numbers or
	 *  texts, all of them the same. NULL: numbers. */
	const char *takes;
};

/** A slot of the program that is a column of the block. */
struct weir_column_slot {
	int field; /**< or WEIR_FIELD_TIME */
	uint16_t slot;
	uint32_t bytes; /**< of a cell */
};

struct weir_faults;
struct weir_regex;

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
	bool gives_truth;           /**< the result is bytes, not doubles */
	bool gives_text;            /**< the result is struct weir_slice */
	uint32_t cell_bytes;        /**< of a register: 16 where there is text */
	uint32_t most;              /**< a text has no more bytes */
	bool can_fail;              /**< a record may be invalid, since a pattern gives up */
	struct weir_faults *faults; /**< NULL: no text */
	struct weir_regex *regex;   /**< all of them; owned */
};

/* expr_steps.c */

/** @brief The loop of an operator over numbers, or of WEIR_E_AND, OR, NOT; NULL when there is none. */
const struct weir_operation *weir_operation_of(enum weir_expr_op op);
/** @brief WEIR_E_EQ and WEIR_E_NE over truth values. */
const struct weir_operation *weir_operation_of_truths(enum weir_expr_op op);
/** @brief The first of two numbers that is not NaN. */
extern const struct weir_operation weir_operation_coalesce;

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
	WEIR_F_IF,
	WEIR_F_COALESCE,
	WEIR_F_PI,
	WEIR_F_CONTAINS,
	WEIR_F_STARTS,
	WEIR_F_ENDS,
	WEIR_F_MATCHES,
	WEIR_F_EXTRACT,
	WEIR_F_LENGTH,
	WEIR_F_LOWER,
	WEIR_F_UPPER,
	WEIR_F_TRIM,
	WEIR_F_SUBSTR,
	WEIR_F_REPLACE,
	WEIR_F_SPLIT,
	WEIR_F_CONCAT,
	WEIR_F_NUMBER,
	WEIR_F_FORMAT,
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
void weir_loop_choose(const struct weir_step *step, void *const *slot, uint32_t n); /**< a, truth values, ? b : c */
void weir_loop_choose_truth(const struct weir_step *step, void *const *slot, uint32_t n);
void weir_loop_from_truth(const struct weir_step *step, void *const *slot, uint32_t n);  /**< to double */
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

/** @brief Is this such a step, and has it seen a time before WEIR_FIRST_DATE_NS? */
bool weir_calendar_met_undated(const struct weir_step *step);

void weir_loop_previous(const struct weir_step *step, void *const *slot, uint32_t n);
void weir_loop_difference(const struct weir_step *step, void *const *slot, uint32_t n);
void weir_loop_integer_difference(const struct weir_step *step, void *const *slot,
				  uint32_t n);                                        /**< of int64_t, rounded once */
void weir_loop_calendar(const struct weir_step *step, void *const *slot, uint32_t n); /**< part k of the time a */

/** @brief Does a value depend on the record's time (t, and so hour, minute, weekday)? */
bool weir_expr_uses_time(const struct weir_expr *expr);

/* expr_program.c */

/** @brief Free what is not in the arena. */
void weir_program_release(struct weir_program *program);
/** @brief Run all steps over strips of `n` records. */
void weir_program_run(const struct weir_program *program, void *const *slot, uint32_t n);
/**
 * @brief The value of a program that reads no column.
 * @param text set to the arena's copy where it is a text, else NULL.
 * @return false: no memory, and arena->failed; or the value is a fault and not known before.
 */
bool weir_program_constant(const struct weir_program *program, struct weir_arena *arena, double *number,
			   const char **text);

/* expr_type.c */

/** @brief The type of a bound tree. */
enum weir_type weir_expr_type(const struct weir_tree_expr *expr, const struct weir_schema *schema);
/** @brief Is it a text, or made of one? */
bool weir_expr_has_text(const struct weir_tree_expr *expr, const struct weir_schema *schema);
/** @brief How an operator is written. */
const char *weir_operator_word(enum weir_expr_op op);
/** @brief Are an operator's operands truth values? Else they are numbers. */
bool weir_operator_takes_truth(enum weir_expr_op op);

/* expr_bind.c */

/** @brief A copy of the tree in `arena` in which names are resolved and constants folded. NULL after a report. */
struct weir_tree_expr *weir_expr_bind(const struct weir_tree_expr *tree, const struct weir_schema *schema,
				      struct weir_arena *arena, struct weir_report *report);

/* expr_units.c */

/**
 * @brief Find the unit of an operation whose operands are bound, bringing numbers to theirs. What was bound before, keeps its own.
 * False after a report.
 */
bool weir_expr_settle_units(struct weir_tree_expr *expr, const struct weir_schema *schema, struct weir_arena *arena,
			    struct weir_report *report);
/** @brief What is but a number, and so met no other unit, is in its base unit, and a product is complete. False: no memory. */
bool weir_expr_settle_result(struct weir_tree_expr **expr, const struct weir_schema *schema, struct weir_arena *arena);

/* expr_compile.c */

/** @brief Compile a bound tree. 0 or -ENOMEM. */
int weir_expr_compile(struct weir_program *out, const struct weir_tree_expr *expr, const struct weir_schema *schema,
		      struct weir_arena *arena);

#endif
