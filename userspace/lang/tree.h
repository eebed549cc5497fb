/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file tree.h
 * @brief The syntax tree. Everything in it lives in the tree's arena and is freed with weir_tree_close().
 */
#ifndef WEIR_LANG_TREE_H
#define WEIR_LANG_TREE_H

#include "core/internal.h"

/** Operands nest no deeper, and one expression has no more of them: what walks a tree may recurse. */
#define WEIR_EXPR_DEPTH_MAX 64
#define WEIR_EXPR_TERMS_MAX 1000

/** Memory that is all given back at once. Zero is an empty one. */
struct weir_arena {
	struct weir_chunk *chunk;
	bool failed; /**< there was no memory at some time: what was built is not whole */
};

/** @brief Zeroed and aligned for anything; NULL when there is no memory. */
void *weir_arena_take(struct weir_arena *arena, size_t bytes);
/** @brief Make room for one more after the `n` elements of an array that only this function grew. @return the array. */
void *weir_arena_grow(struct weir_arena *arena, void *array, uint32_t n, size_t element_bytes);
/** @brief A zero-terminated copy. */
char *weir_arena_copy(struct weir_arena *arena, const char *text, size_t length);
void weir_arena_release(struct weir_arena *arena);

enum weir_expr_op {
	WEIR_E_NUMBER, /**< number; `true` and `false` are 1 and 0 with their name */
	WEIR_E_FIELD,  /**< name; after binding, `field` */
	WEIR_E_NEG,
	WEIR_E_NOT,
	WEIR_E_ADD,
	WEIR_E_SUB,
	WEIR_E_MUL,
	WEIR_E_DIV,
	WEIR_E_MOD,
	WEIR_E_LT,
	WEIR_E_LE,
	WEIR_E_GT,
	WEIR_E_GE,
	WEIR_E_EQ,
	WEIR_E_NE,
	WEIR_E_AND,
	WEIR_E_OR,
	WEIR_E_CALL, /**< name(arguments): abs min max sqrt round floor raw between … */
};

/** An expression. `length` of the name is in `where` for fields; names are zero-terminated copies. */
struct weir_tree_expr {
	enum weir_expr_op op;
	struct weir_span where;
	double number;
	/** Of a number, as it is written, in which case `number` is in that unit. When bound, of any node: NULL where not known. */
	const struct weir_unit *unit;
	bool is_bound; /**< a tree made by binding: binding it, or a tree that it is a part of, again changes nothing in it */
	const char *name;
	int function; /**< CALL: index into the function table of expr.c, set when bound */
	int field;    /**< FIELD and raw(field): index in the schema or WEIR_FIELD_TIME, set when bound; -1 before */
	uint32_t n;
	struct weir_tree_expr **argument; /**< operands, left to right */
};

/** One written argument. Its shape is generic; check_args.c reads it by the parameter table. */
struct weir_tree_arg {
	const struct weir_param *param; /**< resolved by the parser from the driver's table; NULL: policy= */
	struct weir_span where;
	struct weir_span value_where;
	bool broken; /**< what is wrong with it has been reported; it has no value */
	/* One of these, by param->value. */
	double number;
	enum weir_dimension dimension;
	const char *text; /**< NULL: a number was written */
	struct weir_tree_expr *expr;
	struct weir_tree_item *items; /**< WEIR_V_FIELDS, WEIR_V_AGGREGATES */
	uint32_t n_items;
};

struct weir_tree_item {
	struct weir_span where;
	const char *name;            /**< NULL: not named; a plain field keeps its own */
	int function;                /**< aggregates: index into the parameter's words */
	struct weir_tree_expr *expr; /**< NULL: count() */
	double parameter;            /**< aggregates: the number behind the expression; NaN: none */
};

enum weir_part_kind {
	WEIR_P_DRIVER, /**< a head or a stage that is a driver */
	WEIR_P_STREAM, /**< a head that is a named stream */
};

/** A name as it is written. */
struct weir_tree_name {
	const char *name;
	struct weir_span where;
};

/** A head, a stage or a sink of a chain. */
struct weir_tree_part {
	enum weir_part_kind kind;
	struct weir_span where, name_where, target_where;
	const char *name;                 /**< driver's or stream's */
	const struct weir_driver *driver; /**< resolved by the parser; NULL for streams and unknown words (reported) */
	enum weir_role role;
	const char *target; /**< never NULL for drivers */
	const char **columns;
	uint32_t n_columns;
	struct weir_tree_name *inputs; /**< streams that a combiner reads, as far as they are named in it */
	uint32_t n_inputs;
	struct weir_tree_arg *args;
	uint32_t n_args;
	bool broken; /**< an error in it has been reported: what is missing may be what could not be read */
};

struct weir_tree_chain {
	struct weir_tree_name *names; /**< several where it ends in a stage that splits */
	uint32_t n_names;             /**< 0: not named */
	struct weir_span where;
	struct weir_tree_part *parts;
	uint32_t n_parts;
	bool broken; /**< an error in it has been reported; check what is whole of it */
};

struct weir_tree {
	struct weir_tree_chain *chains;
	uint32_t n_chains;
	struct weir_arena arena;
};

/** @brief Parse the report's text. Always gives a tree (with broken chains marked) unless memory runs out (-ENOMEM). */
int weir_parse(struct weir_tree **out, struct weir_report *report) WEIR_MUST_CHECK;
/** @brief Parse one expression only; for tests, fuzzers and later a `--where` option. The tree's only chain is NULL then. */
int weir_parse_expr(struct weir_tree **out, struct weir_tree_expr **expr, struct weir_report *report) WEIR_MUST_CHECK;
/**
 * @brief Parse the report's text as the value of one argument: how a parameter's default becomes a value.
 * @return 0; -EINVAL after a report when it is none; -ENOMEM.
 */
int weir_parse_value(struct weir_tree **out, struct weir_tree_arg *arg, const struct weir_param *param,
		     struct weir_report *report) WEIR_MUST_CHECK;
void weir_tree_close(struct weir_tree *tree);

#endif
